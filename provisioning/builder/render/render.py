"""Renders the templates of a package in a child process with limits on time and memory."""

from __future__ import annotations

import os
import pickle
import re
import resource
import signal
import traceback
from ast import literal_eval
from contextlib import suppress
from mmap import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias, TypeVar

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.exceptions import SecurityError, TemplateNotFound
from jinja2.runtime import Undefined

from provisioning.builder.collect import checks, foreign
from provisioning.builder.plan.needs import includes
from provisioning.builder.render.sandbox import (
    Faults,
    NotTextError,
    Sandbox,
    TemplateLine,
    demand_no_address,
    with_contents,
    word,
)
from provisioning.builder.workspace import output
from provisioning.builder.workspace.output import remove_tree
from provisioning.errors import BuildError
from provisioning.spec.diagnostics import Diagnostic, SpecError, nearest
from provisioning.spec.resolve.inputs import leads_out

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from provisioning.spec.model.variant import Variant
    from provisioning.spec.yaml.node import NodePath

_T = TypeVar("_T")

CPU_SECONDS = 10
MEMORY_BYTES = 1 << 30


class ExhaustedError(BuildError):
    """The child process ended without a result."""


def limited(work: Callable[[], _T]) -> _T:
    """Run `work` in a child process with limits on time and memory; return or raise what it does.

    Raises:
        ExhaustedError: it exceeds a limit, or was killed.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _answer(work, writer)
    os.close(writer)
    try:
        with open(reader, "rb") as pipe:
            answer = pipe.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(child, 0)
    if status or not answer:  # what was read may be a part
        raise ExhaustedError(_end_of(status))
    good, value = pickle.loads(answer)  # noqa: S301 - from our own child
    if not good:
        raise value
    result: _T = value
    return result


def _end_of(status: int) -> str:
    if not os.WIFSIGNALED(status):
        return f"needs more than {MEMORY_BYTES >> 20} MiB of memory"
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return f"needs more than {CPU_SECONDS} s of processor time"
    return f"was ended by {signal.Signals(number).name}"


def _answer(work: Callable[[], object], writer: int) -> NoReturn:
    """Work within the limits, in the child, which then exits."""
    try:
        # The signal of the soft limit tells what happened; the hard one would be SIGKILL.
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))  # guard: render-cpu
        with suppress(ValueError, OSError):  # macOS has no such limit
            # guard: memory-of-templates
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        try:
            answer = True, work()
        except Exception as error:  # noqa: BLE001 - the parent raises it
            answer = False, error
        with open(writer, "wb") as pipe:
            pipe.write(pickle.dumps(answer))
    finally:
        os._exit(0)


class AmbiguousTextError(SecurityError):
    """An ambiguous text is used as a boolean or a number; `hint` says what to write."""

    def __init__(self, text: str) -> None:
        """Report the use of `text`."""
        super().__init__(
            f"{text} is text here, but some YAML readers take it for a boolean or a number"
        )
        self.hint = f"compare it with text, as in == '{text}', or write another value in its file"


class AmbiguousText(str):
    """`no`, `022` or `16:30`, which are printed as written.

    Other readers of the same file may take them for false, 18 and 990: a template that depends on
    that is ambiguous.
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __bool__(self) -> bool:
        """Raise: every text but the empty one is true, and `no` is not meant to be."""
        raise AmbiguousTextError(self)

    def __eq__(self, other: object) -> bool:
        """Compare with texts alone."""
        if not isinstance(other, (str, Undefined, type(None))):
            raise AmbiguousTextError(self)
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        """Compare with texts alone."""
        return not self == other

    def __mul__(self, _: Any) -> NoReturn:
        """Raise: a text would be repeated, where a number is meant."""
        raise AmbiguousTextError(self)

    __rmul__ = __mul__


def with_ambiguous_texts(
    variables: Mapping[str, Any], places: Iterable[NodePath]
) -> dict[str, Any]:
    """Return `variables` with an AmbiguousText at each of the places."""
    doubted: Any = dict(variables)
    for place in places:
        doubted = _replaced(doubted, place)
    found: dict[str, Any] = doubted
    return found


def _replaced(value: Any, place: NodePath) -> Any:
    if not place:
        return AmbiguousText(value)
    first, *rest = place
    copied = value.copy()
    copied[first] = _replaced(value[first], tuple(rest))
    return copied


