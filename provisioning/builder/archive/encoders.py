"""The encoders of the formats, and their libraries: the same bytes on every machine."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import distribution
from typing import TYPE_CHECKING, NamedTuple, Protocol

from provisioning.artifact.formats import CODECS, DEB, ZIP

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioning.spec.model.variant import Variant

    Compress = Callable[[bytes | bytearray], bytes | bytearray]

_DEFAULTS = {**CODECS, ZIP: "deflate", DEB: "gzip"}
_LEVELS = {"gzip": 6, "deflate": 6, "zstd": 9, "xz": 6}
_XZ_WINDOW = 8 << 20  # bytes, as of xz -6: each thread takes eleven times as much memory
_STREAM_WINDOW = 23  # bits, 8 MiB: what unpacks one stream holds as much in memory
_VERSION = "Version: "


class Encoder(NamedTuple):
    """A codec at a level."""

    codec: str
    name: str
    """Recorded with the archive, and part of every chunk's key: another library, which each
    version of its binding carries inside, or another level makes other bytes."""
    compress: Compress
    """Compresses bytes on their own, so that results can be concatenated; other threads run
    meanwhile."""


class StreamCompressor(Protocol):
    """Compresses one stream from piece to piece."""

    def compress(self, data: bytes | bytearray, /) -> bytes: ...

    def flush(self) -> bytes: ...


def encoder_of(variant: Variant, format: str) -> Encoder:
    """The encoder of a format of a variant: as its `compression` says, as in `gzip:9`."""
    return encoder(*_level_of(variant, format))


def stream_compressor_of(variant: Variant, format: str) -> StreamCompressor:
    """The encoder of a format of a variant as one xz or zstd stream."""
    codec, level = _level_of(variant, format)
    return _STREAMS[codec](level)


def names_of(variant: Variant) -> dict[str, str]:
    """The names of the encoders of a variant, by format."""
    names = {each: encoder_of(variant, each).name for each in variant.formats if each in _DEFAULTS}
    if DEB in names:
        names[f"{DEB} control"] = encoder("gzip").name
    return names


def codec_of(variant: Variant, format: str) -> str:
    """The codec of a format of a variant; "" if it is not compressed."""
    return variant.compression.get(format, _DEFAULTS.get(format, "")).partition(":")[0]


def _level_of(variant: Variant, format: str) -> tuple[str, int]:
    codec, _, level = variant.compression.get(format, _DEFAULTS[format]).partition(":")
    return codec, int(level) if level else _LEVELS[codec]


@lru_cache
def encoder(codec: str, level: int | None = None) -> Encoder:
    """The encoder of a codec, at its default level unless one is given."""
    level = _LEVELS[codec] if level is None else level
    library, compress = _ENCODERS[codec]
    made_by = f"{library} {_version(library)}" if library else _liblzma()
    return Encoder(codec, f"{codec}, {made_by} -{level}", lambda data: compress(data, level))


def _version(library: str) -> str:
    # `importlib.metadata.version` reads all of it as an e-mail, a cost for each build.
    lines = (distribution(library).read_text("METADATA") or "").splitlines()
    return next(line[len(_VERSION) :] for line in lines if line.startswith(_VERSION))


def _liblzma() -> str:
    """The liblzma that the standard library uses: the host's, which Python does not tell."""
    # Imported here, as below: what most packages do not use.
    import _lzma  # noqa: PLC0415
    import ctypes  # noqa: PLC0415

    try:
        # Loading a module again gives the same one, with its libraries; None is Python itself.
        version_string = ctypes.CDLL(getattr(_lzma, "__file__", None)).lzma_version_string
    except (AttributeError, OSError):
        return "liblzma"  # linked in a way that hides its version
    version_string.restype = ctypes.c_char_p
    return f"liblzma {version_string().decode()}"


# The libraries are imported where they are used: a build that compresses nothing needs the names of
# encoders alone.


def _gzip(data: bytes | bytearray, level: int) -> bytearray:
    from deflate import gzip_compress  # noqa: PLC0415

    # Its header is codec.gzip.HEADER: no name, no time, no system, no level.
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

    window = min(_XZ_WINDOW, max(4096, len(data)))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": window}]
    return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=filters)


_ENCODERS: dict[str, tuple[str, Callable[..., bytes | bytearray]]] = {
    "gzip": ("deflate", _gzip),
    "deflate": ("deflate", _deflate),
    "zstd": ("zstandard", _zstd),
    "xz": ("", _xz),
}


def _zstd_stream(level: int) -> StreamCompressor:
    import zstandard  # noqa: PLC0415

    # Neither is a size known, nor what the first piece will be: one header, see OneZstdReader.
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, window_log=_STREAM_WINDOW, write_checksum=True, write_content_size=False
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compressobj()


def _xz_stream(level: int) -> StreamCompressor:
    import lzma  # noqa: PLC0415

    filters = [{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": 1 << _STREAM_WINDOW}]
    return lzma.LZMACompressor(lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=filters)


_STREAMS: dict[str, Callable[[int], StreamCompressor]] = {"zstd": _zstd_stream, "xz": _xz_stream}
