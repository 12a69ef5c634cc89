"""The faults of a version that is taken from git."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import false, gives, gone, true

JUDGE = "builder/test_judge.py::"
TAGS = "spec/test_tags.py::"

VERSIONING = Group(
    "A version from git",
    (
        Fault(
            "git fails: no program, a damaged index, another user's repository",
            "no version, and git's own reason",
            (
                Guard(
                    "git-that-fails", false, f"{JUDGE}test_a_git_that_cannot_tell_is_a_fault[True]"
                ),
                Guard(
                    "no-repo",
                    gives(False).at("value.keywords.0"),
                    f"{TAGS}test_no_git_is_a_fault_with_a_way_out",
                ),
            ),
        ),
        Fault(
            "git hangs",
            "stopped after five minutes, and reported",
            (
                Guard(
                    "git-that-waits",
                    gives(None),
                    f"{TAGS}test_a_git_that_waits_for_ever_is_a_fault",
                ),
            ),
        ),
        Fault(
            "the history or its tags were not fetched",
            "no version, but the command that fetches them; never a wrong count",
            (
                Guard(
                    "shallow",
                    gone.at("test.values.1"),
                    f"{TAGS}test_a_shallow_clone_does_not_count_what_it_cannot_see",
                ),
                Guard(
                    "shallow-age",
                    gives(True).at("value.args.1.keywords.0"),
                    f"{TAGS}test_a_fallback_tells_the_time_where_the_history_was_not_fetched",
                ),
            ),
        ),
        Fault(
            "a version that some tools sort before a release and others after it, such as "
            "`1.0-1`; a tag that is not a version",
            "refused, wherever it is written, with a spelling for either meaning; a tag by its "
            "name",
            (
                Guard(
                    "version-of-two-readings",
                    gone.at("value.values.0"),
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[doubtful-version]",
                ),
                Guard(
                    "no-tag-is-a-version",
                    gives("0").at("value.orelse"),
                    f"{TAGS}test_a_tag_that_may_be_earlier_or_later_is_told_by_name[0]",
                ),
                Guard(
                    "tag-that-is-no-version",
                    gone.at("value.generators.0.ifs.0.values.1"),
                    f"{TAGS}test_a_tag_that_is_no_version_is_told_by_name_where_nothing_else_is_one",
                ),
            ),
        ),
        Fault(
            "the repository is in a directory above and does not contain the project",
            "its version is not used for the project",
            (
                Guard(
                    "repository-of-others",
                    false,
                    f"{TAGS}test_a_repository_above_that_knows_nothing_of_the_project_is_not_its_own[True]",
                ),
            ),
        ),
        Fault(
            "git ignores an edited file because of an index bit or a setting",
            "the version says `dirty`",
            (
                Guard(
                    "git-assumes-unchanged",
                    false,
                    f"{JUDGE}test_what_git_is_told_to_pass_over_shows[--assume-unchanged]",
                ),
                Guard(
                    "git-executable-bit",
                    gives("core.filemode=false").at("value.elts.1"),
                    f"{JUDGE}test_the_executable_bit_shows",
                ),
            ),
        ),
        Fault(
            "a packaged file is in no commit, ignored or not",
            "the version says `dirty`, unless a task makes the file from committed ones",
            (
                Guard(
                    "unlisted",
                    gives(()).at("value.elts.2"),
                    f"{JUDGE}test_what_is_not_in_the_commit_shows_whatever_is_ignored[src/token.secret]",
                ),
                Guard(
                    "made-of-changed",
                    gives(()).at("value.generators.0.iter"),
                    f"{JUDGE}test_what_a_task_makes_is_worth_what_it_is_made_from",
                ),
            ),
        ),
        Fault(
            "a committed file that would be packaged is missing",
            "the version says `dirty`",
            (
                Guard(
                    "optional-and-missing",
                    false.at("test.values.1.values.1"),
                    f"{JUDGE}test_what_is_optional_and_missing_shows",
                ),
            ),
        ),
        Fault(
            "a task writes a source after the version was determined",
            "no release whose name does not say so",
            (
                Guard(
                    "changed-since-the-plan",
                    true,
                    "plugin/test_provenance.py::"
                    "test_a_source_that_changes_on_the_way_is_in_no_release_that_says_otherwise",
                ),
            ),
        ),
    ),
)