_REFERENCES = (nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)
_UNKNOWN = re.compile(r"No (filter|test) named '(\w+)'")
# What follows counts characters from the start of the template, where nobody can find it.
_STRANGE = re.compile(r"(unexpected char (.+)) at \d+")
_SHARED_TIME = "the templates of a package share this time; it ran out in this one"


class Rendered(NamedTuple):
    """The output of a template, and the names it looks up, whether they are defined or not."""

    content: bytes
    uses: frozenset[str]


# The rendered templates, and each fault with the template in whose rendering it was found.
_Outcome: TypeAlias = "tuple[dict[str, Rendered], list[tuple[str, Diagnostic]]]"


def render(variant: Variant, sources: Mapping[str, str], into: Path) -> set[str]:
    """Render the templates `sources` of a variant to `into`; return the names they look up.

    Raises:
        SpecError: with every fault of every template.
        OSError: a file cannot be written.
    """
    rendered = render_all(variant, sources)
    remove_tree(into)  # what an earlier layout rendered may hold secrets, or be in the way
    for path, each in rendered.items():
        output.write(into / path, each.content)
    return {name for each in rendered.values() for name in each.uses}


def render_all(variant: Variant, sources: Mapping[str, str]) -> dict[str, Rendered]:
    """Render the templates `sources` of a variant; return the results by path in the package.

    Raises:
        SpecError: with every fault of every template.
    """
    rendered, found = _render_bounded(sources, variant) if sources else ({}, [])
    faults = with_contents(found, variant.contents)
    if not faults:
        contents = {path: each.content for path, each in rendered.items()}
        faults = [*checks.rendered_faults(variant, contents)]  # guard: rendered-programs
        faults += foreign.rendered_faults(variant, contents)  # guard: rendered-scripts
    if faults:
        raise SpecError(faults, Path())
    return rendered


def _render_bounded(sources: Mapping[str, str], variant: Variant) -> _Outcome:
    at_work = mmap(-1, 8)  # in memory shared with the child: the number of the template
    try:
        # One process for all of them, since nearly all are sound.
        return limited(lambda: _render_each(sources, variant, at_work))
    except ExhaustedError as error:
        source = list(sources.values())[int.from_bytes(at_work[:], "big")]
        faults = Faults()
        hint = _SHARED_TIME if "time" in str(error) else ""
        faults.add("template-limit", TemplateLine(source), f"a template {error}", hint=hint)
        return {}, [(source, fault) for fault in faults.found]


def _render_each(sources: Mapping[str, str], variant: Variant, at_work: mmap) -> _Outcome:
    templates, rendered, found = Templates(variant.secrets), dict[str, Rendered](), []
    variables = with_ambiguous_texts(
        variant.variables, variant.doubtful
    )  # guard: doubtful-variables
    for number, (path, source) in enumerate(sources.items()):
        at_work[:] = number.to_bytes(len(at_work), "big")
        try:
            rendered[path] = templates.render(source, variables)
        except SpecError as error:
            found += [(source, fault) for fault in error.diagnostics]
    return rendered, found


