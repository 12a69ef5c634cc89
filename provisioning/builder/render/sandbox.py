"""Knows which values of a template have a text of their own, and demands it wherever one is made.

All others print what Python calls them: an address in memory, or the order of a set, which is
another one at every run, or words that nobody wants in a file.
"""

from __future__ import annotations

import os
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import FileSystemLoader, TemplateSyntaxError, nodes, pass_context, pass_eval_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.debug import get_template_locals
from jinja2.exceptions import SecurityError, TemplateNotFound, UndefinedError
from jinja2.filters import make_attrgetter, sync_do_join
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import missing
from markupsafe import EscapeFormatter, Markup

from provisioning.builder.render.faults import Line
from provisioning.spec.resolve.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import CodeType, FrameType

    from jinja2 import Environment
    from jinja2.nodes import EvalContext
    from jinja2.runtime import Context

    from provisioning.builder.render.faults import Faults


_WITH_TEXT = (str, int, float, type(None), Undefined)
_NAMES = {"generator": "a generator", "range": "a range", "bytes": "a row of bytes"}
# They hand on what they are given, or tell something of it, and make no text of it; or, as tojson,
# see to it themselves.
_PASSING = frozenset(
    {
        *("abs", "attr", "batch", "count", "d", "default", "dictsort", "first", "groupby", "items"),
        *("last", "length", "list", "map", "max", "min", "reject", "rejectattr", "reverse"),
        *("round", "select", "selectattr", "slice", "sort", "sum", "tojson", "unique"),
    }
)


class NoTextError(SecurityError):
    """A value that would print itself as Python has it; `hint` says what to write."""

    def __init__(self, value: Any) -> None:
        """Refuse `value`."""
        kind = type(value).__name__
        super().__init__(f"{_NAMES.get(kind, f'a {kind}')} has no text of its own")
        self.hint = _hint(value)


