"""Whether a person's enrolled pictures still fit, from what their face was accepted by lately.

Pure. It only tells; a template is never changed by what a terminal saw.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from attendance.gallery import Decision

DAYS: Final = 30
FEWEST: Final = 5
"""Sign-ins before anything is said."""
FAR: Final = 0.85
"""Of the limit: beyond this a bad day is enough to be asked for the PIN."""


@dataclass(frozen=True)
class Drift:
    """One person's accepted distances."""

    count: int
    mean: float
    part: float
    """of the limit that each was accepted under, on average"""
    asked: int
    """how often the PIN was needed beside the face"""

    @property
    def is_far(self) -> bool:
        """Whether to enrol anew, or to add a confirmed frame."""
        often = self.asked >= FEWEST and self.asked >= self.count
        return often or (self.count >= FEWEST and self.part >= FAR)


def drifts(decisions: Iterable[Decision]) -> dict[str, Drift]:
    """By staff number, from decisions that led to a punch."""
    near: dict[str, list[tuple[float, float]]] = {}
    asked: dict[str, int] = {}
    for one in decisions:
        if one.staff_no is None or one.distance is None:
            continue
        if one.outcome == "accepted":
            near.setdefault(one.staff_no, []).append((one.distance, one.threshold))
        elif one.outcome == "confirm":
            asked[one.staff_no] = asked.get(one.staff_no, 0) + 1
    return {no: _drift(near.get(no, []), asked.get(no, 0)) for no in near.keys() | asked.keys()}


def _drift(near: list[tuple[float, float]], asked: int) -> Drift:
    if not near:
        return Drift(0, 0.0, 0.0, asked)
    mean = fmean(distance for distance, _ in near)
    return Drift(len(near), mean, fmean(d / max(limit, 1e-6) for d, limit in near), asked)
