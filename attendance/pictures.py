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
            image = _open(data)
            orientation = image.getexif().get(_ORIENTATION, 1)
        self._turn = _UPRIGHT.get(orientation)
        self._is_lying = self._turn in _SWAPS_SIDES
        self._is_jpeg = image.format in ("JPEG", "MPO")
        self.width, self.height = image.size[::-1] if self._is_lying else image.size
        self._full: Bytes | None = None

    def rgb(self) -> Bytes:
        """(height, width, 3). Raises FaceError not_a_picture when the bytes end too early."""
        if self._full is None:
            with _refusing():
                self._full = np.asarray(self._made_upright(_open(self._data).convert("RGB")))
        return self._full

    def grey(self, shorter_side: int) -> Bytes:
        """The picture in grey, its shorter side that long but never enlarged: (height, width)."""
        scale = min(1.0, shorter_side / min(self.width, self.height))
        width, height = round(self.width * scale), round(self.height * scale)
        with _refusing():
            image = self._luma(width, height)
            return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))

    def _luma(self, width: int, height: int) -> Image.Image:
        if not self._is_jpeg:
            return Image.fromarray(self.rgb()).convert("L")
        # A JPEG decodes straight to grey at 1/2, 1/4 or 1/8: a fifth of the work at 1080p.
        image = _open(self._data)
        image.draft("L", (height, width) if self._is_lying else (width, height))
        return self._made_upright(image.convert("L"))

    def _made_upright(self, image: Image.Image) -> Image.Image:
        return image if self._turn is None else image.transpose(self._turn)


def _open(data: bytes) -> ImageFile.ImageFile:
    # face_recognition switches this on for the whole process when it is imported; half a picture
    # would then be filled up with grey and measured.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
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
