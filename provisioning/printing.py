"""Knows how text is spelt so that printing it does nothing to a terminal, and hides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of no Unicode text (The Unicode Standard, 23.7): systemd passes over a line with one, and XML, of
# which property lists are made, cannot hold two of them.
NO_CHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)
)

_BYTES = range(0xDC80, 0xDD00)  # what Python reads bytes as that are no UTF-8 (PEP 383)


def printable(text: str, but: str = "") -> str:
    r"""Spell by escapes what would not be seen, or as something else, and is not in `but`.

    These are what a terminal obeys, what turns the direction of writing (U+202E), bytes that are no
    UTF-8 (`\xe9`), and accents that Unicode would write in one character with what they belong to:
    a name of macOS and one of Linux look alike where they are not.
    """
    composed = _is_composed(text)
    if composed and text.isprintable():
        return text
    return "".join(_spelt(text, but, composed=composed))


def _is_composed(text: str) -> bool:
    if text.isascii():
        return True
    # Imported here: a cost that a build with nothing to do does not owe.
    from unicodedata import is_normalized  # noqa: PLC0415

    return is_normalized("NFC", text)


def _spelt(text: str, but: str, *, composed: bool) -> Iterator[str]:
    for before, each in zip(("", *text), text):
        if each in but or (each.isprintable() and (composed or _stands(before, each))):
            yield each
        elif ord(each) in _BYTES:
            yield f"\\x{ord(each) - 0xDC00:02x}"
        else:
            yield each.encode("unicode_escape").decode()


def _stands(before: str, each: str) -> bool:
    """Tell whether a character is one that would stay as it is, and where it is."""
    from unicodedata import combining, normalize  # noqa: PLC0415 - as above

    return not combining(each) and normalize("NFC", before + each).endswith(each)
