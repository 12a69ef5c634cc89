"""Reads `contents` and `compression` of a spec."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from provisioning.spec.diagnostics import did_you_mean
from provisioning.spec.model.variant import Content, Environment, Kind, Maker
from provisioning.spec.schema.rules import FORMAT, LINK, MODE, OWNER, PATH, clean
from provisioning.spec.yaml.node import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.spec.model.variant import BuiltFor
    from provisioning.spec.resolve.variables import Scope
    from provisioning.spec.yaml.node import Origin

_CODECS = {
    "tar.gz": ("gzip",),
    "tar.zst": ("zstd",),
    "tar.xz": ("xz",),
    "zip": ("deflate",),
    "deb": ("gzip", "xz", "zstd"),
}
_LEVELS = {"gzip": 12, "deflate": 12, "xz": 9, "zstd": 19}
_WRITTEN = re.compile(r"([a-z]+)(?::([0-9]{1,2}))?")


def read_compression(compression: Mapping, scope: Scope) -> dict[str, str]:
    """Return how a spec wants some of the formats compressed, as in `gzip:9`."""
    found = {}
    for format, origin in compression.keys.items():
        if not FORMAT.holds(format, origin, scope.diagnostics):
            continue
        text = scope.read(compression, format)
        reason = text and _reason(format, text)
        if reason:
            where = compression.items[format].origin
            scope.diagnostics.error(where, "bad-compression", f'"{text}" {reason}')
        elif text:
            found[format] = text
    return found


def _reason(format: str, text: str) -> str:
    """Return why a format cannot be compressed as `text` says, or ""."""
    codecs = _CODECS.get(format)
    if not codecs:
        return f"has no effect: {format} is not compressed"
    match = _WRITTEN.fullmatch(text)
    if not match or match[1] not in codecs:
        return f"is not a compression for {format}; use {', '.join(codecs)}, as in {codecs[0]}:6"
    most = _LEVELS[match[1]]
    if match[2] and not 1 <= int(match[2]) <= most:
        return f"is not a level of {match[1]}: use 1 to {most}"
    return ""


class Contents:
    """Makes the contents of one variant; incomplete if something is wrong with them."""

    def __init__(
        self, scope: Scope, owners: tuple[str, str], platform: BuiltFor | None = None
    ) -> None:
        """Resolve texts in `scope`; `owners` are the user and group of what names none.

        Without a `platform`, locks are not read.
        """
        self._scope = scope
        self._owner, self._group = owners
        self._platform = platform

    def read(self, items: Iterable[Mapping]) -> tuple[Content, ...]:
        """Return what `items` list, in their order, without what they remove again."""
        return tuple(content for content, _ in self.with_items(items))

    def with_items(self, items: Iterable[Mapping]) -> list[tuple[Content, Mapping]]:
        """Return the same, each with the item that it was made from."""
        contents: list[tuple[Content, Mapping]] = []
        for item in items:
            if "remove" in item.items:
                contents = self._less(contents, item)
            elif kind := next((kind for kind in get_args(Kind) if kind in item.items), None):
                contents.append((self._content(item, kind), item))
        for item in [item for content, item in contents if content.environment][1:]:
            message = "a package has one Python environment, and this is a second one"
            hint = "lock all of its packages together, and remove this"
            origin = item.items["python"].origin
            self._scope.diagnostics.error(origin, "second-environment", message, hint)
        return contents

    def _less(
        self, contents: list[tuple[Content, Mapping]], item: Mapping
    ) -> list[tuple[Content, Mapping]]:
        dst = self._scope.read(item, "remove", PATH)
        if dst is None:
            return contents
        kept = [each for each in contents if each[0].dst != clean(dst)]
        if len(kept) == len(contents):
            hint = did_you_mean(clean(dst), {content.dst for content, _ in contents})
            hint = (
                hint
                or "remove takes the whole dst of a content; to leave out files in it, use exclude"
            )
            message = f"no content above goes to {clean(dst) or '.'}"
            origin = item.items["remove"].origin
            self._scope.diagnostics.error(origin, "idle-removal", message, hint)
        return kept

    def _content(self, item: Mapping, kind: Kind) -> Content:
        dst = self._dst(item, kind)
        mode = self._scope.read(item, "mode", MODE)
        return Content(
            kind=kind,
            source=self._source(item, kind),
            dst=clean(dst),
            into=dst.endswith("/") or not clean(dst),
            mode=None if mode is None else int(mode, 8),
            owner=self._scope.read(item, "owner", OWNER) or self._owner,
            group=self._scope.read(item, "group", OWNER) or self._group,
            exclude=self._scope.texts(item, "exclude"),
            conffile=_switch(item, "conffile"),
            optional=_switch(item, "optional"),
            foreign=_switch(item, "foreign"),
            makers=tuple(self._makers(item)),
            environment=self._environment(item) if kind == "python" else None,
            where=item.origin.path,
            origin=item.origin,
            origins=dict(_origins(item)),
        )

    def _makers(self, item: Mapping) -> Iterator[Maker]:
        node = item.items.get("task")
        for each in (node,) if isinstance(node, Scalar) else item.sequence("task"):
            name = self._scope.text(each) if isinstance(each, Scalar) else None
            if name is not None:
                yield Maker(name, each.origin)

    def _environment(self, item: Mapping) -> Environment | None:
        file = self._scope.read(item, "python", PATH)
        origin = item.items["python"].origin
        if file is None or self._platform is None:
            return None
        if not self._platform.system.python:
            message = f"{self._platform.name} does not say which Python it has"
            hint = 'say it in the platform, as in system: {python: "3.11"}'
            self._scope.diagnostics.error(origin, "no-python", message, hint)
            return None
        # Imported here: reading locks is a cost for packages that have one.
        from provisioning.spec.python.python_content import read_environment  # noqa: PLC0415

        return read_environment(clean(file), item, self._platform, self._scope)

    def _source(self, item: Mapping, kind: Kind) -> str:
        if kind == "dir":
            return ""
        if kind == "link":
            return self._scope.read(item, kind, LINK) or ""
        text = self._scope.read(item, kind, PATH) or ""
        return f"{clean(text)}{'/' if text.endswith('/') else ''}" if clean(text) else "."

    def _dst(self, item: Mapping, kind: Kind) -> str:
        key = "dir" if kind == "dir" else "dst"
        dst = self._scope.read(item, key, PATH)
        if dst is None:
            return ""
        if kind == "link" and (dst.endswith("/") or not clean(dst)):
            message = "this is the place of the link itself; write its name at the end"
            self._scope.diagnostics.error(item.items[key].origin, "bad-path", message)
        if kind == "dir" and not clean(dst):
            message = "the package's root is always there; name a directory in it"
            self._scope.diagnostics.error(item.items[key].origin, "bad-path", message)
        return dst


def _origins(item: Mapping) -> Iterator[tuple[str, Origin]]:
    """Where each value was written, and each pattern: `exclude[1]`."""
    for key, node in item.items.items():
        yield key, node.origin
        if key == "exclude" and isinstance(node, Sequence):
            yield from ((f"{key}[{number}]", each.origin) for number, each in enumerate(node.items))


def _switch(item: Mapping, key: str) -> bool:
    node = item.items.get(key)
    return isinstance(node, Scalar) and node.value is True
