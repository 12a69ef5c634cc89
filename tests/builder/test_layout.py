from __future__ import annotations

import os
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.builder.collect.sources import Sources
from provisioning.spec.diagnostics import Diagnostic, SpecError
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.project import read_project
from tests.builder.conftest import content, forbid_listing, variant, write
from tests.layouts import lay_out
from tests.spec.conftest import HEAD

if TYPE_CHECKING:
    from provisioning.builder.collect.expand import Item
    from provisioning.builder.collect.layout import Layout
    from provisioning.spec.model.variant import Content


def _items(*contents: Content, **changes: Any) -> dict[str, Item]:
    return {item.path: item for item in _layout(*contents, **changes).items}


def _layout(*contents: Content, **changes: Any) -> Layout:
    (layout,) = lay_out([variant(*contents, **changes)], Sources("artifacts"))
    return layout


def _faults(*contents: Content) -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        _layout(*contents)
    return list(caught.value.diagnostics)


def _fault(*contents: Content) -> str:
    (fault,) = _faults(*contents)
    return f"{fault.origin} {fault.where}: {fault.message} [{fault.code}]"


def test_a_file_goes_to_its_destination_or_into_it() -> None:
    write("bin/tool.sh")
    assert _items(content("src", "bin/tool.sh", "bin/tool"))["bin/tool"].source == "bin/tool.sh"
    assert "bin/tool.sh" in _items(content("src", "bin/tool.sh", "bin/"))


def test_a_glob_keeps_paths_below_its_literal_prefix() -> None:
    write("src/a.py")
    write("src/deep/b.py")
    assert [*_items(content("src", "src/**/*.py", "lib/"))] == [
        "lib", "lib/a.py", "lib/deep", "lib/deep/b.py",
    ]  # fmt: skip


def test_a_tree_may_fill_the_package_itself() -> None:
    write("tree/a/b")
    assert [*_items(content("src", "tree", ""))] == ["a", "a/b"]


def test_parents_are_made_once_with_the_directories_mode() -> None:
    write("f")
    items = _items(content("src", "f", "a/b/c"), content("src", "f", "a/b/d", number=1))
    assert [*items] == ["a", "a/b", "a/b/c", "a/b/d"]
    assert items["a/b"].mode == 0o755


def test_a_directory_that_is_named_keeps_its_own_mode() -> None:
    write("f")
    items = _items(content("dir", "", "a", mode=0o700), content("src", "f", "a/f", number=1))
    assert items["a"].mode == 0o700


def test_items_are_sorted_by_the_bytes_of_their_paths() -> None:
    for name in ("t/a/x", "t/a-b", "t/Z", "t/é"):
        write(name)
    assert [*_items(content("src", "t", ""))] == ["Z", "a", "a-b", "a/x", "é"]


def test_a_template_s_executable_bit_decides_its_mode() -> None:
    write("run.sh.j2", mode=0o755)
    assert _items(content("template", "run.sh.j2", "run.sh"))["run.sh"].mode == 0o755


def test_symbolic_links_in_a_tree_stay_links() -> None:
    write("t/file")
    os.symlink("file", "t/link")
    assert _items(content("src", "t", "lib/"))["lib/link"].link == "file"


def test_what_is_optional_may_be_absent() -> None:
    write("t/a")
    assert not _layout(
        content("src", "absent.txt", "a", optional=True),
        content("src", "absent/*", "b/", optional=True, number=1),
    ).items
    assert _items(content("src", "t", "lib/", exclude=("*.x",), optional=True))


@pytest.mark.parametrize(
    ("source", "kind", "told"),
    [
        ("absent.txt", "src", "absent.txt: No such file or directory [no-source]"),
        ("absent/", "src", "absent/: No such file or directory [no-source]"),
        ("absent/*.py", "src", "absent/*.py: No such file or directory [no-source]"),
        ("t/*.py", "src", "nothing matches t/*.py [no-match]"),
        ("absent.j2", "template", "absent.j2: No such file or directory [no-source]"),
        ("t", "template", "t is not a file [not-a-file]"),
        ("out/passwd", "src", "out/ leads out of the project [outside]"),
        ("out/", "src", "out/ leads out of the project [outside]"),
        ("out/*", "src", "out/ leads out of the project [outside]"),
        ("artifacts/", "src", "this is output of the build itself [outside]"),
        ("artifacts/old/*", "src", "this is output of the build itself [outside]"),
    ],
)
def test_a_source_that_is_not_there_is_told_at_its_line(source: str, kind: str, told: str) -> None:
    write("t/file")
    os.symlink("/etc", "out")
    place = f"specs/demo.yaml:13:5 contents[3].{kind}: "
    assert _fault(content(kind, source, "x", number=3)) == place + told


