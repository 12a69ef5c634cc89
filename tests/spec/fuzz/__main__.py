"""Fuzzes the reader and the resolver, with their coverage as the guide.

    python -m tests.spec.fuzz [-runs=N] [CORPUS…]

Options are libFuzzer's. Inputs that reach something new go into the first CORPUS. The seeds, which
are the golden files and more, are always there.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["provisioning"]):
    from tests.spec.fuzz.mutation import mutated, seeds, words
    from tests.spec.fuzz.project import judge, pack, unpack

LONGEST = 6.0
"""Seconds of processor time: one, and what it costs to be watched."""


def one_input(data: bytes) -> None:
    """Judge one input; whatever is raised is a finding."""
    start = time.process_time()
    judge(unpack(data))
    taken = time.process_time() - start
    assert taken < LONGEST, f"this took {taken:.1f} seconds"


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Half of the time as bytes, which gets into the parsers, else as lines, which gets past."""
    random = Random(seed)
    if random.random() < 0.5:
        mutant: bytes = atheris.Mutate(data, most)
        return mutant
    return pack(mutated(unpack(data), random))[:most]


def main(arguments: list[str]) -> None:
    """Fuzz until the runs are over, or something is found and left here as crash-…."""
    with TemporaryDirectory() as directory:
        scratch = Path(directory)
        ours = [f"-dict={_dictionary(scratch)}", f"-artifact_prefix={Path.cwd()}/"]
        ours += ["-max_len=8192", "-timeout=60"]
        # Where libFuzzer itself counts the runs, it ends without a word to Python.
        counted = [argument.replace("-runs=", "-atheris_runs=") for argument in arguments]
        command = [sys.argv[0], *ours, *counted, str(_planted(scratch))]
        atheris.Setup(command, one_input, custom_mutator=mutate)
        atheris.Fuzz()


def _planted(scratch: Path) -> Path:
    """A directory of the seeds."""
    directory = scratch / "seeds"
    directory.mkdir()
    for number, files in enumerate(seeds()):
        (directory / f"{number:03}").write_bytes(pack(files))
    return directory


def _dictionary(scratch: Path) -> Path:
    """A file of words for libFuzzer, which wants the strange bytes spelt."""
    file = scratch / "words"
    spelt = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in words())
    file.write_text("".join(f'"{word}"\n' for word in spelt), encoding="ascii")
    return file


main(sys.argv[1:])
