"""The command line of `provision`: runs a command, and turns what happens into an exit code."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import provisioning
from provisioning.console import Console, mend
from provisioning.console import fault as stream_fault
from provisioning.errors import FailedError, LockedError, ProvisioningError, RefusedError
from provisioning.installer.cli.arguments import (
    FAILED,
    GOOD,
    LOCKED,
    REFUSED,
    TROUBLE,
    Answer,
    about,
    called,
    own_place,
    own_tree,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from provisioning.installer.cli.arguments import Command

    Further = Callable[[Any, Any], str]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MODULES = {
    "install": "install",
    "verify": "status",
    "status": "status",
    "list": "status",
    "rollback": "install",
    "uninstall": "install",
    "trust": "trust",
    "gc": "maintenance",
    "recover": "maintenance",
}
"""The commands, in the order of the help, and which module of this package has each."""
_CODES: dict[type[ProvisioningError], int] = {
    FailedError: FAILED,
    LockedError: LOCKED,
    RefusedError: REFUSED,
}


def main(argv: Sequence[str] | None = None, further: Further | None = None) -> int:
    """Run a command, and return its exit code; Reference 002 lists them.

    `further` declares the commands that the program has in addition, where it is part of a larger
    one, and, for completion alone, those of doit. It returns what --help says of the former.
    """
    mend()  # guard: streams-of-provision
    if argv is None and (fault := spell_in_utf8()):  # guard: arguments-in-utf8
        print(f"provision: {fault}", file=sys.stderr)
        return TROUBLE
    words = _words(sys.argv[1:] if argv is None else argv)
    try:
        options = _parser(words, further).parse_args(words)
    except SystemExit as end:  # it has printed its help, or what is wrong with the words
        code = end.code if isinstance(end.code, int) else GOOD
        raise SystemExit(_written(code, Console(), changes=False)) from None
    command = _command(options.command)
    console = Console(quiet=options.quiet, json=options.json)
    with _interruptible():
        answer = _answer(command, options, console, words)
    if options.json:
        console.print(json.dumps(answer.document, indent=2))
    return _written(answer.code, console, changes=command.changes)


def spell_in_utf8() -> str:
    """Restart this program in Python's UTF-8 mode (PEP 540) if it encodes names of files otherwise.

    The names in a package are bytes of UTF-8 on every disk. Python encodes them as the locale says
    (PEP 383): in ISO-8859-1, `é` would be another name on the disk, and in ASCII none at all. That
    cannot be changed in a running process. Output is still encoded as the locale says.

    Returns "" if names are UTF-8, or why this program cannot be restarted.
    """
    used = sys.getfilesystemencoding()
    if used == "utf-8":
        return ""
    if not sys.executable or sys.flags.utf8_mode or sys.argv[0] == "-c":
        return f"names of files are {used} here, not UTF-8; run this with LC_ALL=C.UTF-8"
    if sys.stdout:
        os.environ.setdefault("PYTHONIOENCODING", f"{sys.stdout.encoding}:backslashreplace")
    return os.execv(sys.executable, [sys.executable, "-X", "utf8", *_python_arguments()])  # noqa: S606 - as it was started


def _python_arguments() -> list[str]:
    """The arguments that Python was started with."""
    original: list[str] | None = getattr(sys, "orig_argv", None)  # since Python 3.10
    if original:
        return original[1:]
    spec = sys.modules["__main__"].__spec__
    if spec and spec.name != "__main__":  # python3 -m
        return ["-m", spec.name[: -len(".__main__")], *sys.argv[1:]]
    return sys.argv


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let termination signals raise KeyboardInterrupt once: nothing interrupts a rollback."""
    before = {each: signal.getsignal(each) for each in (*_SIGNALS, signal.SIGCHLD)}
    # guard: blocked-signals
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, ())  # a hook would inherit what is blocked

    def interrupt(number: int, _: object) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(number)

    for each in _SIGNALS:
        if before[each] != signal.SIG_IGN:  # as under nohup(1)
            signal.signal(each, interrupt)  # guard: signal-asks-to-end
    # If the parent process ignores it, a hook that fails would count as one that succeeded.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _answer(
    command: Command, options: argparse.Namespace, console: Console, words: Sequence[str]
) -> Answer:
    try:
        return command.run(options, console)
    except ProvisioningError as error:
        code, text = _CODES.get(type(error), TROUBLE), str(error)
        text += _way_out(error.__cause__, words)  # guard: way-out-of-a-fault
    except OSError as error:  # guard: disk-trouble-in-a-command
        where = f"{error.filename}: " if error.filename else ""
        code, text = TROUBLE, f"{where}{error.strerror}{_way_out(error, words)}"  # guard: way-out
    except KeyboardInterrupt as error:
        code, text = 128 + (error.args[0] if error.args else signal.SIGINT), "interrupted"
    console.end()
    for line in text.split("\n"):
        console.complain(line)
    return Answer(code, {"error": text, "warnings": console.warnings})


