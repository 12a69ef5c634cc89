"""What happens to configuration files, cell by cell of the table in the reference."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import How, begins, false, gives, gone, shell, then, true

OLD = "the old release stays or comes back; the space is freed"
TABLE = "installer/test_conffile.py::test_an_upgrade_does_what_the_table_says"
BACK = "installer/test_conffile.py::test_a_rollback_brings_back_what_was_there"
SAYS = "if live.digest == ABSENT or _says(old) == _says(new):"
KINDS = "installer/test_conffile_kinds.py::"
REMOVED = "ARCHIVE if old.type == FILE and live.digest == old.digest else IDLE"
SWITCH = "builder/archive/debian/conffiles.py"
DEB = "builder/debian/test_switch.py::"
ACTION = "action = INSTALL if live.digest == old.digest else _beside(live, new)"


def _cell(name: str, mark: str, how: How, test: str = TABLE) -> Guard:
    return Guard(mark, how, f"{test}[{name}]")


CONFIGURING = Group(
    "Configuration files",
    (
        Fault(
            "the vendor's file is unchanged",
            "kept as it is: unchanged, edited or deleted",
            (
                Guard("configuration-moved-aside", true, f"{TABLE}[same, same]"),
                _cell("edited, same", "configuration-edited", gone.at("test.values.1")),
                _cell("deleted, same", "configuration-edited", false.at("test")),
            ),
        ),
        Fault(
            "the vendor's file has changed",
            "installed; if edited, the new file is put next to it and reported; if deleted, not "
            "installed",
            (
                _cell("same, changed", "config-unedited", false),
                _cell("edited, changed", "config-unedited", then),
                _cell("edited as the vendor did", "configuration-edited-alike", false),
                _cell("deleted, changed", "configuration-edited", gone.at("test.values.0")),
            ),
        ),
        Fault(
            "the vendor no longer ships the file",
            "archived; kept if edited",
            (
                _cell("same, removed", "config-drop", false),
                _cell("edited, removed", "config-drop", then),
                _cell(
                    "deleted, removed",
                    "configuration-dropped-and-deleted",
                    gone.at("test.values.1"),
                ),
                Guard(
                    "configuration-worth-a-look",
                    gone.at("test.comparators.0.elts.3") & gone.at("test.comparators.0.elts.2"),
                    f"{KINDS}test_an_upgrade_does_what_the_table_says",
                ),
            ),
        ),
        Fault(
            "a rollback to the previous release, after any of these",
            "what was there then is back; later edits are kept and reported",
            (
                _cell("same, changed", "configuration-restored", false, BACK),
                Guard(
                    "configuration-over-two-releases",
                    false,
                    "installer/test_conffile.py::"
                    "test_a_rollback_over_two_releases_brings_back_what_was_there",
                ),
                Guard("configuration-of-a-rollback", false, f"{BACK}[edited, changed]"),
                Guard(
                    "config-added",
                    false,
                    "installer/test_conffile.py::"
                    "test_a_file_that_a_release_adds_is_installed_and_taken_back",
                ),
                Guard(
                    "config-gone",
                    false,
                    "installer/test_conffile.py::test_what_was_deleted_since_stays_deleted",
                ),
                Guard(
                    "configuration-restored",
                    true,
                    "installer/test_conffile.py::"
                    "test_a_rollback_keeps_what_was_edited_since[same, changed]",
                ),
                Guard(
                    "configuration-kind-now",
                    false,
                    "installer/test_conffile.py::"
                    "test_a_link_that_became_a_file_since_is_not_brought_back",
                ),
            ),
        ),
        Fault(
            "a configuration file becomes a directory, or the other way round, and back",
            "no edit is lost: it stays in place, or is moved aside and reported",
            (
                Guard(
                    "configuration-kind-dropped",
                    then,
                    f"{KINDS}test_an_upgrade_does_what_the_table_says",
                ),
                Guard(
                    "configuration-into-an-empty-place",
                    gone.at("value.test.comparators.0.elts.1"),
                    f"{KINDS}test_a_file_and_a_directory_of_files_take_turns",
                ),
                Guard(
                    "configuration-returned",
                    false,
                    f"{KINDS}test_a_rollback_brings_back_what_was_there_and_another_what_was_then",
                ),
                Guard(
                    "configuration-cleared",
                    gone,
                    f"{KINDS}test_each_link_of_a_release_leads_to_what_it_needs",
                ),
                Guard(
                    "configuration-below-a-file",
                    false,
                    f"{KINDS}test_an_edited_file_makes_way_for_a_directory_of_files",
                ),
            ),
            (f"{KINDS}test_no_kill_loses_an_edit",),
        ),
        Fault(
            "in a deb, a path is a configuration file in one version and something else in another",
            "no edit is lost; nobody is asked; what is kept without effect is reported",
            (
                Guard(
                    "deb-begins",
                    shell("aside", when='[ "$1" = saved ]'),
                    f"{DEB}test_an_upgrade_does_what_the_table_says[dash]",
                ),
                Guard(
                    "deb-begins",
                    shell("aside", when='[ "$1" = kept ]') & shell("stand_in"),
                    f"{DEB}test_no_edit_is_lost_on_the_way_back_nor_over_a_removal",
                ),
                Guard(
                    "deb-begins",
                    shell("aside", when='[ "$1" = moved ]'),
                    f"{DEB}test_an_upgrade_does_what_the_table_says[bash]",
                ),
                Guard(
                    "deb-ends",
                    shell("leave", 'undo "$@"'),
                    f"{DEB}test_what_was_unpacked_and_never_configured_goes_without_loss",
                ),
                Guard(
                    "deb-undoes",
                    gone.at("value.value.args.1.values.2"),
                    f"{DEB}test_an_upgrade_that_fails_leaves_all_as_it_was[damage]",
                ),
                Guard(
                    "deb-begins",
                    shell("spelt", "printf '%s\\n' \"$1\""),
                    f"{DEB}test_what_is_true_of_one_name_is_true_of_all",
                ),
                Guard(
                    "deb-begins",
                    begins("DPKG_FORCE="),
                    f"{DEB}test_who_has_answered_before_is_heard",
                ),
            ),
        ),
        Fault(
            "a name that is too long for dpkg, or that dpkg uses for its own files",
            "refused when the deb is built, with the line that sets it",
            (
                Guard(
                    "deb-items",
                    gone,
                    "builder/test_layout.py::"
                    "test_what_dpkg_could_not_unpack_is_told_at_its_line_where_a_deb_is_made",
                ),
                Guard(
                    "deb-names",
                    gone,
                    "artifact/deb/test_names.py::test_a_name_is_judged_where_a_deb_is_spelt",
                ),
                Guard(
                    "deb-longest-name",
                    gives(255),
                    "artifact/deb/test_names.py::test_a_name_can_be_so_long[file]",
                ),
            ),
        ),
    ),
)