def test_a_directory_that_cannot_be_listed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    write("t/a/b/file")
    forbid_listing(monkeypatch, "t/a/b/")
    told = "specs/demo.yaml:10:5 contents[0].src: t/a/b/: Permission denied [no-source]"
    assert _fault(content("src", "t", "x")) == told


def test_an_exclude_that_excludes_nothing_is_a_fault() -> None:
    write("t/a")
    told = _fault(content("src", "t", "lib/", exclude=("*.tmp",)))
    assert (
        told == "specs/demo.yaml:10:7 contents[0].exclude[0]: *.tmp excludes nothing [idle-exclude]"
    )


def test_an_exclude_of_a_name_with_a_bracket_is_told_how_to_write_it() -> None:
    write("t/[id].html")
    write("t/a")
    (fault,) = _faults(content("src", "t", "lib/", exclude=("[id].html",)))
    assert ", where [[] stands for a bracket;" in fault.hint
    assert set(_items(content("src", "t", "lib", exclude=("[[]id].html",)))) == {"lib", "lib/a"}


def test_a_file_that_is_called_as_its_pattern_is_meant_unless_the_pattern_matches_it() -> None:
    for name in ("p/[id].html", "p/i.html", "p/[x]/a", "p/x/b", "q/a*", "q/ab", "q/[ab"):
        write(name)
    assert _items(content("src", "p/[id].html", "a"))["a"].source == "p/[id].html"
    assert _items(content("src", "p/[id].html", "a/"))["a/[id].html"].source == "p/[id].html"
    assert {"a/a"} <= set(_items(content("src", "p/[x]/", "a")))
    assert {"a/a*", "a/ab"} <= set(_items(content("src", "q/a*", "a")))
    assert {"a/[ab"} <= set(_items(content("src", "q/[ab", "a/")))
    Path("p/[id].html").unlink()
    assert _items(content("src", "p/[id].html", "a"))["a/i.html"].source == "p/i.html"
    Path("p/i.html").unlink()
    (fault,) = _faults(content("src", "p/[id].html", "a"))
    assert "write [[] where a bracket is part of a name" in fault.hint


@pytest.mark.parametrize(
    ("kind", "source", "told", "hint"),
    [
        ("src", "build/[id]/*.html", "No such file", "write [[] where a bracket is part of a name"),
        ("src", "build/[id]/", "No such file", "write [[] where a bracket is part of a name"),
        ("src", "build/*.html", "No such file", ""),
        ("template", "build/[id].j2", "No such file", ""),
        ("template", "conf/[ie].j2", "No such file", "did you mean conf/[id].j2?"),
        (
            "template",
            "conf/*.j2",
            "a template must be one file, not a glob",
            "write an item for each",
        ),
    ],
)
def test_what_is_not_there_may_have_brackets_in_its_name(
    kind: str, source: str, told: str, hint: str
) -> None:
    write("conf/[id].j2")
    (fault,) = _faults(content(kind, source, "a/"))
    assert told in fault.message
    assert fault.hint == hint


def test_a_link_that_is_called_as_a_glob_leads_nowhere_out() -> None:
    write("p/a")
    os.symlink("/etc", "p/[x]")
    assert "leads out of the project" in _fault(content("src", "p/[x]/", "a"))


def test_links_that_lead_to_each_other_are_told_as_what_they_are() -> None:
    links = (("b", "a"), ("c/d", "b"), ("../a", "c/d"), ("self", "self"))
    contents = [content("link", to, at, number=number) for number, (to, at) in enumerate(links)]
    told = [(fault.message, fault.hint) for fault in _faults(*contents)]
    assert {hint for _, hint in told} == {"make one of them point to something that is not a link"}
    assert [message for message, _ in told] == [
        "the link to b leads back to itself: a → b → c/d → a",
        "the link to c/d leads back to itself: b → c/d → a → b",
        "the link to ../a leads back to itself: c/d → a → b → c/d",
        "the link to self leads back to itself: self → self",
    ]


