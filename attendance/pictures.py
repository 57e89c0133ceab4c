"""The gate for pictures from outside: bytes in, plain pixel arrays out, or a refusal.

Called only inside the face engine's child, whose memory and time are bounded, so a picture that
breaks a decoder costs one answer and not the node. It knows no faces. Order matters: bytes are
counted first, then the format is read, then the declared size is checked, and only then is one
pixel decoded (a 10-KB PNG can declare 13,000 x 13,000).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from attendance.errors import FaceError

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_PIXELS: Final = 4_000_000
DETAIL: Final = 120
"""Pixels of a face's width that measuring makes use of; as many as enrolment asks for."""
MOST_SCANS: Final = 100
"""Of a progressive JPEG; cameras write one, encoders ten. Each costs a walk over all its pixels."""
LARGE_FACE: Final = 3
"""A third of the picture's height is what the first search finds; it stays that detailed."""
_FORMATS: Final = ("JPEG", "PNG")
_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF 2.32, tag Orientation -> what makes the picture upright."""
_SWAPS_SIDES: Final = frozenset(_UPRIGHT[orientation] for orientation in (5, 6, 7, 8))

Bytes = NDArray[np.uint8]


def check_length(data: bytes) -> None:
    """Refuse a picture by its length alone; cheap enough for the caller's own process."""
    if not data:
        raise FaceError("not_a_picture")
    if len(data) > MAX_BYTES:
        raise FaceError("too_many_bytes")


class Picture:
    """One accepted picture. Width and height are those of the upright picture, in pixels."""

    def __init__(self, data: bytes) -> None:
        """Raises FaceError: too_many_bytes, not_a_picture, too_large."""
        check_length(data)
        self._data = data
        with _refusing():
            self._opened: Image.Image | None = (image := _open(data))
            self._turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
        is_lying = self._turn in _SWAPS_SIDES
        self.width, self.height = image.size[::-1] if is_lying else image.size
        self._usual = 1
        if image.format in ("JPEG", "MPO"):
            self._usual = _halved(min(image.size), LARGE_FACE * DETAIL)
        self._drawn: dict[int, Image.Image] = {}
        self._luma: dict[int, Image.Image] = {}

    def rgb(self) -> Bytes:
        """(height, width, 3). Raises FaceError not_a_picture when the bytes end too early."""
        return np.asarray(self._draw(1))

    def around(self, width: int) -> Bytes:
        """The picture in colour, reduced as far as a face that wide keeps ``DETAIL`` pixels."""
        return np.asarray(self._draw(min(self._usual, _halved(width, DETAIL))))

    def grey(self, shorter_side: int) -> Bytes:
        """The picture in grey, its shorter side that long but never enlarged: (height, width)."""
        shortest = min(self.width, self.height)
        ratio = min(1.0, shorter_side / shortest)
        size = round(self.width * ratio), round(self.height * ratio)
        scale = min(self._usual, _halved(shortest, shorter_side))
        if scale not in self._luma:
            self._luma[scale] = self._draw(scale).convert("L")
        with _refusing():
            # Quartered by averaging first: several times as fast, and no worse to detect in.
            reduced = self._luma[scale].resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)
            return np.asarray(reduced)

    def _draw(self, scale: int) -> Image.Image:
        """Upright and in colour, at 1/1, 1/2, 1/4 or 1/8; decoded once."""
        if scale not in self._drawn:
            with _refusing():
                image, self._opened = self._opened or _open(self._data), None
                if scale > 1:
                    # A JPEG decodes straight to a reduced picture: a third of the work at 1080p.
                    image.draft("RGB", (image.width // scale, image.height // scale))
                colours = _eight_bits(image).convert("RGB")
                self._drawn[scale] = (
                    colours.transpose(self._turn) if self._turn is not None else colours
                )
        return self._drawn[scale]


def _halved(length: int, least: int) -> int:
    """By how much a length may be divided, as far as a JPEG can, and stay that long."""
    return next(scale for scale in (8, 4, 2, 1) if length >= scale * least or scale == 1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits reduced; converted as it is, all but the darkest 256 steps would be white."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))


def _open(data: bytes) -> ImageFile.ImageFile:
    # face_recognition switches this on for the whole process when it is imported; half a picture
    # would then be filled up with grey and measured.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    # Within compressed pixels 0xFF is followed by 0x00 (ITU-T T.81, B.1.1.5), so this counts scans.
    if data.count(b"\xff\xda") > MOST_SCANS and data.startswith(b"\xff\xd8"):
        raise FaceError("not_a_picture")
    image = Image.open(io.BytesIO(data), formats=_FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise FaceError("too_large")
    return image


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever a decoder trips over becomes one refusal; only running out of memory passes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except (FaceError, MemoryError):
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise FaceError("too_large") from error
        except Exception as error:
            raise FaceError("not_a_picture") from error
