"""What a user of doit sees: five stages, incremental, and honest about what is up to date."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import STAGES, stages
from tests.waiting import settle

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

PI, MAC = stages("raspberry-pi"), stages("mac-mini")


def test_plain_doit_builds_and_verifies_every_variant(project: Project) -> None:
    assert project.ran() == PI | MAC
    assert project.archive().exists()
    assert project.archive("mac-mini").exists()


def test_a_second_run_does_nothing_and_says_so(built: Project) -> None:
    output = built.doit()
    assert ".  " not in output
    assert output.endswith("Nothing to do: 10 tasks up to date.\n")


def test_one_variable_renders_where_it_is_used_and_nowhere_else(built: Project) -> None:
    built.edit("specs/demo.yaml", "pins: 40", "pins: 26")
    assert built.ran() == stages("raspberry-pi", "render", "archive", "hash", "verify")


def test_a_variable_that_no_template_uses_rebuilds_nothing(built: Project) -> None:
    built.edit("specs/demo.yaml", "unused: 1", "unused: 2")
    assert built.ran() == set()


def test_a_variable_that_a_template_asks_for_counts_before_it_exists(built: Project) -> None:
    built.edit("specs/demo.yaml", "  mac-mini: {}", "  mac-mini:\n    variables: {pins: 2}")
    assert "render:demo:mac-mini" in built.ran()


def test_the_order_of_a_map_counts(built: Project) -> None:
    built.edit("specs/demo.yaml", "port: 8080", "port: {a: 1, b: 2}")
    built.doit()
    built.edit("specs/demo.yaml", "port: {a: 1, b: 2}", "port: {b: 2, a: 1}")
    assert "render:demo:mac-mini" in built.ran()


def test_a_comment_in_a_spec_rebuilds_nothing(built: Project) -> None:
    built.write("specs/demo.yaml", "# a thought\n" + built.path("specs/demo.yaml").read_text())
    assert built.ran() == set()


def test_an_edited_source_is_packed_for_every_platform(built: Project) -> None:
    built.write("src/main.py", "print('servus')\n")
    assert built.ran() == (PI | MAC) - {"render:demo:raspberry-pi", "render:demo:mac-mini"}


def test_an_edited_template_does_not_collect(built: Project) -> None:
    built.write("config/demo.ini.j2", "port: {{ port }}\n")
    assert "collect:demo:raspberry-pi" not in built.ran()


def test_touching_a_source_rebuilds_nothing(built: Project) -> None:
    os.utime(built.path("src/main.py"))
    assert built.ran() == set()


def test_an_edit_that_keeps_size_and_mtime_is_noticed(built: Project) -> None:
    source = built.path("src/main.py")
    before = source.stat()
    source.write_text("print('hallo')\n")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "collect:demo:raspberry-pi" in built.ran()


def test_an_executable_bit_is_noticed_and_packed(built: Project) -> None:
    built.path("src/main.py").chmod(0o755)
    assert "archive:demo:raspberry-pi" in built.ran()
    assert "-rwxr-xr-x" in _tar("-tvf", built.archive(), "demo/lib/main.py")


def test_a_new_and_a_removed_source_are_noticed(built: Project) -> None:
    built.write("src/new.py", "")
    built.path("src/deep/data.txt").unlink()
    assert "archive:demo:mac-mini" in built.ran()
    assert "demo/lib/new.py" in _tar("-tf", built.archive())
    assert "demo/lib/deep" not in _tar("-tf", built.archive())


@pytest.mark.parametrize("name", ["archive", "index.json", "manifest.json", "SHA256SUMS"])
def test_a_damaged_artifact_fails_verify_and_is_rebuilt_by_package(
    built: Project, name: str
) -> None:
    artifact = built.archive()
    if name != "archive":
        artifact = next(artifact.parent.glob(f"*{name}"))
    good = artifact.read_bytes()
    _flip(artifact)
    assert "!! verify:demo:raspberry-pi failed" in built.doit("verify", status=2)
    built.doit("package")
    assert artifact.read_bytes() == good
    built.doit("verify")


def test_rot_that_no_stamp_tells_is_found_and_then_rebuilt(built: Project) -> None:
    artifact = built.archive()
    good = artifact.read_bytes()
    settle(built.root)
    built.doit()
    _flip(artifact)
    # The digests are as they would be had the disk changed the bytes behind the kernel's back.
    _believe(built, artifact)
    assert "Nothing to do" in built.doit("package")
    built.doit("verify", status=2)
    built.doit("package")
    assert artifact.read_bytes() == good


def test_a_deleted_artifact_is_made_again(built: Project) -> None:
    good = built.archive().read_bytes()
    built.archive().unlink()
    assert "archive:demo:raspberry-pi" in built.ran("package")
    assert built.archive().read_bytes() == good


def test_a_deleted_rendered_file_is_made_again(built: Project) -> None:
    built.path("artifacts/.work/demo/mac-mini/render/etc/demo.ini").unlink()
    assert built.ran() == {"render:demo:mac-mini"}


def test_verify_alone_builds_nothing(project: Project) -> None:
    output = project.doit("verify", status=2)
    assert "`doit package`" in output
    assert not project.archive().exists()


def test_verify_alone_finds_that_the_artifacts_are_behind_the_sources(built: Project) -> None:
    built.write("src/main.py", "print('servus')\n")
    output = built.doit("verify:demo:mac-mini", status=1)
    assert "lib/main.py: the content differs" in output


def test_verify_alone_always_reads_again(built: Project) -> None:
    assert built.ran("verify") == stages("raspberry-pi", "verify") | stages("mac-mini", "verify")


def test_one_variant_can_be_built_alone(project: Project) -> None:
    assert project.ran("package:demo:mac-mini") == MAC - {"verify:demo:mac-mini"}


def test_one_package_can_be_built_for_all_its_platforms(project: Project) -> None:
    assert "hash:demo:raspberry-pi" in project.ran("package:demo")


@pytest.mark.parametrize("options", [["-n", "2"], ["-n", "2", "-P", "thread"], ["-r", "json"]])
def test_doit_s_own_options_work(project: Project, options: list[str]) -> None:
    project.doit(*options)
    assert "Nothing to do: 10 tasks up to date." in project.doit()


def test_doit_list_names_stages_and_their_files(project: Project) -> None:
    output = project.doit("list", "--all", "--deps")
    assert all(f"{stage}:demo:raspberry-pi" in output for stage in (*STAGES, "package"))
    assert " -  src/main.py" in output
    assert " -  config/demo.ini.j2" in output


def test_doit_info_tells_why_a_task_would_run(built: Project) -> None:
    built.edit("specs/demo.yaml", "pins: 40", "pins: 26")
    output = built.doit("info", "render:demo:raspberry-pi", status=1)
    assert "pins: 40 → 26" in output


def test_doit_clean_leaves_no_artifact(built: Project) -> None:
    built.doit("clean")
    assert {path.name for path in built.path("artifacts").iterdir()} == {".work"}
    # What is made anew is equal to what was verified.
    assert built.ran() == (PI | MAC) - {"verify:demo:raspberry-pi", "verify:demo:mac-mini"}


def test_doit_clean_leaves_nothing_of_a_package_that_lies_unpacked(built: Project) -> None:
    built.edit("specs/demo.yaml", "mac-mini: {}", "mac-mini: {formats: [dir]}")
    built.doit("package")
    unpacked = built.path("artifacts/demo-1.0-mac-mini/demo")
    (unpacked / "lib").chmod(0o555)
    (unpacked.parent / ".demo.4242.tmp").mkdir()  # of a build that was killed
    assert "removing dir" in built.doit("clean", "-n")
    assert unpacked.exists()
    built.doit("clean")
    assert not unpacked.parent.exists()


def test_doit_forget_has_everything_made_again(built: Project) -> None:
    good = built.archive().read_bytes()
    built.doit("forget", "-s")
    assert built.ran() == PI | MAC
    assert built.archive().read_bytes() == good


def test_a_version_has_artifacts_of_its_own(built: Project) -> None:
    built.edit("specs/demo.yaml", 'version: "1.0"', 'version: "1.1"')
    assert built.ran() == {task for task in PI | MAC if not task.startswith(("collect", "render"))}
    assert built.archive().exists()
    assert built.archive(version="1.1").exists()


def test_sha256sum_accepts_the_sums(built: Project) -> None:
    directory = built.archive().parent
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=directory, check=True)


def _tar(option: str, archive: object, *members: str) -> str:
    command = ["tar", option, str(archive), *members]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _flip(path: os.PathLike[str]) -> None:
    """Change one bit in the middle, and keep size and mtime."""
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _believe(project: Project, path: os.PathLike[str]) -> None:
    """Have the remembered digest of `path` carry the signature that the file has now."""
    from provisioning.builder.collect.file_state import signature  # noqa: PLC0415

    now = signature(os.lstat(path))
    with sqlite3.connect(project.path("artifacts/.work/digests.sqlite")) as connection:
        connection.execute(
            "update cache set mtime = ?, ctime = ?, inode = ? where path = ?",
            (now.mtime, now.ctime, now.inode, os.path.relpath(path, project.root)),
        )
    connection.close()


def test_a_digest_that_proves_wrong_is_read_by_the_next_run(project: Project) -> None:
    settle(project.root)
    project.doit()
    with sqlite3.connect(project.path("artifacts/.work/digests.sqlite")) as connection:
        wrong = "update cache set digest = ? where path = 'src/main.py'"
        assert connection.execute(wrong, ("0" * 64,)).rowcount == 1
    connection.close()
    project.write("src/new.py", "print()\n")
    assert "src/main.py: changed while" in project.doit(status=2)
    project.doit()


def test_a_template_behind_a_link_is_a_dependency(project: Project) -> None:
    project.write("config/demo.ini.j2", '{% include "config/part.j2" %}')
    project.write("config/real.j2", "one")
    project.path("config/part.j2").symlink_to("real.j2")
    project.doit()
    project.write("config/real.j2", "two")
    assert "render:demo:mac-mini" in project.ran()
    assert project.ran() == set()


def test_a_file_that_becomes_a_directory_is_rendered_all_the_same(built: Project) -> None:
    built.edit("specs/demo.yaml", "dst: etc/demo.ini", "dst: etc/demo.ini/it")
    built.doit()
    built.edit("specs/demo.yaml", "dst: etc/demo.ini/it", "dst: etc/demo.ini")
    built.doit()


def test_a_fifo_in_the_place_of_an_included_template_hangs_nothing(project: Project) -> None:
    os.mkfifo(project.path("pipe"))
    project.write("config/demo.ini.j2", '{% include "pipe" %}')
    assert "pipe" in project.doit("package", status=2)


def test_the_output_is_no_source_by_any_name(project: Project) -> None:
    project.path("here").symlink_to(".")
    project.edit("specs/demo.yaml", "src: src/", "src: here/**/*.gz\n    optional: true")
    project.doit()
    project.doit()
    project.edit("specs/demo.yaml", "src: here/**/*.gz", "src: here/artifacts/")
    assert "[outside]" in project.doit(status=3)
