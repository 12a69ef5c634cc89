"""Makes good projects bad: by lines, keys and tokens, which random bytes seldom hit."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.spec.resolve.variables import BUILT_IN
from provisioning.spec.schema import schema
from tests.spec.fuzz.project import Files, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    Edit = Callable[[list[str], Random], None]

_HERE = Path(__file__).resolve().parent
ROOT = _HERE.parents[2]
GREENHOUSE = ROOT / "doc" / "tutorial" / "greenhouse"
CORPUS = sorted(_HERE.joinpath("corpus").glob("*.txt"))
GOLDEN = sorted(_HERE.parent.joinpath("golden").glob("*.txt"))
_MOST_EDITS = 6
_LONGEST = 1 << 16
_TOKEN = re.compile(r"(\w[\w.+-]*|\s+|\W)")


@cache
def seeds() -> tuple[Files, ...]:
    """Projects that the tests and the documents have anyway, and what the corpus adds."""
    texts = [unpack(path.read_bytes()) for path in (*CORPUS, *GOLDEN)]
    for files in texts:
        files.pop("report", None)
    return (*texts, _tree(GREENHOUSE, "specs/*.yaml", "config/*"), _tree(ROOT, "specs/*.yaml"))


@cache
def words() -> tuple[str, ...]:
    """Every key that specs may hold, and what YAML or the reader treats in a way of its own."""
    keys = (*_keys(schema.SPEC), *_keys(schema.PLATFORM), *_keys(schema.FRAGMENT))
    strange = _HERE.joinpath("words.txt").read_text(encoding="utf-8").splitlines()
    return tuple(dict.fromkeys((*keys, *BUILT_IN, *strange)))


def mutated(files: Files, random: Random) -> Files:
    """`files` with a few of the mistakes that people, and enemies, make in one of them."""
    name = random.choice(sorted(files))
    lines = files[name].decode("utf-8", "surrogateescape").split("\n")
    for _ in range(random.randint(1, _MOST_EDITS)):
        random.choice(_EDITS)(lines, random)
    text = "\n".join(lines)[:_LONGEST]
    return {**files, name: text.encode("utf-8", "surrogateescape")}


def _tree(root: Path, *patterns: str) -> Files:
    found = (path for pattern in patterns for path in root.glob(pattern))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(found)}


def _keys(rules: object) -> Iterator[str]:
    """The keys in the rules of a schema, which has them wherever a "schema" is a map of rules."""
    if isinstance(rules, dict):
        for key, rule in rules.items():
            if isinstance(rule, dict):
                yield str(key)
            yield from _keys(rule)


def _drop(lines: list[str], random: Random) -> None:
    if len(lines) > 1:
        del lines[random.randrange(len(lines))]


def _repeat(lines: list[str], random: Random) -> None:
    lines.insert(random.randrange(len(lines) + 1), random.choice(lines))


def _swap(lines: list[str], random: Random) -> None:
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _borrow(lines: list[str], random: Random) -> None:
    """Put a line of another project in, at the depth of the one that it follows."""
    other = random.choice(list(random.choice(seeds()).values())).decode("utf-8", "replace")
    at = random.randrange(len(lines))
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    lines.insert(at + 1, indent + random.choice(other.split("\n")).strip())


def _indent(lines: list[str], random: Random) -> None:
    at = random.randrange(len(lines))
    lines[at] = random.choice([f"  {lines[at]}", lines[at].lstrip(), f"\t{lines[at]}"])


def _token(lines: list[str], random: Random) -> None:
    """Delete, repeat or replace a token of a line."""
    at = random.randrange(len(lines))
    tokens = _TOKEN.findall(lines[at]) or [""]
    number = random.randrange(len(tokens))
    word = random.choice(words())
    placeholder = f'"{{{{ {word} }}}}"'
    tokens[number] = random.choice(["", tokens[number] * 2, word, f"{word}: ", placeholder])
    lines[at] = "".join(tokens)


def _key(lines: list[str], random: Random) -> None:
    """Add a key with a value, at the depth of some line."""
    at = random.randrange(len(lines))
    indent = len(lines[at]) - len(lines[at].lstrip(" -"))
    lines.insert(at + 1, f"{' ' * indent}{random.choice(words())}: {random.choice(words())}")


def _nest(lines: list[str], random: Random) -> None:
    """Put a value into as many lists as a line can hold."""
    at = random.randrange(len(lines))
    head, colon, value = lines[at].partition(": ")
    depth = random.choice([1, 2, 70, 1000])
    lines[at] = f"{head}{colon}{'[' * depth}{value}{']' * depth}"


_EDITS: tuple[Edit, ...] = (
    _drop, _repeat, _swap, _borrow, _indent, _token, _token, _token, _key, _key, _nest,
)  # fmt: skip
