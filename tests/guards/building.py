"""The faults that a build meets on its machine."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import false, gives, gone, library, part, receiver, then, true, uncaught, without

WHOLE = "nothing partial under a final name; the next build gives the bytes of a clean one"
UNTOUCHED = "reported by name; earlier builds are untouched"
NOTICED = "noticed, and made again"
SAME = "the same bytes"
LOCATED = "refused in less than a second, with file, line and column"

BUILDING = Group(
    "Building",
    (
        Fault(
            "the build is killed, at any system call",
            WHOLE,
            (
                Guard(
                    "name-while-it-is-written",
                    receiver,
                    "builder/test_output.py::test_a_file_appears_whole_when_the_block_ends",
                ),
                Guard(
                    "file-on-the-disk",
                    gone,
                    "builder/test_output.py::test_what_takes_its_name_is_on_the_disk",
                ),
                Guard(
                    "directory-on-the-disk",
                    gone,
                    "builder/test_output.py::test_what_takes_its_name_is_on_the_disk",
                ),
                Guard(
                    "stale-outputs",
                    gives(()),
                    "builder/test_output.py::test_what_killed_builds_left_is_swept_and_nothing_else",
                ),
                Guard(
                    "old-outputs",
                    true,
                    "builder/test_output.py::test_what_no_lock_guards_is_swept_once_it_is_old",
                ),
                Guard(
                    "stale-plans",
                    gone,
                    "plugin/test_faults.py::test_the_next_build_sweeps_what_a_kill_left",
                ),
                Guard(
                    "stale-tools",
                    gone,
                    "plugin/test_faults.py::test_the_next_build_sweeps_what_a_kill_left",
                ),
                Guard(
                    "staged-apart",
                    part("values.1.value"),
                    "builder/test_store.py::test_what_is_staged_is_not_there_until_it_is_kept",
                ),
                Guard(
                    "record-at-once",
                    gone,
                    "plugin/test_database.py::test_a_finished_task_is_on_disk_before_doit_exits",
                ),
            ),
            ("plugin/test_sweep.py::test_a_kill_at_every_call_leaves_only_whole_artifacts",),
        ),
        Fault(
            "SIGINT, SIGTERM or SIGHUP",
            f"a message of one line; {WHOLE}",
            (
                Guard(
                    "signal-handlers",
                    gone,
                    "plugin/test_faults.py::test_a_signal_ends_doit_with_one_line[alone-SIGHUP]",
                ),
                Guard(
                    "leave-nothing-at-exit",
                    gone,
                    "plugin/test_faults.py::test_a_signal_leaves_nothing_half_made[-n 2 -P thread]",
                ),
                Guard(
                    "signal-that-python-swallows",
                    gone,
                    "plugin/test_faults.py::test_a_signal_ends_doit_where_python_lets_nothing_out[goes]",
                ),
            ),
        ),
        Fault(
            "a worker of `doit -n` is killed, whatever it was doing",
            "reported with what it did not finish, exit code 3; nothing is left half-made",
            (
                Guard(
                    "watch-workers",
                    gone,
                    "plugin/test_workers.py::test_a_worker_that_is_killed_ends_the_run[alone]",
                ),
                Guard(
                    "leftovers-of-workers",
                    gone,
                    "plugin/test_workers.py::test_nothing_is_left_of_a_worker_that_was_killed[SIGKILL]",
                ),
            ),
        ),
        Fault(
            "temporary files of a version or a package that is never built again",
            "the next build of any package removes them; what another build may be using stays",
            (
                Guard(
                    "leftovers-of-builds",
                    gone,
                    "plugin/test_faults.py::test_the_next_build_sweeps_what_a_kill_left",
                ),
                Guard(
                    "lock-of-a-build",
                    gone,
                    "builder/test_stale.py::test_what_another_may_be_at_work_on_stays",
                ),
            ),
        ),
        Fault(
            "the disk is full, faulty or read-only",
            UNTOUCHED,
            (
                Guard(
                    "failed-output",
                    gone,
                    "builder/test_output.py::test_a_failure_leaves_the_old_files_and_nothing_else",
                ),
                Guard(
                    "file-that-the-disk-refused",
                    gone,
                    "builder/test_output.py::test_an_error_of_the_disk_names_the_file_too",
                ),
                Guard(
                    "disk-trouble-in-a-stage",
                    uncaught,
                    "plugin/test_faults.py::test_a_read_only_disk_is_told_and_the_old_artifacts_stay",
                ),
                Guard(
                    "store-on-a-full-disk",
                    gone,
                    "builder/test_store.py::test_a_full_disk_keeps_what_fits_and_nothing_of_the_rest",
                ),
            ),
        ),
        Fault(
            "the artifacts are on a read-only disk, or there is little or no memory to unpack into",
            "they are still verified, rehearsed and explained; what cannot be removed is reported",
            (
                Guard(
                    "read-only-lock",
                    true,
                    "plugin/test_faults.py::test_what_cannot_be_written_can_be_judged",
                ),
                Guard(
                    "read-only-tool",
                    false,
                    "plugin/test_faults.py::test_what_was_never_built_and_cannot_be_is_told_of",
                ),
                Guard(
                    "root-without-links",
                    gone,
                    "plugin/test_rehearse.py::test_it_needs_no_file_system_in_memory[no proc]",
                ),
                Guard(
                    "could-not-be-removed",
                    gone,
                    "plugin/test_faults.py::test_what_cannot_be_removed_is_told",
                ),
            ),
        ),
        Fault(
            "a cache of chunks or of files is complete, sealed and wrong",
            "`doit verify` reports it, with `--rebuild` for files too; the next build trusts "
            "nothing from the caches",
            (
                Guard(
                    "release-begun-anew",
                    gone,
                    "plugin/test_distrust.py::test_what_was_wrong_from_the_start_is_made_right",
                ),
                Guard(
                    "remembered-proof",
                    gone,
                    "plugin/test_distrust.py::test_so_is_what_was_shared_out_among_chunks",
                ),
                Guard(
                    "remembered-digests",
                    gone,
                    "plugin/test_distrust.py"
                    "::test_a_digest_that_is_remembered_wrongly_goes_with_a_rebuild",
                ),
            ),
        ),
        Fault(
            "doit's records are deleted, truncated or garbage",
            "everything is built again; never a wrong artifact",
            (
                Guard(
                    "damaged-cache-read",
                    uncaught,
                    "plugin/test_database.py::test_a_damaged_file_is_no_error",
                ),
                Guard(
                    "damaged-cache-opened",
                    uncaught,
                    "builder/test_cache.py::test_a_damaged_file_is_begun_afresh",
                ),
                Guard(
                    "cache-version",
                    gone,
                    "builder/test_cache.py::test_a_file_of_another_version_is_begun_afresh",
                ),
                Guard(
                    "record-that-is-none",
                    then,
                    "plugin/test_database.py::test_a_record_that_is_no_record_is_none",
                ),
            ),
        ),
        Fault(
            "a chunk in the store is truncated, altered, swapped or missing",
            NOTICED,
            (
                Guard(
                    "seal-of-a-chunk",
                    then,
                    "builder/test_store.py::test_an_entry_cut_off_anywhere_is_noticed_and_removed",
                ),
                Guard(
                    "key-in-the-seal",
                    gone.at("value.func.value.args.0.left.left"),
                    "builder/test_store.py::test_an_entry_under_the_key_of_another_is_noticed",
                ),
                Guard(
                    "store-entry-that-is-a-link",
                    without("O_NOFOLLOW"),
                    "builder/test_store.py::test_what_is_no_file_is_no_entry",
                ),
            ),
        ),
        Fault(
            "an artifact is altered but keeps its size and times",
            "`doit verify` reports it; `doit package` builds it again",
            (
                Guard(
                    "damaged-artifact",
                    false.at("test"),
                    "plugin/test_stages.py::"
                    "test_a_damaged_artifact_fails_verify_and_is_rebuilt_by_package",
                ),
                Guard(
                    "change-time-of-a-source",
                    gives("st_mtime_ns").at("value.args.2"),
                    "builder/test_digests.py::test_an_edit_that_puts_size_and_time_back_is_seen",
                ),
            ),
        ),
        Fault(
            "two builds at once",
            "both succeed; the second waits",
            (
                Guard(
                    "lock-of-a-build-directory",
                    gone,
                    "plugin/test_faults.py::test_a_second_doit_waits_for_the_first",
                ),
            ),
        ),
        Fault(
            "a file of more than 8 GiB",
            "packaged and verified, in bounded memory",
            (
                Guard(
                    "size-in-pax",
                    gives(b""),
                    "artifact/test_tar.py::test_a_size_beyond_eight_gib_goes_round",
                ),
                Guard(
                    "size-in-base-256",
                    gives(b"00000000000").at("value.body"),
                    "artifact/test_tar.py::"
                    "test_every_tar_goes_on_behind_a_file_of_eight_gib[busybox tar]",
                ),
                Guard(
                    "largest-chunk",
                    gives(1099511627776).at("iter.args.2"),
                    "artifact/test_chunk.py::"
                    "test_a_group_that_is_too_large_is_cut_in_pieces_of_the_maximum",
                ),
            ),
            ("plugin/test_sweep.py::test_a_file_of_more_than_8_gib_makes_the_whole_way",),
        ),
        Fault(
            "100,000 files",
            "each is read once, and again only if it has changed; within the limits of `doit "
            "bench`",
            (
                Guard(
                    "digest-remembered",
                    false,
                    "builder/test_digests.py::test_a_settled_file_is_read_once",
                ),
                Guard(
                    "room-for-compressed",
                    gives(False),
                    "builder/test_press.py::test_no_more_is_held_than_there_is_room_for",
                ),
            ),
        ),
        Fault(
            "another path, user, umask, time zone, locale, date, or order of directories",
            SAME,
            (
                Guard(
                    "items-in-order",
                    gone,
                    "builder/test_layout.py::test_items_are_sorted_by_the_bytes_of_their_paths",
                ),
                Guard(
                    "time-of-a-tar-member",
                    library("os.getpid()"),
                    "builder/test_pack.py::test_members_carry_no_trace_of_the_builder",
                ),
                Guard(
                    "executable-bit",
                    gives(54).at("value.args.3.args.0.right"),
                    "plugin/test_checker.py::"
                    "test_an_executable_bit_is_a_change_and_other_bits_are_not",
                ),
            ),
            (
                "plugin/test_reproducible.py::test_all_at_once_give_the_same_bytes",
                "plugin/test_reproducible.py::test_another_order_of_directories_gives_the_same_bytes",
                "machines/test_everywhere.py",
            ),
        ),
        Fault(
            "YAML that expands to billions of values, is deeply nested, is huge, or names types",
            LOCATED,
            (
                Guard(
                    "alias-bomb",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[alias-bomb]",
                ),
                Guard(
                    "recursive-alias",
                    gone,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[recursive-alias]",
                ),
                Guard(
                    "yaml-too-deep",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[too-deep]",
                ),
                Guard(
                    "yaml-too-many-values",
                    false,
                    "spec/test_load.py::test_too_many_values_are_refused",
                ),
                Guard("longest-number", true, "spec/test_load.py::test_a_longer_number_is_refused"),
                Guard(
                    "yaml-tag",
                    false,
                    "spec/test_golden.py::test_the_report_is_this_to_the_letter[tag]",
                ),
                Guard("largest-input", false, "spec/test_load.py::test_a_huge_file_is_not_read"),
                Guard(
                    "input-that-is-no-file",
                    false,
                    "spec/test_load.py::test_a_fifo_is_refused_without_waiting",
                ),
            ),
            ("spec/test_fuzz.py::test_fuzzing_with_coverage_as_the_guide_finds_nothing",),
        ),
    ),
)
