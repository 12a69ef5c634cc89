"""The faults that a removal meets, and what it has to keep."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import begins, false, gives, gone, shell, true, uncaught

LEAVING = Group(
    "Removing",
    (
        Fault(
            "killed at any system call of a removal, a purge, or a purge after a removal",
            "the next command, whichever it is, works at once; only configuration that a purge "
            "was to remove is lost; a second attempt removes everything",
            (
                Guard(
                    "removal-ends-before-data",
                    gone,
                    "installer/test_purge.py::"
                    "test_meanwhile_the_package_can_be_installed_with_its_configuration",
                ),
                Guard(
                    "lock-outlives-a-purge",
                    gone.at("value.keywords.0"),
                    "installer/test_kills.py::"
                    "test_after_some_kills_of_a_removal_each_command_works_at_once[purge]",
                ),
                Guard(
                    "release-of-an-event",
                    gone.at("value.values.1"),
                    "installer/test_purge.py::test_a_line_of_history_without_a_release_is_none",
                ),
                Guard(
                    "removal-or-new",
                    gone.at("test.values.0"),
                    "installer/test_kills.py::"
                    "test_after_some_kills_of_a_removal_each_command_works_at_once[purge]",
                ),
                Guard(
                    "sweep-of-a-purge",
                    gone,
                    "installer/test_purge.py::test_what_a_killed_purge_was_about_to_remove_is_swept",
                ),
            ),
            (
                (
                    "installer/test_kills.py::"
                    "test_after_each_kill_of_a_removal_each_command_works_at_once"
                ),
                (
                    "installer/test_injected.py::"
                    "test_a_kill_at_each_system_call_leaves_the_old_or_the_new"
                ),
                (
                    "installer/test_power.py::"
                    "test_a_power_cut_at_each_step_leaves_the_old_or_the_new_and_success_survives"
                ),
            ),
        ),
        Fault(
            "a record of a removal that did not come from the last removal of this package: "
            "copied there, from another package, or from before it was installed again",
            "reported, and not believed: no configuration file counts as deleted by its user",
            (
                Guard(
                    "removed-by-manifest",
                    gone.at("value.test.values.1"),
                    "installer/test_removed.py::"
                    "test_a_manifest_that_no_removal_has_left_is_told_and_not_believed",
                ),
                Guard(
                    "removed-by-manifest",
                    gone.at("value.test.values.0"),
                    "installer/test_removed.py::"
                    "test_what_another_package_has_left_in_its_place_is_that_one_s",
                ),
            ),
        ),
        Fault(
            "releases on a lower layer of an overlay; something mounted below the prefix, or "
            "immutable files",
            "removed, or reported with its path; the rest is removed, nothing stays in progress, "
            "and the same command continues the removal",
            (
                Guard(
                    "lower-layer",
                    true,
                    "installer/test_purge.py::test_a_release_on_a_lower_layer_is_removed",
                ),
                Guard(
                    "deb-purge-data",
                    begins("mountpoint() ( false )"),
                    "builder/debian/test_script.py::"
                    "test_a_purge_removes_nothing_of_what_is_mounted[var/log]",
                ),
                Guard(
                    "deb-purge-data",
                    begins(
                        'rm() ( case "$*" in *--one-file*) shift 2 ;; esac; command rm -rf "$@" )'
                    ),
                    "builder/debian/test_script.py::"
                    "test_a_purge_removes_nothing_of_what_is_mounted[var/log/usb]",
                ),
                Guard(
                    "old-release-with-a-mount",
                    gone,
                    "installer/test_purge.py::"
                    "test_what_is_mounted_in_an_old_release_hinders_no_upgrade",
                ),
                Guard(
                    "mount-in-data",
                    true,
                    "installer/test_purge.py::"
                    "test_what_is_mounted_in_data_is_told_and_goes_when_asked_again",
                ),
                Guard(
                    "cannot-be-removed-for-ever",
                    uncaught,
                    "installer/test_purge.py::"
                    "test_what_cannot_be_removed_for_ever_hinders_no_other_command",
                ),
            ),
        ),
        Fault(
            "the installer is killed while a hook runs, and the hook continues",
            "the next command stops it, and everything that it started, before doing anything else",
            (
                Guard(
                    "hook-of-a-killed-run",
                    false,
                    "installer/test_own_machine.py::"
                    "test_a_hook_of_a_run_that_was_killed_is_ended_by_the_next",
                ),
                Guard(
                    "process-of-that-number",
                    gives(True).at("value.values.2"),
                    "installer/test_own_machine.py::"
                    "test_a_process_of_that_number_that_is_another_is_let_be",
                ),
            ),
        ),
        Fault(
            "a prefix that others use too, that is inside another package's, or that does not "
            "survive a restart; two packages of a project whose services have the same name",
            "refused when the spec is read, with file, line and column; a prefix at installation, "
            "too",
            (
                Guard(
                    "prefix-shared",
                    gone,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[shared-prefix]",
                ),
                Guard(
                    "prefix-nested",
                    gone,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[nested-prefix]",
                ),
                Guard(
                    "service-twice",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[duplicate-service]",
                ),
                Guard(
                    "prefix-of-another-package",
                    gone,
                    "installer/test_install.py::test_a_prefix_that_is_not_the_package_s_own_is_refused",
                ),
            ),
        ),
        Fault(
            "`provision install` of a package that dpkg has installed, or the other way round: a "
            "purge of one would remove the other's configuration and data",
            "refused before anything is written, with the command that removes the other one",
            (
                Guard(
                    "package-of-dpkg",
                    false,
                    "installer/test_status.py::test_a_package_that_dpkg_has_and_did_not_purge_is_refused",
                ),
                Guard(
                    "place-of-provision",
                    gone.at("value.elts.0"),
                    "builder/debian/test_script.py::"
                    "test_a_package_does_not_come_where_provision_has_installed[dash]",
                ),
            ),
        ),
        Fault(
            "directories, configuration files or an empty prefix existed before",
            "a purge removes what the package has made, and nothing else",
            (
                Guard(
                    "directory-that-was-there",
                    gone,
                    "installer/test_purge.py::test_what_was_there_before_is_there_afterwards",
                ),
                Guard(
                    "refused-removes-nothing",
                    true,
                    "installer/test_purge.py::"
                    "test_an_installation_that_is_refused_removes_no_directory_of_others",
                ),
                Guard(
                    "assumed-of-an-older-tool",
                    true,
                    "installer/test_purge.py::"
                    "test_of_what_an_older_tool_installed_what_is_not_known_stays",
                ),
                Guard(
                    "deb-data-of-others",
                    shell("is_own"),
                    "builder/debian/test_purge.py::"
                    "test_what_was_there_before_is_there_afterwards[dash]",
                ),
                Guard(
                    "deb-data-of-others",
                    begins("find() ( : )"),
                    "builder/debian/test_purge.py::"
                    "test_a_version_that_comes_to_data_of_others_leaves_them[dash-files]",
                ),
                Guard(
                    "deb-forget-data",
                    begins('mv() ( rm "$2" )'),
                    "builder/debian/test_purge.py::"
                    "test_an_installation_that_failed_has_noted_nothing[dash]",
                ),
            ),
        ),
    ),
)