def _way_out(error: BaseException | None, words: Sequence[str]) -> str:
    """What to type if another user may do what was asked for; "" if that is not the reason."""
    if not isinstance(error, PermissionError):
        return ""
    from provisioning.installer.cli.report import way_out  # noqa: PLC0415 - a cost for this alone

    return way_out(error, [called(), *words])


def _written(code: int, console: Console, *, changes: bool) -> int:
    """The exit code, considering that standard output may not have been written."""
    fault = stream_fault(sys.stdout)
    if fault is None or isinstance(fault, BrokenPipeError):  # its reader has seen enough
        return code
    console.complain(f"standard output: {fault.strerror}")
    return TROUBLE if code == GOOD and not changes else code


_ALONE = frozenset({"-h", "--help", "--version", "--completion"})


def _words(argv: Sequence[str]) -> list[str]:
    """The words with a command: by default, the tool of an unpacked package installs it."""
    if own_tree() and not (argv and (argv[0] in _MODULES or argv[0].partition("=")[0] in _ALONE)):
        return ["status" if own_place() else "install", *argv]
    return [*argv]


def _command(name: str) -> Command:
    module = import_module(f"provisioning.installer.cli.{_MODULES[name]}")
    command: Command = module.COMMANDS[name]
    return command


def _parser(words: Sequence[str], further: Further | None) -> argparse.ArgumentParser:
    """The parser of the one command that `words` begin with, or of all commands.

    The tool is one file that Python compiles anew at each start: modules that are not needed would
    take more time than most of those that are.
    """
    if not words or words[0] not in _MODULES:
        return _whole(further)
    parser = argparse.ArgumentParser(prog=called())
    _declare(parser.add_subparsers(required=True, metavar="COMMAND", dest="command"), words[:1])
    return parser


def _whole(further: Further | None) -> argparse.ArgumentParser:
    """The parser of all commands, and of the options without one."""
    # Imported here, for start-up: see _parser.
    from provisioning.installer.cli.completion import (  # noqa: PLC0415
        SHELLS,
        Completable,
        Completion,
        Declared,
    )

    usage, description = about()
    parser = argparse.ArgumentParser(
        prog=called(),
        usage=usage,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"provision {provisioning.__version__}"
    parser.add_argument("--version", action="version", version=version, help="print the version")
    commands = parser.add_subparsers(
        prog=called(), required=True, metavar="COMMAND", dest="command", parser_class=Declared
    )
    _declare(commands, _MODULES)
    programs = [Completable("provision", commands.choices, ("--help", "--version", "--completion"))]
    if further:
        doit = argparse.ArgumentParser(prog="doit").add_subparsers(parser_class=Declared)
        parser.epilog = further(commands, doit)
        programs += [Completable("doit", doit.choices, ("--help", "--version"), "TASK")]
    parser.add_argument(
        "--completion",
        choices=tuple(SHELLS),
        action=Completion,
        const=programs,
        metavar="SHELL",
        help="print completion code for bash, zsh or fish",
    )
    return parser


def _declare(commands: Any, names: Iterable[str]) -> None:
    for name in names:
        command = _command(name)
        sentence = f"{command.help[:1].upper()}{command.help[1:]}."
        command.declare(commands.add_parser(name, help=command.help, description=sentence))