class Templates:
    """The templates of the project, which lies in the working directory."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        """Faults of templates that use the variables `secrets` hide their details."""
        self._secrets = frozenset(secrets)
        self._environment = Sandbox()

    def render(self, template: str, variables: Mapping[str, Any]) -> Rendered:
        """The content of `template` (a path of the project) with `variables` filled in.

        Raises:
            SpecError: with every fault that can be found at once.
        """
        faults = Faults()
        self._environment.begin(variables, faults)
        content, uses = b"", frozenset[str]()
        try:
            uses = frozenset(self._uses(template, includes(template), {template}))
            faults.secretive = not uses.isdisjoint(self._secrets)
            if not faults.found:
                text = self._environment.get_template(template).render(variables)
                demand_no_address(text)
                content = text.encode()
        except Exception as error:  # noqa: BLE001 - a template can be made to raise anything
            self._report(error, template)
        if faults.found:
            raise SpecError(faults.found, Path())
        return Rendered(content, uses)

    def _uses(self, template: str, known: set[str], seen: set[str]) -> Iterator[str]:
        """The names that `template` and what it includes look up; doit watches the `known`."""
        tree = self._environment.parse(self._text(template), template, template)
        yield from _names_used(tree, template)
        for reference in tree.find_all(_REFERENCES):
            for name in self._named(reference, template):
                if name not in seen and self._exists(name, reference, template):
                    seen.add(name)
                    self._demand_known(name, known, TemplateLine.of(template, reference.lineno))
                    yield from self._uses(name, known, seen)

    def _text(self, template: str) -> str:
        loader: Any = self._environment.loader
        text: str = loader.get_source(self._environment, template)[0]
        return text

    def _named(self, reference: Any, template: str) -> list[str]:
        """The templates that an include, extends or import names."""
        named: Any = reference.template
        parts = named.items if isinstance(named, (nodes.Tuple, nodes.List)) else [named]
        names = [part.value for part in parts if isinstance(part, nodes.Const)]
        if len(names) < len(parts):
            # doit must know what a build depends on before it starts.
            message = "the name of the other template must be written out"
            line = TemplateLine.of(template, reference.lineno)
            self._environment.faults.add("template-name", line, message)
        return names

    def _exists(self, name: str, reference: nodes.Node, template: str) -> bool:
        try:
            self._text(name)
        except TemplateNotFound:
            if not getattr(reference, "ignore_missing", False):
                # guard: template-that-is-missing
                self._report_missing(name, TemplateLine.of(template, reference.lineno))
            return False
        return True

    def _report_missing(self, name: str, line: TemplateLine) -> None:
        beside = os.path.normpath(os.path.join(os.path.dirname(line.file), name))
        meant = os.path.isfile(beside) and not leads_out(Path(), beside)
        hint = f"did you mean {beside}? Names begin at the project's root" if meant else ""
        message = f"{name}: no such template in the project"
        faults = self._environment.faults
        faults.add("missing-template", line, message, hint=hint, pattern=word(name))

    def _demand_known(self, name: str, known: set[str], line: TemplateLine) -> None:
        """Report a template that doit does not watch, before anything is rendered."""
        if name not in known:
            message = f"{name}: write this name as one plain string"
            self._environment.faults.add("template-name", line, message)

    def _report(self, error: Exception, template: str) -> None:
        """Report what ended a rendering, unless an earlier fault may have caused it."""
        faults = self._environment.faults
        if isinstance(error, NotTextError):
            hint = "save the file as UTF-8"
            faults.add(
                "not-utf8", TemplateLine.of(error.name, error.lineno), str(error.message), hint=hint
            )
        elif isinstance(error, TemplateSyntaxError):
            self._report_syntax(
                str(error.message), TemplateLine.of(error.name or template, error.lineno)
            )
        elif isinstance(error, TemplateNotFound) and not faults.found:
            faults.add(
                "missing-template", TemplateLine(template), "no such template in the project"
            )
        elif not faults.found:
            code, message = _reason(error)
            hint = getattr(error, "hint", "") or self._nearest(message)
            faults.add(code, _place(error, template), message, hint=hint)

    def _report_syntax(self, message: str, line: TemplateLine) -> None:
        pattern = ""
        if strange := _STRANGE.fullmatch(message):
            message, pattern = strange[1], re.escape(literal_eval(strange[2]))
        hint = self._nearest(message)
        self._environment.faults.add("template-syntax", line, message, hint=hint, pattern=pattern)

    def _nearest(self, message: str) -> str:
        """Suggest the filter or test that may have been meant."""
        unknown = _UNKNOWN.match(message)
        if unknown is None:
            return ""
        known = {"filter": self._environment.filters, "test": self._environment.tests}
        near = nearest(unknown[2], known[unknown[1]])
        return f"did you mean {near}?" if near else ""


def _names_used(tree: nodes.Template, template: str) -> set[str]:
    # The names of globals would be left out, but a variable may have one of them.
    environment: Any = tree.environment
    names, environment.globals = environment.globals, {}
    try:
        return meta.find_undeclared_variables(tree)
    except TemplateSyntaxError as error:
        error.name = template  # jinja2 gives it a name of its own
        raise
    finally:
        environment.globals = names


def _reason(error: Exception) -> tuple[str, str]:
    """The code and message for an error."""
    if isinstance(error, RecursionError):
        return "template-limit", "includes or calls itself without end"
    if isinstance(error, MemoryError):
        return "template-limit", "needs too much memory"
    return "template-error", str(error) or type(error).__name__


def _place(error: Exception, template: str) -> TemplateLine:
    """The innermost line of a template in the traceback, which jinja2 makes to point there."""
    for frame, number in reversed(list(traceback.walk_tb(error.__traceback__))):
        path = os.path.normpath(frame.f_code.co_filename)
        if not os.path.isabs(path) and os.path.isfile(path):
            return TemplateLine(path, number)
    return TemplateLine(template)
