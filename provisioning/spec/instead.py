"""Knows what to write where a list or a word stands and a map belongs, or the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.node import Mapping, Scalar, Sequence
from provisioning.spec.tight import pair_in
from provisioning.spec.trouble import quoted
from provisioning.spec.withheld import SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.node import Node
    from provisioning.spec.schema import Schema

_MOST_SHOWN = 2
# Of maps whose keys are names: what stands behind one, where no more is to be said of it.
_BY_NAME = {
    "platforms": "{{}}",
    "device": "{{}}",
    "services": "{{exec: bin/{}}}",
    SECRETS: '"{{{{ env.{} }}}}"',
}
_USUAL = {
    "contents": ("src: lib/", "dst: lib/"),
    "hooks": ("post_install: hooks/post-install.sh",),
    "health": ("tcp: 8080",),
    "compression": ("tar.xz: xz:6",),
    "defaults": ("owner: root",),
    "debian": ("section: misc",),
    "version": ("from: git",),
}


def instead(node: Node, key: str | int, rule: Schema) -> str:
    """Return the lines to write in place of `node` at `key`, which must be as `rule` says."""
    wanted = rule["type"]
    lines: list[str] = []
    if isinstance(node, Scalar) and (told := _in_word(node, key, wanted)):
        return told
    if "string" in wanted and isinstance(node, Sequence):
        lines = [f"{key}: {_word(item)}" for item in node.items[:1] if isinstance(item, Scalar)]
    elif "dict" in wanted:
        lines = list(_map(node, key, rule))
    elif "list" in wanted and isinstance(key, str):
        lines = list(_list(node, key))
    return "\n".join(("write:", *lines)) if lines else ""


def _in_word(node: Scalar, key: str | int, wanted: str | list[str]) -> str:
    """What to do about `no` and `src:a` where no text belongs; "" for other words."""
    if node.value is False and isinstance(key, str):
        return f"leave {key} out, where none is meant"
    holds_pairs = key == "contents" or ("dict" in wanted and key != SECRETS)
    pair = None if node.quoted or not holds_pairs else pair_in(node.text)
    return f"write {pair}, with a space" if pair else ""


def _map(node: Node, key: str | int, rule: Schema) -> Iterator[str]:
    if isinstance(key, int):  # a content, of which a text is most likely the source
        if isinstance(node, Scalar) and node.text:
            yield f"- src: {_word(node)}"
            yield "  dst: lib/"
        return
    inner = list(_pairs(node, key, rule.get("schema", {})))
    if inner:
        yield f"{key}:"
        yield from (f"  {line}" for line in inner[:_MOST_SHOWN])


def _pairs(node: Node, key: str, known: Schema) -> Iterator[str]:
    """What may have been meant: the pairs in a list of maps, or names; else what is usual."""
    items = node.items if isinstance(node, Sequence) else (node,)
    if key in _BY_NAME:
        for item in items:
            name = item.items.get("name", item) if isinstance(item, Mapping) else item
            shown = name.text.rpartition("/")[2] if isinstance(name, Scalar) else ""
            if shown.replace("-", "").isalnum():
                shown = "NAME" if key == SECRETS else shown
                yield f"{shown}: {_BY_NAME[key].format(shown)}"
        return
    pairs = [pair for item in items if isinstance(item, Mapping) for pair in _written(item)]
    if not pairs and isinstance(node, Scalar) and "exec" in known:
        pairs = [f"exec: {_word(node)}"]
    usual = _USUAL.get(key, [f"{each}: …" for each in known][:1] or ["NAME: value"])
    yield from pairs or usual


def _list(node: Node, key: str) -> Iterator[str]:
    if key != "contents" and isinstance(node, Scalar):
        yield f"{key}: [{_word(node)}]"
        return
    pairs = list(_written(node)) if isinstance(node, Mapping) else []
    if isinstance(node, Scalar):
        pairs = [f"src: {_word(node)}" if node.text else "src: lib/", "dst: lib/"]
    if pairs:
        yield f"{key}:"
        yield f"  - {pairs[0]}"
        yield from (f"    {pair}" for pair in pairs[1:_MOST_SHOWN])


def _written(node: Mapping) -> Iterator[str]:
    for key, item in node.items.items():
        if isinstance(item, Scalar):
            yield f"{key}: {_word(item)}"


def _word(node: Scalar) -> str:
    plain = node.text.replace("/", "").replace(".", "").replace("-", "").replace("_", "")
    return node.text if plain.isalnum() and not node.quoted else quoted(node.text)
