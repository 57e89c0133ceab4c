"""Whether a set of pictures is good enough to know a colleague by, every day from now on.

Pure. What one refusal says is meant to be read out to the person in front of the camera. It does
not know consent (``attendance.consent``) and stores nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from attendance.errors import FaceError
from attendance.gallery import FEWEST_PICTURES, Enrolled, spread_of
from attendance.quality import ENROLMENT, FaceFound, refusal

AGREEMENT: Final = 0.50
"""Largest distance between two pictures. Genuine pairs of Chinese staff taken in one session lie
beyond it in 0.6 % of cases, two different people in 80 %."""


@dataclass(frozen=True)
class Refusal:
    """One reason, and the picture it is about (from 0), or None when it is about the set."""

    picture: int | None
    code: str
    reason: str


def check_enrolment(pictures: Sequence[FaceFound | FaceError]) -> list[Refusal]:
    """Every reason why these pictures cannot be enrolled; an empty list when they can.

    Takes what the engine gave for each picture, a refusal included.
    """
    refusals = [
        Refusal(index, error.code, f"第 {index + 1} 张：{error.message}")
        for index, picture in enumerate(pictures)
        if (error := _refused(picture)) is not None
    ]
    faces = [picture for picture in pictures if isinstance(picture, FaceFound)]
    if len(pictures) < FEWEST_PICTURES:
        missing = FEWEST_PICTURES - len(pictures)
        refusals.append(Refusal(None, "too_few_pictures", f"还差 {missing} 张，请再拍。"))
    if len({face.model_id for face in faces}) > 1:
        refusals.append(_about_the_set("model_changed"))
    elif spread_of([face.vector for face in faces]) > AGREEMENT:
        refusals.append(_about_the_set("person_changed"))
    return refusals


def enrol(staff_no: str, pictures: Sequence[FaceFound]) -> Enrolled:
    """The person as the gallery keeps them. Raises ValueError unless the pictures passed."""
    if refused := check_enrolment(pictures):
        raise ValueError(f"not good enough to enrol: {[one.code for one in refused]}")
    vectors = np.stack([picture.vector for picture in pictures])
    return Enrolled(staff_no, vectors, pictures[0].model_id)


def _refused(picture: FaceFound | FaceError) -> FaceError | None:
    return picture if isinstance(picture, FaceError) else refusal(picture.quality, ENROLMENT)


def _about_the_set(code: str) -> Refusal:
    return Refusal(None, code, FaceError(code).message)
