"""The faults of the sources that are packaged."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import false, gives, gone, last, receiver, then, true, without

REFUSED = "refused by name"

COLLECTING = Group(
    "Collecting",
    (
        Fault(
            "a source is edited, truncated, replaced or deleted while it is packaged",
            "the build fails and names it; never an artifact with a mixture of states",
            (
                Guard(
                    "member-changed",
                    false,
                    "builder/test_pack.py::"
                    "test_a_source_that_changes_meanwhile_fails_the_build_by_name",
                ),
                Guard(
                    "piece-of-a-changed-member",
                    false,
                    "builder/test_reuse.py::"
                    "test_a_large_file_that_changed_fails_even_where_only_a_piece_was_lost",
                ),
                Guard(
                    "source-became-a-link",
                    without("O_NOFOLLOW"),
                    "builder/test_pack.py::test_a_source_that_is_replaced_by_a_link_is_not_followed",
                ),
                Guard(
                    "changed-while-digested",
                    false,
                    "builder/test_digests.py::test_a_file_that_changes_while_it_is_read_is_refused",
                ),
                Guard(
                    "source-that-went-wrong",
                    false,
                    "builder/test_collect.py::test_every_source_that_went_wrong_is_told",
                ),
            ),
        ),
        Fault(
            "a source is edited while its task runs",
            "the next build notices",
            (
                Guard(
                    "mid-task",
                    true.at("test"),
                    "plugin/test_checker.py::"
                    "test_an_edit_while_the_task_runs_is_never_recorded_as_built",
                ),
                Guard(
                    "stamped-this-moment",
                    true,
                    "builder/test_digests.py::test_a_file_stamped_this_moment_is_read_again",
                ),
            ),
        ),
        Fault(
            "what another task makes is absent, deleted, half made, or made in the same run, with "
            "`-n` too",
            "that task runs first; if doit would not run it again, that is reported; never a "
            "package without it",
            (
                Guard(
                    "made-before-taken",
                    gone,
                    "plugin/test_made.py::"
                    "test_what_a_task_makes_is_made_before_it_is_taken[at-optional]",
                ),
                Guard(
                    "made-before-specs",
                    false,
                    "plugin/test_made.py::test_what_specs_are_read_from_is_made_first",
                ),
                Guard(
                    "made-and-gone",
                    false.at("test"),
                    "plugin/test_made.py::"
                    "test_what_a_task_made_and_is_gone_is_told_and_never_left_out",
                ),
                Guard(
                    "emptied-directory",
                    false,
                    "plugin/test_made.py::"
                    "test_a_directory_that_was_emptied_is_told_though_the_content_is_not",
                ),
                Guard(
                    "made-anew",
                    false,
                    "plugin/test_made.py::test_what_a_task_has_just_made_anew_is_packaged",
                ),
                Guard(
                    "plan-of-another-process",
                    false,
                    "plugin/test_made.py::test_what_a_task_has_just_made_anew_is_packaged[-n 2]",
                ),
            ),
        ),
        Fault(
            "a task of the project changes its own dependency, depends on a link, or leaves a "
            "dangling one",
            "it runs exactly when doit alone would run it",
            (
                Guard(
                    "mid-task",
                    gone.at("test.values.0"),
                    "plugin/test_neighbours.py::"
                    "test_tasks_of_others_run_when_doit_alone_would_run_them",
                ),
                Guard(
                    "link-stands-for-its-end",
                    false,
                    "plugin/test_checker.py::test_a_link_stands_for_what_it_leads_to",
                ),
            ),
        ),
        Fault(
            "a FIFO, a socket or a device in a tree",
            f"{REFUSED}; it is never opened",
            (
                Guard(
                    "special-file", true, "builder/test_layout.py::test_a_special_file_is_a_fault"
                ),
                Guard(
                    "neither-file-nor-directory",
                    gone,
                    "builder/test_digests.py::test_a_fifo_is_refused_without_opening_it",
                ),
            ),
        ),
        Fault(
            "a symbolic link in a tree that leads in circles, or out of it",
            "kept as a link within the package, or refused; never followed",
            (
                Guard(
                    "directory-by-a-link",
                    gives(True).at("test.keywords.0"),
                    "builder/test_sources.py::test_symbolic_links_are_listed_and_never_followed",
                ),
                Guard(
                    "link-out-of-the-package",
                    gives(""),
                    "builder/test_layout.py::test_a_link_of_a_tree_out_of_the_package_names_the_link",
                ),
            ),
        ),
        Fault(
            "names that are not UTF-8, have several lines, begin with a dash, or are too long",
            "packaged unchanged, or refused and shown safely",
            (
                Guard(
                    "path-in-a-package",
                    gives(""),
                    "builder/test_layout.py::test_names_that_no_package_can_hold_are_told_readably",
                ),
                Guard(
                    "readable-names",
                    then,
                    "builder/test_layout.py::test_names_that_no_package_can_hold_are_told_readably",
                ),
                Guard(
                    "surrogate-in-a-path",
                    gone,
                    "artifact/hostile/test_names.py::"
                    "test_a_name_that_leads_elsewhere_is_refused[greenhouse/evil\\udcff-zip]",
                ),
                Guard(
                    "longest-name",
                    false.at("test"),
                    "artifact/test_path.py::"
                    "test_a_path_that_could_do_harm_is_refused_with_the_reason",
                ),
                Guard(
                    "longest-path",
                    false,
                    "artifact/test_path.py::"
                    "test_a_path_that_could_do_harm_is_refused_with_the_reason",
                ),
                Guard(
                    "file-system-encoding",
                    false,
                    "plugin/test_graph.py::"
                    "test_names_that_are_not_utf_8_are_refused_before_they_become_others",
                ),
            ),
        ),
        Fault(
            "code of another processor, system, C library or Python, or a script that only the "
            "building machine runs",
            "refused at the line of the content, all in one report, unless the spec allows it",
            (
                Guard(
                    "code-of-another-system",
                    false,
                    "builder/test_foreign.py::test_many_files_of_one_content_are_one_report",
                ),
                Guard(
                    "code-of-another-processor",
                    false,
                    "builder/test_foreign.py::test_a_linux_runs_its_own_code",
                ),
                Guard(
                    "code-that-is-meant",
                    true,
                    "builder/test_foreign.py::test_what_is_meant_is_no_fault",
                ),
                Guard(
                    "code-of-a-newer-glibc",
                    true,
                    "builder/test_foreign.py::test_no_newer_glibc_is_needed_than_the_platform_has",
                ),
                Guard(
                    "code-of-a-newer-macos",
                    false,
                    "builder/test_foreign.py::test_a_mac_is_not_older_than_its_code",
                ),
                Guard(
                    "code-of-another-python",
                    true,
                    "builder/test_foreign.py"
                    "::test_extensions_and_byte_code_are_of_the_platform_s_python",
                ),
                Guard(
                    "script-of-the-building-machine",
                    gives(""),
                    "builder/test_foreign.py::test_a_script_is_run_by_what_is_there",
                ),
                Guard(
                    "editable-installation",
                    true,
                    "builder/test_foreign.py"
                    "::test_an_editable_installation_is_of_the_building_machine",
                ),
                Guard(
                    "rendered-scripts",
                    gone,
                    "builder/test_foreign.py::test_a_template_can_become_such_a_script_too",
                ),
                Guard(
                    "code-that-is-judged",
                    gone,
                    "plugin/test_foreign_code.py"
                    "::test_what_cannot_run_stops_the_build_until_it_is_meant",
                ),
                Guard(
                    "judged-for-a-machine",
                    gone,
                    "plugin/test_foreign_code.py::test_another_processor_judges_anew",
                ),
            ),
        ),
        Fault(
            "compiled code that needs a library of which no package of Debian is known",
            REFUSED,
            (
                Guard(
                    "library-of-no-package",
                    gone,
                    "plugin/test_foreign_code.py"
                    "::test_a_library_of_no_known_package_stops_a_deb_until_it_is_named",
                ),
            ),
        ),
        Fault(
            "destinations that are the same file where case or accents do not count",
            f"{REFUSED}, both of them, on every machine and at installation too",
            (
                Guard(
                    "case-of-paths",
                    receiver,
                    "builder/test_layout.py::test_paths_that_a_mac_takes_for_one_collide",
                ),
                Guard(
                    "normal-form-of-paths",
                    last & last.at("value.func.value"),
                    "builder/test_layout.py::test_paths_that_a_mac_takes_for_one_collide",
                ),
                Guard(
                    "path-taken",
                    false,
                    "artifact/test_extract.py::"
                    "test_names_that_a_mac_takes_for_one_are_refused_before_anything_is_written",
                ),
            ),
        ),
        Fault(
            "what a Mac leaves in a tree: `._*`, `.DS_Store`",
            "left out, unless a content names it",
            (
                Guard(
                    "unwanted-names",
                    false.at("value.values.2"),
                    "builder/test_sources.py::test_what_no_package_wants_is_left_out",
                ),
                Guard(
                    "unwanted-entries",
                    false,
                    "builder/test_sources.py::test_what_no_package_wants_is_left_out",
                ),
            ),
        ),
    ),
)
