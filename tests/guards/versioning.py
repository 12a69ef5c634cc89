"""What git cannot tell, or was told not to look at, where it is asked for a version."""

from __future__ import annotations

from .guard import Fault, Group, Guard

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
                    "spec/resolve/git.py",
                    "if done.returncode not in {0, none}:",
                    "if False:",
                    f"{JUDGE}test_a_git_that_cannot_tell_is_a_fault[True]",
                ),
                Guard(
                    "spec/resolve/git.py",
                    "failed=_NO_REPOSITORY not in error.why.message",
                    "failed=False",
                    f"{TAGS}test_no_git_is_a_fault_with_a_way_out",
                ),
            ),
        ),
        Fault(
            "git waits for ever",
            "ended after five minutes, and told",
            (
                Guard(
                    "spec/resolve/git.py",
                    "timeout=_SECONDS,",
                    "timeout=None,",
                    f"{TAGS}test_a_git_that_waits_for_ever_is_a_fault",
                ),
            ),
        ),
        Fault(
            "the history was not fetched, or its tags were not",
            "no version, and how to fetch them; never one that counts wrong",
            (
                Guard(
                    "spec/resolve/version.py",
                    "if base and not (cut_off and cut_off.intersection(_since(root, base, refs))):",
                    "if base:",
                    f"{TAGS}test_a_shallow_clone_does_not_count_what_it_cannot_see",
                ),
                Guard(
                    "spec/resolve/version.py",
                    "known=not cut_off",
                    "known=True",
                    f"{TAGS}test_a_fallback_tells_the_time_where_the_history_was_not_fetched",
                ),
            ),
        ),
        Fault(
            "a version that is earlier than a release to some and later to others, as `1.0-1`;"
            " a tag that is no version",
            "refused, wherever it is written, with a spelling for either; a tag by its name",
            (
                Guard(
                    "spec/resolve/version.py",
                    "    return doubt or debian_of(text)",
                    "    return debian_of(text)",
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[doubtful-version]",
                ),
                Guard(
                    "spec/resolve/version.py",
                    "return latest(versions) if versions else _unread(found[0], tags)",
                    'return latest(versions) if versions else "0"',
                    f"{TAGS}test_a_tag_that_may_be_earlier_or_later_is_told_by_name[0]",
                ),
                Guard(
                    "spec/resolve/version.py",
                    "if isinstance(each, str) and not VERSION.reason(each)]",
                    "if isinstance(each, str)]",
                    f"{TAGS}test_a_tag_that_is_no_version_is_told_by_name_where_nothing_else_is_one",
                ),
            ),
        ),
        Fault(
            "the repository is one above, which knows nothing of the project",
            "its version is not the project's",
            (
                Guard(
                    "spec/resolve/git.py",
                    "if not _holds(root, commit):",
                    "if False:",
                    f"{TAGS}test_a_repository_above_that_knows_nothing_of_the_project_is_not_its_own[True]",
                ),
            ),
        ),
        Fault(
            "git passes over an edited file: a bit in its index, a setting",
            "the version says `dirty`",
            (
                Guard(
                    "builder/plan/committed.py",
                    "if not about.startswith(_SURE)",
                    "if False",
                    f"{JUDGE}test_what_git_is_told_to_pass_over_shows[--assume-unchanged]",
                ),
                Guard(
                    "spec/resolve/git.py",
                    '*("-c", "core.fileMode=true"),',
                    '*("-c", "core.filemode=false"),',
                    f"{JUDGE}test_the_executable_bit_shows",
                ),
            ),
        ),
        Fault(
            "a packaged file is in no commit, ignored or not",
            "the version says `dirty`, unless a task makes it of what is committed",
            (
                Guard(
                    "builder/plan/committed.py",
                    "*(set(files) - self._listed)",
                    "*()",
                    f"{JUDGE}test_what_is_not_in_the_commit_shows_whatever_is_ignored[src/token.secret]",
                ),
                Guard(
                    "builder/plan/plan.py",
                    "waiting += [place for each in sorted(new)",
                    "waiting += [place for each in ()",
                    f"{JUDGE}test_what_a_task_makes_is_worth_what_it_is_made_from",
                ),
            ),
        ),
        Fault(
            "a file that the commit would have packaged is missing",
            "the version says `dirty`",
            (
                Guard(
                    "builder/plan/committed.py",
                    "or not os.path.isfile(each.source)",
                    "or os.path.isdir(each.source)",
                    f"{JUDGE}test_what_is_optional_and_missing_shows",
                ),
            ),
        ),
        Fault(
            "a task writes a source after the version was settled",
            "no release under a name that does not say so",
            (
                Guard(
                    "builder/plan/plan.py",
                    "if part.is_as(planned.watched):",
                    "if True:",
                    "plugin/test_provenance.py::"
                    "test_a_source_that_changes_on_the_way_is_in_no_release_that_says_otherwise",
                ),
            ),
        ),
    ),
)