def test_an_exclude_that_takes_nothing_back_is_a_fault() -> None:
    write("t/a")
    write("t/b/keep")
    (fault,) = _faults(content("src", "t", "lib/", exclude=("b/", "!b/keep")))
    assert (fault.code, fault.message) == ("idle-exclude", "!b/keep re-includes nothing")
    assert fault.hint == (
        "nothing in an excluded directory can be re-included: write build/*, not build/; "
        "remove it, or write `optional: true`"
    )


@pytest.mark.parametrize("pattern", ["!", "a\\", "[z-a]", "[[:foo:]]"])
def test_an_exclude_that_is_no_pattern_is_a_fault(pattern: str) -> None:
    write("t/a")
    told = _fault(content("src", "t", "lib/", exclude=(pattern,)))
    assert told.endswith(f"exclude[0]: {pattern} is not a gitignore pattern [bad-pattern]")


def test_a_special_file_is_a_fault() -> None:
    Path("t").mkdir()
    os.mkfifo("t/pipe")
    assert "t/pipe is neither a file, a directory nor a symbolic link" in _fault(
        content("src", "t", "lib/")
    )


def test_two_contents_on_one_path_point_at_both_lines() -> None:
    write("a")
    (fault,) = _faults(content("src", "a", "x"), content("dir", "", "x", number=1))
    assert fault.message == "two contents go to x"
    assert fault.hint == "give one of them another dst, or put `- remove: x` between them"
    ((origin, text),) = fault.related
    assert (origin.line, text) == (10, "contents[0] puts x there")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("README", "readme"),
        ("caf\u00e9", unicodedata.normalize("NFD", "caf\u00e9")),
        ("Lib/a", "lib/b"),
    ],
)
def test_paths_that_a_mac_takes_for_one_collide(one: str, other: str) -> None:
    write("f")
    (fault,) = _faults(content("src", "f", one), content("src", "f", other, number=1))
    assert fault.code == "collision"
    assert "are the same file where case or accents do not count" in fault.message
    assert fault.hint == "give one of them another dst"


@pytest.mark.parametrize(
    ("one", "other", "way"),
    [
        (("t/", "lib/"), ("f", "lib/f"), "exclude it from contents[0], or "),
        (("f", "lib/f"), ("t/*", "lib/"), "exclude it from contents[1], or "),
        (("f", "lib/"), ("t/f", "lib/f"), ""),
    ],
)
def test_the_way_out_of_a_collision_is_told(
    one: tuple[str, str], other: tuple[str, str], way: str
) -> None:
    write("f")
    write("t/f")
    (fault,) = _faults(content("src", *one), content("src", *other, number=1))
    assert (fault.message, fault.hint) == (
        "two contents go to lib/f",
        f"{way}give one of them another dst",
    )


def test_to_remove_what_is_above_is_a_way_out_of_a_collision() -> None:
    head = f"{HEAD}contents:\n- {{dir: x}}\n"
    write("f")
    write("specs/app.yaml", f"{head}- {{src: f, dst: x}}\n")
    reading = read_project(Inputs(Path()))
    with pytest.raises(SpecError, match="two contents go to x"):
        lay_out(reading.variants, Sources("artifacts"))
    write("specs/app.yaml", f"{head}- {{remove: x}}\n- {{src: f, dst: x}}\n")
    lay_out(read_project(Inputs(Path())).variants, Sources("artifacts"))


def test_a_file_cannot_be_a_directory_as_well() -> None:
    write("f")
    (fault,) = _faults(content("src", "f", "a"), content("src", "f", "a/b", number=1))
    assert (fault.where, fault.code) == ("contents[1].dst", "collision")
    assert fault.message == "a/b needs a to be a directory"
    assert fault.hint == (
        "write dst: a/ to put it into that directory, or give one of them another dst"
    )
    (fault,) = _faults(content("link", "f", "a"), content("src", "f", "a/b", number=1))
    assert fault.hint == "give one of them another dst"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../out", ""])
def test_a_link_out_of_the_package_is_a_fault(target: str) -> None:
    assert "[link]" in _fault(content("link", target, "bin/x"))


