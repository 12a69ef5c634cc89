"""A package for one platform: all that the builder needs to know of a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

# At run time too: a cache derives from these types how to spell a variant, and read it again.
from provisioning.artifact.model.device import Value  # noqa: TC001
from provisioning.artifact.model.package import Hook  # noqa: TC001
from provisioning.artifact.model.service import Service  # noqa: TC001
from provisioning.spec.yaml.node import Origin  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import TypeVar

    T = TypeVar("T", bound="Named")

Kind: TypeAlias = Literal["src", "template", "link", "dir", "python"]


class Maker(NamedTuple):
    """A task of the dodo.py that a content names as the one that makes its source."""

    name: str
    origin: Origin


class OperatingSystem(NamedTuple):
    """The operating system that a platform has, as far as compiled code depends on it."""

    release: str = ""
    """A release of Debian such as `bookworm`, or of macOS such as `14.0`; "" where nobody says."""
    glibc: str = ""
    """The version of the C library on Linux, such as `2.36`; "" where nobody says."""
    python: str = ""
    """The Python that it has, such as `3.11`; "" where nobody says."""


class BuiltFor(NamedTuple):
    """A platform, as far as what is chosen for it depends on it."""

    name: str
    os: str
    arch: str
    system: OperatingSystem


class Wheel(NamedTuple):
    """A wheel that is to be unpacked."""

    name: str
    """Of its project, normalized (PEP 503)."""
    version: str
    file: str
    """The name of its file."""
    digest: str
    """Its SHA-256, in hexadecimal."""
    url: str
    """Where it is fetched from; "" for a file of the project."""
    path: str
    """Where it lies in the project; "" for one that is fetched."""


class Pinned(NamedTuple):
    """A requirement of a version, for which an index tells the files."""

    name: str
    """Of its project, normalized (PEP 503)."""
    version: str
    digests: tuple[str, ...]
    """The SHA-256 of each file that it may be."""


class Environment(NamedTuple):
    """Python packages, chosen from a lock for a target."""

    lock: str
    """The lock: a path below the project's root."""
    wheels: tuple[Wheel, ...]
    """By name."""
    pinned: tuple[Pinned, ...] = ()
    """What is chosen only when it is fetched, by name."""
    index_url: str = ""
    """The URL of the index (PEP 503) that a requirements.txt names; "" for the usual one."""
    scripts: tuple[str, ...] = ()
    """The console scripts that are wanted; `all` alone for all."""
    entry_points: tuple[tuple[str, str], ...] = ()
    """The project's own console scripts: names, and what each calls, as in `app.cli:main`."""
    is_for_others: bool = False
    """Whether all packages of the lock are for other targets, by their markers."""


class Content(NamedTuple):
    """One item of `contents`, with every default applied."""

    kind: Kind
    source: str
    """A path or glob below the project's root (src, template), a link's target, a lock (python), ""
    for a dir."""
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
    foreign: bool
    """Whether it may hold code that the platform cannot run."""
    makers: tuple[Maker, ...]
    environment: Environment | None
    """What a lock holds for the target; None for what is no lock."""
    where: str
    """`contents[2]`, or `platforms.raspberry-pi.contents[0]` from an overlay."""
    origin: Origin
    origins: dict[str, Origin]
    """Where the value of each key of the item was written."""


class ServiceSpec(NamedTuple):
    """A service as a spec declares it."""

    service: Service
    origin: Origin
    origins: dict[str, Origin]
    """Where the value of each key was written."""
    state_directory: str = ""
    """A path in the package; "" where it keeps nothing."""


class HookSpec(NamedTuple):
    """A hook as a spec declares it."""

    hook: Hook
    source: str
    """Its script: a path below the project's root."""
    origin: Origin


class Document(NamedTuple):
    """A file that a Debian package has at a place of Debian's."""

    name: str
    """`changelog` or `copyright`."""
    source: str
    """A path below the project's root."""
    origin: Origin


def key_of(name: str, platform: str) -> str:
    """Return the key of a variant in its project, as in `greenhouse:raspberry-pi`."""
    return f"{name}:{platform}"


class Variant(NamedTuple):
    """One package for one platform: overlays merged, variables resolved, defaults applied."""

    name: str
    version: str
    platform: str
    os: str
    arch: str
    system: OperatingSystem
    prefix: str
    summary: str
    license: str
    maintainer: str
    formats: tuple[str, ...]
    compression: dict[str, str]
    """Of some of the formats: how, as in `xz` or `gzip:9`."""
    mtime: str
    """`epoch` or `content`: what the times of files stand for, where a format lets one choose; ""
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
    services: tuple[ServiceSpec, ...]
    hooks: tuple[HookSpec, ...]
    device: tuple[Value, ...]
    variables: dict[str, Any]
    """Plain data for templates, the built-in names among it."""
    doubtful: tuple[tuple[str | int, ...], ...]
    """Where in the variables a text stands that other readers of its file take for true, false or a
    number."""
    secrets: frozenset[str]
    """The names of the variables that contain a secret: never to be shown or recorded."""
    file: str
    """The spec's file, relative to the project's root."""
    origin: Origin
    """Where the spec names the platform."""
    said_by: tuple[str, ...]
    """The files of the project that this was read from, less those of secrets."""

    @property
    def python(self) -> str:
        """The Python that the machine must have, as in `3.11`; "" if none in particular."""
        return self.system.python if self.environments else ""

    @property
    def environments(self) -> tuple[Content, ...]:
        """The contents that are Python environments."""
        return tuple(each for each in self.contents if each.environment)

    @property
    def key(self) -> str:
        """Its key in the project, as in `greenhouse:raspberry-pi`."""
        return key_of(self.name, self.platform)


class Named(Protocol):
    """A package on one platform."""

    @property
    def name(self) -> str:
        """The package's name."""

    @property
    def platform(self) -> str:
        """The platform's name."""


def matching(known: Sequence[T], word: str) -> list[T]:
    """Those of `known` that a word names."""
    name, colon, platform = word.partition(":")
    return [
        each for each in known if each.name == name and (not colon or each.platform == platform)
    ]


def unknown(known: Sequence[Named], word: str) -> str:
    """Say that a word names none of `known`, and which one may have been meant."""
    from provisioning.spec.diagnostics import did_you_mean  # noqa: PLC0415

    name, _, platform = word.partition(":")
    platforms = {each.platform for each in matching(known, name)}
    if platforms:
        return f"{name} is not built for {platform}; {did_you_mean(platform, platforms)}"
    return f"no package is called {name}; {did_you_mean(name, {each.name for each in known})}"


def strange(words: Sequence[str], known: Sequence[Named], stages: Collection[str]) -> Iterator[str]:
    """What to say of each word that means a stage of a package, but is not a task.

    doit knows tasks, and not what their names are made of.
    """
    before = ""
    for word in words:
        if word.startswith("-"):
            continue
        stage, _, name = word.partition(":")
        if stage in stages:
            if name and "*" not in name and not matching(known, name):
                yield f"{word}: {unknown(known, name)}"
            before = stage
        else:
            # A stage takes no words of its own, so that this can be no other task's.
            if before and matching(known, word):
                yield f"{word}: is not a task; write {before}:{word}"
            before = ""
