"""Faults in the members of an archive: attempts to escape while it is unpacked."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import false, first, gives, gone, then, without

REFUSED = "refused by name before anything is switched; nothing is written outside"

UNPACKING = Group(
    "Unpacking",
    (
        Fault(
            "names that are absolute or empty, or contain `..`, `.`, NUL or a backslash",
            REFUSED,
            (
                *(
                    Guard(
                        mark,
                        gone,
                        "artifact/test_path.py::"
                        "test_a_path_that_could_do_harm_is_refused_with_the_reason",
                    )
                    for mark in (
                        "path-with-dots",
                        "absolute-path",
                        "empty-path",
                        "path-with-a-dot",
                        "control-character-in-a-path",
                        "backslash-in-a-path",
                    )
                ),
                Guard(
                    "tar-member-path",
                    gives(None),
                    "artifact/test_tar.py::test_an_unsafe_name_is_refused",
                ),
                Guard(
                    "zip-member-path",
                    gives(None),
                    "artifact/hostile/test_names.py::"
                    "test_a_name_that_leads_elsewhere_is_refused[../outside/evil-zip]",
                ),
                Guard(
                    "sound-lines",
                    first.at("test.operand.values.3"),
                    "artifact/test_manifest.py::test_an_entry_that_is_not_sound_is_refused",
                ),
                Guard(
                    "directory-in-a-manifest",
                    gone.at("test.values.0"),
                    "artifact/test_manifest.py::test_a_directory_that_is_not_sound_is_refused",
                ),
                Guard(
                    "path-in-a-manifest",
                    gone.at("value.values.0"),
                    "artifact/test_manifest.py::test_an_entry_that_is_not_sound_is_refused",
                ),
                Guard(
                    "top-directory",
                    false,
                    "artifact/hostile/test_names.py::"
                    "test_a_name_outside_the_top_directory_is_refused",
                ),
            ),
        ),
        Fault(
            "names that disagree: PAX, GNU and ustar; local and central",
            REFUSED,
            (
                Guard(
                    "strange-tar-header",
                    then,
                    "artifact/hostile/test_names.py::test_headers_of_a_tar_that_disagree_are_refused",
                ),
                Guard(
                    "tar-types",
                    false,
                    "artifact/test_tar.py::test_a_member_of_another_type_is_refused",
                ),
                Guard(
                    "zip-names-agree",
                    false,
                    "artifact/hostile/test_names.py::test_names_of_a_zip_that_disagree_are_refused",
                ),
                Guard(
                    "zip-local-header",
                    gives(False),
                    "artifact/hostile/test_names.py::test_another_name_in_an_extra_field_is_refused",
                ),
            ),
        ),
        Fault(
            "symbolic links out of the package, through others, or in place of a directory",
            f"{REFUSED}; no link is followed",
            (
                Guard(
                    "link-climbs",
                    false,
                    "artifact/test_path.py::test_a_link_out_of_the_package_is_refused",
                ),
                Guard(
                    "link-goes-back",
                    false,
                    "artifact/test_path.py::test_a_link_out_of_the_package_is_refused",
                ),
                Guard(
                    "link-in-a-manifest",
                    gives(None).at("value.values.1"),
                    "artifact/test_manifest.py::test_a_link_that_leaves_the_package_is_refused",
                ),
                Guard(
                    "entry-below-no-directory",
                    false,
                    "artifact/test_manifest.py::test_nothing_lies_in_a_file_or_a_link",
                ),
                Guard(
                    "follow-no-link-down",
                    without("O_NOFOLLOW"),
                    "artifact/test_descent.py::test_no_link_is_followed",
                ),
                Guard(
                    "link-upward",
                    without("O_NOFOLLOW"),
                    "artifact/test_descent.py::test_no_link_is_followed",
                ),
                Guard(
                    "extract-into-empty",
                    false,
                    "artifact/test_extract.py::test_a_directory_that_is_not_empty_is_refused",
                ),
                Guard(
                    "extract-new-files",
                    without("O_EXCL") & without("O_NOFOLLOW"),
                    "artifact/test_extract.py::test_nothing_is_written_through_a_link",
                ),
                Guard(
                    "tree-follows-no-link",
                    without("follow_symlinks"),
                    "artifact/test_tree.py::test_a_directory_replaced_by_a_link_is_not_followed",
                ),
            ),
        ),
        Fault(
            "hard links, devices, FIFOs and sockets",
            f"{REFUSED}; none is made, and none opened",
            (
                *(
                    Guard("tar-types", false, test)
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
                    "type-in-a-directory",
                    false,
                    "artifact/hostile/test_types.py::"
                    "test_such_a_thing_in_a_directory_is_told_and_not_opened",
                ),
                Guard(
                    "artifact-that-is-no-file",
                    false,
                    "artifact/test_verify.py::test_what_is_no_file_is_refused_without_waiting",
                ),
                Guard(
                    "no-fifo",
                    without("O_NONBLOCK"),
                    "artifact/test_verify.py::test_what_is_no_file_is_refused_without_waiting",
                ),
            ),
        ),
        Fault(
            "setuid, setgid, sticky or world-writable modes that the manifest does not state",
            REFUSED,
            (
                Guard(
                    "mode-that-differs",
                    false,
                    "artifact/hostile/test_types.py::"
                    "test_rights_that_nobody_declared_are_refused[2541-tar.gz]",
                ),
                Guard(
                    "mode-that-differs",
                    false,
                    "artifact/hostile/test_types.py::"
                    "test_rights_in_a_directory_that_nobody_declared_are_told",
                ),
                Guard(
                    "mode-whatever-the-umask",
                    gone,
                    "artifact/test_extract.py::test_modes_are_the_manifests_whatever_the_umask",
                ),
            ),
        ),
    ),
)
