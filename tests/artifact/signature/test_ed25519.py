"""Signatures of Ed25519: RFC 8032's, and what only looks like one."""

from __future__ import annotations

import pytest

from provisioning.artifact.signature import ed25519
from provisioning.artifact.signature.ed25519 import verifies

# RFC 8032, section 7.1: tests 1, 2, 3 and SHA(abc).
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
            "b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
            "1d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
            "c6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fe"
            "ebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431"
            "e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
]
PUBLIC, MESSAGE, SIGNATURE = (bytes.fromhex(each) for each in VECTORS[2])
L = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_signatures_of_the_rfc_verify(public: str, message: str, signature: str) -> None:
    assert verifies(*map(bytes.fromhex, (public, message, signature)))


@pytest.mark.parametrize("at", range(64))
def test_a_bit_that_is_flipped_anywhere_fails(at: int) -> None:
    flipped = bytearray(SIGNATURE)
    flipped[at] ^= 1 << at % 8
    assert not verifies(PUBLIC, MESSAGE, bytes(flipped))
    if at < 32:
        other = bytearray(PUBLIC)
        other[at] ^= 1 << at % 8
        assert not verifies(bytes(other), MESSAGE, SIGNATURE)


def test_another_message_fails() -> None:
    assert not verifies(PUBLIC, MESSAGE + b"\0", SIGNATURE)


def test_the_same_number_spelt_otherwise_fails() -> None:
    number = int.from_bytes(SIGNATURE[32:], "little") + L
    assert not verifies(PUBLIC, MESSAGE, SIGNATURE[:32] + number.to_bytes(32, "little"))


@pytest.mark.parametrize("size", [0, 31, 32, 63, 65])
def test_a_signature_of_another_length_fails(size: int) -> None:
    assert not verifies(PUBLIC, MESSAGE, (SIGNATURE + bytes(9))[:size])


def test_a_key_of_another_length_fails() -> None:
    assert not verifies(PUBLIC[:31], MESSAGE, SIGNATURE)


# The eight points of small order; with such a key, many signatures would be valid for anything.
SMALL = [
    (1).to_bytes(32, "little"),
    (P - 1).to_bytes(32, "little"),
    bytes(32),
    bytes(31) + b"\x80",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
]


@pytest.mark.parametrize("key", SMALL)
@pytest.mark.parametrize("commitment", SMALL)
def test_a_key_of_small_order_signs_nothing(key: bytes, commitment: bytes) -> None:
    assert not verifies(key, b"anything", commitment + bytes(32))


@pytest.mark.parametrize("y", [P, P + 1, 2**255 - 1])
def test_a_coordinate_that_is_too_large_is_no_point(y: int) -> None:
    for sign in (0, 1):
        data = (y | sign << 255).to_bytes(32, "little")
        assert ed25519._decoded(data) is None


def test_zero_has_no_sign() -> None:
    assert ed25519._decoded((1 | 1 << 255).to_bytes(32, "little")) is None


def test_half_of_all_numbers_are_no_points() -> None:
    found = [ed25519._decoded(number.to_bytes(32, "little")) for number in range(2, 202)]
    assert 60 < sum(each is None for each in found) < 140
