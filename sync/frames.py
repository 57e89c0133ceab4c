"""Zstandard frames (RFC 8878): the leaves of a batch, and personal parts at rest.

The only file that touches zstandard.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import BytesIO

import zstandard

from sync.errors import Malformed

FRAME = b"\x28\xb5\x2f\xfd"
MAX_PLAIN_BYTES = 16 * 1024 * 1024
MAX_RATIO = 200
# Up to here any ratio is taken: honest texts can be very much alike, and a sender keeps below it.
FREE_PLAIN_BYTES = MAX_PLAIN_BYTES // 4
_LEVEL, _RLE = 3, 1
# One part is short: a quick level finds all that repeats in it.
_QUICK = zstandard.ZstdCompressionParameters.from_level(
    -1, window_log=16, write_checksum=False, write_content_size=True
)


def may_inflate(plain: int, packed: int) -> bool:
    """Whether so many bytes may come out of so many."""
    return plain <= min(MAX_PLAIN_BYTES, max(FREE_PLAIN_BYTES, MAX_RATIO * packed))


def deflate(plain: bytes) -> bytes:
    """One frame."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(plain)


def inflate(packed: bytes, size: int) -> bytes:
    """Exactly ``size`` bytes out of one zstd frame (RFC 8878), never more.

    Raises:
        Malformed: not one zstd frame from end to end, or another size.
    """
    try:
        _check_one_frame(packed)
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(
            BytesIO(packed), read_across_frames=False
        )
        plain = reader.read(size)
        if len(plain) != size or reader.read(1):
            raise Malformed("the leaves section has another size than was signed")
    except zstandard.ZstdError:
        raise Malformed("the leaves section is not zstd") from None
    return plain


def _check_one_frame(packed: bytes) -> None:
    """A skippable frame before or after would be content that some readers see and some do not."""
    at, last = zstandard.frame_header_size(packed), False
    while not last and at + 3 <= len(packed):
        block = int.from_bytes(packed[at : at + 3], "little")
        last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        at += 3 + (1 if kind == _RLE else size)
    at += 4 * zstandard.get_frame_parameters(packed).has_checksum
    if packed[:4] != FRAME or not last or at != len(packed):
        raise Malformed("the leaves section is not one zstd frame")


def deflater() -> Callable[[bytes], bytes]:
    """Makes one frame of each of several texts; for one thread."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress


def quick_deflater() -> Callable[[bytes], bytes]:
    """Makes one frame of each of many short texts; for one thread."""
    return zstandard.ZstdCompressor(compression_params=_QUICK).compress


_of_thread = threading.local()


def quick_inflater() -> Callable[[bytes], bytes]:
    """Opens frames that we made ourselves; for this thread, which makes it once."""
    found: Callable[[bytes], bytes] | None = getattr(_of_thread, "inflate", None)
    if found is None:
        found = _of_thread.inflate = zstandard.ZstdDecompressor().decompress
    return found
