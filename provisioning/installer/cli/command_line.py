"""Knows that the names in a package are bytes of UTF-8 on every disk, whatever the locale says."""

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
    called,
    own_place,
    own_tree,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def spell_in_utf8() -> str:
    """Begin this program again in Python's UTF-8 mode (PEP 540), where it spells names otherwise.

    Python spells them to the system as the locale would (PEP 383): in ISO-8859-1, `é` would be
    another name on the disk than the package says, and in ASCII none at all. That cannot be changed
    in a process that runs. What this program says is still spelt as the locale has it.

    Returns "" where all is well, or else why it cannot be: nobody knows how this program was begun.
    """
    used = sys.getfilesystemencoding()
    if used == "utf-8":
        return ""
    if not sys.executable or sys.flags.utf8_mode or sys.argv[0] == "-c":
        return f"names of files are {used} here, not UTF-8; run this with LC_ALL=C.UTF-8"
    if sys.stdout:
        os.environ.setdefault("PYTHONIOENCODING", f"{sys.stdout.encoding}:backslashreplace")
    return os.execv(sys.executable, [sys.executable, "-X", "utf8", *_begun()])  # noqa: S606 - as it was begun


def _begun() -> list[str]:
    """The arguments that Python was begun with."""
    begun: list[str] | None = getattr(sys, "orig_argv", None)  # since Python 3.10
    if begun:
        return begun[1:]
    spec = sys.modules["__main__"].__spec__
    if spec and spec.name != "__main__":  # python3 -m
        return ["-m", spec.name[: -len(".__main__")], *sys.argv[1:]]
    return sys.argv


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_COMMANDS = ("install", "verify", "status", "list", "rollback", "uninstall", "gc", "recover")
_CODES: dict[type[ProvisioningError], int] = {
    FailedError: FAILED,
    LockedError: LOCKED,
    RefusedError: REFUSED,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit code, which the reference tells."""
    mend()  # guard: streams-of-provision
    if argv is None and (fault := spell_in_utf8()):  # guard: arguments-in-utf8
        print(f"provision: {fault}", file=sys.stderr)
        return TROUBLE
    words = _words(sys.argv[1:] if argv is None else argv)
    options = _options(words)
    console = Console(quiet=options.quiet, json=options.json)
    with _interruptible():
        answer = _answer(options, console, words)
    if options.json:
        console.print(json.dumps(answer.document, indent=2))
    return _written(answer.code, console, changes=_command(options.command).CHANGES)


def _options(words: Sequence[str]) -> argparse.Namespace:
    try:
        return _parser(words).parse_args(words)
    except SystemExit as end:  # it has printed its help, or what is wrong with the words
        code = end.code if isinstance(end.code, int) else GOOD
        raise SystemExit(_written(code, Console(), changes=False)) from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have signals that ask to end raise KeyboardInterrupt, once: what is then undone is undone."""
    before = {each: signal.getsignal(each) for each in (*_SIGNALS, signal.SIGCHLD)}
    # guard: blocked-signals
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, ())  # nor would a hook hear what is

    def interrupt(number: int, _: object) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(number)

    for each in _SIGNALS:
        if before[each] != signal.SIG_IGN:  # as under nohup(1)
            signal.signal(each, interrupt)  # guard: signal-asks-to-end
    # Where whoever started this ignores it, a hook that fails would count as one that did not.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _answer(options: argparse.Namespace, console: Console, words: Sequence[str]) -> Answer:
    try:
        return _run(options, console)
    except ProvisioningError as error:
        code, text = _CODES.get(type(error), TROUBLE), str(error)
        text += _way_out(error.__cause__, words)  # guard: way-out-of-a-fault
    except OSError as error:  # guard: disk-trouble-in-a-command
        where = f"{error.filename}: " if error.filename else ""
        # guard: way-out-of-trouble
        code, text = TROUBLE, f"{where}{error.strerror}{_way_out(error, words)}"
    except KeyboardInterrupt as error:
        code, text = 128 + (error.args[0] if error.args else signal.SIGINT), "interrupted"
    console.end()
    for line in text.split("\n"):
        console.complain(line)
    return Answer(code, {"error": text, "warnings": console.warnings})


def _way_out(error: BaseException | None, words: Sequence[str]) -> str:
    """What to type where somebody else may do what was asked for; "" if that is not it."""
    if not isinstance(error, PermissionError):
        return ""
    from provisioning.installer.cli.report import way_out  # noqa: PLC0415 - a cost for this alone

    return way_out(error, [called(), *words])


def _run(options: argparse.Namespace, console: Console) -> Answer:
    answer: Answer = _command(options.command).run(options, console)
    return answer


def _written(code: int, console: Console, *, changes: bool) -> int:
    """What the command exits with, given that standard output may not have been written."""
    fault = stream_fault(sys.stdout)
    if fault is None or isinstance(fault, BrokenPipeError):  # whose reader has just seen enough
        return code
    console.complain(f"standard output: {fault.strerror}")
    return TROUBLE if code == GOOD and not changes else code


_ALONE = frozenset({"-h", "--help", "--version", "--completion"})


def _words(argv: Sequence[str]) -> list[str]:
    """What was asked: the tool of a package that lies unpacked installs it, if not told else."""
    if own_tree() and not (argv and (argv[0] in _COMMANDS or argv[0].partition("=")[0] in _ALONE)):
        return ["status" if own_place() else "install", *argv]
    return [*argv]


def _command(name: str) -> Any:
    """The module of a command: all are alike."""
    return import_module(f"provisioning.installer.cli.{name}")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """What understands `words`: the one command that they begin with, or else all of them.

    The tool is one file that Python compiles anew whenever it starts: what is not needed would
    take more time than most of what is.
    """
    if not words or words[0] not in _COMMANDS:
        return _whole()
    parser = argparse.ArgumentParser(prog=called())
    _declare(parser.add_subparsers(required=True, metavar="COMMAND", dest="command"), words[:1])
    return parser


def _whole() -> argparse.ArgumentParser:
    """What understands all commands, and the options without one."""
    from provisioning.installer.cli.arguments import about  # noqa: PLC0415 - as above
    from provisioning.installer.cli.completion import Completion, Declared  # noqa: PLC0415

    usage, description = about()
    parser = argparse.ArgumentParser(
        prog=called(),
        usage=usage,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    told = f"provision {provisioning.__version__}"
    parser.add_argument("--version", action="version", version=told, help="tell the version")
    commands = parser.add_subparsers(
        prog=called(), required=True, metavar="COMMAND", dest="command", parser_class=Declared
    )
    _declare(commands, _COMMANDS)
    parser.add_argument(
        "--completion",
        choices=("bash", "zsh"),
        action=Completion,
        const=commands.choices,
        metavar="SHELL",
        help="print what completes commands, options and names in bash or zsh",
    )
    return parser


def _declare(commands: Any, names: Iterable[str]) -> None:
    for name in names:
        command = _command(name)
        said = f"{command.HELP[:1].upper()}{command.HELP[1:]}."
        command.declare(commands.add_parser(name, help=command.HELP, description=said))
