"""考勤统计: who is here now, what a month came to for each person, for a hall and day by day.

Pure, over the results of days as they stand in the log, so that a hall and the center count by the
same rule. Knows no punch, no face and no name. Of several revisions of a day the highest counts; a
day that is still provisional is counted and said to be so.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from standards.records.attendance import EFFECTS, DayResult, SlotResult

STANDINGS: Final = {
    "here": "在岗",
    "expected": "应到未到",
    "before": "未到上班",
    "pause": "休息间隙",
    "gone": "已离岗",
    "outing": "临时外出",
    "leave": "请假",
    "duty": "公出",
    "covered": "由他人顶岗",
    "rest": "休息",
}
"""Where somebody is now, as far as the signs tell."""

MARKS: Final = {
    "normal": "√",
    "late": "迟",
    "early": "早",
    "late_early": "迟早",
    "missing": "缺",
    "absent_half": "半旷",
    "absent": "旷",
    "leave": "假",
    "leave_part": "半假",
    "duty": "公",
    "excused": "免",
    "unsure": "核",
    "open": "…",
    "covered": "顶",
    "rest": "休",
}
"""One sign for a day's result, for the sheet of a month."""
PROVISIONAL: Final = "*"

_EARLIEST: Final = 2020

Day = tuple[str, date]
"""staff number and day"""


def month_span(text: str, today: date) -> tuple[date, date]:
    """First and last day of a month written ``2026-11``; of today's where it is not one."""
    try:
        first = datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        first = today.replace(day=1)
    if first > today or first.year < _EARLIEST:
        first = today.replace(day=1)
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def latest(results: Iterable[DayResult]) -> dict[Day, DayResult]:
    """Of each person's day the highest revision, by person and day."""
    found: dict[Day, DayResult] = {}
    for one in results:
        key = one.staff_no, one.day
        if key not in found or one.revision > found[key].revision:
            found[key] = one
    return dict(sorted(found.items()))


def standing(result: DayResult | None, now: datetime) -> str:
    """A code of ``STANDINGS``.

    Args:
        result: of today; None where nothing is asked of that person today.
        now: with its offset from UTC.
    """
    if result is None or result.status in ("rest", "covered") or not result.slots:
        return "covered" if result is not None and result.status == "covered" else "rest"
    if away := away_at(result, now):
        return away
    slots = result.slots
    signed = max((place for place, slot in enumerate(slots) if slot.at is not None), default=-1)
    if signed % 2 == 0:
        return "gone" if _is_past(slots, signed + 1, now) else "here"
    return _not_here(slots, signed + 1, now)


def away_at(result: DayResult, now: datetime) -> str:
    """The effect of leave, duty or an outing that holds right now; empty where none does."""
    effects = {
        span.effect
        for span in result.away
        if datetime.fromisoformat(span.since) <= now < datetime.fromisoformat(span.until)
    }
    return next((effect for effect in EFFECTS if effect in effects), "")


def _is_past(slots: Sequence[SlotResult], place: int, now: datetime) -> bool:
    """Whether somebody who came must have left: the sign for leaving was missed for good."""
    return (
        place < len(slots)
        and slots[place].state in ("missing", "excused")
        and _due(slots[place]) <= now
    )


def _not_here(slots: Sequence[SlotResult], place: int, now: datetime) -> str:
    """Somebody who has not come, or has left: what the next sign for coming says."""
    while place < len(slots) and slots[place].state in ("leave", "duty"):
        if now < _due(slots[min(place + 1, len(slots) - 1)]):
            return slots[place].state
        place += 2
    if place >= len(slots):
        return "gone"
    if _due(slots[place]) > now:
        return "before" if place == 0 else "pause"
    ended = place + 1 < len(slots) and _due(slots[place + 1]) <= now
    return _not_here(slots, place + 2, now) if ended and place + 2 < len(slots) else "expected"


def _due(slot: SlotResult) -> datetime:
    return datetime.fromisoformat(slot.due)


@dataclass(frozen=True)
class Tally:
    """What some days came to. Times count days or signs, minutes are minutes."""

    asked: int = 0
    """days on which somebody had to come"""
    present: int = 0
    """days with at least one sign"""
    late: int = 0
    late_minutes: int = 0
    early: int = 0
    early_minutes: int = 0
    missing: int = 0
    """signs that are missing without a half day being lost for it"""
    halves: int = 0
    """half days absent without leave"""
    leave_minutes: int = 0
    duty_minutes: int = 0
    outings: int = 0
    unsure: int = 0
    provisional: int = 0

    def __add__(self, other: Tally) -> Tally:
        mine, theirs = vars(self), vars(other)
        return Tally(**{name: mine[name] + theirs[name] for name in mine})

    @property
    def presence(self) -> float | None:
        """Share of asked days on which somebody was there, 0 to 1; None where none was asked."""
        return self.present / self.asked if self.asked else None


def tally(results: Iterable[DayResult]) -> Tally:
    """The sum of days; give each day's latest revision only."""
    return sum((_of_day(one) for one in results), Tally())


def _of_day(one: DayResult) -> Tally:
    states = Counter(slot.state for slot in one.slots)
    return Tally(
        asked=int(_is_asked(one)),
        present=int(any(slot.at is not None for slot in one.slots)),
        late=states["late"],
        late_minutes=one.late,
        early=states["early"],
        early_minutes=one.early,
        missing=0 if one.halves else states["missing"],
        halves=one.halves,
        leave_minutes=one.leave,
        duty_minutes=one.duty,
        outings=one.outings,
        unsure=int(one.status == "unsure"),
        provisional=int(one.provisional),
    )


def _is_asked(one: DayResult) -> bool:
    if one.status in ("rest", "covered"):
        return False
    return any(slot.state not in ("leave", "duty") for slot in one.slots)


@dataclass(frozen=True)
class PersonMonth:
    """One person's month: each day's result, and the sum."""

    staff_no: str
    days: Mapping[date, DayResult]
    tally: Tally


def months(results: Iterable[DayResult]) -> list[PersonMonth]:
    """Everybody's month, in order of number."""
    by_person: dict[str, dict[date, DayResult]] = {}
    for (staff_no, day), one in latest(results).items():
        by_person.setdefault(staff_no, {})[day] = one
    return [
        PersonMonth(staff_no, days, tally(days.values())) for staff_no, days in by_person.items()
    ]


def mark(one: DayResult | None) -> str:
    """How a day stands in the sheet of a month; a star says that it is provisional."""
    if one is None:
        return ""
    return MARKS[one.status] + (PROVISIONAL if one.provisional else "")


GROUPS: Final = {
    "well": "正常",
    "late": "迟到早退",
    "missing": "缺签",
    "absent": "旷工",
    "away": "请假公出",
    "open": "待定",
}
"""What a day came to, in the six groups that a chart can show."""
_GROUP_OF: Final = {
    "normal": "well",
    "excused": "well",
    "leave_part": "well",
    "late": "late",
    "early": "late",
    "late_early": "late",
    "missing": "missing",
    "unsure": "open",
    "open": "open",
    "absent_half": "absent",
    "absent": "absent",
    "leave": "away",
    "duty": "away",
}


def by_day(results: Iterable[DayResult]) -> dict[date, Counter[str]]:
    """How many people each day found in which of the ``GROUPS``, in order of days.

    Who rests or is stood in for is in none.
    """
    found: dict[date, Counter[str]] = {}
    for (_, day), one in latest(results).items():
        group = _GROUP_OF.get(one.status)
        if group is not None:
            found.setdefault(day, Counter())[group] += 1
    return dict(sorted(found.items()))
