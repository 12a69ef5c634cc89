"""Knows how bytes become a gzip member, a zstd frame, …: the same on every machine."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple, Protocol

from provisioning.artifact.release import DEB, ZIP

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.spec.variant import Variant

    Press = Callable[[bytes | bytearray], bytes | bytearray]

_DEFAULTS = {"tar.gz": "gzip", "tar.zst": "zstd", "tar.xz": "xz", ZIP: "deflate", DEB: "gzip"}
_LEVELS = {"gzip": 6, "deflate": 6, "zstd": 9, "xz": 6}
_LONGEST_WINDOW = (
    8 << 20
)  # bytes, as xz -6 has: it takes eleven times as much memory, in each thread
_STREAM_WINDOW = 23  # bits, 8 MiB: what unpacks one stream holds as much in memory


class Encoder(NamedTuple):
    """What compresses chunks."""

    codec: str
    name: str
    """Recorded with the archive, and part of every chunk's key: another library, which each
    version of its binding carries inside, or another level makes other bytes."""
    press: Press
    """Compress bytes on their own: what it makes of them can follow each other. Other threads run
    meanwhile."""


class Stream(Protocol):
    """One stream in the making: what is compressed on from piece to piece."""

    def compress(self, data: bytes | bytearray, /) -> bytes: ...

    def flush(self) -> bytes: ...


def encoder_of(variant: Variant, format: str) -> Encoder:
    """What compresses a format of a variant: as its `compression` says, as in `gzip:9`."""
    return encoder(*_asked(variant, format))


def stream_of(variant: Variant, format: str) -> Stream:
    """What compresses a format of a variant as one stream of xz or zstd."""
    codec, level = _asked(variant, format)
    return _STREAMS[codec](level)


def names_of(variant: Variant) -> dict[str, str]:
    """What compresses the formats of a variant that are compressed, by their names."""
    names = {each: encoder_of(variant, each).name for each in variant.formats if each in _DEFAULTS}
    if DEB in names:
        names[f"{DEB} control"] = encoder("gzip").name
    return names


def _asked(variant: Variant, format: str) -> tuple[str, int]:
    codec, _, level = variant.compression.get(format, _DEFAULTS[format]).partition(":")
    return codec, int(level) if level else _LEVELS[codec]


@lru_cache
def encoder(codec: str, level: int | None = None) -> Encoder:
    """What makes chunks of a codec, at its own level where none is given."""
    level = _LEVELS[codec] if level is None else level
    library, press = _ENCODERS[codec]
    told = f"{library} {version(library)}" if library else _liblzma()
    return Encoder(codec, f"{codec}, {told} -{level}", lambda data: press(data, level))


def _liblzma() -> str:
    """Tell which liblzma the standard library compresses xz with: the host's, which it hides."""
    import _lzma  # noqa: PLC0415
    import ctypes  # noqa: PLC0415

    try:
        # Loaded again, a module is itself, with all that it is linked with; None is Python itself.
        tell = ctypes.CDLL(getattr(_lzma, "__file__", None)).lzma_version_string
    except (AttributeError, OSError):
        return "liblzma"  # linked in such a way that nobody can ask it
    tell.restype = ctypes.c_char_p
    return f"liblzma {tell().decode()}"


# The libraries are imported where they are used: graph.py needs the names of encoders for a build
# that compresses nothing.


def _gzip(data: bytes | bytearray, level: int) -> bytearray:
    from deflate import gzip_compress  # noqa: PLC0415

    # Its header is codec.gzip.HEADER: no name, no time, no system, nor how hard it was tried.
    made = gzip_compress(data, level)
    made[8] = 0
    return made


def _deflate(data: bytes | bytearray, level: int) -> bytearray:
    from deflate import deflate_compress  # noqa: PLC0415

    return deflate_compress(data, level)


def _zstd(data: bytes | bytearray, level: int) -> bytes:
    import zstandard  # noqa: PLC0415

    # One window for all of it, so that a frame's header has one spelling: see ZstdReader.
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=len(data),
        window_log=max(zstandard.WINDOWLOG_MIN, (len(data) - 1).bit_length()),
        write_checksum=True,
        write_content_size=True,
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _xz(data: bytes | bytearray, level: int) -> bytes:
    import lzma  # noqa: PLC0415

    window = min(_LONGEST_WINDOW, max(4096, len(data)))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": window}]
    return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=filters)


_ENCODERS: dict[str, tuple[str, Callable[..., bytes | bytearray]]] = {
    "gzip": ("deflate", _gzip),
    "deflate": ("deflate", _deflate),
    "zstd": ("zstandard", _zstd),
    "xz": ("", _xz),
}


def _zstd_stream(level: int) -> Stream:
    import zstandard  # noqa: PLC0415

    # Neither is a size known, nor what the first piece will be: one header, see OneZstdReader.
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, window_log=_STREAM_WINDOW, write_checksum=True, write_content_size=False
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compressobj()


def _xz_stream(level: int) -> Stream:
    import lzma  # noqa: PLC0415

    filters = [{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": 1 << _STREAM_WINDOW}]
    return lzma.LZMACompressor(lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=filters)


_STREAMS: dict[str, Callable[[int], Stream]] = {"zstd": _zstd_stream, "xz": _xz_stream}
