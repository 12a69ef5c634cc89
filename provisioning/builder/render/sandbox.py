"""The sandbox in which templates run, and how their faults are reported, without secrets."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import FileSystemLoader, TemplateSyntaxError, pass_context
from jinja2.debug import get_template_locals
from jinja2.exceptions import SecurityError, TemplateNotFound, UndefinedError
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from provisioning.spec.diagnostics import Diagnostic, did_you_mean, origin_at
from provisioning.spec.resolve.inputs import leads_out
from provisioning.spec.resolve.variables import ENVIRONMENT
from provisioning.spec.yaml.node import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from types import CodeType, FrameType

    from jinja2 import Environment
    from jinja2.runtime import Context

    from provisioning.spec.model.variant import Content


# Each to its end or, as nothing is certain in a template with a fault, to the end of the text.
_TAG = re.compile(r"\{#.*?(?:#\}|\Z)|\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)", re.DOTALL)


class TemplateLine(NamedTuple):
    """A line of a template; the number 0 stands for the template as a whole."""

    file: str
    number: int = 0

    @classmethod
    def of(cls, template: str | None, number: int) -> TemplateLine:
        """The line of a template by the name that it was asked for with."""
        return cls(os.path.normpath(template or ""), number)

    def origin(self, pattern: str = "") -> Origin:
        """The place of `pattern` in a tag of this line, which may end some lines below.

        If it does not: the tag, if there is just one, since no fault is in the text between tags;
        else the line.
        """
        line = Origin(file=self.file, line=self.number, column=1)
        text = _text(self.file)
        lines = text.split("\n")
        if not 1 <= self.number <= len(lines):
            return line
        start = sum(len(each) + 1 for each in lines[: self.number - 1])
        tags = list(_tags(text, start, start + len(lines[self.number - 1])))
        for first, last in tags if pattern else ():
            if found := re.compile(pattern).search(text, first, last):
                return origin_at(self.file, text, found.start())
        return origin_at(self.file, text, tags[0][0]) if len(tags) == 1 else line


def word(name: str) -> str:
    """The pattern of `name` as a whole word."""
    return rf"(?<!\w){re.escape(name)}(?!\w)"


def variable(name: str) -> str:
    """The pattern of the variable `name`: neither an attribute nor a text."""
    return rf"(?<![\w.'\"]){re.escape(name)}(?!\w)"


def attribute(name: str) -> str:
    """The pattern of `name` as what a value is asked for: `.name`, `['name']`, `[0]`."""
    escaped = re.escape(name)
    return rf"(?<=\.){escaped}(?!\w)|(?<=['\"\[]){escaped}(?=['\"\].])"


def _tags(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """From where to where there are tags between `start` and `end`, the last one to its end."""
    for tag in _TAG.finditer(text):
        if tag.start() >= end:
            return
        if tag.end() > start and not tag[0].startswith("{#"):
            yield max(tag.start(), start), tag.end()


def _text(file: str) -> str:
    try:
        with open(file, encoding="utf-8-sig", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


_LONGEST = 300
_QUOTED = re.compile(r"'(\w+)'")
_KINDS = {
    dict: "this map",
    list: "this list",
    tuple: "this list",
    str: "this text",
    bool: "this boolean",
    int: "this number",
    float: "this number",
    type(None): "an empty value",
}
_FROM_ENVIRONMENT = (
    'set a variable in the spec, as in variables: {home: "{{ env.HOME }}"}, and use that'
)
_WITHHELD = "this fails; the reason is hidden, because it may contain a secret"
_WITHOUT_CONTEXT = "imported templates see variables only with `import ... with context`"


class Faults:
    """The diagnostics of one rendering.

    Once `secretive`, no computed value is shown: it might contain part of a secret.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.secretive = False
        self.found: list[Diagnostic] = []

    def add(
        self, code: str, line: TemplateLine, message: str, *, hint: str = "", pattern: str = ""
    ) -> None:
        """Add a fault of `line`, at what matches `pattern` there, or else at what is quoted."""
        if code == "template-error" and self.secretive:
            message, hint = _WITHHELD, ""
        quoted = _QUOTED.search(message)
        origin = line.origin(pattern or (word(quoted[1]) if quoted else ""))
        message, hint = _printable(message.rstrip(".")), _printable(hint)
        # A loop that works out what it looks for may fail at one place again and again.
        if origin not in (fault.origin for fault in self.found):
            fault = Diagnostic(code=code, origin=origin, where="", message=message, hint=hint)
            self.found.append(fault)

    def add_variable(self, line: TemplateLine, name: str, known: Collection[str]) -> None:
        """Add that no variable is called `name`; the names `known` are defined."""
        message = f"there is no variable {name}"
        if name == ENVIRONMENT:
            hint = _FROM_ENVIRONMENT
        else:
            hint = _WITHOUT_CONTEXT if name in known else did_you_mean(name, known)
        self.add("undefined-variable", line, message, hint=hint, pattern=variable(name))

    def add_attribute(self, line: TemplateLine, name: str, holder: object) -> None:
        """Add that `holder`, a value in a template, has nothing called `name`."""
        kind = _KINDS.get(type(holder), "this value")
        if self.secretive:
            self.add("undefined-variable", line, f"there is no such thing in {kind}")
            return
        known = holder if isinstance(holder, dict) else {}
        hint = did_you_mean(name, [key for key in known if isinstance(key, str)])
        message = f"there is no {name} in {kind}"
        self.add("undefined-variable", line, message, hint=hint, pattern=attribute(name))


