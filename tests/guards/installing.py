"""The faults that a change of what is installed meets on a machine."""

from __future__ import annotations

from .guard import Fault, Group, Guard

WHOLE = (
    "`current` leads to the complete old release or the complete new one; running again converges;"
    " nothing temporary is left"
)
OLD = "the old release stays or comes back; the space is given back"
REFUSED = "refused by name; nothing outside is touched"

INSTALLING = Group(
    "Installing",
    (
        Fault(
            "the locale of whoever installs spells names otherwise: ASCII, ISO-8859-1",
            "names are the bytes that the package says",
            (
                Guard(
                    "installer/cli/command_line.py",
                    "if argv is None and (fault := spell_in_utf8()):",
                    'if fault := "":',
                    "installer/test_utf8.py::test_each_command_takes_names_as_the_bytes_that_they_are",
                ),
            ),
        ),
        Fault(
            "killed at any system call of install, rollback, uninstall or recover",
            WHOLE,
            (
                Guard(
                    "installer/store/durable.py",
                    "            make(parent, temporary)\n"
                    "            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd",
                    "            with suppress(OSError):\n"
                    "                os.unlink(name, dir_fd=parent)\n"
                    "            make(parent, name)\n"
                    "            dict(src_dir_fd=parent, dst_dir_fd",
                    "installer/test_stage.py::test_the_steps_are_in_order",
                ),
                Guard(
                    "installer/ops/transaction.py",
                    "    return change.noted(phase=BEGUN)\n",
                    "    return change\n",
                    "installer/test_stage.py::test_the_steps_are_in_order",
                ),
                Guard(
                    "installer/ops/transaction.py",
                    "    return change.noted(phase=SWITCHING)\n",
                    "    return change\n",
                    "installer/test_stage.py::test_the_steps_are_in_order",
                ),
                Guard(
                    "installer/ops/session.py",
                    "recover(home, telling, attempts=0 if is_starting() else ATTEMPTS)",
                    "pass",
                    "installer/test_recovery.py::test_what_was_switched_is_finished",
                ),
                Guard(
                    "installer/ops/session.py",
                    "if entry.phase == RETURNING:",
                    "if False:",
                    "installer/test_recovery.py::test_who_was_on_the_way_back_goes_on",
                ),
                Guard(
                    "installer/ops/session.py",
                    "if transaction.has_ended(found) and entry.action != REMOVE:",
                    "if False:",
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
            "all is as it was, told in a word",
            (
                Guard(
                    "installer/cli/command_line.py",
                    "            signal.signal(each, interrupt)\n",
                    "            pass\n",
                    "installer/test_kills.py::test_a_signal_that_asks_to_end_leaves_all_as_it_was"
                    "[SIGTERM-first]",
                ),
                Guard(
                    "installer/ops/transaction.py",
                    '            undo(change, "interrupted")\n',
                    "",
                    "installer/test_kills.py::test_a_signal_that_asks_to_end_leaves_all_as_it_was"
                    "[SIGINT-edited]",
                ),
            ),
        ),
        Fault(
            "the power goes at any step, or right after success was told",
            f"{WHOLE}; success that was told survives",
            (
                Guard(
                    "installer/store/durable.py",
                    "                settle(descriptor, owned)\n                sync(descriptor)\n",
                    "                settle(descriptor, owned)\n",
                    "installer/test_stage.py::"
                    "test_what_is_renamed_was_synced_and_so_is_its_directory_then",
                ),
                Guard(
                    "installer/store/durable.py",
                    "            raise\n        sync(parent)\n",
                    "            raise\n",
                    "installer/test_stage.py::"
                    "test_what_is_renamed_was_synced_and_so_is_its_directory_then",
                ),
                Guard(
                    "installer/store/durable.py",
                    "src_dir_fd=parent, dst_dir_fd=parent)\n        sync(parent)\n",
                    "src_dir_fd=parent, dst_dir_fd=parent)\n",
                    "installer/test_stage.py::"
                    "test_what_is_renamed_was_synced_and_so_is_its_directory_then",
                ),
                Guard(
                    "installer/store/stage.py",
                    "        sync_below(home.directory, made, opened)\n",
                    "",
                    "installer/test_stage.py::test_the_steps_are_in_order",
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
                    "installer/store/stage.py",
                    "if needed > room.f_bavail * block:",
                    "if False:",
                    "installer/test_faults.py::test_a_disk_that_is_too_small_is_told_before",
                ),
                Guard(
                    "installer/store/stage.py",
                    "if room.f_files and nodes > room.f_favail:",
                    "if False:",
                    "installer/test_faults.py::test_a_disk_without_inodes_is_told_before",
                ),
                Guard(
                    "installer/store/stage.py",
                    "            settle(into, _OPEN)\n    except BaseException:\n"
                    "        directory.remove_tree(made)\n",
                    "            settle(into, _OPEN)\n    except BaseException:\n",
                    "installer/test_install.py::test_a_damaged_upgrade_leaves_the_old_release",
                ),
                Guard(
                    "installer/ops/transaction.py",
                    "            raise _undone(change, error) from None\n",
                    "            raise\n",
                    "installer/test_recovery.py::test_what_does_not_come_up_goes_back",
                ),
                Guard(
                    "installer/cli/command_line.py",
                    "    except OSError as error:\n",
                    "    except ZeroDivisionError as error:\n",
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
            "it has failed, and is told; nothing is synced a second time",
            (
                Guard(
                    "installer/store/durable.py",
                    "if _C.syncfs(descriptor) != 0:",
                    "if _C.syncfs(descriptor) != 0 and _C.syncfs(descriptor) != 0:",
                    "installer/test_faults.py::test_what_could_not_be_synced_is_not_synced_again"
                    "[syncfs]",
                ),
                Guard(
                    "installer/store/durable.py",
                    "    os.fsync(descriptor)\n",
                    "    try:\n        os.fsync(descriptor)\n    except OSError:\n"
                    "        os.fsync(descriptor)\n",
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
            "the disk cannot be written; `current` is a directory, leads nowhere or elsewhere",
            REFUSED,
            (
                Guard(
                    "installer/store/prefix.py",
                    "    except OSError as error:\n        raise RefusedError(",
                    "    except ZeroDivisionError as error:\n        raise RefusedError(",
                    "installer/test_faults.py::test_a_disk_that_cannot_be_written_is_told",
                ),
                Guard(
                    "installer/store/releases.py",
                    "    if leads is None:\n        raise RefusedError(",
                    "    if leads is None:\n        return str(",
                    "installer/test_hostile.py::test_current_has_to_be_a_link_to_a_release",
                ),
                Guard(
                    "installer/store/releases.py",
                    "if above != RELEASES or not _NAME.fullmatch(name):",
                    "if False:",
                    "installer/test_hostile.py::test_current_has_to_be_a_link_to_a_release",
                ),
                Guard(
                    "installer/store/releases.py",
                    "if not home.directory.is_directory(leads) and link == CURRENT:",
                    "if False:",
                    "installer/test_hostile.py::test_a_release_that_is_gone_is_told",
                ),
            ),
        ),
        Fault(
            "temporary files of a run that was killed",
            "swept by the next command",
            (
                Guard(
                    "installer/ops/session.py",
                    '    _sweep(home, telling, ("", RELEASES, STATE, KEPT))\n',
                    "",
                    "installer/test_hostile.py::test_stale_temporaries_are_swept",
                ),
                Guard(
                    "installer/ops/session.py",
                    "    _sweep(home, telling, _beside(under_way))\n",
                    "",
                    "installer/test_recovery.py::test_what_lies_beside_a_configuration_file_is_swept",
                ),
            ),
        ),
        Fault(
            "several installers at once; the one that holds the lock is killed",
            "one wins, the others are told; a dead one holds no lock",
            (
                Guard(
                    "installer/store/prefix.py",
                    "            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
                    "            pass\n",
                    "installer/test_lock.py::test_the_second_is_told_that_the_first_is_there",
                ),
                Guard(
                    "installer/store/prefix.py",
                    "if status and status.st_ino == os.fstat(descriptor).st_ino:",
                    "if True:",
                    "installer/test_lock.py::test_a_lock_that_went_with_its_package_is_none",
                ),
            ),
        ),
        Fault(
            "setuid or setgid of an owner who is not known on the machine, or cannot be given",
            "left out, and told; another owner would be another right",
            (
                Guard(
                    "artifact/model/entry.py",
                    "    if not mode & LENT:  #",
                    "    if True:  #",
                    "builder/test_lent.py::test_no_tool_makes_what_nobody_is_given"
                    "[tar.gz-nosuchuser:nosuchgroup-expected0]",
                ),
                Guard(
                    "artifact/model/entry.py",
                    "    if not entry.mode & LENT:\n",
                    "    if True:\n",
                    "builder/test_lent.py::test_no_tool_makes_what_nobody_is_given"
                    "[dir-nosuchuser:nosuchgroup-expected0]",
                ),
                Guard(
                    "installer/store/owners.py",
                    "        if entry[2] & _LENT:\n",
                    "        if False:\n",
                    "installer/test_owners.py::"
                    "test_without_root_nobody_gets_the_rights_of_who_installs",
                ),
                Guard(
                    "installer/store/owners.py",
                    "if entry.mode & bit and look(name) != number:",
                    "if entry.mode & bit:",
                    "installer/test_owners.py::test_without_root_what_is_one_s_own_has_its_rights",
                ),
            ),
        ),
        Fault(
            "an ordinary user asks what root has installed, and whether it is as it was",
            "told, but for what is root's alone",
            (
                Guard(
                    "installer/store/prefix.py",
                    "    except PermissionError:  #",
                    "    except FileExistsError:  #",
                    "installer/test_owners.py::"
                    "test_who_may_change_nothing_is_told_and_may_verify[root]",
                ),
                Guard(
                    "installer/ops/inspection.py",
                    "    if whose != owners.own():\n",
                    "    if False:\n",
                    "installer/test_owners.py::"
                    "test_who_may_change_nothing_is_told_and_may_verify[daemon]",
                ),
            ),
        ),
        Fault(
            "an ordinary user would change what root, or another user, has installed",
            "told whose it is, and what to type",
            (
                Guard(
                    "installer/cli/command_line.py",
                    'f"{where}{error.strerror}{_way_out(error, words)}"',
                    'f"{where}{error.strerror}"',
                    "installer/test_owners.py::"
                    "test_who_may_change_nothing_is_told_whose_it_is_and_what_to_type[rollback]",
                ),
                Guard(
                    "installer/cli/command_line.py",
                    "        text += _way_out(error.__cause__, words)\n",
                    "",
                    "installer/test_owners.py::test_without_root_a_prefix_of_root_is_refused",
                ),
            ),
        ),
        Fault(
            "a scratch root, a prefix, or a directory above that belongs to somebody else, or that"
            " others can write to, with a tool, a hook, a record or a registry of theirs",
            "nothing from there is run; on the machine itself nothing of it is believed",
            (
                Guard(
                    "installer/ops/session.py",
                    "    if doubt:\n        raise RefusedError(",
                    "    if False:\n        raise RefusedError(",
                    "installer/test_trust.py::test_nor_by_any_other_command[gc]",
                ),
                Guard(
                    "installer/ops/session.py",
                    "            demand_own(home)\n",
                    "            pass\n",
                    "installer/test_own_machine.py::"
                    "test_what_others_could_have_written_is_not_believed[state]",
                ),
                Guard(
                    "installer/store/owners.py",
                    "for way in (*reversed(last.parents), last):",
                    "for way in (last,):",
                    "installer/test_trust.py::test_a_directory_above_the_root_counts_too",
                ),
                Guard(
                    "installer/store/owners.py",
                    "if status.st_uid not in {0, os.geteuid()}:",
                    "if False:",
                    "installer/test_trust.py::test_nor_by_any_other_command[gc]",
                ),
                Guard(
                    "installer/store/owners.py",
                    "if status.st_mode & stat.S_IWOTH:",
                    "if False:",
                    "installer/test_trust.py::test_a_tool_that_others_could_exchange_is_not_run"
                    "[opt-open_to_all]",
                ),
                Guard(
                    "installer/store/owners.py",
                    "    if status.st_mode & stat.S_IWGRP:\n",
                    "    if False:\n",
                    "installer/test_trust.py::test_a_tool_that_others_could_exchange_is_not_run"
                    "[opt-open_to_a_group]",
                ),
                Guard(
                    "installer/store/owners.py",
                    "        if kind == USER and who not in {0, os.geteuid()}:\n",
                    "        if False:\n",
                    "installer/test_trust.py::test_whom_a_list_lets_write_counts_too",
                ),
                Guard(
                    "installer/store/owners.py",
                    "each._replace(rights=each.rights & mask)",
                    "each",
                    "installer/test_own_machine.py::test_what_is_closed_may_be_open_by_a_list",
                ),
                Guard(
                    "installer/services/lifecycle.py",
                    "        found += _open_to_others(home, new.package)\n",
                    "",
                    "installer/test_own_machine.py::"
                    "test_no_hook_is_run_where_others_could_exchange_it[opt]",
                ),
                Guard(
                    "installer/services/lifecycle.py",
                    "    doubt = doubt_about(home, owner.path)\n    if doubt:\n",
                    "    doubt = doubt_about(home, owner.path)\n    if False:\n",
                    "installer/test_own_machine.py::test_nor_one_of_a_package_that_goes",
                ),
                Guard(
                    "installer/store/releases.py",
                    "return sound if prefix == sound else",
                    "return (prefix or '') if True else",
                    "installer/test_trust.py::test_a_registry_of_others_leads_nowhere_else",
                ),
            ),
        ),
        Fault(
            "a scratch root, or a prefix, with links to the outside",
            "refused; nothing is written outside",
            (
                Guard(
                    "artifact/filesystem.py",
                    "os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)",
                    "os.open(name, _DIRECTORY, dir_fd=descriptor)",
                    "installer/test_hostile.py::test_no_link_on_the_way_to_a_prefix_is_followed[opt]",
                ),
                Guard(
                    "artifact/filesystem.py",
                    'os.open(name or ".", _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)',
                    'os.open(name or ".", _DIRECTORY, dir_fd=parent)',
                    "installer/test_hostile.py::test_no_link_on_the_way_to_a_prefix_is_followed"
                    "[opt/greenhouse]",
                ),
                Guard(
                    "installer/store/prefix.py",
                    "if root == SYSTEM else where",
                    "if True else where",
                    "installer/test_hostile.py::test_no_link_on_the_way_to_a_prefix_is_followed[opt]",
                ),
                Guard(
                    "installer/store/prefix.py",
                    "            if _is_strange(directory, own):",
                    "            if False:",
                    "installer/test_hostile.py::test_no_link_in_a_prefix_is_followed[state]",
                ),
                Guard(
                    "installer/store/configuration.py",
                    "if is_there and not home.directory.is_directory(entry.path):",
                    "if False:",
                    "installer/test_hostile.py::test_no_link_in_a_prefix_is_followed[etc]",
                ),
                Guard(
                    "artifact/model/placement.py",
                    'if key.partition("/")[0] in OWN:',
                    "if False:",
                    "installer/test_hostile.py::"
                    "test_a_package_cannot_have_configuration_among_releases",
                ),
            ),
        ),
    ),
)
