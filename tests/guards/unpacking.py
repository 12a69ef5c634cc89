"""What the members of an archive may try on whoever unpacks it."""

from __future__ import annotations

from .guard import Fault, Group, Guard

REFUSED = "refused by name before anything is switched; nothing is written outside"

UNPACKING = Group(
    "Unpacking",
    (
        Fault(
            "names with `..`, absolute, empty, with `.`, NUL or a backslash",
            REFUSED,
            (
                *(
                    Guard(
                        "artifact/model/entry.py",
                        text,
                        "",
                        "artifact/test_path.py::"
                        "test_a_path_that_could_do_harm_is_refused_with_the_reason",
                    )
                    for text in (
                        '    (r"(?:^|/)\\.\\.(?:/|\\Z)", "leaves the package (..)"),\n',
                        '    (r"^/", "is absolute; paths are relative to the package"),\n',
                        '    (r"^\\Z", "is empty"),\n',
                        '    (r"(?:^|/)\\.(?:/|\\Z)", \'holds a "." component\'),\n',
                        '    (r"[\\x00-\\x1f\\x7f-\\x9f]", "holds a control character"),\n',
                        '    (r"\\\\", "holds a backslash"),\n',
                    )
                ),
                Guard(
                    "artifact/tar/__init__.py",
                    "fault = path_fault(member.name[:-1] if directory else member.name)",
                    "fault = None",
                    "artifact/test_tar.py::test_an_unsafe_name_is_refused",
                ),
                Guard(
                    "artifact/zip/members.py",
                    'fault = path_fault(text.removesuffix("/"))',
                    "fault = None",
                    "artifact/hostile/test_names.py::"
                    "test_a_name_that_leads_elsewhere_is_refused[../outside/evil-zip]",
                ),
                Guard(
                    "artifact/model/manifest.py",
                    "and sound_keys(paths)):",
                    "and paths):",
                    "artifact/test_manifest.py::test_an_entry_that_is_not_sound_is_refused",
                ),
                Guard(
                    "artifact/model/manifest.py",
                    "if path_fault(path) or owner_fault(owner)",
                    "if owner_fault(owner)",
                    "artifact/test_manifest.py::test_a_directory_that_is_not_sound_is_refused",
                ),
                Guard(
                    "artifact/model/manifest.py",
                    "fault = path_fault(entry.path) or _with(",
                    "fault = _with(",
                    "artifact/test_manifest.py::test_an_entry_that_is_not_sound_is_refused",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "if not name.startswith(self._prefix):",
                    "if False:",
                    "artifact/hostile/test_names.py::"
                    "test_a_name_outside_the_top_directory_is_refused",
                ),
            ),
        ),
        Fault(
            "names that disagree: of PAX, GNU and ustar, local and central",
            REFUSED,
            (
                Guard(
                    "artifact/tar/__init__.py",
                    "return None if known else STRANGE",
                    "return None",
                    "artifact/hostile/test_names.py::test_headers_of_a_tar_that_disagree_are_refused",
                ),
                Guard(
                    "artifact/tar/__init__.py",
                    "_NAMES = {flag: name for",
                    '_NAMES = {b"L": FILE} | {flag: name for',
                    "artifact/test_tar.py::test_a_member_of_another_type_is_refused",
                ),
                Guard(
                    "artifact/zip/reader.py",
                    "if says != spelling:",
                    "if False:",
                    "artifact/hostile/test_names.py::test_names_of_a_zip_that_disagree_are_refused",
                ),
                Guard(
                    "artifact/zip/members.py",
                    "return local(spelt, clock, found.packed) != found.spelling",
                    "return False",
                    "artifact/hostile/test_names.py::test_another_name_in_an_extra_field_is_refused",
                ),
            ),
        ),
        Fault(
            "symbolic links out of the package, over others, or in the place of a directory",
            f"{REFUSED}; no link is followed",
            (
                Guard(
                    "artifact/model/entry.py",
                    'return "leaves the package (..)" if climb > path.count("/") else None',
                    "return None",
                    "artifact/test_path.py::test_a_link_out_of_the_package_is_refused",
                ),
                Guard(
                    "artifact/model/entry.py",
                    'if ".." in parts[climb:]:',
                    "if False:",
                    "artifact/test_path.py::test_a_link_out_of_the_package_is_refused",
                ),
                Guard(
                    "artifact/model/manifest.py",
                    '_with("target", entry.link, link_fault(entry.path, entry.link))',
                    "None",
                    "artifact/test_manifest.py::test_a_link_that_leaves_the_package_is_refused",
                ),
                Guard(
                    "artifact/model/manifest.py",
                    'if path.rpartition("/")[0] not in self._directories:',
                    "if False:",
                    "artifact/test_manifest.py::test_nothing_lies_in_a_file_or_a_link",
                ),
                Guard(
                    "artifact/filesystem.py",
                    "os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)",
                    "os.open(name, _DIRECTORY, dir_fd=descriptor)",
                    "artifact/test_descent.py::test_no_link_is_followed",
                ),
                Guard(
                    "artifact/filesystem.py",
                    'os.open(name or ".", _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)',
                    'os.open(name or ".", _DIRECTORY, dir_fd=parent)',
                    "artifact/test_descent.py::test_no_link_is_followed",
                ),
                Guard(
                    "artifact/extract.py",
                    "if not self._descent.is_empty():",
                    "if False:",
                    "artifact/test_extract.py::test_a_directory_that_is_not_empty_is_refused",
                ),
                Guard(
                    "artifact/extract.py",
                    "os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW",
                    "os.O_CREAT",
                    "artifact/test_extract.py::test_nothing_is_written_through_a_link",
                ),
                Guard(
                    "artifact/verify/tree.py",
                    "if item.is_dir(follow_symlinks=False):",
                    "if item.is_dir():",
                    "artifact/test_tree.py::test_a_directory_replaced_by_a_link_is_not_followed",
                ),
            ),
        ),
        Fault(
            "hard links, devices, FIFOs and sockets",
            f"{REFUSED}; none is made, and none opened",
            (
                *(
                    Guard(
                        "artifact/tar/__init__.py",
                        "_NAMES = {flag: name for",
                        f"_NAMES = {{{flag!r}: FILE}} | {{flag: name for",
                        test,
                    )
                    for flag, test in (
                        (b"1", "artifact/hostile/test_links.py::test_hard_links_are_refused"),
                        (
                            b"3",
                            (
                                "artifact/hostile/test_types.py::"
                                "test_what_no_package_holds_is_refused[tar.gz-character device]"
                            ),
                        ),
                        (
                            b"6",
                            (
                                "artifact/hostile/test_types.py::"
                                "test_what_no_package_holds_is_refused[tar.gz-FIFO]"
                            ),
                        ),
                    )
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "    if found.type != entry.type:\n",
                    "    if False:\n",
                    "artifact/hostile/test_types.py::"
                    "test_such_a_thing_in_a_directory_is_told_and_not_opened",
                ),
                Guard(
                    "artifact/filesystem.py",
                    "if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):",
                    "if False:",
                    "artifact/test_verify.py::test_what_is_no_file_is_refused_without_waiting",
                ),
                Guard(
                    "artifact/filesystem.py",
                    "os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC",
                    "os.O_RDONLY | os.O_CLOEXEC",
                    "artifact/test_verify.py::test_what_is_no_file_is_refused_without_waiting",
                ),
            ),
        ),
        Fault(
            "setuid, setgid, sticky or world-writable where the manifest does not say so",
            REFUSED,
            (
                Guard(
                    "artifact/verify/contents.py",
                    "elif found.mode != wanted:",
                    "elif found.mode & 0o777 != wanted & 0o777:",
                    "artifact/hostile/test_types.py::"
                    "test_rights_that_nobody_declared_are_refused[2541-tar.gz]",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "elif found.mode != wanted:",
                    "elif found.mode >> 6 != wanted >> 6:",
                    "artifact/hostile/test_types.py::"
                    "test_rights_in_a_directory_that_nobody_declared_are_told",
                ),
                Guard(
                    "artifact/extract.py",
                    "else here(entry).mode)",
                    "else 0o4000 | here(entry).mode)",
                    "artifact/test_extract.py::test_modes_are_the_manifests_whatever_the_umask",
                ),
            ),
        ),
    ),
)