def _printable(text: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def with_contents(
    found: Iterable[tuple[str, Diagnostic]], contents: Iterable[Content]
) -> list[Diagnostic]:
    """Each fault once, with the lines of the spec that have its template rendered.

    `found` names with each fault the template that was rendered, which may include the faulty one.
    """
    related: dict[Diagnostic, list[tuple[Origin, str]]] = {}
    users = [content for content in contents if content.kind == "template"]
    for source, fault in found:
        related.setdefault(fault, []).extend(
            (content.origin, f"rendered here: {content.where}")
            for content in users
            if content.source == source
        )
    return [
        replace(fault, related=tuple(dict.fromkeys(places))) for fault, places in related.items()
    ]


_WITH_TEXT = (str, int, float, type(None), Undefined)
_NAMES = {"generator": "a generator", "range": "a range", "bytes": "a bytes value"}
_AS_LIST = "write |list or |join(', ') after it"
_BLANK = r"(?:\s|%20|\+)"
_ADDRESS = re.compile(
    r"(object|function).{1,80}?at(\s|%20|\+)0x[0-9a-f]{6,}", re.IGNORECASE | re.DOTALL
)
"""What Python prints of an object that cannot be printed as text; filters may have changed it."""


class NoTextError(SecurityError):
    """A value that would print as a Python object; `hint` says what to write."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(f"{what} cannot be printed as text")
        self.hint = hint


def printable(value: Any) -> Any:
    """Return `value`, if it and all that it holds have a text of their own.

    Raises:
        NoTextError: something in it has none.
    """
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left += (*each.keys(), *each.values())
        elif isinstance(each, (list, tuple)):
            left += each
        elif not isinstance(each, _WITH_TEXT):  # guard: no-text-of-its-own
            kind = type(each).__name__
            raise NoTextError(_NAMES.get(kind, f"a {kind}"), _hint(each))
    return value


def _hint(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return "leave out encode()"
    if callable(value):
        return "call it, with () after its name"
    return _AS_LIST if hasattr(value, "__iter__") else ""


def demand_no_address(text: str) -> None:
    """Refuse the text of an object that `~`, a filter or a method of a text has printed.

    Raises:
        NoTextError: `text` contains an address in memory, which differs in every run.
    """
    if found := _ADDRESS.search(text):  # guard: address-in-a-text
        raise NoTextError(f"<{found[0]}>", _AS_LIST)


# What is asked of an undefined value, with the answer; None for what would make another value of
# it, which is undefined as well.
_ANSWERS: dict[str, Any] = {
    **dict.fromkeys(("str", "repr", "format"), ""),
    **dict.fromkeys(("len", "hash", "int", "index"), 0),
    **dict.fromkeys(("bool", "eq", "lt", "le", "gt", "ge"), False),
    "float": 0.0,
    **dict.fromkeys(("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv")),
    **dict.fromkeys(("floordiv", "rfloordiv", "mod", "rmod", "pow", "rpow")),
    **dict.fromkeys(("pos", "neg", "abs", "round", "call", "getitem")),
}


class ReportingUndefined(Undefined):
    """An undefined value: each use is reported, and rendering goes on to find more.

    Tests and filters that are made for it, such as `defined` and `default`, do not count as uses.
    """

    __slots__ = ("_frame", "_line")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Remember the place of the name, not that where its value is used."""
        super().__init__(*args, **kwargs)
        self._frame = _running()
        self._line = self._frame.f_lineno

    def __iter__(self) -> Iterator[Any]:
        """Nothing."""
        self._note()
        return iter(())

    def __getattr__(self, name: str) -> Any:
        """Another undefined value, though not for what Python asks for by itself."""
        if name.startswith("__"):
            raise AttributeError(name)
        self._note()
        return self

    def _note(self) -> None:
        """Report the use.

        Raises:
            SecurityError: it is undefined because it is forbidden.
        """
        name: Any = self._undefined_name
        if self._undefined_exception is not UndefinedError:
            raise self._undefined_exception(self._undefined_message)
        if isinstance(name, ReportingUndefined):
            str(name)  # an element was looked for by a name that is undefined itself
            return
        seen, key = self._environment.undefined_names, (self._frame.f_code, self._line, str(name))
        if key not in seen:
            seen.add(key)
            self._tell(str(name))

    def _tell(self, name: str) -> None:
        faults, holder = self._environment.faults, self._undefined_obj
        line = TemplateLine.of(
            self._template.name, self._template.get_corresponding_lineno(self._line)
        )
        if self._undefined_hint:
            faults.add("undefined-variable", line, self._undefined_hint)
        elif holder is missing:
            faults.add_variable(line, name, self._known())
        else:
            faults.add_attribute(line, name, holder)

    def _known(self) -> set[str]:
        """The names that the template can use here."""
        local = get_template_locals(self._frame.f_locals).keys()
        return {*self._environment.variables, *(local - self._environment.globals.keys())}

    @property
    def _environment(self) -> Sandbox:
        environment: Sandbox = self._template.environment
        return environment

    @property
    def _template(self) -> Any:
        return self._frame.f_globals["__jinja_template__"]


def _answering(answer: Any) -> Callable[..., Any]:
    def method(self: ReportingUndefined, *_: object, **__: object) -> Any:
        self._note()
        return self if answer is None else answer

    return method


for _name, _answer in _ANSWERS.items():
    setattr(ReportingUndefined, f"__{_name}__", _answering(_answer))


def _running() -> FrameType:
    """The frame of the template that is running."""
    frame = sys._getframe()  # noqa: SLF001 - the only way to it
    while "__jinja_template__" not in frame.f_globals:
        frame = frame.f_back  # type: ignore[assignment]  # nothing is worked out beforehand
    return frame


class NotTextError(TemplateSyntaxError):
    """A template that is not text in UTF-8."""


class _Loader(FileSystemLoader):
    """Templates of the project, and none that a symbolic link would fetch from elsewhere."""

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """The text of `template`. Raises TemplateNotFound, or NotTextError."""
        if leads_out(Path(), template):  # guard: template-out-of-the-project
            raise TemplateNotFound(template)
        try:
            return super().get_source(environment, template)
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise NotTextError("this is not text in UTF-8", line, template) from error


class Sandbox(ImmutableSandboxedEnvironment):  # guard: sandbox
    """The environment of the templates in the project, which is the working directory."""

    variables: Mapping[str, Any]
    faults: Faults
    undefined_names: set[tuple[CodeType, int, str]]
    """Those that were reported, each with its place: loops use the same ones again and again."""

    def __init__(self) -> None:
        """Leave out whatever gives different output for the same input."""
        super().__init__(
            loader=_Loader(os.curdir),
            undefined=ReportingUndefined,  # guard: undefined-is-noted
            keep_trailing_newline=True,
            finalize=_finalized,
            autoescape=False,
            # What is worked out beforehand has no line at which a fault could be shown.
            optimized=False,
        )
        for name in ("cycler", "joiner", "lipsum"):
            del self.globals[name]
        del self.filters["random"]
        self.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": str}

    def begin(self, variables: Mapping[str, Any], faults: Faults) -> None:
        """Begin a rendering, whose faults are added to `faults`."""
        self.variables, self.faults = variables, faults
        self.undefined_names = set()


@pass_context  # or else it would be called when a template is compiled
def _finalized(_: Context, value: Any) -> Any:
    return printable(value)
