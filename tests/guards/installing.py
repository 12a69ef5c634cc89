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
                    "target/cli.py",
                    "if argv is None and (fault := spell_in_utf8()):",
                    'if fault := "":',
                    "target/test_utf8.py::test_each_command_takes_names_as_the_bytes_that_they_are",
                ),
            ),
        ),
        Fault(
            "killed at any system call of install, rollback, uninstall or recover",
            WHOLE,
            (
                Guard(
                    "target/durable.py",
                    "            make(parent, temporary)\n"
                    "            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd",
                    "            with suppress(OSError):\n"
                    "                os.unlink(name, dir_fd=parent)\n"
                    "            make(parent, name)\n"
                    "            dict(src_dir_fd=parent, dst_dir_fd",
                    "target/test_stage.py::test_the_steps_are_in_order",
                ),
                Guard(
                    "target/change.py",
                    "    return change.noted(phase=BEGUN)\n",
                    "    return change\n",
                    "target/test_stage.py::test_the_steps_are_in_order",
                ),
                Guard(
                    "target/change.py",
                    "    return change.noted(phase=SWITCHING)\n",
                    "    return change\n",
                    "target/test_stage.py::test_the_steps_are_in_order",
                ),
                Guard(
                    "target/opening.py",
                    "recover(home, telling, attempts=0 if is_starting() else ATTEMPTS)",
                    "pass",
                    "target/test_recovery.py::test_what_was_switched_is_finished",
                ),
                Guard(
                    "target/recovery.py",
                    "if entry.phase == RETURNING:",
                    "if False:",
                    "target/test_recovery.py::test_who_was_on_the_way_back_goes_on",
                ),
                Guard(
                    "target/recovery.py",
                    "if change.has_ended(found) and entry.action != REMOVE:",
                    "if False:",
                    "target/test_recovery.py::test_what_has_ended_stays_when_the_machine_starts",
                ),
            ),
            (
                (
                    "target/test_kills.py::"
                    "test_each_kill_leaves_the_old_or_the_new_and_running_again_converges"
                ),
                (
                    "target/test_injected.py::"
                    "test_a_kill_at_each_system_call_leaves_the_old_or_the_new"
                ),
            ),
        ),
        Fault(
            "SIGINT, SIGTERM or SIGHUP",
            "all is as it was, told in a word",
            (
                Guard(
                    "target/cli.py",
                    "            signal.signal(each, interrupt)\n",
                    "            pass\n",
                    "target/test_kills.py::test_a_signal_that_asks_to_end_leaves_all_as_it_was"
                    "[SIGTERM-first]",
                ),
                Guard(
                    "target/change.py",
                    '            undo(change, "interrupted")\n',
                    "",
                    "target/test_kills.py::test_a_signal_that_asks_to_end_leaves_all_as_it_was"
                    "[SIGINT-edited]",
                ),
            ),
        ),
        Fault(
            "the power goes at any step, or right after success was told",
            f"{WHOLE}; success that was told survives",
            (
                Guard(
                    "target/durable.py",
                    "                settle(descriptor, owned)\n                sync(descriptor)\n",
                    "                settle(descriptor, owned)\n",
                    "target/test_stage.py::"
                    "test_what_is_renamed_was_synced_and_so_is_its_directory_then",
                ),
                Guard(
                    "target/durable.py",
                    "            raise\n        sync(parent)\n",
                    "            raise\n",
                    "target/test_stage.py::"
                    "test_what_is_renamed_was_synced_and_so_is_its_directory_then",
                ),
                Guard(
                    "target/durable.py",
                    "src_dir_fd=parent, dst_dir_fd=parent)\n        sync(parent)\n",
                    "src_dir_fd=parent, dst_dir_fd=parent)\n",
                    "target/test_stage.py::"
                    "test_what_is_renamed_was_synced_and_so_is_its_directory_then",
                ),
                Guard(
                    "target/stage.py",
                    "        sync_below(home.directory, made, opened)\n",
                    "",
                    "target/test_stage.py::test_the_steps_are_in_order",
                ),
            ),
            (
                (
                    "target/test_power.py::"
                    "test_a_power_cut_at_each_step_leaves_the_old_or_the_new_and_success_survives"
                ),
                "target/test_power.py::test_without_syncs_the_same_power_cut_does_harm",
            ),
        ),
        Fault(
            "the disk is full, or out of inodes, before or at any write",
            OLD,
            (
                Guard(
                    "target/stage.py",
                    "if needed > room.f_bavail * block:",
                    "if False:",
                    "target/test_faults.py::test_a_disk_that_is_too_small_is_told_before",
                ),
                Guard(
                    "target/stage.py",
                    "if room.f_files and nodes > room.f_favail:",
                    "if False:",
                    "target/test_faults.py::test_a_disk_without_inodes_is_told_before",
                ),
                Guard(
                    "target/stage.py",
                    "            settle(into, _OPEN)\n    except BaseException:\n"
                    "        directory.remove_tree(made)\n",
                    "            settle(into, _OPEN)\n    except BaseException:\n",
                    "target/test_install.py::test_a_damaged_upgrade_leaves_the_old_release",
                ),
                Guard(
                    "target/change.py",
                    "            raise _undone(change, error) from None\n",
                    "            raise\n",
                    "target/test_recovery.py::test_what_does_not_come_up_goes_back",
                ),
                Guard(
                    "target/cli.py",
                    "    except OSError as error:\n",
                    "    except ZeroDivisionError as error:\n",
                    "target/test_faults.py::test_an_installed_package_on_such_a_disk_is_told_of",
                ),
            ),
            (
                (
                    "target/test_injected.py::"
                    "test_an_error_at_each_system_call_is_told_and_leaves_the_old_or_the_new"
                ),
            ),
        ),
        Fault(
            "fsync or syncfs fails",
            "it has failed, and is told; nothing is synced a second time",
            (
                Guard(
                    "target/syncing.py",
                    "if _C.syncfs(descriptor) != 0:",
                    "if _C.syncfs(descriptor) != 0 and _C.syncfs(descriptor) != 0:",
                    "target/test_faults.py::test_what_could_not_be_synced_is_not_synced_again"
                    "[syncfs]",
                ),
                Guard(
                    "target/syncing.py",
                    "    os.fsync(descriptor)\n",
                    "    try:\n        os.fsync(descriptor)\n    except OSError:\n"
                    "        os.fsync(descriptor)\n",
                    "target/test_faults.py::test_what_could_not_be_synced_is_not_synced_again"
                    "[fsync]",
                ),
            ),
            (
                (
                    "target/test_injected.py::"
                    "test_an_error_at_each_system_call_is_told_and_leaves_the_old_or_the_new"
                ),
            ),
        ),
        Fault(
            "the disk cannot be written; `current` is a directory, leads nowhere or elsewhere",
            REFUSED,
            (
                Guard(
                    "target/home.py",
                    "    except OSError as error:\n        raise RefusedError(",
                    "    except ZeroDivisionError as error:\n        raise RefusedError(",
                    "target/test_faults.py::test_a_disk_that_cannot_be_written_is_told",
                ),
                Guard(
                    "target/releases.py",
                    "    if leads is None:\n        raise RefusedError(",
                    "    if leads is None:\n        return str(",
                    "target/test_hostile.py::test_current_has_to_be_a_link_to_a_release",
                ),
                Guard(
                    "target/releases.py",
                    "if above != RELEASES or not _NAME.fullmatch(name):",
                    "if False:",
                    "target/test_hostile.py::test_current_has_to_be_a_link_to_a_release",
                ),
                Guard(
                    "target/releases.py",
                    "if not home.directory.is_directory(leads) and link == CURRENT:",
                    "if False:",
                    "target/test_hostile.py::test_a_release_that_is_gone_is_told",
                ),
            ),
        ),
        Fault(
            "temporary files of a run that was killed",
            "swept by the next command",
            (
                Guard(
                    "target/recovery.py",
                    '    _sweep(home, telling, ("", RELEASES, STATE, KEPT))\n',
                    "",
                    "target/test_hostile.py::test_stale_temporaries_are_swept",
                ),
                Guard(
                    "target/recovery.py",
                    "    _sweep(home, telling, _beside(under_way))\n",
                    "",
                    "target/test_recovery.py::test_what_lies_beside_a_configuration_file_is_swept",
                ),
            ),
        ),
        Fault(
            "several installers at once; the one that holds the lock is killed",
            "one wins, the others are told; a dead one holds no lock",
            (
                Guard(
                    "target/lock.py",
                    "            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
                    "            pass\n",
                    "target/test_lock.py::test_the_second_is_told_that_the_first_is_there",
                ),
                Guard(
                    "target/lock.py",
                    "if status and status.st_ino == os.fstat(descriptor).st_ino:",
                    "if True:",
                    "target/test_lock.py::test_a_lock_that_went_with_its_package_is_none",
                ),
            ),
        ),
        Fault(
            "setuid or setgid of an owner who is not known on the machine, or cannot be given",
            "left out, and told; another owner would be another right",
            (
                Guard(
                    "artifact/lent.py",
                    "    if not mode & LENT:  #",
                    "    if True:  #",
                    "build/test_lent.py::test_no_tool_makes_what_nobody_is_given"
                    "[tar.gz-nosuchuser:nosuchgroup-expected0]",
                ),
                Guard(
                    "artifact/lent.py",
                    "    if not entry.mode & LENT:\n",
                    "    if True:\n",
                    "build/test_lent.py::test_no_tool_makes_what_nobody_is_given"
                    "[dir-nosuchuser:nosuchgroup-expected0]",
                ),
                Guard(
                    "target/owners.py",
                    "        if entry[2] & _LENT:\n",
                    "        if False:\n",
                    "target/test_owners.py::"
                    "test_without_root_nobody_gets_the_rights_of_who_installs",
                ),
                Guard(
                    "target/owners.py",
                    "if entry.mode & bit and look(name) != number:",
                    "if entry.mode & bit:",
                    "target/test_owners.py::test_without_root_what_is_one_s_own_has_its_rights",
                ),
            ),
        ),
        Fault(
            "an ordinary user asks what root has installed, and whether it is as it was",
            "told, but for what is root's alone",
            (
                Guard(
                    "target/home.py",
                    "    except PermissionError:  #",
                    "    except FileExistsError:  #",
                    "target/test_owners.py::"
                    "test_who_may_change_nothing_is_told_and_may_verify[root]",
                ),
                Guard(
                    "target/inspection.py",
                    "    if whose != owners.own():\n",
                    "    if False:\n",
                    "target/test_owners.py::"
                    "test_who_may_change_nothing_is_told_and_may_verify[daemon]",
                ),
            ),
        ),
        Fault(
            "an ordinary user would change what root, or another user, has installed",
            "told whose it is, and what to type",
            (
                Guard(
                    "target/cli.py",
                    'f"{where}{error.strerror}{_way_out(error, words)}"',
                    'f"{where}{error.strerror}"',
                    "target/test_owners.py::"
                    "test_who_may_change_nothing_is_told_whose_it_is_and_what_to_type[rollback]",
                ),
                Guard(
                    "target/cli.py",
                    "        text += _way_out(error.__cause__, words)\n",
                    "",
                    "target/test_owners.py::test_without_root_a_prefix_of_root_is_refused",
                ),
            ),
        ),
        Fault(
            "a scratch root, a prefix, or a directory above that belongs to somebody else, or that"
            " others can write to, with a tool, a hook, a record or a registry of theirs",
            "nothing from there is run; on the machine itself nothing of it is believed",
            (
                Guard(
                    "target/opening.py",
                    "    if doubt:\n        raise RefusedError(",
                    "    if False:\n        raise RefusedError(",
                    "target/test_trust.py::test_nor_by_any_other_command[gc]",
                ),
                Guard(
                    "target/opening.py",
                    "            demand_own(home)\n",
                    "            pass\n",
                    "target/test_own_machine.py::"
                    "test_what_others_could_have_written_is_not_believed[state]",
                ),
                Guard(
                    "target/trust.py",
                    "for way in (*reversed(last.parents), last):",
                    "for way in (last,):",
                    "target/test_trust.py::test_a_directory_above_the_root_counts_too",
                ),
                Guard(
                    "target/trust.py",
                    "if status.st_uid not in {0, os.geteuid()}:",
                    "if False:",
                    "target/test_trust.py::test_nor_by_any_other_command[gc]",
                ),
                Guard(
                    "target/trust.py",
                    "if status.st_mode & stat.S_IWOTH:",
                    "if False:",
                    "target/test_trust.py::test_a_tool_that_others_could_exchange_is_not_run"
                    "[opt-open_to_all]",
                ),
                Guard(
                    "target/trust.py",
                    "    if status.st_mode & stat.S_IWGRP:\n",
                    "    if False:\n",
                    "target/test_trust.py::test_a_tool_that_others_could_exchange_is_not_run"
                    "[opt-open_to_a_group]",
                ),
                Guard(
                    "target/trust.py",
                    "        if kind == acl.USER and who not in {0, os.geteuid()}:\n",
                    "        if False:\n",
                    "target/test_trust.py::test_whom_a_list_lets_write_counts_too",
                ),
                Guard(
                    "target/acl.py",
                    "each._replace(rights=each.rights & mask)",
                    "each",
                    "target/test_own_machine.py::test_what_is_closed_may_be_open_by_a_list",
                ),
                Guard(
                    "target/running.py",
                    "        found += _open_to_others(home, new.package)\n",
                    "",
                    "target/test_own_machine.py::"
                    "test_no_hook_is_run_where_others_could_exchange_it[opt]",
                ),
                Guard(
                    "target/running.py",
                    "    doubt = doubt_about(home, owner.path)\n    if doubt:\n",
                    "    doubt = doubt_about(home, owner.path)\n    if False:\n",
                    "target/test_own_machine.py::test_nor_one_of_a_package_that_goes",
                ),
                Guard(
                    "target/registry.py",
                    "return sound if prefix == sound else",
                    "return (prefix or '') if True else",
                    "target/test_trust.py::test_a_registry_of_others_leads_nowhere_else",
                ),
            ),
        ),
        Fault(
            "a scratch root, or a prefix, with links to the outside",
            "refused; nothing is written outside",
            (
                Guard(
                    "artifact/descent.py",
                    "os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)",
                    "os.open(name, _DIRECTORY, dir_fd=descriptor)",
                    "target/test_hostile.py::test_no_link_on_the_way_to_a_prefix_is_followed[opt]",
                ),
                Guard(
                    "artifact/descent.py",
                    'os.open(name or ".", _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)',
                    'os.open(name or ".", _DIRECTORY, dir_fd=parent)',
                    "target/test_hostile.py::test_no_link_on_the_way_to_a_prefix_is_followed"
                    "[opt/greenhouse]",
                ),
                Guard(
                    "target/home.py",
                    "if root == SYSTEM else where",
                    "if True else where",
                    "target/test_hostile.py::test_no_link_on_the_way_to_a_prefix_is_followed[opt]",
                ),
                Guard(
                    "target/home.py",
                    "            if _is_strange(directory, own):",
                    "            if False:",
                    "target/test_hostile.py::test_no_link_in_a_prefix_is_followed[state]",
                ),
                Guard(
                    "target/configuration.py",
                    "if is_there and not home.directory.is_directory(entry.path):",
                    "if False:",
                    "target/test_hostile.py::test_no_link_in_a_prefix_is_followed[etc]",
                ),
                Guard(
                    "artifact/installed.py",
                    'if key.partition("/")[0] in OWN:',
                    "if False:",
                    "target/test_hostile.py::"
                    "test_a_package_cannot_have_configuration_among_releases",
                ),
            ),
        ),
    ),
)
