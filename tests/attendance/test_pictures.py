"""The gate for pictures: what is refused, and that what passes stands upright."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from attendance.errors import FaceError
from attendance.pictures import MAX_BYTES, Picture
from tests import pictures


def png_of_declared_size(width: int, height: int) -> bytes:
    """A few hundred bytes that claim to be a picture of that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 10_000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def gif() -> bytes:
    out = io.BytesIO()
    Image.new("P", (640, 480)).save(out, "GIF")
    return out.getvalue()


REFUSED = {
    "nothing": (b"", "not_a_picture"),
    "noise": (bytes(range(256)) * 40, "not_a_picture"),
    "a page": (b"<html><body>404</body></html>", "not_a_picture"),
    "a GIF": (gif(), "not_a_picture"),
    "13,000 x 13,000": (png_of_declared_size(13_000, 13_000), "too_large"),
    "20,000 x 20,000": (png_of_declared_size(20_000, 20_000), "too_large"),
    "just over 4 million pixels": (png_of_declared_size(2001, 2000), "too_large"),
    "too many bytes": (b"\xff\xd8" + bytes(MAX_BYTES), "too_many_bytes"),
    "a PNG with most rows missing": (png_of_declared_size(1000, 1000), "not_a_picture"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_usable_picture_is_refused_with_a_reason(name: str):
    data, code = REFUSED[name]
    with pytest.raises(FaceError) as refused:
        Picture(data).rgb()
    assert refused.value.code == code


@pytest.mark.parametrize("kept", [200, 5_000, 20_000])
def test_a_picture_cut_off_is_refused_even_where_face_recognition_allowed_half_pictures(kept: int):
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # what importing face_recognition does
    data = pictures.frame("obama")[:kept]
    for read in (lambda picture: picture.rgb(), lambda picture: picture.grey(240)):
        with pytest.raises(FaceError) as refused:
            read(Picture(data))
        assert refused.value.code == "not_a_picture"


def marked_in_one_corner() -> Image.Image:
    """White, with the top left quarter red."""
    image = Image.new("RGB", (640, 480), (255, 255, 255))
    image.paste((255, 0, 0), (0, 0, 320, 240))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright_as_its_camera_says(orientation: int):
    upright = marked_in_one_corner()
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    (upright if undo is None else upright.transpose(undo)).save(out, "JPEG", exif=exif)

    picture = Picture(out.getvalue())

    assert (picture.width, picture.height) == (640, 480)
    assert picture.rgb().shape == (480, 640, 3)
    assert picture.rgb()[100, 100, 1] < 40 and picture.rgb()[400, 600, 1] > 215
    grey = picture.grey(240)
    assert grey.shape == (240, 320)
    assert grey[50, 50] < 120 and grey[200, 300] > 215


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
def test_every_kind_of_png_becomes_plain_red_green_blue(mode: str):
    picture = Picture(pictures.png(Image.new(mode, (300, 200))))
    assert picture.rgb().shape == (200, 300, 3) and picture.rgb().dtype == np.uint8
    assert picture.grey(100).shape == (100, 150)


def test_a_small_picture_is_not_enlarged():
    picture = Picture(pictures.png(Image.new("RGB", (200, 100))))
    assert picture.grey(240).shape == (100, 200)


def saved(image: Image.Image, kind: str, **more: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


PHOTO = Image.new("RGB", (640, 480), (200, 30, 30))
DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
ODD = {
    "one pixel": (saved(Image.new("RGB", (1, 1)), "JPEG"), (1, 1, 3)),
    "one row": (saved(Image.new("RGB", (3000, 1)), "JPEG"), (1, 3000, 3)),
    "printing colours": (saved(PHOTO.convert("CMYK"), "JPEG"), (480, 640, 3)),
    "a moving picture": (
        saved(PHOTO, "PNG", save_all=True, append_images=[PHOTO.rotate(90)] * 3),
        (480, 640, 3),
    ),
    "a page behind the picture": (
        saved(PHOTO, "JPEG") + b"<script>alert(1)</script>PK\x03\x04",
        (480, 640, 3),
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_but_whole_pictures_become_plain_pixels(name: str):
    data, shape = ODD[name]
    picture = Picture(data)
    assert picture.rgb().shape == shape
    assert picture.around(1).dtype == picture.grey(240).dtype == np.uint8


@pytest.mark.parametrize(
    "data",
    [DRAWING, b"<!--" + saved(PHOTO, "JPEG"), b"GIF89a" + saved(PHOTO, "JPEG"), b"BM" + bytes(999)],
    ids=["a drawing", "a page before the picture", "a GIF's first bytes", "a bitmap"],
)
def test_drawings_and_pictures_behind_other_bytes_are_refused(data: bytes):
    with pytest.raises(FaceError) as refused:
        Picture(data)
    assert refused.value.code == "not_a_picture"


def test_a_large_picture_is_drawn_in_the_detail_that_faces_need():
    picture = Picture(saved(Image.new("RGB", (1920, 1080)), "JPEG"))
    assert picture.around(400).shape == (540, 960, 3)
    assert picture.around(200).shape == (1080, 1920, 3)
    assert Picture(saved(PHOTO, "JPEG")).around(400).shape == (480, 640, 3)
    assert Picture(pictures.png(Image.new("RGB", (1920, 1080)))).around(400).shape[0] == 1080


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again: small, and slow to decode."""
    data = saved(PHOTO.resize((2000, 2000)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (count - data.count(b"\xff\xda") + 1) + data[-2:]


def test_a_picture_of_a_thousand_passes_is_refused_before_it_is_decoded():
    with pytest.raises(FaceError) as refused:
        Picture(with_scans(1000))
    assert refused.value.code == "not_a_picture"
    usual = Picture(with_scans(10))
    assert usual.rgb().shape == (2000, 2000, 3)


def test_grey_of_sixteen_bits_keeps_its_shades():
    shades = np.linspace(0, 65_535, 300 * 200).astype("<u2").reshape(200, 300)
    picture = Picture(pictures.png(Image.fromarray(shades)))
    assert picture.rgb()[[0, 100, 199], 150, 0].tolist() == [0, 128, 255]
    assert abs(float(picture.grey(100).mean()) - 127.5) < 2


@pytest.mark.parametrize("kind", [2, 4, 5, 7])
def test_an_orientation_that_is_no_small_number_leaves_the_picture_as_it_is(kind: int):
    # One entry of an EXIF directory: the tag, a kind other than SHORT, a value that means nothing.
    entry = struct.pack("<HHII", 0x0112, kind, 1, 26) + b"\0\0\0\0"
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\x06\0\0\0\0\0\0\0"
    assert Picture(saved(PHOTO, "JPEG", exif=exif)).rgb().shape == (480, 640, 3)