def _hint(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return "leave out encode()"
    if callable(value):
        return "call it, with () behind its name"
    return "write |list or |join(', ') behind it" if hasattr(value, "__iter__") else ""


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
        elif not isinstance(each, _WITH_TEXT):
            raise NoTextError(each)
    return value


def demanding(filters: dict[str, Any]) -> dict[str, Any]:
    """Return `filters` so that those which make texts take only what has one."""
    demanding = {
        name: function if name in _PASSING else _demanding(function)
        for name, function in filters.items()
    }
    return {**demanding, "join": _join, "urlencode": _listed(demanding["urlencode"])}


def _demanding(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def filtered(*given: Any, **named: Any) -> Any:
        # The first may be what jinja2 hands to a filter by itself.
        printable((*given[hasattr(function, "jinja_pass_arg") :], *named.values()))
        return function(*given, **named)

    return filtered


def _listed(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def filtered(value: Any) -> Any:
        return function(listed(value))

    return filtered


def listed(value: Any) -> Any:
    """Return what makes a text of its elements, one by one, as a list of them."""
    is_one = isinstance(value, (*_WITH_TEXT, bytes, dict)) or not hasattr(value, "__iter__")
    return value if is_one else list(value)


@pass_eval_context
def _join(
    context: EvalContext, value: Iterable[Any], d: str = "", attribute: str | int | None = None
) -> str:
    # An attribute can be a method, of whose text nobody would ask before.
    if attribute is not None:
        value = map(make_attrgetter(context.environment, attribute), value)
    return sync_do_join(context, printable([*value]), printable(d))


class Formatter(SandboxedFormatter):
    """What `format` of a text fills in, attributes of what it is given included."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        """The value of a field. Raises NoTextError where it has no text."""
        value, first = super().get_field(field_name, args, kwargs)
        return printable(value), first


class MarkupFormatter(Formatter, EscapeFormatter):
    """The same, of a text that is HTML."""


# A loop may look for another name at every step.
MOST_NAMES = 1000

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


class Noted(Undefined):
    """A value that is undefined: whatever uses it is a fault, and the rendering goes on.

    Only tests and filters that are made for it, such as `defined` and `default`, do not use it.
    """

    __slots__ = ("_frame", "_line")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Remember where this is: where the name stands, not where its value comes to be used."""
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
        """Tell the fault.

        Raises:
            UndefinedError: there are too many to go on.
            SecurityError: this is not there because it is forbidden.
        """
        name: Any = self._undefined_name
        if self._undefined_exception is not UndefinedError:
            raise self._undefined_exception(self._undefined_message)
        if isinstance(name, Noted):
            str(name)  # an element was looked for by a name that is undefined itself
            return
        seen, key = self._environment.undefined_names, (self._frame.f_code, self._line, str(name))
        if key not in seen:
            seen.add(key)
            self._tell(str(name))
        if len(seen) > MOST_NAMES:
            raise UndefinedError(self._undefined_message)

    def _tell(self, name: str) -> None:
        faults, holder = self._environment.faults, self._undefined_obj
        line = Line.of(self._template.name, self._template.get_corresponding_lineno(self._line))
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
    def method(self: Noted, *_: object, **__: object) -> Any:
        self._note()
        return self if answer is None else answer

    return method


for _name, _answer in _ANSWERS.items():
    setattr(Noted, f"__{_name}__", _answering(_answer))


def _running() -> FrameType:
    """The frame of the template that is at work."""
    frame = sys._getframe()  # noqa: SLF001 - the only way to it
    while "__jinja_template__" not in frame.f_globals:
        frame = frame.f_back  # type: ignore[assignment]  # nothing is worked out beforehand
    return frame


# More than any configuration file needs, and over in a second: a loop in a loop over
# range(100000) would otherwise keep the build for hours, and a product take all memory.
MOST_STEPS = 1_000_000


class LimitError(SecurityError):
    """A template that wants too much."""


class NotTextError(TemplateSyntaxError):
    """A template that is not text in UTF-8."""


class _Loader(FileSystemLoader):
    """Templates of the project, and none that a symbolic link would fetch from elsewhere."""

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """The text of `template`. Raises TemplateNotFound, or NotTextError."""
        if leads_out(Path(), template):
            raise TemplateNotFound(template)
        try:
            return super().get_source(environment, template)
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise NotTextError("this is not text in UTF-8", line, template) from error


class _BoundedCode(CodeGenerator):
    """Compiles every `for` so that its steps are counted, and every `~` so that it makes texts."""

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        counted = nodes.EnvironmentAttribute("counted")
        node.iter = nodes.Call(counted, [node.iter], [], None, None, lineno=node.lineno)
        super().visit_For(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - as above
        """Join texts, and nothing else."""
        demanded = nodes.EnvironmentAttribute("printable")
        node.nodes = [
            nodes.Call(demanded, [part], [], None, None, lineno=node.lineno) for part in node.nodes
        ]
        super().visit_Concat(node, frame)


class Sandbox(ImmutableSandboxedEnvironment):
    """Where the templates of the project, the working directory, are compiled and rendered."""

    code_generator_class = _BoundedCode
    intercepted_binops = frozenset({"*", "**", "%"})
    printable = staticmethod(printable)
    variables: Mapping[str, Any]
    faults: Faults
    steps: int
    undefined_names: set[tuple[CodeType, int, str]]
    """Those that were used, each with the place; loops come to the same again and again."""

    def __init__(self) -> None:
        """Leave out what gives another output for the same input, or grows by itself."""
        super().__init__(
            loader=_Loader(os.curdir),
            undefined=Noted,
            keep_trailing_newline=True,
            finalize=_finalized,
            autoescape=False,
            # What is worked out beforehand would not pass by what is demanded here.
            optimized=False,
        )
        for name in ("cycler", "joiner", "lipsum"):
            del self.globals[name]
        del self.filters["random"]
        self.filters = demanding(self.filters)
        self.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": _jsonable}

    def begin(self, variables: Mapping[str, Any], faults: Faults) -> None:
        """Begin a rendering, whose faults are added to `faults`."""
        self.variables, self.faults, self.steps = variables, faults, 0
        self.undefined_names = set()

    def counted(self, values: Iterable[Any]) -> Iterator[Any]:
        """`values`, as long as all loops of this rendering together stay within bounds."""
        for value in values:
            self.steps += 1
            if self.steps > MOST_STEPS:
                raise LimitError(f"loops for more than {MOST_STEPS:,} steps")
            yield value

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """The result of `*` or `**`, if it is not too large to be worked out; of `%`, in a text."""
        if operator == "%" and isinstance(left, (str, bytes)):
            printable(right)
        if _magnitude(operator, left, right) > MOST_STEPS:
            raise LimitError(f"the result of {operator} would be too large")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, obj: Any, /, *given: Any, **named: Any) -> Any:
        """The result of a call; a text's own methods are given only what has a text."""
        if isinstance(getattr(obj, "__self__", None), str):
            given = tuple(map(listed, given))
            printable((given, named))
        return super().call(context, obj, *given, **named)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """What stands for the `format` of a text."""
        if super().wrap_str_format(value) is None:
            return None
        text, is_map = value.__self__, value.__name__ == "format_map"
        is_markup = isinstance(text, Markup)
        formatter = MarkupFormatter(self, escape=text.escape) if is_markup else Formatter(self)

        def formatted(*given: Any, **named: Any) -> Any:
            values = ((), *given) if is_map else (given, named)
            return type(text)(formatter.vformat(text, *values))

        return formatted


def _magnitude(operator: str, left: Any, right: Any) -> float:
    """How large the result of `*` or `**` can become: a length, or what grows with the power."""
    if operator == "**":
        return float(abs(right)) ** 3 if isinstance(right, (int, float)) else 0
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, (str, list, tuple)) and isinstance(times, int):
            return len(sequence) * times
    return 0


@pass_context  # or else it would be called when a template is compiled
def _finalized(_: Context, value: Any) -> Any:
    return printable(value)


def _jsonable(value: Any) -> str:
    if isinstance(value, Undefined):
        return str(value)
    raise SecurityError(f"a {type(value).__name__} has no JSON of its own")
