"""The faults of what a program is asked by, and answers with."""

from __future__ import annotations

from .guard import Fault, Group, Guard

TELLING = Group(
    "Asking and telling",
    (
        Fault(
            "`sudo doit` once, then `doit` as oneself",
            "a line that says whose it is, and how to have it",
            (
                Guard(
                    "plugin/config.py",
                    "    ownership.demand_ours(artifacts)\n",
                    "",
                    "plugin/test_owned.py::test_every_command_is_told_before_it_does_anything",
                ),
                Guard(
                    "plugin/ownership.py",
                    "for path in (Path(artifacts), work, *_records(work)):",
                    "for path in (Path(artifacts), work):",
                    "plugin/test_owned.py::test_records_of_another_are_told_one_by_one[path2]",
                ),
            ),
        ),
        Fault(
            "standard output, or error, is closed, full, or a pipe that nobody reads any more",
            "what was to be done is done; why it could not be told is a line, and no traceback",
            (
                Guard(
                    "console.py",
                    "        except OSError as error:\n            self.fault",
                    "        except ZeroDivisionError as error:\n            self.fault",
                    "plugin/test_own.py::test_whoever_reads_the_output_may_go",
                ),
                Guard(
                    "console.py",
                    "    _open_closed()\n",
                    "",
                    "test_streams.py::test_no_file_gets_the_number_of_a_closed_stream",
                ),
                Guard(
                    "plugin/commands/base.py",
                    "        console.mend()  # doit takes",
                    "        # doit takes",
                    "plugin/test_own.py::test_a_build_needs_no_stream[<&- >&- 2>&-]",
                ),
                Guard(
                    "installer/cli/command_line.py",
                    "    console.mend()\n",
                    "",
                    "installer/test_cli.py::test_no_stream_is_needed",
                ),
            ),
        ),
        Fault(
            "an option that doit does not have, a `dodo.py` of a name that Python cannot import, a"
            " database of doit's own that cannot be opened or is none",
            "a line that says so; no traceback, and no objects of Python",
            (
                Guard(
                    "plugin/commands/base.py",
                    "        return _no_option(error, command)\n",
                    '        return ""\n',
                    "plugin/test_own.py::test_an_option_that_there_is_not_is_told[-z-run]",
                ),
                Guard(
                    "plugin/commands/base.py",
                    "        return _no_module(frame)\n",
                    '        return ""\n',
                    "plugin/test_own.py"
                    "::test_a_dodo_file_that_python_cannot_import_is_told[my.dodo.py-my_dodo-list]",
                ),
                Guard(
                    "plugin/commands/base.py",
                    "        return _no_records(error, frame)\n",
                    '        return ""\n',
                    "plugin/test_own.py::test_a_database_that_is_none_is_told",
                ),
            ),
        ),
        Fault(
            "Ctrl-C before a command has begun",
            "it ends, with a line at most",
            (
                Guard(
                    "plugin/commands/base.py",
                    "    sys.excepthook = tell\n",
                    "",
                    "plugin/test_own.py::test_an_early_interruption_is_a_line[command0]",
                ),
                Guard(
                    "installer/__main__.py",
                    "        signal.signal(signal.SIGINT, signal.SIG_DFL)\n",
                    "        pass\n",
                    "installer/test_cli.py::test_an_early_interruption_is_quiet",
                ),
            ),
        ),
    ),
)
