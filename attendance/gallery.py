"""The hall's enrolled people as a value, and the decision whom a face belongs to.

Pure. The limit of what is accepted comes from the hall's own people, never from a constant: with
30 Chinese colleagues enrolled the library's usual 0.6 lets in nearly every stranger, and no one
number serves two populations. Distances are Euclidean (L2) between 128-number vectors, as the
network was trained for; a template is the plain mean of a person's vectors. It knows no picture,
no name and no storage, and nothing here may leave the hall.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from attendance.errors import FaceError
from attendance.quality import SIGN_IN, VECTOR_LENGTH, FaceFound, Floats, refusal

Outcome = Literal["accepted", "confirm", "unknown", "pin_required"]

RULE: Final = 1
"""Version of the rule below; every decision names the one it was made by."""
STRICTEST: Final = 0.30
LOOSEST: Final = 0.50
DEVIATIONS: Final = 2.0
FEWEST_PEOPLE: Final = 8
"""With fewer enrolled there is nothing to calibrate on: fixed limit, and the PIN always."""
UNCALIBRATED: Final = 0.38
MARGIN: Final = 0.06
"""How much nearer the nearest person must be than the second."""
BAND: Final = 0.04
"""This far over the limit the face is a claim that number and PIN must confirm."""
LOOK_ALIKE: Final = 0.03
SAME_PERSON: Final = 0.45
"""Two frames of one sign-in further apart than this show two people."""
FRAMES: Final = 3
FEWEST_PICTURES: Final = 3
_BLOCK: Final = 1024


class Near(NamedTuple):
    """An enrolled person and the distance to the template."""

    staff_no: str
    distance: float


@dataclass(frozen=True)
class Calibration:
    """The limit and what it was computed from: each enrolled vector's distance to the nearest
    template of anybody else. ``mean`` and ``deviation`` are None with fewer than two people."""

    threshold: float
    mean: float | None
    deviation: float | None
    people: int
    vectors: int


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the frames showed, with every number it was decided from. Stays in the hall.

    It holds no vector, so that keeping decisions for appeals keeps no biometric data.
    """

    outcome: Outcome
    staff_no: str | None
    """the person accepted, or asked to confirm; None when unknown"""
    distance: float | None
    """to the nearest template; None when nobody is enrolled"""
    runner_up: str | None
    second: float | None
    """distance to the runner-up's template"""
    threshold: float
    mean: float | None
    deviation: float | None
    people: int
    frames: int
    spread: float
    """largest distance between two of the frames"""
    model_id: str
    engine_id: str
    rule: int = RULE

    def supports(self, staff_no: str) -> bool:
        """Whether the face speaks for this person once number and PIN are given."""
        known = ((self.staff_no, self.distance), (self.runner_up, self.second))
        limit = self.threshold + BAND
        return any(no == staff_no and d is not None and d <= limit for no, d in known)


