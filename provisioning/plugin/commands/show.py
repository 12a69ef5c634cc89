"""`provision show`: what is in a package, as a tree, and which line of a spec put it there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from stat import S_IFDIR, S_IFLNK, S_IFREG, filemode
from typing import TYPE_CHECKING, Any

from doit.exceptions import InvalidCommand

from provisioning.artifact.difference import view
from provisioning.artifact.model.entry import DIR, FILE, LINK, shown
from provisioning.builder.collect.patterns import matcher
from provisioning.builder.plan.inventory import (
    inside,
    of_manifest,
    of_plan,
    sizes,
    why_left_out,
)
from provisioning.console import BOLD, CYAN, leave_plain, paint, shows_colour
from provisioning.plugin.commands.base import (
    AS_JSON,
    ProjectCommand,
    answer,
    answer_json,
    count_text,
    named_parts,
    size_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provisioning.builder.plan.inventory import Held, Inventory
    from provisioning.builder.plan.variant_plan import VariantPlan
    from provisioning.builder.workspace.bill import Bill
    from provisioning.console import Paint

    _Shown = tuple[Inventory, VariantPlan | None]

GOOD, ABSENT, TROUBLE = 0, 1, 2
_KINDS = {FILE: S_IFREG, DIR: S_IFDIR, LINK: S_IFLNK}
_MOST = 20
_UNKNOWN = "?"


class Show(ProjectCommand):
    """Lists packages, each built or as the specs give it now; builds nothing."""

    name = "show"
    doc_purpose = "show what is in a package, and which line of a spec put it there"
    doc_usage = (
        "[--largest] [--why PATH] [--licenses] [--json] [ARTIFACT|NAME[:PLATFORM] [GLOB ...]]"
    )
    doc_description = (
        "NAME is what the specs give now, for all platforms; NAME:PLATFORM, for one of them. An "
        "ARTIFACT is a file in any format, an unpacked package, or the directory of a release. "
        "GLOBs select paths: `lib/**/*.so`.\n\n"
        "--why takes a path on the target, as /opt/NAME/current/lib/x or lib/x, and says where it "
        "comes from; or a path of the project, and says what left it out. --licenses takes what "
        "was built: it reads the bill of materials beside it.\n\n"
        "The exit status is 0, 1 if no path is like that, and 2 on errors."
    )
    cmd_options = (
        {
            "name": "largest",
            "long": "largest",
            "type": bool,
            "default": False,
            "help": f"list the {_MOST} largest files, or all that match, the largest first",
        },
        {
            "name": "why",
            "long": "why",
            "type": str,
            "default": "",
            "help": "say where a path comes from, or what left it out",
        },
        {
            "name": "licenses",
            "long": "licenses",
            "type": bool,
            "default": False,
            "help": "list what others have made of what was built, and its licences",
        },
        AS_JSON,
    )

    trouble = TROUBLE

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Print what is asked for, and return the exit code."""
        if opt_values["licenses"]:
            return self._licenses(opt_values, pos_args)
        word, *globs = pos_args or [""]
        path = Path(os.path.abspath(word))  # before the project is read: doit goes there
        if word and os.path.lexists(path):
            found: list[_Shown] = [(of_manifest(view(path, word).manifest), None)]
        elif "/" in word:
            raise InvalidCommand(f"{word}: no such artifact")
        else:
            parts = named_parts(self.plan(opt_values, anew=True).parts, [word] if word else ())
            found = [(of_plan(part), part) for part in parts]
        if opt_values["why"]:
            return _why(opt_values["why"], found, as_json=opt_values["as_json"])
        chosen = [_selected(each, globs) for each, _ in found]
        if opt_values["as_json"]:
            answer_json({"packages": [_document(each) for each in chosen]})
        else:
            how = paint if shows_colour(sys.stdout) else leave_plain
            most = None if globs else _MOST
            told = (
                _largest(each, how, most) if opt_values["largest"] else _tree(each, how)
                for each in chosen
            )
            answer("\n".join("".join(f"{line}\n" for line in lines) for lines in told))
        return GOOD if any(each.entries for each in chosen) else ABSENT

    def _licenses(self, opt_values: Any, words: Sequence[str]) -> int:
        from provisioning.plugin.commands.audit import bills_of  # noqa: PLC0415 - as it is needed

        found = bills_of(self, opt_values, words)
        if opt_values["as_json"]:
            return answer_json(
                {
                    "packages": [
                        {
                            **each._asdict(),
                            "ingredients": [one._asdict() for one in each.ingredients],
                        }
                        for each in found
                    ]
                }
            )
        return answer("\n".join("".join(_licensed(each)) for each in found))


def _licensed(bill: Bill) -> Iterator[str]:
    yield f"{bill.name} {bill.version} for {bill.platform}: {bill.license or _UNKNOWN}\n"
    told = [f"{each.name} {each.version}".rstrip() for each in bill.ingredients]
    width = max(map(len, told), default=0)
    for name, each in zip(told, bill.ingredients, strict=True):
        said = each.license or ("of Debian" if each.kind == "deb" else _UNKNOWN)
        yield f"  {name:<{width}}  {said}\n"


