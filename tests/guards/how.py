"""How a guard is removed: on the syntax tree, so that no name and no layout of the code counts.

The node that a mark stands at is taken (see marks.py), or a part of it, `how.at("value.args.0")`:
the fields and the positions of Python's `ast` that lead there. Then

- `gone`: a statement becomes `pass`; an element, an argument, an operand is left out;
- `false`, `true`: the condition of an `if`, `elif`, `while`, of a conditional expression or of a
  comprehension; where none of these is marked, the expression itself;
- `gives(x)`: what is returned, yielded, raised, assigned, passed, entered or looped over is x, a
  literal; a function returns it at once;
- `then`, `otherwise`: a conditional expression is its first or its last part;
- `unheeded`: a condition is looked at, and nothing is made of it: it is false;
- `first`, `last`, `receiver`: a call is its first or its last argument, or what its method is
  called on; a subscript, too, is what it is taken from;
- `library("os.getpid()")`: what `gives` would replace is this expression of other libraries' names;
- `without("O_NOFOLLOW")`: what bears a name of the standard library's, an operand or a keyword
  argument, is left out;
- `uncaught`: what an `except` is for is never raised;
- `part("args.0")`: what `gives` would replace is a part of it;
- `backwards`: what is looped over comes in the opposite order, and all of it is there at once;
- `shell("is_own", "false")`: a function of a shell script does this instead, or where `when` is so;
- `begins("mountpoint() ( false )")`: a shell script begins with this.

`a & b` is both, one after the other.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .marks import marks_of

if TYPE_CHECKING:
    from collections.abc import Callable


class CannotError(Exception):
    """A removal does not fit what is marked."""


@dataclass(frozen=True)
class How:
    """A way to remove what is marked."""

    name: str
    given: tuple[Any, ...] = ()
    path: str = ""
    after: How | None = None

    def __and__(self, other: How) -> How:
        """Both: this, and what is marked then once more."""
        return replace(other, after=self)

    def at(self, path: str) -> How:
        """The same for a part of what is marked."""
        return replace(self, path=path)

    def __str__(self) -> str:
        given = f"({', '.join(map(repr, self.given))})" if self.given else ""
        before = f"{self.after} & " if self.after else ""
        return before + self.name + given + (f".at({self.path!r})" if self.path else "")


gone = How("gone")
false = How("false")
true = How("true")
then = How("then")
otherwise = How("otherwise")
unheeded = How("unheeded")
first = How("first")
last = How("last")
backwards = How("backwards")
receiver = How("receiver")
uncaught = How("uncaught")


def gives(value: object) -> How:
    """What is marked gives a literal."""
    return How("gives", (value,))


def without(name: str) -> How:
    """What bears a name of the standard library's is left out."""
    return How("without", (name,))


def library(expression: str) -> How:
    """What is marked gives what an expression of names of other libraries does."""
    return How("library", (expression,))


def part(path: str) -> How:
    """What is marked gives a part of what it gave."""
    return How("part", (path,))


def shell(function: str, body: str = ":", *, when: str = "true") -> How:
    """A function of the marked shell script does this instead."""
    return How("shell", (function, body, when))


def begins(text: str) -> How:
    """The marked shell script begins with this."""
    return How("begins", (text,))


def removed(source: str, mark: str, how: How) -> str:
    """A module's source with what stands at a mark removed. Raises CannotError."""
    if how.after:
        source = removed(source, mark, how.after)
    line = dict(marks_of(source))[mark]
    closes = source.splitlines()[line - 1].lstrip()[0] in ")]}"
    tree = ast.parse(source)
    above = {child: each for each in ast.walk(tree) for child in ast.iter_child_nodes(each)}
    node = _part(marked(tree, line, closes=closes), how.path)
    old, new = _ACTIONS[how.name](_Place(node, above), *how.given)
    anchor = _anchor(old, above)
    if anchor is old:
        return _spliced(source, old, new)
    _swap(above[old], old, new)
    return _spliced(source, anchor, anchor)


def marked(tree: ast.AST, line: int, *, closes: bool = False) -> ast.AST:
    """The outermost node that begins on a line; where none does, or a bracket closes, that ends.

    Of what ends, the innermost statement, or else the outermost expression.
    """
    ends: list[ast.AST] = []
    for node in _walk(tree):
        if getattr(node, "lineno", 0) == line and not closes:
            return node
        if isinstance(node, ast.stmt):
            ends = [node] if _end(node) == line else ends
        elif not ends and isinstance(node, ast.expr) and node.end_lineno == line:
            ends = [node]
    if not ends:
        raise CannotError(f"nothing begins or ends in line {line}")
    return ends[0]


