"""Knows what a template may do: no way to Python, no work without bounds, no output by chance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import FileSystemLoader, TemplateSyntaxError, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateNotFound
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from provisioning.build.printable import Formatter, MarkupFormatter, demanding, listed, printable
from provisioning.build.undefined import Noted
from provisioning.spec.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import CodeType

    from jinja2 import Environment
    from jinja2.runtime import Context

    from provisioning.build.template_fault import Faults

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
