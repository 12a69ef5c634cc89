"""How a package lies once it is installed."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.artifact.model.entry import DIR, LINK, MANIFEST, Entry
from provisioning.artifact.model.placement import CONFFILES, Installed, faults, installed, stored

from .making import Item, directory, file, link

ITEMS = (
    file("VERSION", b"1"),
    directory("etc"),
    file("etc/a.ini", b"a", mode=0o640),
    directory("etc/sub"),
    file("etc/sub/b.ini", b"b"),
    directory("lib"),
    link("lib/link", "x"),
    directory("var"),
    directory("var/log", mode=0o750),
)


def laid_out(*items: Item) -> Installed:
    return installed(b"manifest", entries(*items))


def entries(*items: Item) -> tuple[Entry, ...]:
    marked = (
        item.entry._replace(conffile=item.entry.path.endswith((".ini", ".new"))) for item in items
    )
    return tuple(sorted(marked))


def paths(found: tuple[Entry, ...]) -> list[str]:
    return [entry.path for entry in found]


def test_what_is_the_machine_s_lies_beside_the_releases() -> None:
    found = laid_out(*ITEMS)
    assert paths(found.conffiles) == ["etc/a.ini", "etc/sub/b.ini"]
    assert paths(found.data) == ["var/log"]
    assert paths(found.above) == ["etc", "etc/sub", "var"]


def test_a_release_has_links_to_it_and_the_vendor_s_bytes() -> None:
    found = {entry.path: entry for entry in laid_out(*ITEMS).release}
    links = {path: entry.link for path, entry in found.items() if entry.type == LINK}
    assert links == {
        "etc/a.ini": "../../../etc/a.ini",
        "etc/sub/b.ini": "../../../../etc/sub/b.ini",
        "lib/link": "x",
        "var/log": "../../../var/log",
    }
    assert found[f"{CONFFILES}/etc/a.ini"].mode == 0o640
    assert found[f"{CONFFILES}/etc/sub"].type == DIR
    assert not any(entry.conffile for entry in found.values())
    assert {MANIFEST, "VERSION", "lib", ".provisioning", CONFFILES} < set(found)


def test_without_configuration_there_is_no_place_for_it() -> None:
    assert CONFFILES not in paths(laid_out(file("VERSION", b"1")).release)


def test_what_reads_a_package_knows_where_each_file_lies() -> None:
    (conffile,) = entries(file("a.ini", b"a"))
    assert stored(conffile) == conffile._replace(path=f"{CONFFILES}/a.ini", conffile=False)
    (plain,) = entries(file("a", b"a"))
    assert stored(plain) == plain


@given(st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=4))
def test_every_link_leads_to_the_same_path_below_the_prefix(names: list[str]) -> None:
    whole = "/".join(names)
    above = ["/".join(names[:count]) for count in range(1, len(names))]
    found = laid_out(*map(directory, above), directory(whole))
    (leads,) = (entry for entry in found.release if entry.type == LINK)
    where = posixpath.join("releases/x", posixpath.dirname(leads.path), leads.link)
    assert posixpath.normpath(where) == whole


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (file("releases/a.ini", b""), "lies in releases, where releases are kept"),
        (directory("CURRENT"), "lies in CURRENT, where releases are kept"),
        (file("state/a", b""), ""),
        (
            file(".provisioning/conffiles", b""),
            "lies where the vendor's configuration files are put",
        ),
        (file(".provisioning/conffiles2", b""), ""),
    ],
)
def test_what_cannot_lie_there_is_told(item: Item, told: str) -> None:
    assert list(faults(entries(item))) == ([(item.entry.path, told)] if told else [])


def test_no_two_configuration_files_get_in_each_other_s_way() -> None:
    both = entries(file("a.ini", b""), file("A.INI.new", b""))
    told = "is where a version of the configuration file a.ini is put"
    assert list(faults(both)) == [("A.INI.new", told)]
