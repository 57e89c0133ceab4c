"""The hall's enrolled people as a value, and the decision whom a face belongs to.

Pure. The limit of what is accepted comes from the hall's own people (``attendance.calibration``),
never from a constant: with 30 Chinese colleagues enrolled the library's usual 0.6 lets in nearly
every stranger, and no one number serves two populations. Distances are Euclidean (L2) between
128-number vectors, as the network was trained for; a template is the mean of a person's vectors,
brought back to the length of one. It knows no picture, no name and no storage, and nothing here
may leave the hall.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from attendance import calibration as rules
from attendance.calibration import RULE, Calibration, Outcome, Spread, unit
from attendance.errors import FaceError
from attendance.quality import SIGN_IN, VECTOR_LENGTH, FaceFound, Floats, refusal

TWINS: Final = 0.30
"""Two people nearer than this are one face under two numbers, or cannot be told apart."""
LOOK_ALIKE: Final = 0.03
SAME_PERSON: Final = 0.45
"""Two frames of one sign-in further apart than this show two people."""
FRAMES: Final = 3
FEWEST_PICTURES: Final = 3
_MOST_MEASURED: Final = 600
"""People whose distances to all others are measured; more would say nothing new."""


class Near(NamedTuple):
    """An enrolled person and the distance to the template."""

    staff_no: str
    distance: float


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
    """about how near was near enough in this hall"""
    mean: float | None
    deviation: float | None
    """of distances ** 2/3 between different people of this hall (rule 1: of distances)"""
    people: int
    frames: int
    spread: float
    """largest distance between two of the frames"""
    model_id: str
    engine_id: str
    rule: int = RULE
    strangers: float | None = None
    """which part of strangers would look as much like somebody here"""
    confirmable: float = 0.0
    """how near was near enough to confirm number and PIN"""

    def supports(self, staff_no: str) -> bool:
        """Whether the face speaks for this person once number and PIN are given."""
        known = ((self.staff_no, self.distance), (self.runner_up, self.second))
        return any(no == staff_no and d is not None and d <= self.confirmable for no, d in known)

    @property
    def calibration(self) -> Calibration:
        """What the gallery said then."""
        spread = None
        if self.mean is not None and self.deviation is not None:
            spread = Spread(self.mean, self.deviation)
        return Calibration(spread, self.people, 0)


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
        """(128,) the mean of the vectors, as long as one."""
        return unit(self.vectors.mean(axis=0, dtype=np.float64))

    def sessions(self, frames: int) -> Floats:
        """(n, 128) what sign-ins of so many frames would have given with the enrolled pictures."""
        count = len(self.vectors)
        if frames >= count:
            return self.template[None]
        picked = (np.arange(count)[:, None] + np.arange(frames)) % count
        return unit(self.vectors[picked].mean(axis=1, dtype=np.float64))

    def packed(self) -> bytes:
        """The vectors as little-endian float32, for the hall's encrypted storage."""
        return self.vectors.astype("<f4").tobytes()

    def with_session(self, packed: bytes, most: int) -> Enrolled:
        """This person with one more vector, of a session; the oldest make room. See ``session``."""
        vector = np.frombuffer(packed, "<f4").reshape(1, VECTOR_LENGTH)
        vectors = np.concatenate([self.vectors[-(most - 1) :], vector])
        return Enrolled(self.staff_no, vectors, self.model_id)

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
        """What the hall's own people say about strangers at the terminal."""
        return self.calibrated(FRAMES)

    def calibrated(self, frames: int) -> Calibration:
        """The same for sign-ins of another number of frames."""
        vectors = sum(len(person.vectors) for person in self._people)
        people = len(self._people)
        spread = rules.fitted(self._distances_to_others(frames), people)
        return Calibration(spread, people, vectors)

    def mistaken(self) -> list[str]:
        """Who would be taken for somebody else were they not enrolled, each tried on the rest."""
        found = []
        for person in self._people[:_MOST_MEASURED]:
            near = [n for n in self.nearest(person.template, 3) if n.staff_no != person.staff_no]
            outcome = rules.outcome_of(*_two(near), self.calibration)
            found += [person.staff_no] if outcome == "accepted" else []
        return found

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

    def _distances_to_others(self, frames: int) -> NDArray[np.float64]:
        """Of each person's possible sign-ins to the templates of everybody else."""
        if len(self._people) < 2:
            return np.empty(0)
        squares, templates = self._templates
        step = -(-len(self._people) // _MOST_MEASURED)
        found = []
        for own in range(0, len(self._people), step):
            sessions = self._people[own].sessions(frames)
            lengths = (sessions * sessions).sum(axis=1)[:, None]
            apart = lengths + squares - 2 * (sessions @ templates.T)
            found.append(np.delete(apart, own, axis=1).ravel())
        return np.sqrt(np.maximum(np.concatenate(found).astype(np.float64), 0))


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
    found = identify(gallery, np.stack([frame.vector for frame in frames]))
    return msgspec.structs.replace(found, engine_id=frames[0].engine_id)


def identify(gallery: Gallery, vectors: Floats, limits: Calibration | None = None) -> Decision:
    """Whom (k, 128) vectors of one session show, however they came about: no gate.

    Args:
        gallery: of the same model.
        vectors: one of each frame.
        limits: the gallery's own for so many frames; by default those of a sign-in.
    """
    limits = limits or gallery.calibration
    near = gallery.nearest(unit(vectors.mean(axis=0, dtype=np.float64)))
    distance, second = _two(near)
    outcome = rules.outcome_of(distance, second, limits)
    names = [one.staff_no for one in near] if outcome != "unknown" else []
    first, other = [*names, None, None][:2]
    spread = limits.spread
    share = None
    if spread is not None and distance is not None and second is not None:
        share = rules.strangers(spread, limits.people, distance, second)
    return Decision(
        outcome=outcome,
        staff_no=first,
        distance=distance,
        runner_up=other,
        second=second,
        threshold=limits.threshold,
        mean=spread.mean if spread else None,
        deviation=spread.deviation if spread else None,
        people=limits.people,
        frames=len(vectors),
        spread=spread_of(list(vectors)),
        model_id=gallery.model_id,
        engine_id="",
        strangers=share,
        confirmable=limits.confirmable,
    )


def _two(near: Sequence[Near]) -> tuple[float | None, float | None]:
    first, second = [*(one.distance for one in near), None, None][:2]
    return first, second


def replay(decision: Decision) -> Outcome:
    """The outcome again, from the stored numbers alone: for an appeal, and for whoever checks.

    Raises ValueError for a decision made by a rule this version does not know.
    """
    limits = decision.calibration
    if decision.rule == RULE:
        return rules.outcome_of(decision.distance, decision.second, limits)
    if decision.rule == 1:
        near = (decision.distance, decision.second)
        return rules.outcome_by_rule_1(near, limits.spread, limits.people)
    raise ValueError(f"decided by rule {decision.rule}, this version knows rules 1 and {RULE}")


def session(frames: Sequence[FaceFound]) -> bytes:
    """The mean of the frames' vectors, packed as templates are."""
    vectors: Floats = np.stack([frame.vector for frame in frames])
    packed: bytes = vectors.mean(axis=0, dtype=np.float64).astype("<f4").tobytes()
    return packed


def spread_of(vectors: Sequence[Floats]) -> float:
    """Largest distance between two of the vectors; 0 for fewer than two."""
    pairs = combinations(vectors, 2)
    return max((float(np.linalg.norm(one - other)) for one, other in pairs), default=0.0)
