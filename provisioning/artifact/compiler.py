"""Compiles the Python sources of a package; run by the Python that is to import them.

The text of this module is what an installation and the postinst of a Debian package hand to that
Python, of any version: it stands alone, and imports the standard library only. `main` says what its
arguments are. The paths of the sources come in lines; what became of each is a line of standard
output, which begins with COMPILED or FAULTY. A last line with STOPPED says why there are no more.
"""

from __future__ import annotations

import os
import py_compile
import sys
from contextlib import suppress
from importlib.util import cache_from_source

COMPILED, FAULTY, STOPPED = "+", "-", "!"

_MOST = 4  # processes: an old release may be running, on a machine of little memory
_FEW = 64  # sources for one process
_NICE = 10
# By time and size of the source: what it says for each release is in Design 002.
_MODE = py_compile.PycInvalidationMode.TIMESTAMP


def main(top: str, into: str, called: str, lines: str) -> None:
    """Compile the sources that a file descriptor, `lines`, names below `top`.

    Byte code is put at the same paths below `into`, or if that is "" beside the sources, into
    `__pycache__`; there it gets its name once it is on the disk. Tracebacks will name the sources
    below `called`, unless Python finds them elsewhere.
    """
    os.nice(_NICE)
    with os.fdopen(int(lines), "rb") as file:
        paths = [os.fsdecode(line) for line in file.read().split(b"\n") if line]
    children = min(_MOST, os.cpu_count() or 1, 1 + len(paths) // _FEW)
    for number in range(children):
        if not os.fork():
            code = 1
            try:
                compile_some(paths[number::children], (top, into, called))
                code = 0
            finally:
                os._exit(code)
    for _ in range(children):
        os.wait()


def compile_some(paths: list[str], places: tuple[str, str, str]) -> None:
    """Compile sources, with the arguments of `main`, and tell of each."""
    _, into, _ = places
    pending: list[tuple[str, str]] = []
    for path in paths:
        try:
            pending.append(_compiled(path, places))
        except (py_compile.PyCompileError, FileNotFoundError, IsADirectoryError):
            _tell(FAULTY, path)
        except OSError as error:  # a full disk, most likely
            _tell(STOPPED, error.strerror or str(error))
            break
        else:
            _tell(COMPILED, path)
    if not into:
        os.sync()  # or a power cut could leave a name for what Python cannot read
        for made, cache in pending:
            with suppress(OSError):
                os.replace(made, cache)


def _compiled(path: str, places: tuple[str, str, str]) -> tuple[str, str]:
    """Compile one source: where its byte code is now, and where it belongs."""
    top, into, called = places
    source = os.path.join(top, path)
    cache = cache_from_source(path)
    if into:
        above, name = os.path.dirname(path), os.path.basename(cache)
        _mirror(top, into, above)
        made = cache = os.path.join(into, above, name)
    else:
        made = f"{cache}.{os.getpid()}"  # as of importlib: what a kill leaves is known as byte code
    status = os.stat(source)
    py_compile.compile(
        source, made, os.path.join(called, path), doraise=True, invalidation_mode=_MODE
    )
    # Whoever may read or change the source, and nobody else, may do so with its byte code.
    if os.geteuid() == 0:
        os.chown(made, status.st_uid, status.st_gid)
    os.chmod(made, status.st_mode & 0o666)
    return made, cache


def _mirror(top: str, into: str, path: str) -> None:
    """Make a directory below `into` like the one below `top`, with those above it."""
    made = os.path.join(into, path)
    if not path or os.path.isdir(made):
        return
    _mirror(top, into, os.path.dirname(path))
    status = os.stat(os.path.join(top, path))
    with suppress(FileExistsError):  # another process was quicker
        os.mkdir(made)
    if os.geteuid() == 0:
        os.chown(made, status.st_uid, status.st_gid)
    os.chmod(made, status.st_mode & 0o777 | 0o700)


def _tell(what: str, text: str) -> None:
    os.write(1, os.fsencode(f"{what}{text}\n"))


if __name__ == "__main__":
    main(*sys.argv[1:])
