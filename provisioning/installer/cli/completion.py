"""Completion code for bash, zsh and fish: commands, options and names of packages and tasks."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PATHS = frozenset({"ARTIFACT", "DIR", "PREFIX", "RELEASE"})
_KEPT = "artifacts/.work/completion"
# What doit lists is kept beside what a build keeps, for as long as no spec and no dodo.py changes:
# to make the tasks of 200 specs takes longer than a person waits for a shell.
_TASKS = f"""\
exec 2>/dev/null
kept={_KEPT}; made=$kept.$$
if [ ! -s $kept ] || [ -n "$(find dodo.py pyproject.toml doit.cfg specs -newer $kept)" ]
then doit list --quiet --all | {{
    if [ -w artifacts/.work ]; then cat >$made && [ -s $made ] && mv $made $kept; else cat; fi; }}
    rm -f $made
fi
cat $kept"""
"""Prints the names of the tasks of a project, for any shell."""
_SOURCES = {
    "NAME": "provision list 2>/dev/null | cut -d ' ' -f 1",
    "PACKAGE": "_provision_tasks | sed -n 's/^package:\\([^ ]*\\) *$/\\1/p'",
    "TASK": "_provision_tasks",
}
"""What prints the names that a word of each kind may be: of the packages that are installed, of
those that a project builds, as NAME and NAME:PLATFORM, and of its tasks."""


class Declared(argparse.ArgumentParser):
    """A parser that remembers the options and arguments that were added to it."""

    def __init__(self, **said: Any) -> None:
        self.declared: list[argparse.Action] = []
        super().__init__(**said)

    def add_argument(self, *names: Any, **said: Any) -> argparse.Action:
        """Add an option or a positional argument."""
        action: argparse.Action = super().add_argument(*names, **said)
        self.declared.append(action)
        return action


class Completable(NamedTuple):
    """A program whose words shells complete."""

    name: str
    commands: dict[str, Declared]
    options: tuple[str, ...]
    """Those that it has without a command."""
    words: str = ""
    """What may stand in place of a command: a kind of `_SOURCES`."""


class Completion(argparse.Action):
    """The option --completion; its `const` are the programs."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: Any = None,
    ) -> None:
        """Print the code, and exit."""
        del namespace, option_string
        lines = SHELLS[values](self.const)
        print("\n".join(lines))
        parser.exit()


def _bash(programs: Sequence[Completable]) -> Iterator[str]:
    # Where this proposes nothing, bash completes names of files, as -o default says.
    yield f"_provision_tasks() {{ sh -c {_quoted(_TASKS)}; }}"
    yield "_provision_propose() {"
    yield "    local current=${COMP_LINE:0:COMP_POINT} before= names=$1"
    yield "    current=${current##*[[:space:]]}"
    yield "    case $current in -*) names=$2 ;; esac"
    yield '    COMPREPLY=($(compgen -W "$names" -- "$current"))'
    # bash parts words at a colon, and replaces only what is behind it.
    yield '    case $COMP_WORDBREAKS in *:*) before=${current%"${current##*:}"} ;; esac'
    yield '    COMPREPLY=("${COMPREPLY[@]#"$before"}")'
    yield "}"
    for program in programs:
        yield from _bash_program(program)


def _bash_program(program: Completable) -> Iterator[str]:
    yield f"_{program.name}() {{"
    yield "    local options= names= command=${COMP_WORDS[1]}"
    yield "    COMPREPLY=()"
    yield "    case ${COMP_WORDS[COMP_CWORD - 1]} in"
    yield f"        {' | '.join(_with_values(program.commands))}) return ;;"
    yield "    esac"
    yield '    [ "$COMP_CWORD" -gt 1 ] || command='
    yield "    case $command in"
    further = f" $({_SOURCES[program.words]})" if program.words else ""
    yield f"        '') names=\"{' '.join(program.commands)}{further}\""
    yield f"            options='{' '.join(program.options)}' ;;"
    for name, parser in program.commands.items():
        options = " ".join(_options(parser))
        names = "".join(f" names=$({_SOURCES[word]})" for word in _words(parser) & {*_SOURCES})
        yield f"        {name}) options='{options}'{names} ;;"
    if program.words:
        yield f"        *) names=$({_SOURCES[program.words]}) ;;"
    yield "    esac"
    yield '    _provision_propose "$names" "$options"'
    yield "}"
    yield f"complete -o default -F _{program.name} {program.name}"


