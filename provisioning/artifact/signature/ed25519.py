"""Verifies signatures of Ed25519 (RFC 8032, section 5.1.7), with Python's integers alone.

Nothing here is secret, so it need not take the same time for every input. It accepts no encoding
but the canonical one, and no point of small order: a key that is one would have signed many
messages at once. The equation is the one without the cofactor, as OpenSSH checks it.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_SIZE = 32  # bytes of a point, and of a number


class _Point(NamedTuple):
    """A point in extended coordinates: x = X/Z, y = Y/Z, xy = T/Z (RFC 8032, 5.1.4)."""

    x: int
    y: int
    z: int
    t: int


_NEUTRAL = _Point(0, 1, 1, 0)
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE = _Point(_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature`, 64 bytes, is that of a message by the key `public`, 32 bytes."""
    if len(public) != _SIZE or len(signature) != 2 * _SIZE:
        return False
    encoded, number = signature[:_SIZE], int.from_bytes(signature[_SIZE:], "little")
    key, commitment = _decoded(public), _decoded(encoded)
    if key is None or commitment is None or number >= _L:  # guard: canonical-signature
        return False
    if _is_small(key) or _is_small(commitment):  # guard: point-of-small-order
        return False
    hashed = hashlib.sha512(encoded + public + message).digest()
    challenge = int.from_bytes(hashed, "little") % _L
    return _encoded(_sum_of_products(number, _BASE, challenge, _negative(key))) == encoded


def _decoded(data: bytes) -> _Point | None:
    """The point that 32 bytes encode; None if they are not the encoding of one."""
    y = int.from_bytes(data, "little")
    is_odd, y = y >> 255, y & (2**255 - 1)
    if y >= _P:  # guard: canonical-point
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _SQRT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (not x and is_odd):
        return None
    if x % 2 != is_odd:
        x = _P - x
    return _Point(x, y, 1, x * y % _P)


def _encoded(point: _Point) -> bytes:
    inverse = pow(point.z, -1, _P)
    x, y = point.x * inverse % _P, point.y * inverse % _P
    return (y | (x % 2) << 255).to_bytes(_SIZE, "little")


def _negative(point: _Point) -> _Point:
    return _Point(-point.x % _P, point.y, point.z, -point.t % _P)


def _sum(one: _Point, other: _Point) -> _Point:
    a = (one.y - one.x) * (other.y - other.x) % _P
    b = (one.y + one.x) * (other.y + other.x) % _P
    c = 2 * one.t * other.t * _D % _P
    d = 2 * one.z * other.z % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return _Point(e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _doubled(point: _Point) -> _Point:
    a, b = point.x * point.x % _P, point.y * point.y % _P
    h = a + b
    e = h - (point.x + point.y) ** 2 % _P
    g = a - b
    f = 2 * point.z * point.z % _P + g
    return _Point(e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _sum_of_products(number: int, point: _Point, other: int, another: _Point) -> _Point:
    """`number` times `point`, plus `other` times `another`, both at once, bit by bit."""
    both = _sum(point, another)
    total = _NEUTRAL
    for bit in range(max(number.bit_length(), other.bit_length()) - 1, -1, -1):
        total = _doubled(total)
        which = (number >> bit & 1) + 2 * (other >> bit & 1)
        if which:
            total = _sum(total, (point, another, both)[which - 1])
    return total


def _is_small(point: _Point) -> bool:
    """Whether eight times a point is nothing."""
    eightfold = _doubled(_doubled(_doubled(point)))
    return eightfold.x % _P == 0 and (eightfold.y - eightfold.z) % _P == 0
