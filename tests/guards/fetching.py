"""The faults of Python packages: of servers, of wheels, and of the cache of wheels."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import false, gone, true

REFUSED = "refused by the wheel's name; nothing of it is in the cache"
FETCH, UNPACK = "builder/python/test_fetch.py", "builder/python/test_unpack.py"
PLUGIN = "plugin/test_python.py"

FETCHING = Group(
    "Fetching Python packages",
    (
        Fault(
            "a server, or a file in the project, gives another wheel than the lock says",
            REFUSED,
            (
                Guard(
                    "digest-of-a-fetched-wheel",
                    false,
                    f"{FETCH}::test_another_content_than_the_lock_says",
                ),
                Guard(
                    "digest-of-a-wheel-of-the-project",
                    false,
                    f"{FETCH}::test_a_file_of_the_project_with_another_content",
                ),
                Guard(
                    "file-that-is-not-pinned",
                    true,
                    f"{FETCH}::test_an_index_tells_which_file_fits",
                ),
                Guard(
                    "wheel-out-of-the-project",
                    false,
                    f"{FETCH}::test_a_file_that_leads_out_of_the_project",
                ),
            ),
        ),
        Fault(
            "a lock is for no platform of the spec, by the markers of its packages",
            "told, with the line that names it",
            (
                Guard(
                    "lock-of-no-platform",
                    gone,
                    "spec/python/test_choice.py"
                    "::test_a_lock_whose_packages_no_platform_takes_is_a_fault",
                ),
            ),
        ),
        Fault(
            "a server sends without end",
            "stopped at 4 GiB; nothing of it is in the cache",
            (Guard("endless-download", false, f"{FETCH}::test_a_server_that_sends_without_end"),),
        ),
        Fault(
            "a server redirects from https to http",
            "refused before anything is asked for there",
            (Guard("redirection-to-http", false, f"{FETCH}::test_no_way_from_https_to_http"),),
        ),
        Fault(
            "a wheel differs from its RECORD, or contains names, links or data that belong nowhere",
            REFUSED,
            (
                Guard(
                    "wheel-of-another-project",
                    gone,
                    f"{UNPACK}::test_a_wheel_of_another_project_or_version",
                ),
                Guard(
                    "wheel-without-measure",
                    false,
                    f"{UNPACK}::test_a_wheel_that_would_fill_the_disk",
                ),
                Guard("unsound-wheel", false, f"{UNPACK}::test_a_file_that_is_not_in_the_record"),
                Guard("link-in-a-wheel", false, f"{UNPACK}::test_a_symbolic_link"),
                Guard(
                    "misplaced-data-of-a-wheel",
                    false,
                    f"{UNPACK}::test_a_name_that_no_package_can_have",
                ),
            ),
        ),
        Fault(
            "two wheels have different files at one path, or different programs of one name",
            "refused with the names of both",
            (
                Guard(
                    "two-wheels-with-one-path", false, f"{PLUGIN}::test_two_wheels_with_one_path"
                ),
                Guard(
                    "two-programs-of-one-name", false, f"{PLUGIN}::test_two_wheels_with_one_script"
                ),
            ),
        ),
        Fault(
            "a file in the cache is damaged or gone",
            "the build fails and names it; the next one fetches its wheel again",
            (
                Guard(
                    "damaged-file-of-a-wheel", false, f"{PLUGIN}::test_a_damaged_file_in_the_cache"
                ),
                Guard(
                    "missing-file-of-a-wheel", false, f"{PLUGIN}::test_a_missing_file_in_the_cache"
                ),
            ),
        ),
    ),
)
