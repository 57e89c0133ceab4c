"""What must never leave a hall's template table, in every form; and a camera of film."""

from __future__ import annotations

import struct
from pathlib import Path

from tests import pictures
from tests.journeys.leaks import forms_of
from tests.pictures import Augmentation


def film(path: Path, name: str) -> Path:
    """A camera's film of a person who moves a little: MJPEG, 30 pictures a second, in a loop."""
    places = [(0, 0), (6, -4), (14, -6), (8, 2), (-2, 6), (-10, 8), (-14, 2), (-6, -4)]
    lights = [1.0, 0.95, 0.9, 1.05]
    with open(path, "wb") as out:
        for number in range(64):
            right, down = places[number // 4 % len(places)]
            light = lights[number // 8 % len(lights)]
            out.write(pictures.frame(name, Augmentation(right=right, down=down, light=light)))
    return path


def forms_of_vectors(packed: bytes) -> list[bytes]:
    """Every form of pieces of enrolled vectors: raw, other byte order, doubles, decimal text."""
    found: list[bytes] = []
    for start in range(0, len(packed) - 24, 128):
        values = struct.unpack_from("<6f", packed, start)
        found += forms_of(packed[start : start + 24])
        found += forms_of(struct.pack(">6f", *values))
        found += forms_of(struct.pack("<6d", *values))
        found += [repr(value).encode() for value in values] + [b"%.9g" % value for value in values]
    return found


def forms_of_picture(picture: bytes) -> list[bytes]:
    """Every form of some pieces of a picture's compressed content, which no other file shares."""
    middle = len(picture) // 2
    pieces = [picture[at : at + 32] for at in (middle - 4_000, middle, middle + 4_000)]
    return [form for piece in pieces for form in forms_of(piece)]
