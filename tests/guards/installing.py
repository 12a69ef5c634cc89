"""The faults that an installation or a rollback meets on a machine."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import false, gone, receiver, then, true, uncaught, without

WHOLE = (
    "`current` leads to the complete old release or the complete new one; running again converges;"
    " nothing temporary is left"
)
OLD = "the old release stays or comes back; the space is freed"
REFUSED = "refused by name; nothing outside is touched"

INSTALLING = Group(
    "Installing",
    (
        Fault(
            "the installing user's locale encodes names differently: ASCII, ISO-8859-1",
            "names are the bytes in the package",
            (
                Guard(
                    "arguments-in-utf8",
                    false,
                    "installer/test_utf8.py::test_each_command_takes_names_as_the_bytes_that_they_are",
                ),
            ),
        ),
        Fault(
            "killed at any system call of install, rollback, uninstall or recover",
            WHOLE,
            (
                Guard("write-beside", gone, "installer/test_stage.py::test_the_steps_are_in_order"),
                Guard(
                    "journal-begun",
                    receiver,
                    "installer/test_stage.py::test_the_steps_are_in_order",
                ),
                Guard(
                    "journal-switching",
                    receiver,
                    "installer/test_stage.py::test_the_steps_are_in_order",
                ),
                Guard(
                    "recovery",
                    gone,
                    "installer/test_recovery.py::test_what_was_switched_is_finished",
                ),
                Guard(
                    "recover-going-back",
                    false,
                    "installer/test_recovery.py::test_who_was_on_the_way_back_goes_on",
                ),
                Guard(
                    "recover-after-a-boot",
                    false,
                    "installer/test_recovery.py::test_what_has_ended_stays_when_the_machine_starts",
                ),
            ),
            (
                (
                    "installer/test_kills.py::"
                    "test_each_kill_leaves_the_old_or_the_new_and_running_again_converges"
                ),
                (
                    "installer/test_injected.py::"
                    "test_a_kill_at_each_system_call_leaves_the_old_or_the_new"
                ),
            ),
        ),
        Fault(
            "SIGINT, SIGTERM or SIGHUP",
            "everything is as before, and one line says so",
            (
                Guard(
                    "signal-asks-to-end",
                    gone,
                    "installer/test_kills.py::test_a_signal_that_asks_to_end_leaves_all_as_it_was"
                    "[SIGTERM-first]",
                ),
                Guard(
                    "undo-when-interrupted",
                    gone,
                    "installer/test_kills.py::test_a_signal_that_asks_to_end_leaves_all_as_it_was"
                    "[SIGINT-edited]",
                ),
            ),
        ),
        Fault(
            "the power fails at any step, or right after success was reported",
            f"{WHOLE}; reported success survives",
            (
                Guard(
                    "sync-a-file",
                    gone,
                    "installer/test_stage.py::"
                    "test_what_is_renamed_was_synced_and_so_is_its_directory_then",
                ),
                Guard(
                    "sync-a-renamed",
                    gone,
                    "installer/test_stage.py::"
                    "test_what_is_renamed_was_synced_and_so_is_its_directory_then",
                ),
                Guard(
                    "sync-a-link",
                    gone,
                    "installer/test_stage.py::"
                    "test_what_is_renamed_was_synced_and_so_is_its_directory_then",
                ),
                Guard(
                    "sync-a-release", gone, "installer/test_stage.py::test_the_steps_are_in_order"
                ),
            ),
            (
                (
                    "installer/test_power.py::"
                    "test_a_power_cut_at_each_step_leaves_the_old_or_the_new_and_success_survives"
                ),
                "installer/test_power.py::test_without_syncs_the_same_power_cut_does_harm",
            ),
        ),
        Fault(
            "the disk is full, or out of inodes, before or at any write",
            OLD,
            (
                Guard(
                    "room-on-the-disk",
                    false,
                    "installer/test_faults.py::test_a_disk_that_is_too_small_is_told_before",
                ),
                Guard(
                    "inodes-on-the-disk",
                    false,
                    "installer/test_faults.py::test_a_disk_without_inodes_is_told_before",
                ),
                Guard(
                    "failed-release-removed",
                    gone,
                    "installer/test_install.py::test_a_damaged_upgrade_leaves_the_old_release",
                ),
                Guard(
                    "undo-when-unwell",
                    gone,
                    "installer/test_recovery.py::test_what_does_not_come_up_goes_back",
                ),
                Guard(
                    "disk-trouble-in-a-command",
                    uncaught,
                    "installer/test_faults.py::test_an_installed_package_on_such_a_disk_is_told_of",
                ),
            ),
            (
                (
                    "installer/test_injected.py::"
                    "test_an_error_at_each_system_call_is_told_and_leaves_the_old_or_the_new"
                ),
            ),
        ),
        Fault(
            "fsync or syncfs fails",
            "the installation fails and says so; nothing is synced a second time",
            (
                Guard(
                    "sync-file-system-fails",
                    false,
                    "installer/test_faults.py::test_what_could_not_be_synced_is_not_synced_again"
                    "[syncfs]",
                ),
                Guard(
                    "sync-fails",
                    gone,
                    "installer/test_faults.py::test_what_could_not_be_synced_is_not_synced_again"
                    "[fsync]",
                ),
            ),
            (
                (
                    "installer/test_injected.py::"
                    "test_an_error_at_each_system_call_is_told_and_leaves_the_old_or_the_new"
                ),
            ),
        ),
        Fault(
            "the disk is read-only; `current` is a directory, dangles or leads elsewhere",
            REFUSED,
            (
                Guard(
                    "prefix-on-a-bad-disk",
                    uncaught,
                    "installer/test_faults.py::test_a_disk_that_cannot_be_written_is_told",
                ),
                Guard(
                    "current-is-a-link",
                    gone,
                    "installer/test_hostile.py::test_current_has_to_be_a_link_to_a_release",
                ),
                Guard(
                    "current-leads-to-a-release",
                    false,
                    "installer/test_hostile.py::test_current_has_to_be_a_link_to_a_release",
                ),
                Guard(
                    "release-that-is-gone",
                    false,
                    "installer/test_hostile.py::test_a_release_that_is_gone_is_told",
                ),
            ),
        ),
        Fault(
            "temporary files of a run that was killed",
            "removed by the next command",
            (
                Guard(
                    "sweep-temporaries",
                    gone,
                    "installer/test_hostile.py::test_stale_temporaries_are_swept",
                ),
                Guard(
                    "sweep-beside-configuration",
                    gone,
                    "installer/test_recovery.py::test_what_lies_beside_a_configuration_file_is_swept",
                ),
            ),
        ),
        Fault(
            "several installers at once; the one that holds the lock is killed",
            "one wins, the others say so; a dead one holds no lock",
            (
                Guard(
                    "lock-of-a-prefix",
                    gone,
                    "installer/test_lock.py::test_the_second_is_told_that_the_first_is_there",
                ),
                Guard(
                    "lock-of-gone-prefix",
                    true,
                    "installer/test_lock.py::test_a_lock_that_went_with_its_package_is_none",
                ),
            ),
        ),
        Fault(
            "setuid or setgid for an owner who is unknown on the machine, or cannot be set",
            "left out, and reported; another owner would mean another right",
            (
                Guard(
                    "lent-rights-of-numbers",
                    true,
                    "builder/test_lent.py::test_no_tool_makes_what_nobody_is_given"
                    "[tar.gz-nosuchuser:nosuchgroup-expected0]",
                ),
                Guard(
                    "lent-rights-of-names",
                    true,
                    "builder/test_lent.py::test_no_tool_makes_what_nobody_is_given"
                    "[dir-nosuchuser:nosuchgroup-expected0]",
                ),
                Guard(
                    "lent-rights-of-files",
                    false,
                    "installer/test_owners.py::"
                    "test_without_root_nobody_gets_the_rights_of_who_installs",
                ),
                Guard(
                    "lent-rights-without-root",
                    gone.at("test.values.1"),
                    "installer/test_owners.py::test_without_root_what_is_one_s_own_has_its_rights",
                ),
            ),
        ),
        Fault(
            "an ordinary user asks what root has installed, and whether it is intact",
            "answered, except for what only root can read",
            (
                Guard(
                    "prefix-that-cannot-be-read",
                    uncaught,
                    "installer/test_owners.py::"
                    "test_who_may_change_nothing_is_told_and_may_verify[root]",
                ),
                Guard(
                    "prefix-of-another-user",
                    false,
                    "installer/test_owners.py::"
                    "test_who_may_change_nothing_is_told_and_may_verify[daemon]",
                ),
            ),
        ),
        Fault(
            "the machine has another Python than the packages of a lock are for",
            "refused before anything is changed, naming both",
            (
                Guard(
                    "python-on-the-machine",
                    false,
                    "installer/test_install.py::test_what_needs_another_python_is_refused",
                ),
            ),
        ),
        Fault(
            "an ordinary user tries to change what root, or another user, has installed",
            "refused with the owner's name, and what to type",
            (
                Guard(
                    "way-out",
                    gone.at("value.elts.1.values.2"),
                    "installer/test_owners.py::"
                    "test_who_may_change_nothing_is_told_whose_it_is_and_what_to_type[rollback]",
                ),
                Guard(
                    "way-out-of-a-fault",
                    gone,
                    "installer/test_owners.py::test_without_root_a_prefix_of_root_is_refused",
                ),
            ),
        ),
        Fault(
            "a scratch root, a prefix, or a directory above that another user owns or can write "
            "to, with a tool, a hook, a record or a registry of theirs",
            "nothing from there is run; on the machine itself nothing from there is trusted",
            (
                Guard(
                    "prefix-that-others-write",
                    false,
                    "installer/test_trust.py::test_nor_by_any_other_command[gc]",
                ),
                Guard(
                    "records-that-others-write",
                    gone,
                    "installer/test_own_machine.py::"
                    "test_what_others_could_have_written_is_not_believed[state]",
                ),
                Guard(
                    "directories-above",
                    gone.at("iter.elts.0"),
                    "installer/test_trust.py::test_a_directory_above_the_root_counts_too",
                ),
                Guard(
                    "owner-of-what-is-trusted",
                    false,
                    "installer/test_trust.py::test_nor_by_any_other_command[gc]",
                ),
                Guard(
                    "writable-by-all",
                    false,
                    "installer/test_trust.py::test_a_tool_that_others_could_exchange_is_not_run"
                    "[opt-open_to_all]",
                ),
                Guard(
                    "writable-by-a-group",
                    false,
                    "installer/test_trust.py::test_a_tool_that_others_could_exchange_is_not_run"
                    "[opt-open_to_a_group]",
                ),
                Guard(
                    "writable-by-a-list",
                    false,
                    "installer/test_trust.py::test_whom_a_list_lets_write_counts_too",
                ),
                Guard(
                    "mask-of-a-list",
                    receiver,
                    "installer/test_own_machine.py::test_what_is_closed_may_be_open_by_a_list",
                ),
                Guard(
                    "hook-that-others-write",
                    gone,
                    "installer/test_own_machine.py::"
                    "test_no_hook_is_run_where_others_could_exchange_it[opt]",
                ),
                Guard(
                    "hook-that-goes-and-others-write",
                    false,
                    "installer/test_own_machine.py::test_nor_one_of_a_package_that_goes",
                ),
                Guard(
                    "prefix-in-a-registry",
                    then,
                    "installer/test_trust.py::test_a_registry_of_others_leads_nowhere_else",
                ),
            ),
        ),
        Fault(
            "a scratch root, or a prefix, with links to the outside",
            "refused; nothing is written outside",
            (
                Guard(
                    "follow-no-link-down",
                    without("O_NOFOLLOW"),
                    "installer/test_hostile.py::test_no_link_on_the_way_to_a_prefix_is_followed[opt]",
                ),
                Guard(
                    "link-upward",
                    without("O_NOFOLLOW"),
                    "installer/test_hostile.py::test_no_link_on_the_way_to_a_prefix_is_followed"
                    "[opt/greenhouse]",
                ),
                Guard(
                    "prefix-by-a-link",
                    then,
                    "installer/test_hostile.py::test_no_link_on_the_way_to_a_prefix_is_followed[opt]",
                ),
                Guard(
                    "link-in-a-prefix",
                    false,
                    "installer/test_hostile.py::test_no_link_in_a_prefix_is_followed[state]",
                ),
                Guard(
                    "link-in-configuration",
                    false,
                    "installer/test_hostile.py::test_no_link_in_a_prefix_is_followed[etc]",
                ),
                Guard(
                    "configuration-among-releases",
                    false,
                    "installer/test_hostile.py::"
                    "test_a_package_cannot_have_configuration_among_releases",
                ),
            ),
        ),
    ),
)