def test_a_link_of_a_tree_out_of_the_package_names_the_link() -> None:
    write("t/file")
    os.symlink("/etc/passwd", "t/evil")
    assert "t/evil: the symbolic link to /etc/passwd is absolute" in _fault(
        content("src", "t", "lib/")
    )


@pytest.mark.parametrize("name", [b"new\nline", b"not-utf-8-\xff", b"back\\slash"])
def test_names_that_no_package_can_hold_are_told_readably(name: bytes) -> None:
    os.mkdir("t")
    with open(b"t/" + name, "wb"):
        pass
    (fault,) = _faults(content("src", "t", "lib/"))
    assert fault.code == "path"
    assert fault.message.isprintable()


_NAMES = ["a", "A", "b", "é", "É", "e\u0301", "install", "INSTALL", ".provisioning", "new\nline"]


@given(names=st.sets(st.sampled_from(_NAMES), min_size=1))
def test_a_tree_comes_out_as_its_files_one_by_one(names: set[str]) -> None:
    with tempfile.TemporaryDirectory(dir=".") as directory:
        tree = os.path.basename(directory)
        for name in names:
            write(f"{tree}/{name}")
        each = [content("src", f"{tree}/{name}", "") for name in sorted(names)]
        assert _outcome(content("src", tree, "")) == _outcome(*each)


def _outcome(*contents: Content) -> list[str]:
    try:
        return [*_items(*contents)]
    except SpecError as error:
        return sorted(fault.message for fault in error.diagnostics)


def test_a_leading_dash_and_spaces_are_fine() -> None:
    write("t/-rf  x")
    assert "lib/-rf  x" in _items(content("src", "t", "lib/"))


@pytest.mark.parametrize("path", [".provisioning/x", ".Provisioning"])
def test_the_package_s_own_directory_is_reserved(path: str) -> None:
    write("f")
    assert "is reserved for the package's own records" in _fault(content("src", "f", path))


def test_a_fault_that_platforms_share_is_told_once_and_all_are_told() -> None:
    contents = content("src", "a", "a"), content("src", "b", "b", number=1)
    with pytest.raises(SpecError) as caught:
        lay_out([variant(*contents), variant(*contents, platform="x")], Sources("artifacts"))
    assert len(caught.value.diagnostics) == 2


@pytest.mark.parametrize("own", ["releases", "current", "previous", "State"])
def test_what_the_machine_keeps_does_not_lie_among_releases(own: str) -> None:
    write("f")
    told = f"{own}/x lies in {own}, where releases are kept [path]"
    assert _fault(content("src", "f", f"{own}/x", conffile=True)).endswith(told)
    assert _fault(content("dir", "", f"{own}/x")).endswith(told)
    assert f"{own}/x" in _items(content("src", "f", f"{own}/x"))


def test_what_dpkg_could_not_unpack_is_told_at_its_line_where_a_deb_is_made() -> None:
    long, beside = f"{'é' * 123}a/f", "etc/a.ini.dpkg-new"
    reason = "has a name of 247 bytes, and dpkg unpacks a path with 246 at most"
    write("f")
    contents = (
        content("src", "f", long),
        content("src", "f", "etc/a.ini", conffile=True, number=1),
        content("src", "f", beside, number=2),
    )
    assert {long, beside} <= _items(*contents).keys()
    with pytest.raises(SpecError) as caught:
        _items(*contents, formats=("tar.gz", "deb"))
    assert [
        f"{fault.origin} {fault.where} {fault.message}" for fault in caught.value.diagnostics
    ] == [
        f"specs/demo.yaml:{line} contents[{number}].dst {message}"
        for line, number, message in (
            ("10:6", 0, f"{long[:-2]} {reason}"),
            ("12:6", 2, f"{beside} is where dpkg puts etc/a.ini while it unpacks"),
        )
    ]


def test_a_directory_that_holds_something_is_the_package_s() -> None:
    write("f")
    assert "state/x" in _items(content("dir", "", "state"), content("src", "f", "state/x"))


def test_no_two_configuration_files_get_in_each_other_s_way() -> None:
    write("f")
    fault = _fault(
        content("src", "f", "etc/x.ini", conffile=True),
        content("src", "f", "etc/x.ini.new", conffile=True, number=1),
    )
    assert "etc/x.ini.new is where a version" in fault
    assert fault.endswith("[path]")
