"""Prints Reference 003 from the schema of specs: `python -m tests.doc.keys_page`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from provisioning.spec.schema.schema import json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """\
# Reference 003: Every key, with examples

Generated from the schema of specs, which editors read, too: `python -m tests.doc.keys_page` prints
this page, and a test compares. [Reference 001](Reference_001_Spec_Keys.md) says more about each.
"""
ANY = "NAME"
_COLUMNS = "| key | value | what it is | for example |\n|---|---|---|---|\n"
_KINDS = {
    "string": "text",
    "integer": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "map",
}


def page() -> str:
    """The page: a table for each kind of map in a spec, the outermost first."""
    schema = json_schema()
    return HEAD + "".join(_tables("", schema, schema["definitions"], set()))


def _tables(where: str, part: Any, known: Any, seen: set[str]) -> Iterator[str]:
    """The table of a map, and behind it those of the maps in it, each once."""
    part = _resolved(part, known)
    below = [(where, part)] if "properties" in part else []
    below += [(f"{where}[]", part["items"])] if "items" in part else []
    more = part.get("additionalProperties")
    below += [(f"{where}.{ANY}", more)] if isinstance(more, dict) else []
    for path, inner in below:
        keys = {**_resolved(inner, known).get("properties", {})}
        if inner is part and not where:
            keys = {**{key: {"$ref": f"#/{key}"} for key in known}, **keys}
        table = "".join(_row(key, _resolved(each, known)) for key, each in sorted(keys.items()))
        if not table or table in seen:
            continue
        seen.add(table)
        title = f"`{path.lstrip('.')}`" if path else "A spec, or a platform file"
        yield f"\n## {title}\n\n{_COLUMNS}{table}"
        for key, each in sorted(keys.items()):
            if key != "platforms":  # an overlay has the same keys
                yield from _tables(f"{path}.{key}", each, known, seen)


def _resolved(part: Any, known: Any) -> Any:
    return known[part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def _row(key: str, part: Any) -> str:
    told = "<br>".join(f"`{_spelled({key: each})}`" for each in part.get("examples", ()))
    meaning = part.get("description", "").replace("|", "\\|")
    return f"| `{key}` | {_value(part)} | {meaning} | {told} |\n"


def _value(part: Any) -> str:
    """What a key takes: kinds of YAML, or the words that it may be."""
    for choice in part.get("anyOf", ()):
        if "enum" in choice:
            return ", ".join(f"`{word}`" for word in choice["enum"])
    types = part.get("type", ())
    kinds = [types] if isinstance(types, str) else types
    return " or ".join(_KINDS[kind] for kind in kinds if kind != "null")


def _spelled(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return text.strip().removeprefix("{").removesuffix("}").replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
