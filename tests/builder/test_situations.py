"""What users of other packaging tools meet, and what becomes of it: a spec in, a layout out.

doc/how-to/HowTo_002_Coming_From_nFPM_And_rules_pkg.md names those cases that end otherwise there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from provisioning.artifact.model.entry import DIR, LINK, Entry
from provisioning.builder.collect.collect import collect
from provisioning.builder.collect.sources import Sources
from provisioning.spec.diagnostics import SpecError
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project
from tests.builder.conftest import write
from tests.layouts import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioning.builder.collect.file_state import Digests

HEAD = 'name: demo\nversion: "1.0"\n'
PI = f"{HEAD}platforms: {{raspberry-pi: {{}}}}\n"


class Situation(NamedTuple):
    """Items of `contents`, the files of the project, and the paths of the package.

    A file is `path`, `path:MODE`, `path->target`, `path/` or, for a FIFO, `path|`; so is a path of
    the package, whose mode is told where it is neither 0644 (0755 for a directory) nor a link's,
    then `@owner:group` where it is not root:root, and `!` where it is a configuration file.
    """

    contents: str
    tree: str
    package: str


PLACES = {
    "one file to a path": Situation("{src: a, dst: x/b}", "a", "x/ x/b"),
    "one file into a directory": Situation("{src: t/a, dst: ./x/}", "t/a", "x/ x/a"),
    "one file to the package's root": Situation("{src: t/a, dst: ./}", "t/a", "a"),
    "one file to two places": Situation("{src: a, dst: b}, {src: a, dst: c}", "a", "b c"),
    "a file under another name": Situation(
        "{src: t/, dst: x, exclude: [old]}, {src: t/old, dst: x/new/name}",
        "t/a t/old",
        "x/ x/a x/new/ x/new/name",
    ),
    "parents that nobody names": Situation("{src: a, dst: x/y/z}", "a", "x/ x/y/ x/y/z"),
    "a common prefix": Situation(
        "{src: a, dst: '{{ base }}/bin/'}, {dir: '{{ base }}/etc'}",
        "a",
        "opt/ opt/app/ opt/app/bin/ opt/app/bin/a opt/app/etc/",
    ),
}
TREES = {
    "a directory": Situation("{src: t, dst: x}", "t/a t/b/c", "x/ x/a x/b/ x/b/c"),
    "a directory, into a directory": Situation(
        "{src: t/, dst: x/}", "t/a t/b/c", "x/ x/a x/b/ x/b/c"
    ),
    "a directory with its own name": Situation("{src: t, dst: x/t}", "t/a", "x/ x/t/ x/t/a"),
    "a directory to the package's root": Situation("{src: t, dst: .}", "t/a t/b/c", "a b/ b/c"),
    "two directories into one": Situation(
        "{src: t, dst: x}, {src: u, dst: x}", "t/a t/d/b u/d/c", "x/ x/a x/d/ x/d/b x/d/c"
    ),
    "a part of a tree, without what leads to it": Situation(
        "{src: tests/data, dst: .}", "tests/data/hello.txt tests/data/in/b", "hello.txt in/ in/b"
    ),
    "hidden files": Situation("{src: t, dst: x}", "t/.h t/.d/a", "x/ x/.d/ x/.d/a x/.h"),
    "what no package wants": Situation(
        "{src: t, dst: x}", "t/a t/.DS_Store t/._a t/.git/HEAD t/__pycache__/a.pyc", "x/ x/a"
    ),
    "an empty directory in a tree": Situation("{src: t, dst: x}", "t/a t/empty/", "x/ x/a"),
}
GLOBS = {
    "a glob whose matches share a directory": Situation(
        "{src: t/**/*, dst: x}", "t/b/d/e", "x/ x/b/ x/b/d/ x/b/d/e"
    ),
    "the same glob, and one more file": Situation(
        "{src: t/**/*, dst: x}", "t/b/d/e t/f", "x/ x/b/ x/b/d/ x/b/d/e x/f"
    ),
    "a glob with one match, to a path": Situation(
        "{src: t/*.txt, dst: x/y.txt}", "t/a.txt", "x/ x/y.txt/ x/y.txt/a.txt"
    ),
    "a glob below two directories": Situation(
        "{src: t/u/**/*.txt, dst: x}", "t/u/a.txt t/u/v/b.txt", "x/ x/a.txt x/v/ x/v/b.txt"
    ),
    "a glob of one level": Situation("{src: t/*, dst: x}", "t/a t/b/c", "x/ x/a"),
    "a glob and hidden files": Situation("{src: t/*, dst: x}", "t/.h t/a", "x/ x/.h x/a"),
    "a class of characters": Situation("{src: 't/[ab]', dst: x}", "t/a t/b t/c", "x/ x/a x/b"),
    "a name with brackets": Situation("{src: 't/[[]f]oo', dst: x}", "t/[f]oo t/foo", "x/ x/[f]oo"),
    "a name with braces": Situation("{src: 't/{a,b}', dst: x/}", "t/{a,b} t/a", "x/ x/{a,b}"),
    "a glob through a linked directory": Situation(
        "{src: t/**/*, dst: x}", "t/a t/d/b t/l->d", "x/ x/a x/d/ x/d/b x/l->d"
    ),
}
LINKS = {
    "links in a directory": Situation(
        "{src: t, dst: x}",
        "t/a t/d/b t/l->a t/ld->d",
        "x/ x/a x/d/ x/d/b x/l->a x/ld->d",
    ),
    "a link as a source": Situation(
        "{src: l, dst: x/l}, {src: t/a, dst: x/t/a}", "l->t/a t/a", "x/ x/l->t/a x/t/ x/t/a"
    ),
    "a link to a directory as a source": Situation(
        "{src: l, dst: x}, {src: t, dst: t}", "l->t t/a", "t/ t/a x->t"
    ),
    "a link of the spec's own": Situation(
        "{link: ../cli.py, dst: bin/cli}, {src: cli.py, dst: ./}",
        "cli.py",
        "bin/ bin/cli->../cli.py cli.py",
    ),
    "an owner of a link": Situation(
        "{link: a, dst: b, owner: app, group: adm}, {src: a, dst: a}", "a", "a b->a@app:adm"
    ),
    "a link to the package itself": Situation("{link: ., dst: all}", "", "all->."),
    "a link to a link": Situation(
        "{link: b, dst: c}, {link: a, dst: b}, {src: a, dst: a}", "a", "a b->a c->b"
    ),
    "a link to what the machine has later": Situation(
        "{link: a, dst: b, optional: true}", "", "b->a"
    ),
    "links of a tree to what the machine has later": Situation(
        "{src: t, dst: x, optional: true}", "t/l->nowhere", "x/ x/l->nowhere"
    ),
    "a link into a directory of data": Situation(
        "{link: var/log/today, dst: today}, {dir: var/log}",
        "",
        "today->var/log/today var/ var/log/",
    ),
    "a link to what another task may make": Situation(
        "{link: lib/app/run, dst: run}, {src: out/, dst: lib/app, optional: true}",
        "",
        "run->lib/app/run",
    ),
    "a link to the directory of what another task may make": Situation(
        "{link: lib, dst: l}, {src: out/, dst: lib/app, optional: true}", "", "l->lib"
    ),
    "a link to the manifest": Situation(
        "{link: .provisioning/manifest.json, dst: m}", "", "m->.provisioning/manifest.json"
    ),
}
DIRECTORIES = {
    "directories with a mode": Situation(
        "{dir: x/y, mode: '0711', group: adm}, {dir: z/, mode: '0700'}",
        "",
        "x/ x/y/:0711@root:adm z/:0700",
    ),
    "a directory without a mode": Situation("{dir: x, owner: app}", "", "x/@app:root"),
    "a directory named after what lies in it": Situation(
        "{src: a, dst: x/a}, {dir: x, mode: '0700'}", "a", "x/:0700 x/a"
    ),
    "a directory of a tree, with a mode": Situation(
        "{dir: x/b, mode: '0700'}, {src: t, dst: x}", "t/a t/b/c", "x/ x/a x/b/:0700 x/b/c"
    ),
    "an owner for a tree": Situation(
        "{src: t, dst: x/y, owner: app, group: adm}", "t/b/c", "x/ x/y/ x/y/b/ x/y/b/c@app:adm"
    ),
}  # fmt: skip
ATTRIBUTES = {
    "mode, owner and group": Situation(
        "{src: a, dst: b, mode: '0640', owner: app, group: '1000'}", "a", "b:0640@app:1000"
    ),
    "a mode of three digits": Situation("{src: a, dst: b, mode: '755'}", "a", "b:0755"),
    "a mode with set-user-ID": Situation("{src: a, dst: b, mode: '4755'}", "a", "b:4755"),
    "a mode for a tree": Situation(
        "{src: t, dst: x, mode: '0600'}", "t/a t/b/c:755", "x/ x/a:0600 x/b/ x/b/c:0600"
    ),
    "an executable source": Situation("{src: t, dst: x}", "t/a t/run:755", "x/ x/a x/run:0755"),
    "a source that others may write": Situation("{src: a, dst: b}", "a:777", "b:0755"),
    "a source that others may not read": Situation("{src: a, dst: b}", "a:600", "b"),
    "a source with set-user-ID": Situation("{src: a, dst: b}", "a:4755", "b:0755"),
    "a configuration file": Situation("{src: a, dst: b, conffile: true}", "a", "b!"),
    "configuration files of a tree": Situation(
        "{src: t, dst: x, conffile: true}", "t/a t/d/b t/l->a", "x/ x/a! x/d/ x/d/b! x/l->a"
    ),
    "a template": Situation(
        "{template: a.j2, dst: b, mode: '0640', conffile: true}", "a.j2", "b:0640!"
    ),
}
EXCLUDES = {
    "a name left out at every depth": Situation(
        "{src: t, dst: x, exclude: ['*.o']}", "t/a t/a.o t/d/b t/d/b.o", "x/ x/a x/d/ x/d/b"
    ),
    "a path left out": Situation(
        "{src: t, dst: x, exclude: [/d/a]}", "t/a t/d/a t/d/b", "x/ x/a x/d/ x/d/b"
    ),
    "a directory left out": Situation(
        "{src: t/**/*, dst: x, exclude: [d/]}", "t/a t/d/b t/e/d/c", "x/ x/a"
    ),
    "all left out but one": Situation(
        "{src: t, dst: x, exclude: ['*.txt', '!keep.txt']}", "t/a.txt t/keep.txt", "x/ x/keep.txt"
    ),
    "nothing left, which may be": Situation(
        "{src: t, dst: x, exclude: ['*'], optional: true}", "t/a", ""
    ),
}
SITUATIONS = {**PLACES, **TREES, **GLOBS, **LINKS, **DIRECTORIES, **ATTRIBUTES, **EXCLUDES}

# Items of `contents`, the files of the project, and the fault: where it is told, and its code.
FAULTS = {
    "two files to one path": Situation(
        "{src: a, dst: x}, {src: b, dst: x}", "a b", "contents[1].dst collision"
    ),
    "two files of one name into one directory": Situation(
        "{src: a, dst: x/}, {src: t/a, dst: x/}", "a t/a", "contents[1].dst collision"
    ),
    "a file renamed to another's name": Situation(
        "{src: t, dst: x}, {src: a, dst: x/b}", "a t/b", "contents[1].dst collision"
    ),
    "a tree over a file": Situation(
        "{src: a, dst: x/b}, {src: t, dst: x}", "a t/b", "contents[1].dst collision"
    ),
    "names that differ in case": Situation(
        "{src: a, dst: README}, {src: b, dst: readme}", "a b", "contents[1].dst collision"
    ),
    "a file below a file": Situation(
        "{src: a, dst: x}, {src: a, dst: x/y}", "a", "contents[1].dst collision"
    ),
    "one directory twice": Situation("{dir: x}, {dir: x/}", "", "contents[1].dir collision"),
    "a glob without a match": Situation("{src: t/*.o, dst: x}", "t/a", "contents[0].src no-match"),
    "a source that is not there": Situation("{src: a, dst: x}", "", "contents[0].src no-source"),
    "an empty directory as a source": Situation(
        "{src: t, dst: x}", "t/", "contents[0].src no-match"
    ),
    "everything left out": Situation(
        "{src: t, dst: x, exclude: ['*']}", "t/a", "contents[0].src no-match"
    ),
    "an exclude without a match": Situation(
        "{src: t, dst: x, exclude: [b]}", "t/a", "contents[0].exclude[0] idle-exclude"
    ),
    "alternatives in braces": Situation(
        "{src: 't/{a,b}', dst: x}", "t/a t/b", "contents[0].src no-source"
    ),
    "a backslash in a glob": Situation(
        "{src: 't/\\{a\\}', dst: x}", "t/{a}", "contents[0].src bad-path"
    ),
    "an absolute destination": Situation(
        "{src: a, dst: /usr/bin/a}", "a", "contents[0].dst bad-path"
    ),
    "a destination above the root": Situation(
        "{src: a, dst: ../a}", "a", "contents[0].dst bad-path"
    ),
    "a file renamed to nothing": Situation("{src: a, dst: ''}", "a", "contents[0].dst bad-path"),
    "a source of another project": Situation("{src: ../a, dst: a}", "", "contents[0].src bad-path"),
    "an absolute source": Situation("{src: /etc/passwd, dst: a}", "", "contents[0].src bad-path"),
    "a source behind a link to elsewhere": Situation(
        "{src: out/passwd, dst: a}", "out->/etc", "contents[0].src outside"
    ),
    "a link of a tree to an absolute path": Situation(
        "{src: t, dst: x}", "t/l->/etc/app", "contents[0].src link"
    ),
    "a link of a tree out of the package": Situation(
        "{src: t, dst: x}", "t/l->../../etc", "contents[0].src link"
    ),
    "a link of the spec's own to an absolute path": Situation(
        "{link: /bin/sh, dst: a}", "", "contents[0].link bad-path"
    ),
    "a link to nothing": Situation("{link: a, dst: b}", "", "contents[0].link dangling-link"),
    "a link to a link to nothing": Situation(
        "{link: b, dst: c}, {link: a, dst: b, optional: true}", "", "contents[0].link dangling-link"
    ),
    "a link to itself": Situation("{link: b, dst: b}", "", "contents[0].link dangling-link"),
    "a link below a file": Situation(
        "{link: a/b, dst: b}, {src: a, dst: a}", "a", "contents[0].link dangling-link"
    ),
    "a link into a directory that is not of data": Situation(
        "{link: x/today, dst: today}, {dir: x}, {src: a, dst: x/a}",
        "a",
        "contents[0].link dangling-link",
    ),
    "a link beside what another task may make": Situation(
        "{link: lib/ap, dst: l}, {src: out/, dst: lib/app, optional: true}",
        "",
        "contents[0].link dangling-link",
    ),
    "a link of a tree to nothing": Situation(
        "{src: t, dst: x}", "t/l->nowhere", "contents[0].src dangling-link"
    ),
    "a mode of a link": Situation(
        "{link: a, dst: b, mode: '0600'}", "", "contents[0].mode idle-key"
    ),
    "a FIFO in a tree": Situation("{src: t, dst: x}", "t/a t/p|", "contents[0].src special-file"),
    "a mode in decimal": Situation(
        "{src: a, dst: b, mode: 644}", "a", "contents[0].mode unquoted-mode"
    ),
    "a mode without quotes": Situation(
        "{src: a, dst: b, mode: 0644}", "a", "contents[0].mode unquoted-mode"
    ),
    "a key of another tool": Situation(
        "{src: a, dst: b, type: config}", "a", "contents[0].type unknown-key"
    ),
    "no destination": Situation("{src: a}", "a", "contents[0] missing-key"),
    "no source": Situation("{dst: a}", "", "contents[0] content-kind"),
    "the root as a directory": Situation("{dir: .}", "", "contents[0].dir bad-path"),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_situation_has_its_layout(name: str, digests: Digests) -> None:
    contents, tree, package = SITUATIONS[name]
    _plant(tree)
    spec = f"{PI}variables: {{base: opt/app}}\ncontents: [{contents}]\n"
    assert _packages(spec, digests) == {"raspberry-pi": package.split()}


@pytest.mark.parametrize("name", FAULTS)
def test_a_situation_has_its_fault(name: str, digests: Digests) -> None:
    contents, tree, expected = FAULTS[name]
    _plant(tree)
    with pytest.raises(SpecError) as caught:
        _packages(f"{PI}contents: [{contents}]\n", digests)
    assert [f"{fault.where} {fault.code}" for fault in caught.value.diagnostics] == [expected]


def test_what_is_for_one_platform_does_not_meet_what_is_for_another(digests: Digests) -> None:
    _plant("pi.conf mac.conf")
    spec = (
        f"{HEAD}platforms: {{raspberry-pi: {{}}, mac-mini: {{}}}}\n"
        "defaults: {group: root}\n"
        "contents: [{src: pi.conf, dst: a, only: linux}, {src: mac.conf, dst: a, only: macos}]\n"
    )
    assert _packages(spec, digests) == {"mac-mini": ["a"], "raspberry-pi": ["a"]}


def test_what_is_for_all_platforms_meets_what_is_for_one(digests: Digests) -> None:
    _plant("a b")
    overlays = "{raspberry-pi: {contents: [{src: b, dst: x}]}, mac-mini: {}}"
    spec = f"{HEAD}platforms: {overlays}\ncontents: [{{src: a, dst: x}}]\n"
    with pytest.raises(SpecError) as caught:
        _packages(spec, digests)
    (fault,) = caught.value.diagnostics
    assert f"{fault.where} {fault.code}" == "platforms.raspberry-pi.contents[0].dst collision"


def test_a_default_of_the_spec_is_every_path_s(digests: Digests) -> None:
    _plant("a run:755")
    spec = (
        f'{PI}defaults: {{owner: app, group: app, file_mode: "0640", dir_mode: "0750"}}\n'
        "contents: [{src: a, dst: x/a}, {src: run, dst: x/run, group: adm}]\n"
    )
    expected = ["x/:0750@app:app", "x/a:0640@app:app", "x/run:0751@app:adm"]
    assert _packages(spec, digests) == {"raspberry-pi": expected}


def _plant(tree: str) -> None:
    """Make the files that `tree` names."""
    for word in tree.split():
        name, link, target = word.partition("->")
        name, _, mode = name.partition(":")
        if name.endswith("/"):
            Path(name).mkdir(parents=True)
        elif name.endswith("|") or link:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            if link:
                os.symlink(target, name)
            else:
                os.mkfifo(name.rstrip("|"))
        else:
            write(name, mode=int(mode or "644", 8))


def _packages(spec: str, digests: Digests) -> dict[str, list[str]]:
    """The paths of each platform's package."""
    write("specs/demo.yaml", spec)
    reading = read_project(Inputs(Path()))
    layouts = lay_out(reading.variants, Sources("artifacts"), reading.diagnostics)
    return {
        layout.variant.platform: list(_shown(each.entry for each in collect(layout, digests.look)))
        for layout in layouts
    }


def _shown(entries: Iterable[Entry]) -> Iterable[str]:
    for entry in entries:
        usual = {DIR: 0o755, LINK: 0o777}.get(entry.type, 0o644)
        yield "".join(
            (
                entry.path,
                "/" if entry.type == DIR else "",
                f"->{entry.link}" if entry.type == LINK else "",
                "" if entry.mode == usual else f":{entry.mode:04o}",
                "" if (entry.owner, entry.group) == ("root", "root")
                else f"@{entry.owner}:{entry.group}",
                "!" if entry.conffile else "",
            )
        )  # fmt: skip
