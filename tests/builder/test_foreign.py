"""Code that cannot run on its platform is a fault, at the content that brings it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provisioning.artifact.model.package import Hook
from provisioning.builder.archive import prefetch
from provisioning.builder.collect import foreign
from provisioning.builder.collect.collect import Listing, collect, recollect
from provisioning.builder.collect.file_state import Digests, signature
from provisioning.builder.collect.layout import placed_by
from provisioning.builder.collect.sources import Sources
from provisioning.builder.render.render import render_all
from provisioning.builder.workspace import paths
from provisioning.spec.diagnostics import SpecError
from provisioning.spec.model.variant import HookSpec, OperatingSystem
from tests.binaries import (
    ARM_64,
    EM_AARCH64,
    EM_ARM,
    EM_X86_64,
    X86_64,
    archive,
    elf,
    fat,
    mach_o,
    real_arch,
    real_elf,
    real_elf_of,
)
from tests.builder.conftest import HERE, content, variant, write
from tests.layouts import lay_out
from tests.waiting import settle

if TYPE_CHECKING:
    from provisioning.spec.diagnostics import Diagnostic
    from provisioning.spec.model.variant import Content, Variant

BOOKWORM = OperatingSystem("bookworm", "2.36", "3.11")
TRIXIE = OperatingSystem("trixie", "2.41", "3.13")
LINUX = {"os": "linux", "platform": "pi"}
MAC = {"os": "macos", "platform": "mini", "arch": "arm64", "system": OperatingSystem("14")}


def put(name: str, data: bytes, mode: int = 0o644) -> None:
    path = write(name, mode=mode)
    path.write_bytes(data)


def listed(described: Variant, digests: Digests) -> Listing:
    (layout,) = lay_out([described], Sources("artifacts"))
    return Listing.of(collect(layout, digests.look))


def judged(described: Variant, digests: Digests) -> list[Diagnostic]:
    found = listed(described, digests)
    place = lambda: placed_by(described, Sources("artifacts"))  # noqa: E731
    return foreign.faults(described, found.code(), place)


def told(digests: Digests, *contents: Content, **said: Any) -> list[str]:
    """What is told of a package with these contents, without the ways out."""
    found = judged(variant(*(contents or (content("src", "t", "lib/"),)), **said), digests)
    assert {each.code for each in found} <= {"foreign-code"}
    return [each.message for each in found]


def test_the_report_names_the_line_the_file_what_it_is_and_the_way_out(digests: Digests) -> None:
    put("t/x.so", elf(EM_X86_64, kind=3))
    (fault,) = judged(variant(content("src", "t", "lib/", number=3)), digests)
    assert str(fault.origin) == "specs/demo.yaml:13:5"
    assert (fault.code, fault.where) == ("foreign-code", "contents[3].src")
    assert fault.message == "t/x.so is compiled for x86-64, and raspberry-pi is arm64"
    assert fault.hint == (
        "take its build for arm64, exclude it, or say `foreign: true` if it is meant to be there"
    )


def test_many_files_of_one_content_are_one_report(digests: Digests) -> None:
    for number in range(9):
        put(f"t/{number}.node", elf(EM_X86_64, kind=3))
    put("t/y", elf(EM_ARM, bits=32, flags=0x400))
    put("t/z", mach_o(ARM_64))
    (message,) = told(digests, **LINUX)
    assert message == (
        "t/0.node, t/1.node, t/2.node and 6 more are compiled for x86-64, and pi is arm64; "
        "t/y is compiled for 32-bit ARM (armhf), and pi is arm64; "
        "t/z is compiled for macOS, and pi is Linux"
    )


def test_a_report_names_three_faults_and_counts_the_rest(digests: Digests) -> None:
    for number, machine in enumerate((3, 62, 62, 22, 243, 21, 21, 247)):
        put(f"t/{number}", elf(machine))
    (message,) = told(digests)
    assert message.count("compiled for") == 3
    assert message.endswith("; 4 more cannot run there either")


def test_each_content_has_a_report_of_its_own(digests: Digests) -> None:
    put("a", elf(EM_X86_64))
    put("b", mach_o(ARM_64))
    contents = [content("src", each, f"{each}", number=at) for at, each in enumerate("ab")]
    assert len(told(digests, *contents)) == 2


@pytest.mark.parametrize(
    ("arch", "code", "is_foreign"),
    [
        ("arm64", elf(EM_AARCH64), False),
        ("aarch64", elf(EM_AARCH64), False),
        ("arm64", elf(EM_ARM, bits=32), True),
        ("amd64", elf(EM_X86_64), False),
        ("x86_64", elf(EM_X86_64), False),
        ("amd64", elf(EM_X86_64, bits=32), True),
        ("amd64", elf(3, bits=32), True),
        ("i386", elf(3, bits=32), False),
        ("armhf", elf(EM_ARM, bits=32, flags=0x400), False),
        ("armhf", elf(EM_ARM, bits=32), False),
        ("armhf", elf(EM_ARM, bits=32, flags=0x200), True),
        ("armel", elf(EM_ARM, bits=32, flags=0x200), False),
        ("armel", elf(EM_ARM, bits=32, flags=0x400), True),
        ("ppc64el", elf(21, order=">"), True),
        ("s390x", elf(22, order=">"), False),
        ("riscv64", elf(243), False),
        ("riscv64", elf(243, bits=32), True),
        ("arm64", archive({"a.o": elf(EM_X86_64, kind=1)}), True),
        ("arm64", archive({"a.o": elf(EM_AARCH64, kind=1)}), False),
        ("arm64", elf(EM_AARCH64, system=9), True),
        ("arm64", elf(247), True),
        ("one-of-my-own", elf(EM_X86_64), False),
    ],
)
def test_a_linux_runs_its_own_code(
    digests: Digests, arch: str, code: bytes, is_foreign: bool
) -> None:
    put("t/x", code)
    assert bool(told(digests, **LINUX, arch=arch)) == is_foreign


@pytest.mark.parametrize(
    ("arch", "code", "is_foreign"),
    [
        ("arm64", mach_o(ARM_64), False),
        ("arm64", mach_o(X86_64), True),
        ("x86_64", mach_o(X86_64), False),
        ("arm64", fat(mach_o(X86_64), mach_o(ARM_64)), False),
        ("arm64", fat(mach_o(X86_64), mach_o(7)), True),
        ("arm64", elf(EM_AARCH64), True),
        ("arm64", mach_o(ARM_64, (0x32, 24, 2, 0, 0, 0)), True),
        ("all", mach_o(ARM_64), True),
        ("all", fat(mach_o(X86_64), mach_o(ARM_64)), False),
    ],
)
def test_a_mac_runs_its_own_code(
    digests: Digests, arch: str, code: bytes, is_foreign: bool
) -> None:
    put("t/x", code)
    assert bool(told(digests, **{**MAC, "arch": arch})) == is_foreign


def test_a_platform_for_every_processor_has_no_compiled_code(digests: Digests) -> None:
    put("t/x", elf(EM_AARCH64))
    (fault,) = judged(variant(content("src", "t", "x"), platform="linux", arch="all"), digests)
    assert fault.message == (
        "t/x is compiled for 64-bit ARM, and linux is for every processor (arch: all)"
    )
    assert fault.hint.startswith("build for a platform that says `arch: arm64`, exclude it, or say")


@pytest.mark.needs("Linux")
def test_a_real_file_is_judged_by_its_machine(digests: Digests) -> None:
    put("t/x", real_elf()[0], 0o755)
    assert told(digests, **LINUX, arch=real_arch()) == []
    assert told(digests, **LINUX, arch="s390x") != []


@pytest.mark.needs("Linux")
@pytest.mark.parametrize(
    ("versions", "why"),
    [
        (("GLIBC_2.36", BOOKWORM), ""),
        (("GLIBC_2.38", OperatingSystem()), ""),
        (("GLIBC_2.38", BOOKWORM), "compiled for glibc 2.38 and later, and pi has 2.36"),
        (("GLIBC_2.38", TRIXIE), ""),
        (("GLIBC_2.42", TRIXIE), "compiled for glibc 2.42 and later, and pi has 2.41"),
    ],
)
def test_no_newer_glibc_is_needed_than_the_platform_has(
    digests: Digests, versions: tuple[str, OperatingSystem], why: str
) -> None:
    name, system = versions
    put("t/x.so", real_elf_of(name))
    expected = [f"t/x.so is {why}"] if why else []
    assert told(digests, **LINUX, arch=real_arch(), system=system) == expected


@pytest.mark.needs("Linux")
def test_code_for_musl_does_not_run_where_there_is_glibc(digests: Digests) -> None:
    content = (
        real_elf()[0].replace(b"\0GLIBC_2.", b"\0OTHER_2.").replace(b"libc.so.6", b"libc.so\0\0")
    )
    put("t/x.so", content)
    assert told(digests, **LINUX, arch=real_arch(), system=BOOKWORM) == [
        "t/x.so is compiled for another C library (musl), and pi has glibc"
    ]
    assert told(digests, **LINUX, arch=real_arch(), system=OperatingSystem()) == []


@pytest.mark.parametrize(
    ("release", "is_foreign"), [("14", False), ("14.0", False), ("13.7", True), ("", False)]
)
def test_a_mac_is_not_older_than_its_code(digests: Digests, release: str, is_foreign: bool) -> None:
    put("t/x", fat(mach_o(X86_64, (0x24, 16, 10 << 16, 0)), mach_o(ARM_64)))
    why = f"t/x is compiled for macOS 14.0 and later, and mini is for macOS {release}"
    assert told(digests, **{**MAC, "system": OperatingSystem(release)}) == [why] * is_foreign


def test_extensions_and_byte_code_are_of_the_platform_s_python(digests: Digests) -> None:
    names = "a.cpython-311-aarch64-linux-gnu.so", "b.cpython-313t-x.so", "c.abi3.so", "d.so"
    for name in names:
        put(f"t/{name}", elf(EM_AARCH64, kind=3))
    put("x.pyc", (3495).to_bytes(2, "little") + b"\r\n" + bytes(12))
    contents = content("src", "t", "lib/"), content("src", "x.pyc", "y.pyc", number=1)
    assert told(digests, *contents, system=OperatingSystem(python="3.13")) == [
        f"t/{names[0]} is an extension of Python 3.11, and raspberry-pi has 3.13",
        "x.pyc is byte code of Python 3.11, and raspberry-pi has 3.13",
    ]
    assert told(digests, *contents, system=OperatingSystem()) == []
    assert told(digests, contents[1], system=OperatingSystem(python="3.11")) == []


@pytest.mark.parametrize(
    ("program", "place"),
    [
        ("/home/me/app/bin/python", "a home directory"),
        ("/Users/me/bin/python", "a home directory"),
        ("/opt/app/.venv/bin/python", "a virtual environment"),
        ("/tmp/build-env-1x/bin/python", "a temporary directory"),
        ("/opt/homebrew/opt/python@3.13/bin/python3.13", "a directory of a Mac's"),
        ("/opt/hostedtoolcache/Python/3.13/x64/bin/python", "a directory of the build's tools"),
        ("{project}/tools/python", "this project"),
        ("{project}/made/bin/python", "a virtual environment"),
    ],
)
def test_a_script_is_run_by_what_is_there(
    digests: Digests, project: Path, monkeypatch: pytest.MonkeyPatch, program: str, place: str
) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    write("made/pyvenv.cfg")
    program = program.format(project=Path.cwd())
    write("t/run", f"#!{program}\n", 0o755)
    write("t/module.py", f"#!{program}\n")
    assert told(digests) == [f"t/run is run by {program} in {place}, which raspberry-pi has not"]


def test_the_home_of_whoever_builds_is_one(
    digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/data/me")
    write("t/run", "#!/data/me/bin/node\n", 0o755)
    assert told(digests) == [
        "t/run is run by /data/me/bin/node in a home directory, which raspberry-pi has not"
    ]


@pytest.mark.parametrize("program", ["/usr/bin/env -S python3 -I", "/opt/other/bin/python"])
def test_what_a_machine_may_have_is_no_fault(digests: Digests, program: str) -> None:
    write("t/run", f"#!{program}\n", 0o755)
    assert told(digests) == []


def test_a_mac_may_have_what_homebrew_brings(digests: Digests) -> None:
    write("t/run", "#!/opt/homebrew/bin/python3\n", 0o755)
    assert told(digests, **MAC) == []


def test_a_program_of_the_package_itself_may_run_its_scripts(digests: Digests) -> None:
    write("t/run", "#!/home/pi/demo/current/venv/bin/python\n", 0o755)
    assert told(digests, prefix="/home/pi/demo") == []
    assert told(digests, prefix="/home/pi/dem") != []


def test_an_editable_installation_is_of_the_building_machine(digests: Digests) -> None:
    write("t/app.pth", f"import x\n{Path.cwd()}\n")
    write("t/sound.pth", "import y\n../z\n/opt/demo/lib\n")
    assert told(digests) == [
        f"t/app.pth is Python's path to {Path.cwd()} in this project, which raspberry-pi has not"
    ]


def test_a_template_can_become_such_a_script_too() -> None:
    write("run.j2", "#!{{ home }}/bin/python\n", 0o755)
    contents = content("template", "run.j2", "bin/run"), content("src", "run.j2", "x", number=1)
    described = variant(*contents, variables={"home": "/home/me"})
    with pytest.raises(SpecError) as caught:
        render_all(described, {"bin/run": "run.j2"})
    (fault,) = caught.value.diagnostics
    assert (fault.code, str(fault.origin)) == ("foreign-code", "specs/demo.yaml:10:5")
    assert fault.message == (
        "run.j2 is run by /home/me/bin/python in a home directory, which raspberry-pi has not"
    )
    meant = described._replace(contents=(contents[0]._replace(foreign=True),))
    for sound in (meant, described._replace(variables={"home": "/opt/demo/x"})):
        assert render_all(sound, {"bin/run": "run.j2"})


def test_a_hook_is_judged_at_its_own_line(digests: Digests) -> None:
    write("hook", "#!/home/me/venv/bin/python\n", 0o755)
    hooks = (HookSpec(Hook("post_install", 60), "hook", HERE),)
    (fault,) = judged(variant(hooks=hooks), digests)
    assert (str(fault.origin), fault.code) == ("specs/demo.yaml:1:1", "foreign-code")
    assert fault.hint == "begin it with a program that is there, as in #!/usr/bin/env python3"


def test_what_is_meant_is_no_fault(digests: Digests) -> None:
    put("t/x", elf(EM_X86_64))
    put("u/y", elf(EM_X86_64))
    meant, other = content("src", "t", "t", foreign=True), content("src", "u", "u", number=1)
    assert told(digests, meant) == []
    assert len(told(digests, meant, other)) == 1


def test_what_is_known_is_not_opened_again(
    digests: Digests, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("t/x", elf(EM_X86_64))
    settle(Path("t/x"))
    first = told(digests)
    digests.save()
    monkeypatch.setattr("provisioning.builder.collect.file_state.read_digest", None)
    assert told(digests) == told(Digests(paths.digests("artifacts"))) == first != []


def test_many_files_that_are_read_ahead_are_judged_too(digests: Digests) -> None:
    for number in range(20):
        put(f"t/{number}", elf(EM_X86_64))
    write("t/x", "text")
    described = variant(content("src", "t", "lib/"))
    sources = Sources("artifacts")
    (layout,) = lay_out([described], sources)
    Path("artifacts/.work").mkdir(parents=True)
    settle(Path("t/x"))
    shares = prefetch.shares(layout, sources.bytes_of)
    found = prefetch.collect(described, shares, digests, None).listing
    assert found
    assert found.lines == listed(described, Digests(Path("nothing.sqlite"))).lines
    assert {each.made_for for each in found.code()} == {"elf amd64 -"}
    assert len(told(digests)) == 1  # and each was known


def test_what_is_collected_again_is_judged_again(digests: Digests) -> None:
    write("t/x", "text")
    put("t/y", elf(EM_X86_64))
    listing = listed(variant(content("src", "t", "lib/")), digests)
    put("t/x", elf(EM_AARCH64))
    write("t/y", "text")
    changed = {each: signature(Path(each).lstat()) for each in ("t/x", "t/y")}
    again = recollect(listing, changed, digests)
    assert [(each.source, each.made_for) for each in again.code()] == [("t/x", "elf arm64 -")]
