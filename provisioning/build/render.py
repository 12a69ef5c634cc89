"""Knows how templates become files: Jinja2, sandboxed, strict about names, bounded in work."""

from __future__ import annotations

import difflib
import os
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import FileSystemLoader, StrictUndefined, TemplateSyntaxError, meta, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateNotFound, UndefinedError
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from provisioning.build import output
from provisioning.build.includes import includes
from provisioning.build.limits import limited
from provisioning.errors import BuildError
from provisioning.spec.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jinja2 import Environment

    from provisioning.build.layout import Layout

# More than any configuration file needs, and over in a second: a loop in a loop over
# range(100000) would otherwise keep the build for hours, and a product take all memory.
MOST_STEPS = 1_000_000

_REFERENCES = (nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)
_UNDEFINED = re.compile(r"'(.+)' is undefined")


class Rendered(NamedTuple):
    """What a template became, and the names it looked at, whether variables have them or not."""

    content: bytes
    uses: frozenset[str]


def render(layout: Layout, into: Path) -> set[str]:
    """Render the templates of `layout` to the directory `into`; the names they look at.

    Raises:
        BuildError: with the fault of every template that has one.
        OSError: a file cannot be written.
    """
    rendered = render_all(layout)
    for path, each in rendered.items():
        output.write(into / path, each.content)
    return {name for each in rendered.values() for name in each.uses}


def render_all(layout: Layout) -> dict[str, Rendered]:
    """What the templates of `layout` become, by their paths in the package.

    Raises:
        BuildError: with the fault of every template that has one.
    """
    sources = {item.path: item.source for item in layout.items if item.template}
    # One process for all of them, since nearly all are sound.
    return limited(lambda: _render_each(sources, layout.variant.variables)) if sources else {}


def _render_each(sources: Mapping[str, str], variables: Mapping[str, Any]) -> dict[str, Rendered]:
    templates, rendered, faults = Templates(), dict[str, Rendered](), []
    for path, source in sources.items():
        try:
            rendered[path] = templates.render(source, variables)
        except BuildError as error:
            faults.append(str(error))
    if faults:
        raise BuildError("\n".join(faults))
    return rendered


class Templates:
    """The templates of the project, which lies in the working directory."""

    def __init__(self) -> None:
        self._loader = _Loader(os.curdir)
        self._environment = _Sandbox(
            loader=self._loader,
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            finalize=_printable,
            autoescape=False,
        )
        # What is left gives the same output for the same input, and does not grow by itself.
        for name in ("cycler", "joiner", "lipsum"):
            del self._environment.globals[name]
        del self._environment.filters["random"]

    def render(self, template: str, variables: Mapping[str, Any]) -> Rendered:
        """The content of `template` (a path of the project) with `variables` filled in.

        Raises:
            BuildError: `template:line: …`, whatever is wrong with it.
        """
        self._environment.steps = 0
        try:
            read: set[str] = set()
            uses = frozenset(self._uses(template, read))
            _demand_known(read, template)
            content = self._environment.get_template(template).render(variables).encode()
        except Exception as error:
            raise BuildError(_explained(template, error, variables)) from error
        return Rendered(content, uses)

    def _uses(self, template: str, seen: set[str]) -> Iterator[str]:
        seen.add(template)
        source, _, _ = self._loader.get_source(self._environment, template)
        tree = self._environment.parse(source, template, template)
        yield from _names_used(tree, template)
        for reference in tree.find_all(_REFERENCES):
            for name in _names(reference, template):
                if name not in seen and self._exists(name, reference, template):
                    yield from self._uses(name, seen)

    def _exists(self, name: str, reference: nodes.Node, template: str) -> bool:
        try:
            self._loader.get_source(self._environment, name)
        except TemplateNotFound:
            if getattr(reference, "ignore_missing", False):
                return False
            message = f"{name}: no such template in the project"
            raise TemplateSyntaxError(message, reference.lineno, template) from None
        return True


class _Loader(FileSystemLoader):
    """Templates of the project, and none that a symbolic link would fetch from elsewhere."""

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """The text of `template`. Raises TemplateNotFound."""
        if leads_out(Path(), template):
            raise TemplateNotFound(template)
        return super().get_source(environment, template)


