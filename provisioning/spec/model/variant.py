"""Knows what a package is on one platform: all that building needs to know of a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from provisioning.spec.yaml.node import Origin

Kind: TypeAlias = Literal["src", "template", "link", "dir"]


class Maker(NamedTuple):
    """A task of the dodo.py that makes what a content takes, as the content says itself."""

    name: str
    origin: Origin


class Content(NamedTuple):
    """One item of `contents`, with every default applied."""

    kind: Kind
    source: str
    """A path or glob below the project's root (src, template), a link's target, "" for a dir."""
    dst: str
    """POSIX, relative to the package's root, without a trailing slash; "" is the root itself."""
    into: bool
    """`dst` was written with a trailing slash (or is the root): the source goes into it."""
    mode: int | None
    """None: the variant's mode for files or directories, and the executable bit of the source."""
    owner: str
    group: str
    exclude: tuple[str, ...]
    """Patterns in gitignore(5)'s sense."""
    conffile: bool
    optional: bool
    makers: tuple[Maker, ...]
    where: str
    """`contents[2]`, or `platforms.raspberry-pi.contents[0]` from an overlay."""
    origin: Origin
    origins: dict[str, Origin]
    """Where the value of each key of the item was written."""


class Health(NamedTuple):
    """How one sees that a service runs well, once it was started."""

    check: str
    """`http`, `tcp`, `command` or `uptime`."""
    what: str
    """A URL, HOST:PORT, a command line, or seconds."""
    within: int
    """Seconds from its start."""


class Service(NamedTuple):
    """A program that the target keeps running."""

    name: str
    exec: str
    """The command line; its first word is a path in the package."""
    restart: str
    """`on-failure`, `always` or `never`."""
    user: str
    group: str
    environment: dict[str, str]
    directory: str
    """Where it is started: a path in the package, "" for its root."""
    health: Health | None
    origin: Origin
    origins: dict[str, Origin]
    """Where the value of each key was written."""


class Hook(NamedTuple):
    """A script that the target runs when a package comes or goes."""

    name: str
    """`pre_install`, `post_install`, `pre_remove` or `post_remove`."""
    source: str
    """Its file, a path below the project's root."""
    timeout: int
    """Seconds, after which it has failed."""
    origin: Origin


class Value(NamedTuple):
    """What only the device knows, and has to say before the package can be installed."""

    name: str
    """That of an environment variable."""
    pattern: str
    """A regular expression for the whole of it; "" for any text but none."""
    secret: bool
    summary: str


class Document(NamedTuple):
    """A file that a Debian package has at a place of Debian's."""

    name: str
    """`changelog` or `copyright`."""
    source: str
    """A path below the project's root."""
    origin: Origin


def key_of(name: str, platform: str) -> str:
    """What tells a variant from all others of a project, as in `greenhouse:raspberry-pi`."""
    return f"{name}:{platform}"


class Variant(NamedTuple):
    """One package for one platform: overlays merged, variables resolved, defaults applied."""

    name: str
    version: str
    platform: str
    os: str
    arch: str
    prefix: str
    summary: str
    license: str
    maintainer: str
    formats: tuple[str, ...]
    compression: dict[str, str]
    """Of some of the formats: how, as in `xz` or `gzip:9`."""
    mtime: str
    """What the times of files stand for, where a format lets one choose: `epoch` or `content`; ""
    is the format's own."""
    debian: dict[str, str]
    """Fields of a Debian package's control file, where it is built as one."""
    documents: tuple[Document, ...]
    service_manager: str
    """`systemd` or `launchd`; "" on a platform that names none."""
    file_mode: int
    dir_mode: int
    owner: str
    group: str
    contents: tuple[Content, ...]
    services: tuple[Service, ...]
    hooks: tuple[Hook, ...]
    device: tuple[Value, ...]
    variables: dict[str, Any]
    """Plain data for templates, the built-in names among it."""
    doubtful: tuple[tuple[str | int, ...], ...]
    """Where in the variables a text stands that other readers of its file take for another value:
    for true or false, or for a number."""
    secrets: frozenset[str]
    """Those of the variables in which a secret stands: never to be shown or recorded."""
    file: str
    """The spec's file, relative to the project's root."""
    origin: Origin
    """Where the spec names the platform."""
    said_by: tuple[str, ...]
    """The files of the project that all this was read from, less those of secrets."""

    @property
    def key(self) -> str:
        """What tells it from all others of the project."""
        return key_of(self.name, self.platform)
