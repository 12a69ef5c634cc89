"""Makes tars by hand, field by field, as pax(1) and tar(5) tell of them."""

from __future__ import annotations

_PLACES = {
    "name": 0,
    "mode": 100,
    "uid": 108,
    "gid": 116,
    "size": 124,
    "mtime": 136,
    "checksum": 148,
    "kind": 156,
    "link": 157,
    "magic": 257,
    "user": 265,
    "group": 297,
    "devices": 329,
    "prefix": 345,
}
END = bytes(1024)


def header(name: bytes, **fields: bytes) -> bytes:
    """A ustar header of a file of root's, but for these `fields`, with the right checksum."""
    said = {
        "mode": b"0000644\0",
        "uid": b"0000000\0",
        "gid": b"0000000\0",
        "size": b"00000000000\0",
        "mtime": b"%011o\0" % 946684800,
        "kind": b"0",
        "magic": b"ustar\x0000",
        "user": b"root",
        "group": b"root",
        "devices": b"0000000\x000000000\0",
        "name": name[:100],
        "checksum": b" " * 8,
        **fields,
    }
    block = bytearray(512)
    for field, value in said.items():
        block[_PLACES[field] : _PLACES[field] + len(value)] = value
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def octal(number: int, length: int = 12) -> bytes:
    return b"%0*o\0" % (length - 1, number)


def base256(number: int) -> bytes:
    """A number as GNU tar spells one that has no place in octal digits: a negative one, say."""
    return number.to_bytes(12, "big", signed=True) if number < 0 else b"\x80" + octal(number)[1:]


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def record(key: bytes, value: bytes) -> bytes:
    """A record of PAX, which begins with its own length."""
    rest = b" %b=%b\n" % (key, value)
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return b"%d%b" % (length, rest)


def pax(records: bytes, kind: bytes = b"x", **fields: bytes) -> bytes:
    """A header that says something of the one that follows, in records."""
    said = {"size": octal(len(records)), "user": b"", "group": b"", **fields}
    return header(b"././@PaxHeader", kind=kind, **said) + padded(records)


def long_name(name: bytes, kind: bytes = b"L") -> bytes:
    """GNU tar's way to say a long name of the member that follows."""
    return header(b"././@LongLink", kind=kind, size=octal(len(name) + 1)) + padded(name + b"\0")