def _zsh(programs: Sequence[Completable]) -> Iterator[str]:
    yield f"#compdef {' '.join(program.name for program in programs)}"
    yield f"_provision_tasks() {{ sh -c {_quoted(_TASKS)} }}"
    for kind, source in _SOURCES.items():
        yield f"_provision_{kind}() {{ compadd -- $({source}) }}"
    for program in programs:
        yield from _zsh_program(program)


def _zsh_program(program: Completable) -> Iterator[str]:
    further = f"_provision_{program.words}" if program.words else ""
    yield f"_{program.name}() {{"
    yield "    if (( CURRENT == 2 )); then"
    yield "        local -a commands=("
    for name, parser in program.commands.items():
        yield f"            {_quoted(f'{name}:{parser.description}')}"
    yield "        )"
    yield "        _describe command commands"
    if further:
        yield f"        {further}"
    yield "        return"
    yield "    fi"
    yield "    local command=$words[2]"
    yield "    shift words"
    yield "    (( CURRENT-- ))"
    yield "    case $command in"
    for name, parser in program.commands.items():
        yield f"        {name}) _arguments {' '.join(map(_quoted, _specs(parser)))} ;;"
    if further:
        yield f"        *) {further} ;;"
    yield "    esac"
    yield "}"
    yield f"compdef _{program.name} {program.name}"


def _fish(programs: Sequence[Completable]) -> Iterator[str]:
    yield "function _provision_tasks"
    yield f"    sh -c {_fish_quoted(_TASKS)} | string trim"
    yield "end"
    for program in programs:
        yield from _fish_program(program)


def _fish_program(program: Completable) -> Iterator[str]:
    complete = f"complete -c {program.name}"
    first = f"{complete} -n __fish_use_subcommand"
    yield f"{complete} -f"
    for option in program.options:
        yield f"{first} -l {option.lstrip('-')}"
    for name, parser in program.commands.items():
        yield f"{first} -a {name} -d {_fish_quoted(parser.description or '')}"
        here = f"{complete} -n '__fish_seen_subcommand_from {name}'"
        for action in parser.declared:
            if long := [each[2:] for each in action.option_strings if each.startswith("--")]:
                value = "" if action.nargs == 0 else " -r -F"
                yield f"{here} -l {long[0]}{value} -d {_fish_quoted(action.help or '')}"
        words = _words(parser)
        for word in sorted(words & {*_SOURCES}):
            yield f"{here} -a {_fish_quoted(f'({_SOURCES[word]})')}"
        if words & _PATHS:
            yield f"{here} -F"
    if program.words:
        others = f"'not __fish_seen_subcommand_from {' '.join(program.commands)}'"
        yield f"{complete} -n {others} -a {_fish_quoted(f'({_SOURCES[program.words]})')}"


SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
"""What makes the code, by the shell that it is for."""


def _specs(parser: Declared) -> Iterator[str]:
    """The arguments of zsh's `_arguments`, for each option and for words."""
    for action in parser.declared:
        for name in action.option_strings:
            value = f":{action.metavar}:_files" if action.nargs != 0 else ""
            yield f"{name}[{_plain(action.help or '')}]{value}"
    words = _words(parser)
    if "NAME" in words and words & _PATHS:
        yield "*:word:{_provision_NAME; _files}"
    elif known := sorted(words & {*_SOURCES}):
        yield f"*:{known[0].lower()}:_provision_{known[0]}"
    elif words:
        yield "*:artifact:_files"


def _plain(text: str) -> str:
    """A text with all that is special to `_arguments` escaped."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _options(parser: Declared) -> Sequence[str]:
    found = (name for action in parser.declared for name in action.option_strings)
    return [name for name in found if name.startswith("--")]


def _with_values(commands: Mapping[str, Declared]) -> Sequence[str]:
    """The options that take a value."""
    actions = (action for parser in commands.values() for action in parser.declared)
    found = {name for each in actions if each.nargs != 0 for name in each.option_strings}
    return sorted(found)


def _words(parser: Declared) -> set[str]:
    """The metavariables of positional arguments."""
    words = (str(each.metavar) for each in parser.declared if not each.option_strings)
    return {word for each in words for word in each.split("|")}
