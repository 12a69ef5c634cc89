"""The platforms: those built in, those of the project, and how they extend each other."""

from __future__ import annotations

from functools import reduce
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from provisioning.spec.diagnostics import did_you_mean
from provisioning.spec.resolve.data_files import load
from provisioning.spec.resolve.inputs import Inputs
from provisioning.spec.resolve.layers import merge, stack
from provisioning.spec.schema.check import check
from provisioning.spec.schema.rules import NAME
from provisioning.spec.schema.schema import PLATFORM
from provisioning.spec.yaml.node import Mapping, Origin, Scalar

if TYPE_CHECKING:
    from collections.abc import Collection

    from provisioning.spec.diagnostics import Diagnostics

BUILT_IN = "provisioning/platforms"


class Platform(NamedTuple):
    """A platform merged with its ancestors; `family` are their names, its own first."""

    node: Mapping
    family: tuple[str, ...]
    files: tuple[str, ...]
    """The files of the project that it was read from."""


class Platforms:
    """Every platform by name, each laid over what it extends."""

    def __init__(self, inputs: Inputs, directory: str, diagnostics: Diagnostics) -> None:
        """Read the built-in files, and the project's in `directory`, which replace them."""
        self.inputs = inputs
        self._diagnostics = diagnostics
        self._directory = directory
        package = Inputs(Path(str(files("provisioning"))).parent)
        self._written = {**self._load(package, BUILT_IN), **self._load(inputs, directory)}
        # What a platform lacks may be just what was refused in its file.
        self.sound = not diagnostics
        self._whole = {name: self._extended(name) for name in self._written}

    @property
    def names(self) -> Collection[str]:
        """The names of all platforms, sound or not."""
        return self._written.keys()

    def find(self, name: str, asked: Origin) -> Platform | None:
        """Return the platform called `name`; None if there is none or it is wrong."""
        if self._known(name, asked):
            return self._whole[name]
        return None

    def _load(self, inputs: Inputs, directory: str) -> dict[str, Mapping | None]:
        """Return what each file holds; None if it cannot be read, though its name is known."""
        loaded: dict[str, Mapping | None] = {}
        for file in inputs.yaml_files(directory, self._diagnostics):
            node = load(inputs, file, Origin(file=file, line=0, column=1), self._diagnostics)
            name = PurePosixPath(file).stem
            loaded[name] = None if node is None else check(node, PLATFORM, self._diagnostics)
            if node is not None:
                self._check_names(name, node)
        return loaded

    def _check_names(self, name: str, node: Mapping) -> None:
        for key in ("platform", "os", "arch"):
            value = node.items.get(key)
            if isinstance(value, Scalar):
                NAME.holds(value.text, value.origin, self._diagnostics)
        own = node.items.get("platform")
        if isinstance(own, Scalar) and own.text != name:
            message = f"the file is called {name}.yaml, but the platform {own.text}"
            hint = "give both the same name"
            self._diagnostics.error(own.origin, "platform-name", message, hint)

    def _known(self, name: str, asked: Origin) -> bool:
        if name not in self._written:
            hint = did_you_mean(name, self._written)
            message = f"there is no platform {name}"
            self._diagnostics.error(asked, "unknown-platform", message, hint)
        return name in self._written

    def _extended(self, name: str) -> Platform | None:
        chain: list[tuple[str, Mapping]] = []
        while True:
            node = self._written[name]
            if node is None:
                return None
            chain.append((name, node))
            parent = node.items.get("extends")
            if not isinstance(parent, Scalar):
                return self._merged(chain)
            name = parent.text
            if not self._known(name, parent.origin) or self._is_circle(chain, name):
                return None

    def _merged(self, chain: list[tuple[str, Mapping]]) -> Platform:
        layers = [node for _, node in reversed(chain)]
        merged = reduce(merge, layers)
        for key in ("variables", "secrets"):
            if key in merged.items:
                found = stack([layer.mapping(key) for layer in layers], self._diagnostics)
                merged = merged._replace(items={**merged.items, key: found})
        files = (node.origin.file for _, node in chain)
        own = tuple(file for file in files if file.startswith(f"{self._directory}/"))
        return Platform(merged, tuple(name for name, _ in chain), own)

    def _is_circle(self, chain: list[tuple[str, Mapping]], again: str) -> bool:
        names = [name for name, _ in chain]
        if again not in names:
            return False
        # One circle is one fault, from whichever of its platforms it is entered.
        circle = chain[names.index(again) :]
        first = circle.index(min(circle, key=lambda each: each[0]))
        circle = circle[first:] + circle[:first]
        round_trip = " → ".join(name for name, _ in (*circle, circle[0]))
        message = f"this extends itself: {round_trip}"
        origins = [node.items["extends"].origin for _, node in circle]
        related = tuple((origin, "and this extends it") for origin in origins[1:])
        self._diagnostics.error(origins[0], "platform-circle", message, related=related)
        return True
