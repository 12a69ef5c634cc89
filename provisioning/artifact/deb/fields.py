"""Knows whom a Debian package makes, and whether they reach it: the users that run its services."""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.artifact.deb import Described
    from provisioning.artifact.model.package import Package


_ROOT = ("", "root", "0")


def users(package: Package) -> tuple[str, ...]:
    """Who has to be there before the files are, sorted; a number is nobody that could be made."""
    return tuple(user for user in _all(package) if not user.isdigit())


def reach(described: Described) -> Iterator[str]:
    """Refuse to come where somebody has closed the way to one who runs a service.

    An installation without dpkg asks the same: see installer/services/lifecycle.py.
    """
    package = described.manifest.package
    names = package.prefix[1:].split("/")
    ways = (quote("/" + "/".join(names[:count])) for count in range(1, len(names) + 1))
    if found := " ".join(_all(package)):
        yield f"""\
may_enter() {{
    groups=$(id -G "$1" 2>/dev/null | tr ' ' ,)
    groups=${{groups:-65534}}
    setpriv --reuid="$1" --regid="${{groups%%,*}}" --groups="$groups" test -x "$2" 2>/dev/null
}}
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    for user in {found}; do
        may_enter "$user" / || continue  # here, nobody can become another
        for way in {" ".join(ways)}; do
            if [ -d "$way" ] && ! may_enter "$user" "$way"; then
                printf '%s: %s: its mode keeps out the user %s, who runs a service; %s\\n' \\
                    {package.name} "$way" "$user" '`chmod a+x` it' >&2
                exit 1
            fi
        done
    done
fi
"""


def _all(package: Package) -> tuple[str, ...]:
    return tuple(sorted({each.user for each in package.services}.difference(_ROOT)))


# As dpkg-gencontrol(1) orders them.
_BEFORE = ("Package", "Version", "Architecture", "Maintainer", "Installed-Size")
_RELATIONS = (
    *("Pre-Depends", "Depends", "Recommends", "Suggests", "Enhances"),
    *("Conflicts", "Breaks", "Replaces", "Provides"),
)
_AFTER = ("Section", "Priority", "Homepage", "Description")
_ORDER = (*_BEFORE, *_RELATIONS, *_AFTER)
_DEFAULTS = {"Section": "misc", "Priority": "optional"}
_STRONG = ("Pre-Depends", "Depends", "Recommends")
_ADDRESS = re.compile(r"[^<>@\s]+@[^<>@\s]+")
_CONTACT = re.compile(rf"[^<>]+ <{_ADDRESS.pattern}>")
_NAMES = re.compile(r"(?:^|[,|])\s*([a-z0-9+.-]+)")


def control(package: Package, installed_size: int) -> str:
    """Spell the file; the size is in KiB."""
    fields = {
        **_DEFAULTS,
        **dict(package.debian),
        "Package": package.name,
        "Version": package.version,
        "Architecture": package.arch,
        "Maintainer": maintainer(package),
        "Installed-Size": str(installed_size),
        "Description": "\n ".join(_description(package)),
    }
    return "".join(f"{key}: {fields[key]}\n" for key in _ORDER if key in fields)


def complete(package: Package) -> Package:
    """The same package with what the scripts of this version need, for its manifest to say."""
    fields = dict(package.debian)
    if users(package):  # before it is unpacked, since its files may be theirs
        _add(fields, "Pre-Depends", "adduser", ("Pre-Depends",))
    if package.device:  # preinst asks for them
        _add(fields, "Pre-Depends", "python3", ("Pre-Depends",))
    # What is needed to verify what lies there; the package may have no other use for it.
    _add(fields, "Recommends", "python3", _STRONG)
    return package._replace(debian=tuple(sorted(fields.items())))


def maintainer(package: Package) -> str:
    """Who answers for a package: a name and an address, which every package must have."""
    said = line(package.maintainer)
    if _CONTACT.fullmatch(said):
        return said
    name = said.translate({ord("<"): None, ord(">"): None}) or package.name
    # Without an address, those who installed it are who can be asked.
    return f"{package.name} <{said}>" if _ADDRESS.fullmatch(said) else f"{name} <root@localhost>"