class _BoundedCode(CodeGenerator):
    """Compiles every `for` so that its steps are counted, whatever it loops over."""

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        counted = nodes.EnvironmentAttribute("counted")
        node.iter = nodes.Call(counted, [node.iter], [], None, None, lineno=node.lineno)
        super().visit_For(node, frame)


class _Sandbox(ImmutableSandboxedEnvironment):
    """No way to Python from a template, and no product that would not fit in memory."""

    code_generator_class = _BoundedCode
    intercepted_binops = frozenset({"*", "**"})
    steps = 0

    def counted(self, values: Iterable[Any]) -> Iterator[Any]:
        """`values`, as long as all loops of this rendering together stay within bounds."""
        for value in values:
            self.steps += 1
            if self.steps > MOST_STEPS:
                raise SecurityError(f"loops for more than {MOST_STEPS:,} steps")
            yield value

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if _magnitude(operator, left, right) > MOST_STEPS:
            raise SecurityError(f"the result of {operator} would be too large")
        return super().call_binop(context, operator, left, right)


def _magnitude(operator: str, left: Any, right: Any) -> float:
    """How large the result of `*` or `**` can become: a length, or what grows with the power."""
    if operator == "**":
        return float(abs(right)) ** 3
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, (str, list, tuple)) and isinstance(times, int):
            return len(sequence) * times
    return 0


def _printable(value: Any) -> Any:
    """Refuse what has no text of its own: an address in memory is another one at every run."""
    if not isinstance(value, (str, int, float, list, dict, tuple, type(None), Undefined)):
        raise SecurityError(f"a {type(value).__name__} has no text of its own")
    return value


def _demand_known(read: set[str], template: str) -> None:
    """Have doit know every template that is read, before anything is rendered."""
    for name in sorted(read - includes(template) - {template}):
        message = f"{name}: write this name as one plain string"
        raise TemplateSyntaxError(message, 1, template)


def _names_used(tree: nodes.Template, template: str) -> set[str]:
    # The names of globals would be passed over, but a variable may have one of them.
    environment: Any = tree.environment
    names, environment.globals = environment.globals, {}
    try:
        return meta.find_undeclared_variables(tree)
    except TemplateSyntaxError as error:
        error.name = template  # jinja2 gives it a name of its own
        raise
    finally:
        environment.globals = names


def _names(reference: Any, template: str) -> list[str]:
    """The templates that an include, extends or import names."""
    named: Any = reference.template
    parts = named.items if isinstance(named, (nodes.Tuple, nodes.List)) else [named]
    names = [part.value for part in parts if isinstance(part, nodes.Const)]
    if len(names) < len(parts):
        # doit must know what a build depends on before it starts.
        message = "the name of the other template must be written out"
        raise TemplateSyntaxError(message, reference.lineno, template)
    return names


def _explained(template: str, error: Exception, variables: Mapping[str, Any]) -> str:
    if isinstance(error, TemplateSyntaxError):
        return f"{error.name or template}:{error.lineno}: {error.message}"
    if isinstance(error, TemplateNotFound):
        return f"{template}: no such template in the project"
    if isinstance(error, UnicodeDecodeError):
        return f"{template}: not UTF-8: {error.reason} at byte {error.start}"
    message = str(error)
    if isinstance(error, UndefinedError):
        message += _nearest(message, variables)
    if isinstance(error, RecursionError):
        message = "includes or calls itself without end"
    if isinstance(error, MemoryError):
        message = "needs too much memory"
    return f"{_place(template, error)}: {message}"


def _nearest(message: str, variables: Mapping[str, Any]) -> str:
    match = _UNDEFINED.fullmatch(message)
    near = difflib.get_close_matches(match[1], variables, n=1) if match else []
    return f"; did you mean {near[0]!r}?" if near else ""


def _place(template: str, error: Exception) -> str:
    """The innermost line of a template in the traceback, which jinja2 makes to point there."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = os.path.normpath(frame.filename)
        if not os.path.isabs(path) and os.path.isfile(path):
            return f"{path}:{frame.lineno}"
    return template