def _walk(node: ast.AST) -> Any:
    """Each node before those below it, in the order of the source."""
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _walk(child)


def _end(node: ast.stmt) -> int | None:
    """The line in which a statement, or the head of one that has a body, ends."""
    body = getattr(node, "body", None)
    if not body:
        return node.end_lineno
    heads = (each for name, each in ast.iter_fields(node) if name not in _BODIES)
    parts = [part for head in heads for part in (head if isinstance(head, list) else [head])]
    ends = [_last(part) for part in parts if isinstance(part, ast.AST)]
    # A bracket may close behind the last part of a head, on a line of its own.
    last = max(ends, default=node.lineno)
    return last if last + 1 == body[0].lineno or last == node.lineno else last + 1


def _last(node: ast.AST) -> int:
    return max((getattr(each, "end_lineno", 0) or 0 for each in ast.walk(node)), default=0)


_BODIES = ("body", "orelse", "finalbody", "handlers", "cases", "decorator_list")


@dataclass(frozen=True)
class _Place:
    node: Any
    above: dict[ast.AST, ast.AST]


def _part(node: Any, path: str) -> Any:
    for step in filter(None, path.split(".")):
        try:
            node = node[int(step)] if step.isdecimal() else getattr(node, step)
        except (AttributeError, IndexError, TypeError) as error:
            raise CannotError(f"no {step} of {path} in {node!r}") from error
    return node


_Change = tuple[Any, Any]


def _gone(place: _Place) -> _Change:
    node = place.node
    if isinstance(node, ast.stmt):
        return node, ast.Pass()
    parent: Any = place.above[node]
    if isinstance(parent, ast.BinOp):
        return parent, parent.right if parent.left is node else parent.left
    if isinstance(parent, ast.BoolOp) and len(parent.values) == 2:
        return parent, parent.values[parent.values[0] is node]
    if isinstance(parent, ast.Dict):
        at = (parent.keys if node in parent.keys else parent.values).index(node)
        keys, values = ([*all_[:at], *all_[at + 1 :]] for all_ in (parent.keys, parent.values))
        return parent, ast.Dict(keys=keys, values=values)
    for name, value in ast.iter_fields(parent):
        if isinstance(value, list) and node in value:
            return parent, _with(parent, name, [each for each in value if each is not node])
    raise CannotError(f"{ast.unparse(node)} cannot be left out")


def _with(node: Any, name: str, value: object) -> Any:
    return type(node)(**{**dict(ast.iter_fields(node)), name: value})


def _asked(place: _Place) -> Any:
    node = place.node
    if hasattr(node, "test"):
        return node.test
    if not isinstance(node, (ast.stmt, ast.comprehension)):
        return node
    for each in _walk(node):
        if isinstance(each, ast.IfExp):
            return each.test
        if isinstance(each, ast.comprehension) and each.ifs:
            return each.ifs[0]
    raise CannotError(f"{ast.unparse(node)} has no condition")


_ABOUT_ONE = (ast.stmt, ast.keyword, ast.Lambda, ast.Starred, ast.withitem, ast.NamedExpr)


def _value(node: Any) -> Any:
    """The expression that a node is about."""
    if isinstance(node, _ABOUT_ONE):
        for name in ("value", "iter", "exc", "test", "context_expr", "items", "body"):
            inner = getattr(node, name, None)
            if inner:
                return _value(inner[0] if isinstance(inner, list) else inner)
    if isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)):
        return _value(node.value)
    if not isinstance(node, ast.expr):
        raise CannotError(f"{ast.unparse(node)} gives nothing")
    return node


def _gives(place: _Place, value: object) -> _Change:
    literal = ast.parse(repr(value), mode="eval").body
    if isinstance(place.node, ast.FunctionDef):
        begin = place.node.body[ast.get_docstring(place.node) is not None]
        return begin, ast.Return(literal)
    old = _value(place.node)
    if isinstance(place.above[old], ast.withitem):
        literal = _imported(f"contextlib.nullcontext({value!r})")
    return old, literal


def _library(place: _Place, expression: str) -> _Change:
    return _value(place.node), _imported(expression)


def _imported(expression: str) -> ast.expr:
    """An expression that begins with a module's name, which may not be imported."""
    module, _, rest = expression.partition(".")
    return ast.parse(f"__import__({module!r}).{rest}", mode="eval").body


def _unheeded(place: _Place) -> _Change:
    asked = _asked(place)
    return asked, ast.BoolOp(ast.And(), [asked, ast.Constant(value=False)])


