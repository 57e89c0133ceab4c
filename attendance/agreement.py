"""Whether the fast engine may be used: at every start both look at one bundled picture.

The picture shows a face that is nobody's: it was drawn (``deploy/drawn_face.py``). The reference
does all that ``face_recognition`` does with it, the fast engine all that it does by itself, and
box, vector of the same chip and vector of the whole way are compared. Where they differ the
reference is used, and says why. Reasons and what lost: docs/decisions/0020.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from attendance import faces
from attendance.errors import FaceError
from attendance.faces import FAST, REFERENCE, Bytes, FaceMeter, Network
from attendance.quality import VECTOR_LENGTH, Box, Floats
from attendance.resnet import ModelUnreadable

SAME_CHIP: Final = 1e-5
"""Largest distance (L2) of the vectors of one and the same chip; measured: about 1e-6."""
WHOLE_WAY: Final = 0.10
"""The same where each has found and aligned the face by itself; see docs/decisions/0020."""
OVERLAP: Final = 0.6
"""Least intersection / union of the boxes."""


NO_NETWORK: Final = Network(lambda chips: np.empty((0, VECTOR_LENGTH), np.float32), "", "")
"""Finds faces and measures none."""


class Differs(ValueError):
    """The fast engine does not measure what the reference measures."""


class Difference(NamedTuple):
    """How far the fast engine is from the reference on one picture."""

    overlap: float
    same_chip: float
    whole_way: float

    @property
    def reason(self) -> str:
        """Why the fast engine is refused, or nothing."""
        # A vector that is not a number is within no limit.
        if not self.same_chip < SAME_CHIP:
            return f"the fast network differs from dlib's by {self.same_chip:.2g}"
        if not self.overlap >= OVERLAP:
            return f"the faces found share {self.overlap:.0%} only"
        if not self.whole_way < WHOLE_WAY:
            return f"the whole fast pipeline differs from the library's by {self.whole_way:.2g}"
        return ""


def drawn_face() -> bytes:
    """The bundled picture, a JPEG as a kiosk's camera sends it."""
    return (Path(__file__).parent / "data" / "drawn_face.jpg").read_bytes()


class Expected(NamedTuple):
    """What the reference makes of a picture."""

    box: Box
    chip: Bytes
    vector: Floats


def expected_by(reference: FaceMeter, picture: bytes) -> Expected:
    """Measure a picture with the reference. Raises FaceError where it finds no face."""
    box, chip = reference.aligned(picture)
    return Expected(box, chip, reference.network.embed(chip[None])[0])


def difference(fast: FaceMeter, expected: Expected, picture: bytes) -> Difference:
    """Measure the same picture with the fast engine. Raises FaceError where it finds no face."""
    ours = fast.measure(picture, mirrored=False)
    same = fast.network.embed(expected.chip[None])[0]
    return Difference(
        overlap(ours.box, expected.box),
        float(np.linalg.norm(same - expected.vector)),
        float(np.linalg.norm(ours.vector - expected.vector)),
    )


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(width, 0) * max(height, 0)
    return shared / (one.width * one.height + other.width * other.height - shared)


def fast_meter(model: Path, *, eyes: bool = False) -> FaceMeter:
    """The fast engine. Raises ModelUnreadable, and Differs when it does not agree with dlib's."""
    picture = drawn_face()
    parts = FaceMeter(NO_NETWORK, eyes=eyes)
    try:
        # One network after the other: both at once would be the most memory that is ever needed.
        expected = expected_by(parts.with_network(faces.dlib_network(model, "")), picture)
        _give_back()
        fast = parts.with_network(faces.fast_network(model))
        found = difference(fast, expected, picture)
    except FaceError as unseen:
        raise Differs("the face of the bundled picture is not found") from unseen
    if found.reason:
        raise Differs(found.reason)
    return fast


def _give_back() -> None:
    """Memory that was freed goes back to the system now, not when it is asked for (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def open_meter(
    engine: str = FAST, model: Path | None = None, *, eyes: bool = False
) -> tuple[FaceMeter, str]:
    """The asked engine, or the reference where the fast one is refused; and why it was."""
    model = model or faces.default_model()
    if engine == FAST:
        try:
            return fast_meter(model, eyes=eyes), ""
        except (ModelUnreadable, Differs) as error:
            network = faces.dlib_network(model, faces.model_name(model, model.read_bytes()))
            return FaceMeter(network, eyes=eyes), str(error)
    if engine != REFERENCE:
        raise ValueError(f"unknown face engine {engine!r}: {FAST} or {REFERENCE}")
    return FaceMeter(faces.reference_network(model), eyes=eyes), ""