def line(text: str) -> str:
    """What can stand in one line, and do nothing to a terminal."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())


def _add(fields: dict[str, str], field: str, name: str, known: tuple[str, ...]) -> None:
    """Add a package to a field, unless the spec names it in one of `known`."""
    named = {each for key in known for each in _NAMES.findall(fields.get(key, ""))}
    if name not in named:
        fields[field] = ", ".join(filter(None, (fields.get(field), name)))


def _description(package: Package) -> Iterator[str]:
    """What it is in short, and then more of it, line by line."""
    first, *more = package.summary.strip().splitlines() or [package.name]
    yield line(first) or package.name
    told = [line(each) or "." for each in more]
    while told[:1] == ["."]:
        del told[0]
    yield from told or [f"It is installed in {package.prefix}."]


LONGEST_NAME = 255 - len(".dpkg-new")
_LONGEST_CONFFILE_NAME = 255 - len(".dpkg-dist")
_LONGEST_PATH = 4095 - len(".dpkg-new")
_LONGEST_CONFFILE = 996  # MAXCONFFILENAME, with the end of the line
_OWN = ".dpkg-"
_UNPACKING = (".dpkg-new", ".dpkg-tmp")
_BESIDE = (".dpkg-dist", ".dpkg-old")


_BLANK = (
    "ends in a space, which dpkg takes off the names of conffiles: it would overwrite edits; choose"
    " another name"
)


class _Placed(Protocol):
    """An entry, or what becomes one."""

    @property
    def path(self) -> str: ...

    @property
    def conffile(self) -> bool: ...


def faults(name: str, prefix: str, entries: Iterable[_Placed]) -> Iterator[tuple[str, str]]:
    """Tell which paths the package `name` cannot have as a deb, and why."""
    entries = tuple(entries)
    # Nearly every path of very many is short, whatever its characters take.
    short = min(LONGEST_NAME, _LONGEST_PATH - 4 * len(prefix)) // 4
    some = [
        each for each in entries if each.conffile or len(each.path) > short or _OWN in each.path
    ]
    conffiles = {each.path: each.conffile for each in entries} if some else {}
    for path, conffile in ((each.path, each.conffile) for each in some):
        reasons = [*_lengths(prefix, path, conffile=conffile), *_meetings(name, path, conffiles)]
        if conffile and path.endswith(" "):
            reasons.append(_BLANK)
        yield from ((path, reason) for reason in reasons)


def _lengths(prefix: str, path: str, *, conffile: bool) -> Iterator[str]:
    whole = len(f"{prefix}/{path}".encode())
    longest = len(path.rpartition("/")[2].encode())  # of those above, others tell
    what, name_limit, limit = "a path", LONGEST_NAME, _LONGEST_PATH
    if conffile:
        what, name_limit, limit = "a conffile", _LONGEST_CONFFILE_NAME, _LONGEST_CONFFILE
    if longest > name_limit:
        yield f"has a name of {longest} bytes, and dpkg unpacks {what} with {name_limit} at most"
    if whole > limit:
        yield f"has {whole} bytes with its prefix, and dpkg unpacks {what} with {limit} at most"


def _meetings(name: str, path: str, conffiles: dict[str, bool]) -> Iterator[str]:
    for suffix in _UNPACKING:
        if path.endswith(suffix) and path.removesuffix(suffix) in conffiles:
            yield f"is where dpkg puts {path.removesuffix(suffix)} while it unpacks"
    for suffix in _BESIDE:
        if path.endswith(suffix) and conffiles.get(path.removesuffix(suffix)):
            conffile = path.removesuffix(suffix)
            yield f"is where dpkg puts a version of the configuration file {conffile}"
    if re.fullmatch(rf"(?:.*/)?\.{re.escape(name)}-[0-9]+\.dpkg-bak", path):
        yield "is where an upgrade puts what is in its way"
