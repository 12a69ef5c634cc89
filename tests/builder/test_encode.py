"""The encoder: its bytes are those of every machine, and other threads run while it works."""

from __future__ import annotations

import gzip
import random
import subprocess
import threading
import time
from importlib.metadata import version
from itertools import pairwise

import pytest

from provisioning.artifact.codec import HEADER
from provisioning.builder.archive.encoders import encoder


@pytest.mark.parametrize("size", [0, 1, 512, 1 << 20])
def test_a_member_is_a_gzip_file(size: int) -> None:
    data = random.Random(1).randbytes(size // 2).ljust(size, b"x")
    assert gzip.decompress(GZIP.compress(data)) == data
    assert gzip.decompress(GZIP.compress(bytearray(data)) + GZIP.compress(data)) == data + data


GZIP = encoder("gzip")


def test_a_member_carries_no_trace_of_the_builder() -> None:
    assert GZIP.compress(b"text").startswith(HEADER)


def test_the_encoder_s_name_tells_what_its_bytes_depend_on() -> None:
    binding = version("deflate")
    assert f"gzip, deflate {binding} -6" == GZIP.name
    library = subprocess.check_output(["xz", "--version"], text=True).splitlines()[1]
    assert library.startswith("liblzma 5.")
    assert encoder("xz").name == f"xz, {library} -6"


def test_other_threads_run_while_it_works() -> None:
    """If it kept Python's lock, the longest wait of another thread would always be all of it."""
    data = b"".join(b"%d" % number for number in range(1_000_000))
    assert any(_longest_wait(data) < 1 / 4 for _ in range(5))  # a busy machine may spoil some


def _longest_wait(data: bytes) -> float:
    """How long a thread beside the encoder's did not run, as a part of the encoder's time."""
    compressing = threading.Thread(target=GZIP.compress, args=(data,))
    stamps = [time.perf_counter()]
    compressing.start()
    while compressing.is_alive():
        stamps.append(time.perf_counter())
    longest = max(later - earlier for earlier, later in pairwise(stamps))
    return longest / (stamps[-1] - stamps[0])
