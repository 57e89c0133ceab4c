"""What must never leave a hall's template table, and how to look for it; and a camera of film."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests import pictures
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


def forms_of(secret: bytes) -> Iterator[bytes]:
    """The bytes as they are, as hexadecimal, and as base64 at each of its three alignments."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        # The first and last characters depend on the neighbours: they are left out.
        encoded = b64encode(b"\0" * shift + secret).rstrip(b"=")
        yield encoded[4 if shift else 0 : -2]
        yield encoded[4 if shift else 0 : -2].replace(b"+", b"-").replace(b"/", b"_")


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


def found_in(files: Iterable[Path], forms: list[bytes]) -> list[str]:
    """Names of files that hold any of the forms."""
    return [
        str(path)
        for path in files
        if (content := path.read_bytes()) and any(form in content for form in forms)
    ]


def all_files(folder: Path) -> list[Path]:
    """Everything below a data folder: databases, their logs, settings, keys, server logs."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]
