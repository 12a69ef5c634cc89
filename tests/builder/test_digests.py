from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from provisioning.artifact.filesystem import of_bytes
from provisioning.builder.collect.file_state import Digests, read_digest, signature
from provisioning.errors import BuildError
from tests.builder.conftest import write
from tests.waiting import settle

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_told_by_its_content_and_executable_bit(digests: Digests) -> None:
    held = digests.look(str(write("a", "text", 0o755)))
    assert held.digest == of_bytes(b"text")
    assert held.identity == f"file {of_bytes(b'text')} x"


def test_a_symbolic_link_is_told_by_where_it_leads(digests: Digests) -> None:
    os.symlink("nowhere", "link")
    assert digests.look("link").identity == "link nowhere"


def test_a_fifo_is_refused_without_opening_it(digests: Digests) -> None:
    os.mkfifo("pipe")
    with pytest.raises(BuildError) as caught:
        digests.look("pipe")
    assert str(caught.value) == (
        "pipe: neither a file, a directory nor a symbolic link; exclude it"
    )


def test_a_settled_file_is_read_once(digests: Digests, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a", "text")
    settle(path)
    first = digests.look("a")
    monkeypatch.setattr("provisioning.builder.collect.file_state.read_digest", _unexpected)
    assert digests.look("a") == first


def test_an_edit_that_puts_size_and_time_back_is_seen(digests: Digests) -> None:
    path = write("a", "text")
    settle(path)
    first, before = digests.look("a"), path.stat()
    path.write_text("tixt")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.look("a") != first


def test_a_file_stamped_this_moment_is_read_again(
    digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = os.lstat(write("a", "text"))
    monkeypatch.setattr("time.time_ns", lambda: status.st_ctime_ns)
    digests.look("a")
    monkeypatch.setattr(
        "provisioning.builder.collect.file_state.read_digest", lambda *_: ("read again", "")
    )
    assert digests.look("a").digest == "read again"


def test_digests_outlive_the_process(
    digests: Digests, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("a", "text")
    settle(path)
    first = digests.look("a")
    digests.save()
    monkeypatch.setattr("provisioning.builder.collect.file_state.read_digest", _unexpected)
    assert Digests(project / "artifacts/.work/digests.sqlite").look("a") == first


def test_what_another_process_learnt_is_taken_over(digests: Digests, project: Path) -> None:
    path = write("a", "text")
    settle(path)
    other = Digests(project / "artifacts/.work/digests.sqlite")
    other.look("a")
    other.save()
    assert digests.look("a").digest == of_bytes(b"text")


def test_what_a_process_saves_first_hides_nothing_of_what_others_have_saved(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(write("a", "text"))
    settle(write("b", "more"))
    one, other = (Digests(project / "artifacts/.work/digests.sqlite") for _ in range(2))
    one.look("a")
    one.save()
    other.look("b")
    other.save()
    monkeypatch.setattr("provisioning.builder.collect.file_state.read_digest", _unexpected)
    assert other.count_unknown(["a", "b"], lambda path: signature(os.lstat(path))) == 0


def test_what_is_forgotten_is_read_again(digests: Digests, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a", "text")
    settle(path)
    digests.look("a")
    digests.save()
    digests.forget()
    monkeypatch.setattr(
        "provisioning.builder.collect.file_state.read_digest", lambda *_: ("read again", "")
    )
    assert digests.look("a").digest == "read again"


@pytest.mark.parametrize("damage", [b"", b"garbage" * 100])
def test_a_damaged_store_costs_only_time(digests: Digests, project: Path, damage: bytes) -> None:
    path = write("a", "text")
    settle(path)
    digests.look("a")
    digests.save()
    store = project / "artifacts/.work/digests.sqlite"
    store.write_bytes(damage or store.read_bytes()[:5000])
    again = Digests(store)
    assert again.look("a").digest == of_bytes(b"text")
    again.save()


def test_a_file_that_changes_while_it_is_read_is_refused() -> None:
    before = signature(os.lstat(write("a", "text")))
    write("a", "other text")
    with pytest.raises(BuildError) as caught:
        read_digest("a", before)
    assert str(caught.value) == "a: changed while it was read; run doit again"


def _unexpected(*_: object) -> str:
    raise AssertionError("the file was read again")


def test_what_this_process_has_written_is_not_read_again(
    digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("made", "text")
    digests.wrote("made", of_bytes(b"text"))
    with monkeypatch.context() as patched:
        patched.setattr("provisioning.builder.collect.file_state.read_digest", None)
        assert digests.look("made").digest == of_bytes(b"text")
    write("made", "other")
    assert digests.look("made").digest == of_bytes(b"other")


def test_what_a_process_says_it_has_written_the_next_one_reads(tmp_path: Path) -> None:
    write("made", "text")
    digests = Digests(tmp_path / "digests.sqlite")
    digests.wrote("made", "0" * 64)
    digests.save()
    assert Digests(tmp_path / "digests.sqlite").look("made").digest == of_bytes(b"text")


def test_what_is_forgotten_is_read_even_if_this_process_has_written_it(digests: Digests) -> None:
    write("made", "text")
    digests.wrote("made", "0" * 64)
    digests.forget()
    assert digests.look("made").digest == of_bytes(b"text")


def test_of_many_files_that_were_read_each_is_known_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioning.builder.collect.file_state._MANY", 3)
    names = [write(f"t/{number}", f"{number}") for number in range(10)]
    settle(names[-1])
    digests = Digests(tmp_path / "digests.sqlite")
    for name in map(str, names):
        now = signature(os.lstat(name))
        digests.learn([(name, tuple(now), *read_digest(name, now))], time.time_ns())
    digests.save()
    monkeypatch.setattr("provisioning.builder.collect.file_state.read_digest", None)
    for known in (digests, Digests(tmp_path / "digests.sqlite")):
        assert [known.look(str(name)).digest for name in names] == [
            of_bytes(b"%d" % number) for number in range(10)
        ]
