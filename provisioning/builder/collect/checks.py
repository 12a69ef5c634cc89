"""Checks of a layout: can programs and hooks be run, and do links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import stat
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.model.entry import DIR, LINK, MANIFEST, shown
from provisioning.builder.collect.expand import content_fault
from provisioning.spec.diagnostics import Diagnostic, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from provisioning.builder.collect.expand import Item
    from provisioning.spec.model.variant import Content, ServiceSpec, Variant
    from provisioning.spec.yaml.node import Origin

_HEAD = 256  # bytes: as many as Linux looks at (execve(2))
_NAMES = re.compile(rb"#![ \t]*[^\s]")
# What runs a file, and what Linux hands on to that as one word, whatever blanks it has (execve(2)).
_LINE = re.compile(rb"#![ \t]*(?P<program>[^ \t]+)[ \t]*(?P<word>.*?)[ \t]*")
_SPLIT = re.compile(rb"-[A-Za-z]*S|--split-string")  # of env(1): what follows is words
_ONE_WORD = re.compile(rb"(?:env|(?:ba|da|a|k|z)?sh|python[0-9.]*)")
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"#\0", b"\0#")  # of UTF-16
_RULES: tuple[tuple[Callable[[bytes], object], str, str], ...] = (
    (lambda head: not head, "is empty", "begin it with #!/bin/sh, or the like"),
    (
        lambda head: head.startswith((*_WIDE, b"\xef\xbb\xbf")),
        "begins with a byte order mark or is UTF-16, so nothing can run it",
        "save it as UTF-8 without a byte order mark",
    ),
    (
        lambda head: not _NAMES.match(head),  # guard: hook-without-a-known-program
        "does not name its interpreter in the first line",
        "begin it with #!/bin/sh, or the like",
    ),
    (
        lambda head: b"\r" in _first(head),  # guard: hook-with-carriage-returns
        "has a Windows line end in its first line, so nothing can run it",
        "save it with LF alone",
    ),
    (
        lambda head: "\N{NO-BREAK SPACE}".encode() in _first(head),
        "has a no-break space in its first line, so nothing can run it",
        "write an ordinary space instead",
    ),
    (
        lambda head: len(_first(head)) == _HEAD,
        "has a first line longer than systems read",
        f"name the interpreter in at most {_HEAD - 1} bytes",
    ),
    (
        lambda head: not _named(head)[0].startswith(b"/"),  # guard: hook-of-a-relative-program
        "does not name its interpreter by an absolute path",
        "begin it with #!/bin/sh, #!/usr/bin/env python3, or the like",
    ),
    (
        lambda head: _named(head)[0].endswith(b"\\"),
        "has a blank in the path of its interpreter",
        "name it by a path without blanks, or by #!/usr/bin/env",
    ),
    (
        lambda head: _hands_on_words(*_named(head)),  # guard: hook-of-env-with-words
        "passes several words in its first line, which Linux takes for one",
        "pass one, such as -eu, or all of them after #!/usr/bin/env -S",
    ),
    (
        lambda head: _is_lost(*_named(head)),
        "is run by env, which needs the name of an interpreter",
        "name it, as in #!/usr/bin/env python3",
    ),
)


def why_not(path: str) -> tuple[str, str]:
    """Why the system would not run a file, and what to do; "" if it would.

    Raises OSError where it cannot be read.
    """
    with open(path, "rb") as file:
        return why_not_begun(file.read(_HEAD))


def why_not_begun(content: bytes) -> tuple[str, str]:
    """The same for a file that begins with `content`."""
    head = content[:_HEAD]
    if b"\0" in head and not head.startswith(_WIDE):
        return "", ""  # a compiled program: the system knows it by other signs
    found = ((reason, hint) for holds, reason, hint in _RULES if holds(head))
    return next(found, ("", ""))


def _named(head: bytes) -> tuple[bytes, bytes]:
    """The interpreter of a file, and the word that is passed to it."""
    found = _LINE.fullmatch(_first(head))
    return (found["program"], found["word"]) if found else (b"", b"")


def _hands_on_words(program: bytes, word: bytes) -> bool:
    """Whether `word` has several words, which `program` would take for one."""
    name = program.rpartition(b"/")[2]
    is_split = name == b"env" and _SPLIT.match(word)
    return bool(_ONE_WORD.fullmatch(name) and re.search(rb"[ \t]", word) and not is_split)


def _is_lost(program: bytes, word: bytes) -> bool:
    """Whether env has no interpreter to run, and would run the file itself again and again."""
    split = _SPLIT.match(word)
    is_told = word[split.end() :].strip(b" \t=") if split else not word.startswith((b"-", b"="))
    return program.endswith(b"/env") and not (word and is_told)


def _first(head: bytes) -> bytes:
    return head.partition(b"\n")[0]


_MOST_LINKS = 40  # as Linux follows (path_resolution(7))
_LATER = "write `optional: true` if the machine will have it later"


class End(NamedTuple):
    """The end of a path after following its links; "" is the top of the package."""

    path: str
    is_there: bool
    above: str
    """The last directory that was reached."""


def follow(path: str, items: Mapping[str, Item]) -> End:
    """Follow the links of a package, none of which leaves it."""
    here: list[str] = []
    left, links = path.split("/"), 0
    while left:
        part = left.pop(0)
        if part in {"", "."}:
            continue
        if part == "..":
            here = here[:-1]
            continue
        item = items.get("/".join([*here, part]))
        if item is None or links > _MOST_LINKS:
            above = "/".join(here)
            return End(
                os.path.normpath("/".join([*here, part, *left])), is_there=False, above=above
            )
        if item.type == LINK:
            left, links = [*item.link.split("/"), *left], links + 1
        else:
            here.append(part)
    return End("/".join(here), is_there=True, above="/".join(here[:-1]))


def link_faults(
    variant: Variant, placed: Mapping[str, tuple[Item, Content]], items: Mapping[str, Item]
) -> Iterator[Diagnostic]:
    """Each link in `placed` that leads to nothing and is not optional, in a package of `items`."""
    links = [path for path, (item, _) in placed.items() if item.type == LINK]
    full = {path.rpartition("/")[0] for path in items} if links else set()
    for path in links:
        item, content = placed[path]
        end = follow(path, items)
        above = items.get(end.above)
        # guard: link-into-data
        is_data = above is not None and above.type == DIR and above.path not in full
        # guard: link-to-nothing
        if not (end.is_there or content.optional or is_data or _is_expected(end.path, variant)):
            yield _link_fault(item, content, end, items)


def _is_expected(path: str, variant: Variant) -> bool:
    """Whether something may later be at a path, or below it, that does not exist yet."""
    if path == MANIFEST:
        return True
    # What another task makes is there once the package is collected.
    maybe = [each.dst for each in variant.contents if each.optional and each.kind != "link"]
    return any(_is_at(path, dst) or _is_at(dst, path) for dst in maybe)


def _is_at(path: str, place: str) -> bool:
    return not place or f"{path}/".startswith(f"{place}/")


def _circle(item: Item, items: Mapping[str, Item]) -> str:
    """The links that lead to each other, from `item` on."""
    path, passed = item.path, list[str]()
    while path not in passed and path in items and items[path].type == LINK:
        passed.append(path)
        path = os.path.normpath(os.path.join(os.path.dirname(path), items[path].link))
    return " → ".join(map(shown, (*passed, path)))


def _link_fault(item: Item, content: Content, end: End, items: Mapping[str, Item]) -> Diagnostic:
    called = f"{shown(item.source)}: the symbolic link" if item.source else "the link"
    message = f"{called} to {shown(item.link)} leads to nothing in the package"
    if end.path in items:  # which is a link, too, and none of them ends
        message = f"{called} to {shown(item.link)} leads back to itself: {_circle(item, items)}"
        hint = "make one of them point to something that is not a link"
    elif item.source:
        hint = f"add what it leads to, exclude it, or {_LATER}"
    elif near := nearest(end.path, [*items]):
        hint = f"did you mean {os.path.relpath(near, os.path.dirname(item.path) or '.')}?"
    else:
        hint = f"add what it leads to, or {_LATER}"
    return content_fault("dangling-link", content, content.kind, message, hint=hint)


_EXECUTABLE = 0o111


def program_faults(variant: Variant, items: Mapping[str, Item]) -> Iterator[Diagnostic]:
    """Check the programs and directories that services name, which must be in `items`."""
    for spec in variant.services:
        for key, command in _commands(spec):
            yield from _program(spec, command, key, items)
        if spec.service.directory and not _is_directory(spec.service.directory, items):
            message = f"the package has no directory {spec.service.directory}"
            directories = [path for path, item in items.items() if item.type == DIR]
            yield _program_fault(
                spec, "directory", message, _meant(spec.service.directory, directories)
            )
        yield from _state_fault(spec, items)


def _state_fault(spec: ServiceSpec, items: Mapping[str, Item]) -> Iterator[Diagnostic]:
    """Check that a directory of state is empty in the package: all else is part of a release."""
    place = spec.state_directory
    inside = next((path for path in items if place and path.startswith(f"{place}/")), "")
    if inside:  # guard: state-in-the-package
        message = f"the package puts {inside} there, so it would be part of each release"
        hint = "put that elsewhere, such as share/, and let the program copy it when it starts"
        origin = spec.origins.get("state_directory", spec.origin)
        yield Diagnostic.at(origin, "filled-state", message, hint)


def _program(
    spec: ServiceSpec, command: str, key: str, items: Mapping[str, Item]
) -> Iterator[Diagnostic]:
    path = shlex.split(command)[0]
    item = _reached(path, items)
    if item is None and path in items:
        yield _program_fault(spec, key, f"{path} is a link to nothing in the package")
    elif item is None:
        hint = _meant(path, [each for each in items if items[each].type != DIR])
        hint = hint or "to run a program of the system, add a script that runs it to the package"
        yield _program_fault(spec, key, f"the package has no {path}", hint)
    elif item.type == DIR:
        yield _program_fault(spec, key, f"{path} is a directory")
    elif not _is_executable(item):
        hint = f'make {item.source} executable, or write mode: "0755" where contents name it'
        yield _program_fault(spec, key, f"{path} is not executable", hint)
    elif not item.template:
        yield from _begins(spec, key, path, item)  # guard: program-that-nothing-runs


def rendered_faults(variant: Variant, rendered: Mapping[str, bytes]) -> Iterator[Diagnostic]:
    """Check programs that were rendered from templates, by their paths."""
    for spec in variant.services:
        for key, command in _commands(spec):
            path = shlex.split(command)[0]
            if path in rendered:
                yield from _told(spec, key, path, why_not_begun(rendered[path]))


def sources(variant: Variant, items: Mapping[str, Item]) -> set[str]:
    """The sources of the programs that services name: their first lines are checked."""
    paths = (shlex.split(each)[0] for one in variant.services for _, each in _commands(one))
    found = (_reached(path, items) for path in paths)
    return {item.source for item in found if item and item.source}


def _commands(spec: ServiceSpec) -> Iterator[tuple[str, str]]:
    """The command lines of a service, by key."""
    yield "exec", spec.service.exec
    if spec.service.health and spec.service.health.check == "command":
        yield "health", spec.service.health.what


def _begins(spec: ServiceSpec, key: str, path: str, item: Item) -> Iterator[Diagnostic]:
    """Check the first line of a program."""
    try:
        reason = why_not(item.source)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}", ""
    source = path if item.source == path else f"{path} ({shown(item.source)})"
    yield from _told(spec, key, source, reason)


def _told(spec: ServiceSpec, key: str, path: str, told: tuple[str, str]) -> Iterator[Diagnostic]:
    reason, hint = told
    if reason:
        origin: Origin = spec.origins.get(key, spec.origin)
        yield Diagnostic.at(origin, "not-runnable", f"{path} {reason}", hint)


def _program_fault(spec: ServiceSpec, key: str, message: str, hint: str = "") -> Diagnostic:
    origin: Origin = spec.origins.get(key, spec.origin)
    return Diagnostic.at(origin, "no-program", message, hint)


def _meant(path: str, known: list[str]) -> str:
    near = nearest(path, known)
    return f"did you mean {near}?" if near else ""


def _is_directory(path: str, items: Mapping[str, Item]) -> bool:
    item = _reached(path, items)
    return item is not None and item.type == DIR


def _is_executable(item: Item) -> bool:
    if item.mode is not None:
        return bool(item.mode & _EXECUTABLE)
    return bool(os.stat(item.source).st_mode & stat.S_IXUSR)


def _reached(path: str, items: Mapping[str, Item]) -> Item | None:
    """The item at `path`, following links in the package."""
    end = follow(path, items)
    return items.get(end.path) if end.is_there else None