def _choice(place: _Place) -> ast.IfExp:
    for each in _walk(place.node):
        if isinstance(each, ast.IfExp):
            return each
    raise CannotError(f"{ast.unparse(place.node)} has no conditional expression")


def _argument(place: _Place, at: int) -> _Change:
    call = _value(place.node)
    if not isinstance(call, ast.Call) or not call.args:
        raise CannotError(f"{ast.unparse(call)} is no call with an argument")
    return call, call.args[at]


def _then(place: _Place) -> _Change:
    choice = _choice(place)
    return choice, choice.body


def _otherwise(place: _Place) -> _Change:
    choice = _choice(place)
    return choice, choice.orelse


def _receiver(place: _Place) -> _Change:
    value = _value(place.node)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value, value.func.value
    if isinstance(value, ast.Subscript):
        return value, value.value
    raise CannotError(f"{ast.unparse(value)} is not taken from anything")


def _uncaught(place: _Place) -> _Change:
    node = place.node
    handler = node.handlers[0] if isinstance(node, ast.Try) else node
    if not isinstance(handler, ast.ExceptHandler):
        raise CannotError("no except is marked")
    return handler.type, ast.Name("ZeroDivisionError", ast.Load())


def _without(place: _Place, name: str) -> _Change:
    for each in _walk(place.node):
        named = getattr(each, "attr", None) if isinstance(each, ast.Attribute) else None
        named = each.arg if isinstance(each, ast.keyword) else named
        if named == name:
            return _gone(_Place(each, place.above))
    raise CannotError(f"nothing is named {name}")


def _texts(place: _Place) -> list[ast.Constant]:
    nodes = _walk(_value(place.node))
    return [each for each in nodes if isinstance(getattr(each, "value", None), str)]


def _shell(place: _Place, function: str, body: str, when: str) -> _Change:
    head = re.compile(rf"^{re.escape(function)}\(\) [({{]+", re.MULTILINE)
    for each in _texts(place):
        if found := head.search(each.value):
            text = f"if {when}; then {body}; return; fi; "
            return each, ast.Constant(each.value[: found.end()] + text + each.value[found.end() :])
    raise CannotError(f"no function {function} is in the script")


def _begins(place: _Place, text: str) -> _Change:
    script = _texts(place)[0]
    return script, ast.Constant(f"{text}\n{script.value}")


def _part_of(place: _Place, path: str) -> _Change:
    value = _value(place.node)
    return value, _part(value, path)


def _backwards(place: _Place) -> _Change:
    value = _value(place.node)
    whole = ast.List([ast.Starred(value, ast.Load())], ast.Load())
    return value, ast.Subscript(whole, ast.Slice(step=ast.Constant(-1)), ast.Load())


_ACTIONS: dict[str, Callable[..., _Change]] = {
    "gone": _gone,
    "false": lambda place: (_asked(place), ast.Constant(False)),
    "true": lambda place: (_asked(place), ast.Constant(True)),
    "gives": _gives,
    "then": _then,
    "otherwise": _otherwise,
    "unheeded": _unheeded,
    "library": _library,
    "first": lambda place: _argument(place, 0),
    "last": lambda place: _argument(place, -1),
    "receiver": _receiver,
    "uncaught": _uncaught,
    "without": _without,
    "part": _part_of,
    "backwards": _backwards,
    "shell": _shell,
    "begins": _begins,
}


def _anchor(old: ast.AST, above: dict[ast.AST, ast.AST]) -> Any:
    """The smallest node that has a place in the text: within an f-string, none has."""
    anchor, node = old, old
    while not isinstance(node, ast.stmt):
        if isinstance(node, ast.JoinedStr) or not hasattr(anchor, "lineno"):
            anchor = node
        node = above[node]
    return anchor if hasattr(anchor, "lineno") else node


def _swap(parent: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for name, value in ast.iter_fields(parent):
        if value is old:
            setattr(parent, name, new)
        elif isinstance(value, list):
            setattr(parent, name, [new if each is old else each for each in value])


def _spliced(source: str, old: Any, new: ast.AST) -> str:
    """A source with a node's text replaced by the one of another node."""
    lines = source.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: old.lineno - 1])) + old.col_offset
    end = sum(map(len, lines[: old.end_lineno - 1])) + old.end_col_offset
    text = ast.unparse(ast.fix_missing_locations(new))
    if isinstance(new, ast.expr):
        text = f"({text})"
    text = text.replace("\n", "\n" + " " * old.col_offset)
    whole = source.encode()
    return (whole[:start] + text.encode() + whole[end:]).decode()
