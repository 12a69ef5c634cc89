"""What becomes of configuration files, cell by cell of the table in the reference."""

from __future__ import annotations

from .guard import Fault, Group, Guard

OLD = "the old release stays or comes back; the space is given back"
TABLE = "installer/test_conffile.py::test_an_upgrade_does_what_the_table_says"
BACK = "installer/test_conffile.py::test_a_rollback_brings_back_what_was_there"
SAYS = "if live.digest == ABSENT or _says(old) == _says(new):"
KINDS = "installer/test_conffile_kinds.py::"
REMOVED = "ARCHIVE if old.type == FILE and live.digest == old.digest else IDLE"
SWITCH = "artifact/deb/conffiles.py"
DEB = "artifact/deb/test_switch.py::"
ACTION = "action = INSTALL if live.digest == old.digest else _beside(live, new)"


def _cell(name: str, text: str, instead: str, test: str = TABLE) -> Guard:
    return Guard("installer/store/configuration.py", text, instead, f"{test}[{name}]")


CONFIGURING = Group(
    "Configuration files",
    (
        Fault(
            "the vendor's file is the same",
            "kept: as it was, as it was edited, or deleted",
            (
                Guard(
                    "installer/store/beside.py",
                    "        if decision.action in {INSTALL, NEW, RESTORE, OLD}:\n",
                    "        if True:\n",
                    f"{TABLE}[same, same]",
                ),
                _cell("edited, same", SAYS, "if live.digest == ABSENT:"),
                _cell("deleted, same", SAYS, "if False:"),
            ),
        ),
        Fault(
            "the vendor's file has changed",
            "installed; where it was edited, put beside it, and told; where it was deleted, not",
            (
                _cell("same, changed", ACTION, "action = _beside(live, new)"),
                _cell("edited, changed", ACTION, "action = INSTALL"),
                _cell(
                    "edited as the vendor did",
                    "return KEEP if live.digest == new.digest else NEW",
                    "return NEW",
                ),
                _cell("deleted, changed", SAYS, "if _says(old) == _says(new):"),
            ),
        ),
        Fault(
            "the vendor's file is no more",
            "archived; kept where it was edited",
            (
                _cell("same, removed", f"return {REMOVED}", "return IDLE"),
                _cell("edited, removed", f"return {REMOVED}", "return ARCHIVE"),
                _cell(
                    "deleted, removed",
                    "if old is None or live.digest in {ABSENT, EMPTY}:",
                    "if old is None:",
                ),
                Guard(
                    "installer/ops/plan.py",
                    "{NEW, OLD, IDLE, ASIDE}",
                    "{NEW, OLD}",
                    f"{KINDS}test_an_upgrade_does_what_the_table_says",
                ),
            ),
        ),
        Fault(
            "going back to the release before, from any of these",
            "what was there then is there; what was edited since is kept, and told",
            (
                _cell(
                    "same, changed",
                    "        return _decision(path, live, RESTORE, before)\n    return",
                    "        return _decision(path, live, KEEP, live)\n    return",
                    BACK,
                ),
                Guard(
                    "installer/store/configuration.py",
                    "now.digest if now else then.after.digest",
                    "then.after.digest",
                    "installer/test_conffile.py::"
                    "test_a_rollback_over_two_releases_brings_back_what_was_there",
                ),
                Guard(
                    "installer/ops/transaction.py",
                    "    if change.record.action == ROLLBACK and old:\n",
                    "    if False:\n",
                    f"{BACK}[edited, changed]",
                ),
                Guard(
                    "installer/store/configuration.py",
                    "return _decision(path, live, ARCHIVE if unedited else KEEP, Live())",
                    "return _decision(path, live, KEEP, Live())",
                    "installer/test_conffile.py::"
                    "test_a_file_that_a_release_adds_is_installed_and_taken_back",
                ),
                Guard(
                    "installer/store/configuration.py",
                    "return _decision(path, live, KEEP if live.digest == ABSENT else OLD, live)",
                    "return _decision(path, live, OLD, live)",
                    "installer/test_conffile.py::test_what_was_deleted_since_stays_deleted",
                ),
                Guard(
                    "installer/store/configuration.py",
                    "return _decision(path, live, KEEP if live.digest == ABSENT else OLD, live)",
                    "return _decision(path, live, RESTORE, before)",
                    "installer/test_conffile.py::"
                    "test_a_rollback_keeps_what_was_edited_since[same, changed]",
                ),
                Guard(
                    "installer/store/configuration.py",
                    "if live.digest in _NO_FILES or before.digest in {OTHER, FULL}:",
                    "if False:",
                    "installer/test_conffile.py::"
                    "test_a_link_that_became_a_file_since_is_not_brought_back",
                ),
            ),
        ),
        Fault(
            "a configuration file becomes a directory, or a directory one, and back",
            "no edit is lost: it stays in its place, or is moved aside, and told",
            (
                Guard(
                    "installer/store/configuration.py",
                    "ARCHIVE if was_file and old and live.digest == old.digest else ASIDE",
                    "ARCHIVE",
                    f"{KINDS}test_an_upgrade_does_what_the_table_says",
                ),
                Guard(
                    "installer/store/configuration.py",
                    "action = INSTALL if live.digest in {ABSENT, EMPTY} else _beside(live, new)",
                    "action = INSTALL if live.digest == ABSENT else _beside(live, new)",
                    f"{KINDS}test_a_file_and_a_directory_of_files_take_turns",
                ),
                Guard(
                    "installer/store/configuration.py",
                    "        return RETURN\n",
                    "        return KEEP\n",
                    f"{KINDS}test_a_rollback_brings_back_what_was_there_and_another_what_was_then",
                ),
                Guard(
                    "installer/store/beside.py",
                    "        _clear(home, decision)\n",
                    "        pass\n",
                    f"{KINDS}test_each_link_of_a_release_leads_to_what_it_needs",
                ),
                Guard(
                    "installer/store/configuration.py",
                    "        if home.directory.status(path):\n",
                    "        if False:\n",
                    f"{KINDS}test_an_edited_file_makes_way_for_a_directory_of_files",
                ),
            ),
            (f"{KINDS}test_no_kill_loses_an_edit",),
        ),
        Fault(
            "in a deb a path is a configuration file in one version, and something else in another",
            "no edit is lost; nobody is asked; what is kept without an effect is told",
            (
                Guard(
                    SWITCH,
                    '    elif has "$path"; then\n        aside saved "$path"\n',
                    '    elif has "$path"; then\n        :\n',
                    f"{DEB}test_an_upgrade_does_what_the_table_says[dash]",
                ),
                Guard(
                    SWITCH,
                    '            aside "$word" "$path"\n            stand_in "$path"\n',
                    "            :\n",
                    f"{DEB}test_no_edit_is_lost_on_the_way_back_nor_over_a_removal",
                ),
                Guard(
                    SWITCH,
                    '        elif [ "$now" = "$old" ]; then\n            aside moved "$path"\n',
                    "",
                    f"{DEB}test_an_upgrade_does_what_the_table_says[bash]",
                ),
                Guard(
                    SWITCH,
                    '        saved | copied | moved) finish "$@" ;;\n',
                    "",
                    f"{DEB}test_what_was_unpacked_and_never_configured_goes_without_loss",
                ),
                Guard(
                    "artifact/deb/conffiles.py",
                    'f"{names}{END}each undo\\n"',
                    'f"{names}{END}"',
                    f"{DEB}test_an_upgrade_that_fails_leaves_all_as_it_was[damage]",
                ),
                Guard(
                    SWITCH,
                    """sed 's/"/\\\\"/g'""",
                    "cat",
                    f"{DEB}test_what_is_true_of_one_name_is_true_of_all",
                ),
                Guard(
                    SWITCH,
                    'case ",${DPKG_FORCE:-}," in *,conf*) answered=yes ;;',
                    'case ",${DPKG_FORCE:-}," in *,none*) answered=yes ;;',
                    f"{DEB}test_who_has_answered_before_is_heard",
                ),
            ),
        ),
        Fault(
            "a name is too long for dpkg, or what dpkg calls a file of its own",
            "refused where the deb is built, at the line that says so",
            (
                Guard(
                    "builder/collect/layout.py",
                    "        self._check_deb(items)\n",
                    "",
                    "builder/test_layout.py::"
                    "test_what_dpkg_could_not_unpack_is_told_at_its_line_where_a_deb_is_made",
                ),
                Guard(
                    "artifact/deb/control.py",
                    "    _demand_names(manifest)\n",
                    "",
                    "artifact/deb/test_names.py::test_a_name_is_judged_where_a_deb_is_spelt",
                ),
                Guard(
                    "artifact/deb/fields.py",
                    'LONGEST_NAME = 255 - len(".dpkg-new")',
                    "LONGEST_NAME = 255",
                    "artifact/deb/test_names.py::test_a_name_can_be_so_long[file]",
                ),
            ),
        ),
    ),
)
