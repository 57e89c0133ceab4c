"""Who stands behind a number of a terminal, and since when.

Numbers are given again, and two terminals may use one number for two people: a number means
somebody only at one terminal (or at all of a hall), from one day on and until another. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Holding:
    """One person holding one number."""

    pin: str
    staff_no: str
    device: str
    """a terminal's own name; empty for every terminal of the hall"""
    valid_from: date
    valid_to: date | None
    """the first day on which it does not hold any more"""

    def holds_on(self, day: date) -> bool:
        """Whether it holds on this day of the terminal's calendar."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


def holder_of(holdings: Iterable[Holding], device: str, day: date) -> str | None:
    """Who held a number that day; ``holdings`` are all of this number.

    What was said of one terminal goes before what was said of all; of two that overlap the one
    that began later counts.
    """
    fitting = [one for one in holdings if one.device in ("", device) and one.holds_on(day)]
    best = max(fitting, key=lambda one: (one.device != "", one.valid_from), default=None)
    return best.staff_no if best is not None else None


def overlapping(holdings: Sequence[Holding], new: Holding) -> Holding | None:
    """A holding of the same number at the same terminal that shares a day with a new one."""
    for one in holdings:
        if (one.pin, one.device) != (new.pin, new.device):
            continue
        starts_before_end = new.valid_to is None or one.valid_from < new.valid_to
        ends_after_start = one.valid_to is None or new.valid_from < one.valid_to
        if starts_before_end and ends_after_start:
            return one
    return None