def _selected(inventory: Inventory, globs: Sequence[str]) -> Inventory:
    """The entries that a glob matches, and the directories above them."""
    if not globs:
        return inventory
    matchers = [matcher(each.strip("/")) for each in globs]
    wanted = {each.path for each in inventory.entries if any(one(each.path) for one in matchers)}
    above = set()
    for path in wanted:
        while path := path.rpartition("/")[0]:
            above.add(path)
    entries = (each for each in inventory.entries if each.path in wanted or each.path in above)
    return inventory._replace(entries=tuple(entries))


def _tree(inventory: Inventory, how: Paint) -> Iterator[str]:
    yield from _head(inventory, how)
    total = sizes(inventory.entries)
    rows = [(each, _row(each, total)) for each in inventory.entries]
    widths = [max((len(row[at]) for _, row in rows), default=0) for at in range(3)]
    named = max((len(_indented(each)) for each, _ in rows), default=0)
    for each, (mode, owner, size) in rows:
        name = _indented(each)
        painted = how(name, CYAN) if each.type == DIR else name
        left = f"{mode} {owner:<{widths[1]}} {size:>{widths[2]}}  {painted}"
        about = _about(each)
        yield f"{left}{' ' * (named - len(name))}  {about}".rstrip() if about else left


def _largest(inventory: Inventory, how: Paint, most: int | None) -> Iterator[str]:
    yield from _head(inventory, how)
    files = [each for each in inventory.entries if each.type == FILE]
    files.sort(key=lambda each: (-(each.size or 0), each.path))
    files = files[:most]
    named = max((len(shown(each.path)) for each in files), default=0)
    for each in files:
        size = _UNKNOWN if each.size is None else size_text(each.size)
        yield f"{size:>11}  {shown(each.path):<{named}}  {_about(each)}".rstrip()


def _head(inventory: Inventory, how: Paint) -> Iterator[str]:
    files = [each for each in inventory.entries if each.type == FILE]
    size = size_text(sum(each.size or 0 for each in files))
    called = f"{inventory.name} {inventory.version} for {inventory.platform}"
    yield f"{how(called, BOLD)}: {count_text(len(files), 'file')}, {size}"
    yield from (f"not known before a build: {each}" for each in inventory.unknown)


def _row(held: Held, total: dict[str, int]) -> tuple[str, str, str]:
    mode = filemode(_KINDS[held.type] | held.mode)
    size = "" if held.type == LINK else size_text(total[held.path])
    return mode, f"{held.owner}:{held.group}", _UNKNOWN if held.size is None else size


def _indented(held: Held) -> str:
    depth, name = held.path.count("/"), held.path.rpartition("/")[2]
    slash = "/" if held.type == DIR else ""
    target = f" -> {shown(held.link)}" if held.link else ""
    return f"{'  ' * depth}{shown(name)}{slash}{target}"


def _about(held: Held) -> str:
    """The line of the spec, the wheel, and whether it is configuration."""
    parts = [held.origin, held.distribution, "conffile" if held.conffile else ""]
    return "  ".join(filter(None, parts))


def _document(inventory: Inventory) -> dict[str, Any]:
    entries = [{**each._asdict(), "mode": f"{each.mode:04o}"} for each in inventory.entries]
    return {**inventory._asdict(), "entries": entries}


def _why(word: str, found: Sequence[_Shown], *, as_json: bool) -> int:
    """Tell for each package where a path comes from, or why it is not there."""
    answers = [(inventory, *_reasons(word, inventory, part)) for inventory, part in found]
    if as_json:
        told = [
            {"name": each.name, "platform": each.platform, "held": held, "reasons": reasons}
            for each, held, reasons in answers
        ]
        answer_json({"path": word, "packages": told})
    else:
        called = ((f"{each.name}:{each.platform}", reasons) for each, _, reasons in answers)
        answer("".join(f"{name}: {each}\n" for name, reasons in called for each in reasons))
    return GOOD if any(held for _, held, _ in answers) else ABSENT


def _reasons(word: str, inventory: Inventory, part: VariantPlan | None) -> tuple[bool, list[str]]:
    """Whether a path is in a package; where it comes from, or what left it out."""
    place, target = os.path.normpath(word), inside(word, inventory)
    for each in inventory.entries:
        if each.path == target or (each.source and each.source == place):
            return True, [_from(each)]
    if part is None:
        return False, [f"{shown(target)} is not in it"]
    if os.path.lexists(place):
        why = why_left_out(place, part)
        return False, [f"{shown(place)} is left out by {each}" for each in why]
    return False, [f"{shown(word)} is neither in the package nor in the project"]


def _from(held: Held) -> str:
    if not held.origin:
        what = "a directory that others need" if held.type == DIR else "part of every package"
        return (
            f"{shown(held.path)} is {what}"
            if not held.source
            else (f"{shown(held.path)} is {shown(held.source)}, which the spec brings along")
        )
    source = f" is {shown(held.source)}" if held.source else ""
    wheel = f" of {held.distribution}" if held.distribution else ""
    return f"{shown(held.path)}{source}{wheel}, from {held.origin}"
