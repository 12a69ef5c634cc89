"""The faults of what runs on a machine, and of what has been installed there."""

from __future__ import annotations

from .guard import Fault, Group, Guard

RUNNING = Group(
    "Running",
    (
        Fault(
            "a directory on the way to a service's program is closed to the service's user",
            "refused before anything is changed, with the directory and what opens it",
            (
                Guard(
                    "installer/services/lifecycle.py",
                    "        found += faults(home, new)\n",
                    "",
                    "installer/test_own_machine.py::"
                    "test_a_way_that_is_closed_to_a_service_is_told_before_the_switch[daemon-opt]",
                ),
                Guard(
                    "installer/services/lifecycle.py",
                    "if by_group else",
                    "if False else",
                    "installer/test_own_machine.py::"
                    "test_what_is_closed_may_be_open_to_the_group_or_the_owner",
                ),
                Guard(
                    "artifact/deb/fields.py",
                    'if [ -d "$way" ] && ! may_enter "$user" "$way"; then',
                    "if false; then",
                    "artifact/deb/test_user.py::"
                    "test_a_prefix_that_is_closed_to_who_runs_a_service_is_told",
                ),
            ),
        ),
        Fault(
            "whoever installs has a umask of 0 or 077, ignores or blocks signals, has files open",
            "the same modes, and hooks that hear what they should",
            (
                Guard(
                    "installer/services/subprocesses.py",
                    "            umask=UMASK,\n            start_new_session=True,\n",
                    "            start_new_session=True,\n",
                    "installer/test_own_machine.py::test_modes_are_the_same_whatever_the_umask[63]",
                ),
                Guard(
                    "installer/services/subprocesses.py",
                    "    with _nothing_ignored():\n",
                    "    if True:\n",
                    "installer/test_program.py::test_it_knows_nothing_of_whoever_started_this",
                ),
                Guard(
                    "installer/cli/command_line.py",
                    "signal.pthread_sigmask(signal.SIG_SETMASK, ())",
                    "signal.pthread_sigmask(signal.SIG_BLOCK, ())",
                    "installer/test_own_machine.py::test_no_signal_is_blocked_for_a_hook",
                ),
            ),
        ),
        Fault(
            "a hook fails, hangs, leaves children, reads standard input, or asks for the terminal",
            "its time ends it and all that it has started; the release before is back",
            (
                Guard(
                    "installer/services/hooks.py",
                    'return f"{hook.name} ended with {ended.status}{said}" if ended.status else ""',
                    'return ""',
                    "installer/test_hooks.py::test_why_a_hook_has_failed_is_told",
                ),
                Guard(
                    "installer/services/lifecycle.py",
                    '        raise TargetError(f"{fault}; what it said is in {home.path / log}")',
                    "        pass",
                    "installer/test_own_machine.py::test_a_hook_after_the_switch_takes_it_back",
                ),
                Guard(
                    "installer/services/lifecycle.py",
                    '        raise TargetError(f"{fault}; what it said is in {home.path / log}")',
                    "        pass",
                    "installer/test_own_machine.py::test_a_hook_before_the_switch_stops_it",
                ),
                Guard(
                    "installer/services/subprocesses.py",
                    "            _signal(process, signal.SIGTERM)\n",
                    "            pass\n",
                    "installer/test_program.py::test_one_that_does_not_end_is_ended",
                ),
                Guard(
                    "installer/services/subprocesses.py",
                    "                _signal(process, signal.SIGKILL)\n"
                    "                listener.listen(GRACE)\n",
                    "                pass\n",
                    "installer/test_program.py::test_one_that_takes_no_hint_is_killed",
                ),
                Guard(
                    "installer/services/subprocesses.py",
                    "after an interruption\n        _signal(process, signal.SIGKILL)\n",
                    "after an interruption\n",
                    "installer/test_program.py::test_what_it_has_started_ends_with_it[exit 0]",
                ),
                Guard(
                    "installer/services/subprocesses.py",
                    "        start_new_session=True,\n",
                    "",
                    "installer/test_program.py::test_it_has_no_input_and_no_terminal",
                ),
                Guard(
                    "installer/services/subprocesses.py",
                    "            stdin=subprocess.DEVNULL,\n            stdout=subprocess.PIPE,\n",
                    "            stdout=subprocess.PIPE,\n",
                    "installer/test_program.py::test_it_has_no_input_and_no_terminal",
                ),
                Guard(
                    "installer/services/subprocesses.py",
                    "[-OUTPUT:]",
                    "",
                    "installer/test_program.py::test_of_much_that_is_said_the_end_is_kept",
                ),
            ),
            ("installer/test_booted_services.py::test_what_a_hook_cannot_finish_is_undone",),
        ),
        Fault(
            "a service is not well, or the power goes while it is waited for",
            "the release before is back, after three attempts at most",
            (
                Guard(
                    "installer/services/lifecycle.py",
                    "    if fault:\n        raise TargetError(fault)",
                    "    if fault:\n        pass",
                    "installer/test_own_machine.py::"
                    "test_one_that_is_not_well_makes_room_for_what_was_there[none]",
                ),
                Guard(
                    "installer/services/lifecycle.py",
                    "    managers.restart(at, package, resting)\n",
                    "",
                    "installer/test_own_machine.py::"
                    "test_one_that_does_not_start_makes_room_for_what_was_there",
                ),
                Guard(
                    "installer/ops/session.py",
                    "or entry.attempts >= attempts:",
                    "or False:",
                    "installer/test_recovery.py::test_what_was_tried_three_times_is_undone",
                ),
                Guard(
                    "installer/ops/transaction.py",
                    "    change = change.noted(attempts=change.record.attempts + 1)\n    if new",
                    "    if new",
                    "installer/test_recovery.py::test_a_power_cut_in_each_attempt_comes_to_an_end",
                ),
                Guard(
                    "installer/ops/session.py",
                    "attempts=0 if is_starting() else ATTEMPTS",
                    "attempts=ATTEMPTS",
                    "installer/test_recovery.py::test_a_machine_that_starts_goes_back_at_once",
                ),
                Guard(
                    "installer/services/health.py",
                    'return "" if status in _GOOD else f"{url} answers {status}"',
                    'return ""',
                    "installer/test_probe.py::"
                    "test_any_other_answer_is_not_and_no_redirection_is_followed",
                ),
            ),
            (
                (
                    "installer/test_booted.py::"
                    "test_a_start_in_the_middle_of_an_upgrade_ends_with_the_old_release"
                ),
            ),
        ),
        Fault(
            "a unit of the distribution, of a deb, of an administrator or of a script, of the name"
            " that a service needs, or that would have it as soon as it is enabled",
            "refused by name before anything is changed",
            (
                Guard(
                    "installer/services/units.py",
                    "        yield from self._manager.others(self._root, name)\n",
                    "",
                    "installer/test_services.py::test_a_unit_that_is_known_from_elsewhere_is_a_fault",
                ),
                Guard(
                    "installer/services/launchd.py",
                    'if path != f"{DIRECTORY}/{name}" and',
                    "if False and",
                    "installer/test_services.py::test_a_label_of_another_is_a_fault",
                ),
                Guard(
                    "installer/services/managers.py",
                    "for path, name in units.aliases(needed)",
                    "for path, name in ()",
                    "installer/test_services.py::"
                    "test_a_name_that_another_s_unit_has_once_it_is_enabled_is_a_fault",
                ),
                Guard(
                    "artifact/deb/scripts.py",
                    'path=$(alias_in "$place" "$unit")',
                    "path=",
                    "artifact/deb/test_known.py::"
                    "test_a_name_that_another_s_unit_has_once_it_is_enabled_is_refused",
                ),
            ),
            (
                (
                    "installer/test_booted_services.py::"
                    "test_a_unit_of_the_distribution_is_neither_stopped_nor_shadowed"
                ),
                (
                    "installer/test_booted_services.py::"
                    "test_a_unit_that_systemd_would_call_so_once_it_is_enabled_is_refused"
                ),
            ),
        ),
        Fault(
            "a service that an administrator has stopped, disabled or masked",
            "stays so, whatever release comes or comes back; it is not asked for its health",
            (
                Guard(
                    "installer/services/systemd.py",
                    '    if said.get("LoadState") == "masked":\n        return True\n',
                    "",
                    "installer/test_services.py::test_who_rests_is_told_by_what_systemd_says",
                ),
                Guard(
                    "installer/services/systemd.py",
                    "return 0 < left < ended or (again and ended > 0)",
                    "return False",
                    "installer/test_services.py::test_who_rests_is_told_by_what_systemd_says",
                ),
                Guard(
                    "installer/services/managers.py",
                    "[name for name in names(package) if name not in resting]",
                    "[*names(package)]",
                    "installer/test_own_machine.py::test_what_rests_is_neither_started_nor_asked",
                ),
                Guard(
                    "installer/services/units.py",
                    "if self._wants and (is_new or",
                    "if self._wants and (True or",
                    "installer/test_services.py::test_what_an_administrator_has_disabled_stays_so",
                ),
                Guard(
                    "installer/services/systemd.py",
                    'DIRECTORY = "usr/local/lib/systemd/system"',
                    'DIRECTORY = "etc/systemd/system"',
                    "installer/test_services.py::test_what_is_masked_is_no_fault_and_stays_masked",
                ),
            ),
            (
                (
                    "installer/test_booted_services.py::"
                    "test_what_somebody_has_stopped_disabled_or_masked_stays_so"
                ),
            ),
        ),
        Fault(
            "a clock in 1970, or in 2100",
            "the order of changes is that of their numbers; no clock is asked",
            (
                Guard(
                    "installer/ops/cleanup.py",
                    "    for event in events:\n        if",
                    "    for event in sorted(events, key=lambda each: each.time):\n        if",
                    "installer/test_cleanup.py::test_no_clock_is_asked_for_an_order[years1]",
                ),
                Guard(
                    "installer/ops/journal.py",
                    "return events[-1].sequence + 1 if events else 1",
                    "return 1",
                    "installer/test_cleanup.py::test_no_clock_is_asked_for_an_order[years0]",
                ),
            ),
        ),
        Fault(
            "an older version",
            "refused without `--allow-downgrade`",
            (
                Guard(
                    "installer/ops/install.py",
                    "if old and not downgrade and is_older(",
                    "if False and is_older(",
                    "installer/test_install.py::test_an_older_version_is_refused_unless_it_is_allowed",
                ),
                Guard(
                    "artifact/model/release.py",
                    "int(digits or 0)",
                    "digits",
                    "test_version.py::test_versions_have_an_order",
                ),
            ),
        ),
        Fault(
            "any number of installations that fail, then a clean-up",
            "the last good release stays, with what is current, previous or under way",
            (
                Guard(
                    "installer/ops/cleanup.py",
                    "        if event.outcome == DONE:\n",
                    "        if True:\n",
                    "installer/test_cleanup.py::test_bad_ones_do_not_count_and_go_first",
                ),
                Guard(
                    "installer/ops/cleanup.py",
                    "kept = {*needed, *",
                    "kept = {*",
                    "installer/test_cleanup.py::test_what_is_needed_is_kept_however_many",
                ),
                Guard(
                    "installer/ops/cleanup.py",
                    "return {releases.at(home, CURRENT), releases.at(home, PREVIOUS), *pending}",
                    "return {releases.at(home, CURRENT), *pending}",
                    "installer/test_recovery.py::test_however_many_fail_the_last_good_one_is_kept",
                ),
                Guard(
                    "installer/ops/cleanup.py",
                    "journal.last_of(events, name) and not journal.has_come_up(events, name)",
                    "journal.last_of(events, name)",
                    "installer/test_cleanup.py::test_what_is_good_outlives_what_is_not",
                ),
            ),
        ),
        Fault(
            "after the installation: a file altered, chmodded, removed, added, a link turned",
            "each is told by `provision verify`",
            (
                Guard(
                    "artifact/verify/contents.py",
                    "if digest != entry.digest and",
                    "if False and",
                    "installer/test_inspection.py::test_each_difference_is_told[greenhouse-tampered]",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "elif found.mode != wanted:",
                    "elif False:",
                    "installer/test_inspection.py::test_each_difference_is_told[greenhouse-chmodded]",
                ),
                Guard(
                    "artifact/verify/tree.py",
                    '            findings.append(Finding(entry.path, "is missing"))\n',
                    "",
                    "installer/test_inspection.py::test_each_difference_is_told[greenhouse-removed]",
                ),
                Guard(
                    "artifact/verify/tree.py",
                    "for each in found if each not in beside]",
                    "for each in found if False]",
                    "installer/test_inspection.py::test_each_difference_is_told[greenhouse-added]",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "if found.link != entry.link:",
                    "if False:",
                    "installer/test_inspection.py::test_each_difference_is_told[greenhouse-turned]",
                ),
                Guard(
                    "installer/ops/inspection.py",
                    "        if fault:\n            yield",
                    "        if False:\n            yield",
                    "installer/test_inspection.py::"
                    "test_each_difference_is_told[greenhouse-without_data]",
                ),
                Guard(
                    "installer/ops/install.py",
                    "    if found:\n        raise RefusedError(\n",
                    "    if False:\n        raise RefusedError(\n",
                    "installer/test_rollback.py::test_one_does_not_go_back_to_a_damaged_release",
                ),
            ),
        ),
        Fault(
            "a version is put over another, by whichever tool, or installed in the same second, and"
            " a file keeps its size",
            "no file of another content has the time of the old one, by which Python knows its byte"
            " code",
            (
                Guard(
                    "artifact/tar/archive.py",
                    "int(entry.digest[:16], 16) % _SPAN",
                    "2",
                    "builder/test_times.py::test_a_time_changes_with_its_content_alone",
                ),
                Guard(
                    "builder/archive/job.py",
                    "return variant.mtime != _EPOCH",
                    'return variant.mtime == "content"',
                    "builder/test_times.py::test_a_time_changes_with_its_content_alone",
                ),
                Guard(
                    "artifact/tar/archive.py",
                    "numbers = size, mtime_of_content(entry) if self._by_content else tar.EPOCH",
                    "numbers = size, tar.EPOCH",
                    "artifact/test_mtime.py::test_a_header_is_spelt_alike_in_either_way",
                ),
                Guard(
                    "artifact/verify/contents.py",
                    "if member.mtime != wanted.mtime:",
                    "if False:",
                    "artifact/test_mtime.py::test_a_file_with_another_time_is_refused",
                ),
                Guard(
                    "installer/store/stage.py",
                    "        os.utime(descriptor, (time, time))\n",
                    "",
                    "installer/test_earlier.py::test_a_file_bears_the_time_of_its_content",
                ),
            ),
        ),
        Fault(
            "byte code that Python writes into a release while it runs",
            "a note of `provision verify`; no rollback is refused, and none brings it back; what"
            " only looks like byte code is a difference",
            (
                Guard(
                    "artifact/verify/tree.py",
                    "    beside = Beside(entries) if found else ()\n",
                    "    beside: tuple[Entry, ...] = ()\n",
                    "installer/test_bytecode.py::test_a_release_that_has_run_comes_back_without_it",
                ),
                Guard(
                    "installer/ops/transaction.py",
                    "warn(bytecode.sweep(home, new.path, new.layout.release))",
                    'warn("")',
                    "installer/test_bytecode.py::test_a_release_that_has_run_comes_back_without_it",
                ),
                Guard(
                    "artifact/bytecode.py",
                    "return found.type == FILE and self._source_of",
                    "return self._source_of",
                    "artifact/test_bytecode.py::test_nothing_else_is",
                ),
                Guard(
                    "artifact/bytecode.py",
                    "self._source_of(found.path) in self._sources",
                    "bool(self._source_of(found.path))",
                    "installer/test_bytecode.py::"
                    "test_what_is_not_of_a_source_is_a_difference_beside_it",
                ),
                Guard(
                    "artifact/bytecode.py",
                    "(_NAME if in_cache else _LEGACY)",
                    "_NAME",
                    "installer/test_bytecode.py::"
                    "test_what_compileall_leaves_beside_a_source_is_told_and_goes",
                ),
                Guard(
                    "installer/ops/removal.py",
                    'bytecode.sweep(home, "", about.layout.conffiles)',
                    "pass",
                    "installer/test_bytecode.py::"
                    "test_configuration_that_was_imported_keeps_nothing_from_a_purge",
                ),
                Guard(
                    "installer/services/lifecycle.py",
                    "with bytecode.cache(home, owner) as cache:",
                    'for cache in ("",):',
                    "installer/test_own_machine.py::test_a_hook_leaves_no_byte_code",
                ),
                Guard(
                    "installer/services/lifecycle.py",
                    "        bytecode.renew(home, package)\n",
                    "",
                    "installer/test_own_machine.py::test_byte_code_of_a_service_goes_with_its_release",
                ),
                Guard(
                    "installer/services/lifecycle.py",
                    "        bytecode.forget(home, package)\n",
                    "",
                    "installer/test_own_machine.py::test_byte_code_of_a_service_goes_with_its_release",
                ),
                Guard(
                    "artifact/units.py",
                    "{CACHES}/{package.name}/{service_name(package, service.name)}",
                    "{CACHES}/{package.name}/{package.name}",
                    "artifact/test_cache.py::test_each_service_has_a_place_of_its_own",
                ),
                Guard(
                    "artifact/deb/scripts.py",
                    "environment.append((VARIABLE, '\"$cache\"'))",
                    "pass",
                    "artifact/deb/test_script.py::test_byte_code_of_a_hook_goes_with_it",
                ),
                Guard(
                    "artifact/deb/scripts.py",
                    "| xargs -0 -r rm -f || true",
                    "| cat >/dev/null",
                    "artifact/deb/test_script.py::"
                    "test_what_python_left_goes_with_what_it_was_made_of",
                ),
                Guard(
                    "builder/verify/prove.py",
                    "(*artifact.read(), *as_findings(artifact.byte_code))",
                    "(*artifact.read(),)",
                    "builder/test_prove.py::test_what_is_built_has_not_run",
                ),
            ),
            (
                "builder/test_deb_machine.py::test_old_code_does_not_run_and_no_byte_code_stays",
                (
                    "installer/test_booted_services.py::"
                    "test_byte_code_of_a_service_is_its_user_s_and_of_its_release"
                ),
            ),
        ),
    ),
)
