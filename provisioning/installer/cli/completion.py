"""Completion code for bash and zsh: the commands, options and names of packages of `provision`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PATHS = frozenset({"ARTIFACT", "DIR", "PREFIX", "RELEASE"})
_NAMES = "provision list 2>/dev/null | cut -d ' ' -f 1"
"""The names of the packages that are installed."""
_PACKAGES = "doit list --quiet --all package 2>/dev/null | sed -n 's/^package:\\([^:]*\\)$/\\1/p'"
"""The names of the packages that a project builds."""


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


class Completion(argparse.Action):
    """The option --completion; its `const` are the parsers of all commands."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: Any = None,
    ) -> None:
        """Print the code, and exit."""
        del namespace, option_string
        lines = {"bash": _bash, "zsh": _zsh}[values](self.const)
        print("\n".join(lines))
        parser.exit()


def _bash(commands: Mapping[str, Declared]) -> Iterator[str]:
    # Where this proposes nothing, bash completes names of files, as -o default says.
    yield "_provision() {"
    yield "    local current=${COMP_WORDS[COMP_CWORD]} options= names= command=${COMP_WORDS[1]}"
    yield "    COMPREPLY=()"
    yield "    case ${COMP_WORDS[COMP_CWORD - 1]} in"
    yield f"        {' | '.join(_with_values(commands))}) return ;;"
    yield "    esac"
    yield '    [ "$COMP_CWORD" -gt 1 ] || command='
    yield "    case $command in"
    yield f"        '') names='{' '.join(commands)}' options='--help --version --completion' ;;"
    for name, parser in commands.items():
        options = " ".join(_options(parser))
        known = {"NAME": _NAMES, "PACKAGE": _PACKAGES}
        names = "".join(f" names=$({known[word]})" for word in _words(parser) & {*known})
        yield f"        {name}) options='{options}'{names} ;;"
    yield "    esac"
    yield "    case $current in -*) names=$options ;; esac"
    yield '    COMPREPLY=($(compgen -W "$names" -- "$current"))'
    yield "}"
    yield "complete -o default -F _provision provision"


def _zsh(commands: Mapping[str, Declared]) -> Iterator[str]:
    yield "#compdef provision"
    yield f"_provision_names() {{ compadd -- $({_NAMES}) }}"
    yield f"_provision_packages() {{ compadd -- $({_PACKAGES}) }}"
    yield "_provision() {"
    yield "    if (( CURRENT == 2 )); then"
    yield "        local -a commands=("
    for name, parser in commands.items():
        yield f"            {_quoted(f'{name}:{parser.description}')}"
    yield "        )"
    yield "        _describe command commands"
    yield "        return"
    yield "    fi"
    yield "    local command=$words[2]"
    yield "    shift words"
    yield "    (( CURRENT-- ))"
    yield "    case $command in"
    for name, parser in commands.items():
        yield f"        {name}) _arguments {' '.join(map(_quoted, _specs(parser)))} ;;"
    yield "    esac"
    yield "}"
    yield "compdef _provision provision"


def _specs(parser: Declared) -> Iterator[str]:
    """The arguments of zsh's `_arguments`, for each option and for words."""
    for action in parser.declared:
        for name in action.option_strings:
            value = f":{action.metavar}:_files" if action.nargs != 0 else ""
            yield f"{name}[{_plain(action.help or '')}]{value}"
    words = _words(parser)
    if "NAME" in words and words & _PATHS:
        yield "*:word:{_provision_names; _files}"
    elif "NAME" in words:
        yield "*:package:_provision_names"
    elif "PACKAGE" in words:
        yield "*:package:_provision_packages"
    elif words:
        yield "*:artifact:_files"


def _plain(text: str) -> str:
    """A text with all that is special to `_arguments` escaped."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


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
