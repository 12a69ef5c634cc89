"""The faults that a removal meets, and what it has to leave."""

from __future__ import annotations

from .guard import Fault, Group, Guard

LEAVING = Group(
    "Removing",
    (
        Fault(
            "killed at any system call of a removal, a purge, or a purge after a removal",
            "the next command works at once, whichever it is; no configuration is lost that was"
            " not asked for; asked again, all is gone",
            (
                Guard(
                    "installer/ops/removal.py",
                    "        home.directory.remove(journal.REMOVED)\n        stuck",
                    "        stuck",
                    "installer/test_purge.py::"
                    "test_meanwhile_the_package_can_be_installed_with_its_configuration",
                ),
                Guard(
                    "installer/ops/removal.py",
                    "            forget(home, but=(LOCK,))\n",
                    "            forget(home)\n",
                    "installer/test_kills.py::"
                    "test_after_some_kills_of_a_removal_each_command_works_at_once[purge]",
                ),
                Guard(
                    "installer/ops/journal.py",
                    " and is_name(event.release)",
                    "",
                    "installer/test_purge.py::test_a_line_of_history_without_a_release_is_none",
                ),
                Guard(
                    "installer/cli/uninstall.py",
                    "        if journal.is_of_removal(home) or made.is_new(home):\n",
                    "        if made.is_new(home):\n",
                    "installer/test_kills.py::"
                    "test_after_some_kills_of_a_removal_each_command_works_at_once[purge]",
                ),
                Guard(
                    "installer/ops/session.py",
                    "        _sweep(home, telling, made.places(home))\n",
                    "        pass\n",
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
            "a note of a removal that no removal of the package has left: copied there, or of"
            " another package, or from before it was installed again",
            "told, and not believed: no configuration file counts as deleted by its user",
            (
                Guard(
                    "installer/ops/journal.py",
                    "found if is_its_own and called in _removed(home) else None",
                    "found if is_its_own else None",
                    "installer/test_removed.py::"
                    "test_a_manifest_that_no_removal_has_left_is_told_and_not_believed",
                ),
                Guard(
                    "installer/ops/journal.py",
                    "found if is_its_own and called",
                    "found if called",
                    "installer/test_removed.py::"
                    "test_what_another_package_has_left_in_its_place_is_that_one_s",
                ),
            ),
        ),
        Fault(
            "releases on a lower layer of an overlay; something mounted below the prefix, or"
            " immutable",
            "removed, or told with its path; the rest goes, nothing stays under way, and asked"
            " again the removal goes on",
            (
                Guard(
                    "installer/store/durable.py",
                    "            if error.errno not in _FIXED:\n",
                    "            if True:\n",
                    "installer/test_purge.py::test_a_release_on_a_lower_layer_is_removed",
                ),
                Guard(
                    "artifact/deb/scripts.py",
                    'elif [ ! -L "$path" ] && mountpoint -q "$path"; then',
                    "elif false; then",
                    "artifact/deb/test_script.py::"
                    "test_a_purge_removes_nothing_of_what_is_mounted[var/log]",
                ),
                Guard(
                    "artifact/deb/scripts.py",
                    'rm -rf --one-file-system "$path"',
                    'rm -rf "$path"',
                    "artifact/deb/test_script.py::"
                    "test_a_purge_removes_nothing_of_what_is_mounted[var/log/usb]",
                ),
                Guard(
                    "installer/store/durable.py",
                    "        if faults and doomed != path:\n            self.move(doomed, path)\n",
                    "",
                    "installer/test_purge.py::"
                    "test_what_is_mounted_in_an_old_release_hinders_no_upgrade",
                ),
                Guard(
                    "installer/store/durable.py",
                    "            if error.errno in _FILLED:\n",
                    "            if error.errno in (*_FILLED, errno.EBUSY):\n",
                    "installer/test_purge.py::"
                    "test_what_is_mounted_in_data_is_told_and_goes_when_asked_again",
                ),
                Guard(
                    "installer/store/durable.py",
                    "        faults.append(error)\n",
                    "        raise\n",
                    "installer/test_purge.py::"
                    "test_what_cannot_be_removed_for_ever_hinders_no_other_command",
                ),
            ),
        ),
        Fault(
            "the installer is killed while a hook runs, and the hook goes on",
            "the next command ends it, and what it has started, before it does anything else",
            (
                Guard(
                    "installer/ops/session.py",
                    "    if hooks.end(home):\n",
                    "    if False:\n",
                    "installer/test_own_machine.py::"
                    "test_a_hook_of_a_run_that_was_killed_is_ended_by_the_next",
                ),
                Guard(
                    "installer/services/hooks.py",
                    ' and born != "" and _born(int(pid)) == born',
                    "",
                    "installer/test_own_machine.py::"
                    "test_a_process_of_that_number_that_is_another_is_let_be",
                ),
            ),
        ),
        Fault(
            "a prefix that others use too, or in that of another package, or that does not last;"
            " two packages of a project with a service of one name",
            "refused where the spec is read, with file, line and column; a prefix at the"
            " installation, too",
            (
                Guard(
                    "spec/resolve/project.py",
                    "    _check_prefix(variant, merged, faults)\n",
                    "",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[shared-prefix]",
                ),
                Guard(
                    "spec/resolve/project.py",
                    "    project.faults += faults_beside(made)\n",
                    "",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[nested-prefix]",
                ),
                Guard(
                    "spec/resolve/project.py",
                    "            if other != variant.name:\n",
                    "            if False:\n",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[duplicate-service]",
                ),
                Guard(
                    "installer/ops/install.py",
                    "    _demand_own(home, new.package)\n",
                    "",
                    "installer/test_install.py::test_a_prefix_that_is_not_the_package_s_own_is_refused",
                ),
            ),
        ),
        Fault(
            "`provision install` of a package that dpkg has installed, and the other way round:"
            " a purge of one would take configuration and data of the other",
            "refused before anything is written, with the command that removes what is there",
            (
                Guard(
                    "installer/ops/install.py",
                    "    if releases.is_of_dpkg(home, name):",
                    "    if False:",
                    "installer/test_status.py::test_a_package_that_dpkg_has_and_did_not_purge_is_refused",
                ),
                Guard(
                    "artifact/deb/scripts.py",
                    "*(_own_place, _values,",
                    "*(_values,",
                    "artifact/deb/test_script.py::"
                    "test_a_package_does_not_come_where_provision_has_installed[dash]",
                ),
            ),
        ),
        Fault(
            "directories, configuration files and an empty prefix that were there before",
            "a purge takes what the package has made, and nothing else",
            (
                Guard(
                    "installer/store/beside.py",
                    "if not home.directory.is_directory(entry.path) and not",
                    "if True or",
                    "installer/test_purge.py::test_what_was_there_before_is_there_afterwards",
                ),
                Guard(
                    "installer/ops/session.py",
                    "                if made.is_new(home):\n",
                    "                if True:\n",
                    "installer/test_purge.py::"
                    "test_an_installation_that_is_refused_removes_no_directory_of_others",
                ),
                Guard(
                    "installer/store/made.py",
                    "        found = _assumed(home, about)\n",
                    "        found = dict.fromkeys("
                    "(entry.path for entry in about.layout.data), DATA)\n",
                    "installer/test_purge.py::"
                    "test_of_what_an_older_tool_installed_what_is_not_known_stays",
                ),
                Guard(
                    "artifact/deb/scripts.py",
                    'if [ -d "$path" ] && ! is_own "$path"; then',
                    "if false; then",
                    "artifact/deb/test_purge.py::"
                    "test_what_was_there_before_is_there_afterwards[dash]",
                ),
                Guard(
                    "artifact/deb/scripts.py",
                    '        find "$1" -name __pycache__ -prune -o ! -type d -print\n',
                    "",
                    "artifact/deb/test_purge.py::"
                    "test_a_version_that_comes_to_data_of_others_leaves_them[dash-files]",
                ),
                Guard(
                    "artifact/deb/scripts.py",
                    "    mv -T {found}-new {found}\n",
                    "    rm {found}-new\n",
                    "artifact/deb/test_purge.py::"
                    "test_an_installation_that_failed_has_noted_nothing[dash]",
                ),
            ),
        ),
    ),
)