@dataclass(frozen=True, eq=False)
class Enrolled:
    """One person's vectors, (k, 128) with k >= 3, all measured with one model."""

    staff_no: str
    vectors: Floats = field(repr=False)
    model_id: str

    def __post_init__(self) -> None:
        vectors = np.array(self.vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != VECTOR_LENGTH:
            raise ValueError("vectors are (k, 128)")
        if len(vectors) < FEWEST_PICTURES or not np.isfinite(vectors).all():
            raise ValueError("at least three finite vectors make a template")
        vectors.flags.writeable = False
        object.__setattr__(self, "vectors", vectors)

    @cached_property
    def template(self) -> Floats:
        """(128,) the mean of the vectors."""
        mean: Floats = self.vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean

    def packed(self) -> bytes:
        """The vectors as little-endian float32, for the hall's encrypted storage."""
        return self.vectors.astype("<f4").tobytes()

    @classmethod
    def unpacked(cls, staff_no: str, data: bytes, model_id: str) -> Enrolled:
        """Inverse of ``packed``. Raises ValueError when the bytes are not whole vectors."""
        return cls(staff_no, np.frombuffer(data, "<f4").reshape(-1, VECTOR_LENGTH), model_id)


class Gallery:
    """The people enrolled in this hall, immutable; a change makes a new one."""

    def __init__(self, model_id: str, people: Iterable[Enrolled] = ()) -> None:
        """Raises ValueError for a number given twice or vectors of another model."""
        ordered = sorted(people, key=lambda person: person.staff_no)
        if len({person.staff_no for person in ordered}) < len(ordered):
            raise ValueError("one person is enrolled twice")
        if any(person.model_id != model_id for person in ordered):
            raise ValueError("vectors of two models cannot be compared")
        self._model_id = model_id
        self._people = tuple(ordered)

    @property
    def model_id(self) -> str:
        """Which weights all vectors in it were measured with."""
        return self._model_id

    @property
    def people(self) -> tuple[Enrolled, ...]:
        """Ordered by number, so that the order of enrolment can never matter."""
        return self._people

    def with_person(self, person: Enrolled) -> Gallery:
        """This gallery and one more person; an earlier enrolment of the number is replaced."""
        others = [other for other in self._people if other.staff_no != person.staff_no]
        return Gallery(self._model_id, [*others, person])

    def without_person(self, staff_no: str) -> Gallery:
        """This gallery without any trace of that person."""
        return Gallery(self._model_id, [p for p in self._people if p.staff_no != staff_no])

    @cached_property
    def calibration(self) -> Calibration:
        """The limit for this hall: mean - 2 deviations of the distances to other people."""
        nearest = self._distances_to_others()
        mean, deviation = (
            (float(nearest.mean()), float(nearest.std())) if nearest.size else (None,) * 2
        )
        people = len(self._people)
        vectors = sum(len(person.vectors) for person in self._people)
        return Calibration(threshold_of(mean, deviation, people), mean, deviation, people, vectors)

    def nearest(self, vector: Floats, count: int = 2) -> list[Near]:
        """The ``count`` nearest people, nearest first; of equal distances the lower number."""
        if not self._people:
            return []
        squares, templates = self._templates
        rough = squares - 2 * (templates @ vector.astype(np.float32))
        # The quick product is good to about 1e-6; a few more are measured exactly.
        few = min(count + 6, rough.size)
        picked = np.argpartition(rough, few - 1)[:few]
        exact = np.linalg.norm(templates[picked].astype(np.float64) - vector, axis=1)
        found = [
            Near(self._people[index].staff_no, float(distance))
            for index, distance in zip(picked, exact, strict=True)
        ]
        return sorted(found, key=lambda near: (near.distance, near.staff_no))[:count]

    def look_alikes(self, person: Enrolled) -> list[Near]:
        """Others so near that the terminal may take one for the other: tell the supervisor."""
        others = self.without_person(person.staff_no)
        limit = self.calibration.threshold + LOOK_ALIKE
        near = others.nearest(person.template, count=len(others.people))
        return [other for other in near if other.distance < limit]

    @cached_property
    def _templates(self) -> tuple[NDArray[np.float32], Floats]:
        templates = np.array([person.template for person in self._people], np.float32)
        return (templates * templates).sum(axis=1), templates

    def _distances_to_others(self) -> NDArray[np.float64]:
        """Each enrolled vector's distance to the nearest template of anybody else."""
        if len(self._people) < 2:
            return np.empty(0)
        templates = self._templates[1].astype(np.float64)
        squares = (templates * templates).sum(axis=1)
        vectors = np.concatenate([person.vectors for person in self._people]).astype(np.float64)
        sizes = [len(person.vectors) for person in self._people]
        owners = np.repeat(np.arange(len(sizes)), sizes)
        nearest = np.empty(len(vectors))
        for start in range(0, len(vectors), _BLOCK):
            block, own = vectors[start : start + _BLOCK], owners[start : start + _BLOCK]
            apart = (block * block).sum(axis=1)[:, None] + squares - 2 * (block @ templates.T)
            apart[np.arange(len(own)), own] = np.inf
            nearest[start : start + _BLOCK] = np.sqrt(np.maximum(apart.min(axis=1), 0))
        return nearest


def threshold_of(mean: float | None, deviation: float | None, people: int) -> float:
    """The limit, from what the calibration measured."""
    if mean is None or deviation is None or people < FEWEST_PEOPLE:
        return UNCALIBRATED
    return min(max(mean - DEVIATIONS * deviation, STRICTEST), LOOSEST)


def outcome_of(
    distance: float | None, second: float | None, threshold: float, people: int
) -> Outcome:
    """Rule 1, from the numbers alone."""
    if distance is None or distance > threshold + BAND:
        return "unknown"
    if people < FEWEST_PEOPLE:
        return "pin_required"
    is_clear = second is None or second - distance >= MARGIN
    return "accepted" if is_clear and distance <= threshold else "confirm"


def decide(gallery: Gallery, frames: Sequence[FaceFound]) -> Decision:
    """Whom the frames of one sign-in show.

    Raises FaceError: a frame below the gate, too_few_pictures, person_changed, model_changed.
    """
    if len(frames) < FRAMES:
        raise FaceError("too_few_pictures")
    if any(frame.model_id != gallery.model_id for frame in frames):
        raise FaceError("model_changed")
    for frame in frames:
        refused = refusal(frame.quality, SIGN_IN)
        if refused:
            raise refused
    spread = spread_of([frame.vector for frame in frames])
    if spread >= SAME_PERSON:
        raise FaceError("person_changed")
    session = np.stack([frame.vector for frame in frames]).mean(axis=0, dtype=np.float64)
    near = [*gallery.nearest(session.astype(np.float32)), None, None]
    first, other = near[0], near[1]
    limit = gallery.calibration
    distance, second = first and first.distance, other and other.distance
    outcome = outcome_of(distance, second, limit.threshold, limit.people)
    return Decision(
        outcome=outcome,
        staff_no=first.staff_no if first and outcome != "unknown" else None,
        distance=distance,
        runner_up=other.staff_no if other and outcome != "unknown" else None,
        second=second,
        threshold=limit.threshold,
        mean=limit.mean,
        deviation=limit.deviation,
        people=limit.people,
        frames=len(frames),
        spread=spread,
        model_id=gallery.model_id,
        engine_id=frames[0].engine_id,
    )


def replay(decision: Decision) -> Outcome:
    """The outcome again, from the stored numbers alone: for an appeal, and for whoever checks.

    Raises ValueError for a decision made by a rule this version does not know.
    """
    if decision.rule != RULE:
        raise ValueError(f"decided by rule {decision.rule}, this version knows rule {RULE}")
    threshold = threshold_of(decision.mean, decision.deviation, decision.people)
    return outcome_of(decision.distance, decision.second, threshold, decision.people)


def spread_of(vectors: Sequence[Floats]) -> float:
    """Largest distance between two of the vectors; 0 for fewer than two."""
    pairs = combinations(vectors, 2)
    return max((float(np.linalg.norm(one - other)) for one, other in pairs), default=0.0)
