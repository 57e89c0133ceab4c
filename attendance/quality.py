"""What one picture of a face gave, and whether that is good enough for the purpose.

Pure. The gates' limits come from measured error rates per bucket: a detector score under 0.51
misses 21 % of genuine pairs against 3.1 %, a yaw over 0.28 13 % against 6 %, a Laplacian variance
under 12 8.3 % against 3.9 %. It does not know how a face is found or compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attendance.errors import FaceError

Floats = NDArray[np.float32]
VECTOR_LENGTH: Final = 128


class Box(NamedTuple):
    """Where a face is, in pixels of the upright picture."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Quality:
    """How good one picture of a face is."""

    width: int
    """of the face, in pixels of the full picture"""
    score: float
    """of the detector: 0 is its own limit, 1 and more is a clear frontal face"""
    yaw: float
    """offset of the nose from the middle of the eyes / distance of the eyes; 0 looks straight"""
    sharpness: float
    """variance of the Laplacian over the grey aligned face"""
    light: float
    """mean grey of the aligned face, 0 to 255"""
    bystanders: int
    """smaller faces elsewhere in the picture"""
    view: int = 0
    """which of the detector's five views found it: 0 from the front, 1 and 2 turned, 3, 4 tilted"""
    eyes: float | None = None
    """height / width of the open eyes, both together; only where the 68-point model is set"""
    middle: tuple[float, float] = (0.0, 0.0)
    """between the eyes, in pixels of the upright picture"""
    span: float = 0.0
    """from eye to eye, in the same pixels; 0 where it was not measured"""


@dataclass(frozen=True, eq=False)
class FaceFound:
    """One face: its vector (128 float32, read-only) and what it was measured with."""

    vector: Floats = field(repr=False)
    """never in a log line or a traceback"""
    box: Box
    quality: Quality
    model_id: str
    """which weights: vectors of two models must never be compared"""
    engine_id: str
    """which code ran them"""


@dataclass(frozen=True)
class Gate:
    """The least a picture must have."""

    width: int
    score: float
    yaw: float
    sharpness: float
    darkest: float
    brightest: float
    bystanders: bool


SIGN_IN: Final = Gate(100, 0.5, 0.28, 12.0, 40.0, 220.0, bystanders=True)
"""At the terminal: what would be guessed at is refused. People queue behind, so bystanders pass."""

ENROLMENT: Final = Gate(120, 1.0, 0.15, 20.0, 60.0, 200.0, bystanders=False)
"""For a template that every later day is compared with."""


def refusal(quality: Quality, gate: Gate) -> FaceError | None:
    """The first reason why this picture does not pass the gate, or None."""
    checks = (
        ("two_faces", quality.bystanders == 0 or gate.bystanders),
        ("too_small", quality.width >= gate.width),
        ("too_dark", quality.light >= gate.darkest),
        ("too_bright", quality.light <= gate.brightest),
        ("turned_away", abs(quality.yaw) <= gate.yaw and quality.score >= gate.score),
        ("blurred", quality.sharpness >= gate.sharpness),
    )
    return next((FaceError(code) for code, passed in checks if not passed), None)
