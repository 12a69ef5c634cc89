"""Faults of standard streams, of signals, and of files that another user owns."""

from __future__ import annotations

from .guard import Fault, Group, Guard
from .how import gone, uncaught

TELLING = Group(
    "Asking and telling",
    (
        Fault(
            "`sudo doit` once, then `doit` as oneself",
            "one line that names the owner, and the command that takes it back",
            (
                Guard(
                    "artifacts-are-ours",
                    gone,
                    "plugin/test_owned.py::test_every_command_is_told_before_it_does_anything",
                ),
                Guard(
                    "records-are-ours",
                    gone.at("iter.elts.2"),
                    "plugin/test_owned.py::test_records_of_another_are_told_one_by_one[path2]",
                ),
            ),
        ),
        Fault(
            "standard output or standard error is closed, full, or a pipe that nobody reads any "
            "more",
            "the work is done; one line says why the output failed, without a traceback",
            (
                Guard(
                    "reader-may-go",
                    uncaught,
                    "plugin/test_own.py::test_whoever_reads_the_output_may_go",
                ),
                Guard(
                    "closed-streams",
                    gone,
                    "test_streams.py::test_no_file_gets_the_number_of_a_closed_stream",
                ),
                Guard(
                    "streams-of-doit",
                    gone,
                    "plugin/test_own.py::test_a_build_needs_no_stream[<&- >&- 2>&-]",
                ),
                Guard(
                    "streams-of-provision", gone, "installer/test_cli.py::test_no_stream_is_needed"
                ),
            ),
        ),
        Fault(
            "Ctrl-C before a command has started",
            "it ends, with one line at most",
            (
                Guard(
                    "early-interruption-of-provision",
                    gone,
                    "installer/test_cli.py::test_an_early_interruption_is_quiet",
                ),
            ),
        ),
    ),
)
