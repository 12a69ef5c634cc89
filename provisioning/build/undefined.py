"""Knows what a name stands for that nobody has defined: a fault, and then nothing at all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from jinja2.debug import get_template_locals
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Undefined
from jinja2.utils import missing

from provisioning.build.template_place import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from provisioning.build.sandbox import Sandbox

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
