"""本人作息: by which hours the leave of one person is counted, where it is in hours.

The shifts of those days, stand-ins included, as days knows them. Whole days and halves follow the
calendar, so that nothing is asked of the roster for them. Knows no page and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from attendance.leave import OwnHours, span_on
from attendance.shifts import worked_on
from node.days import day_facts
from node.hall import Hall
from standards.records.leave import Leg
from standards.workdays import Calendar

_ONE_DAY = timedelta(days=1)
_LOOK_AHEAD = timedelta(days=14)


def calendar_for(hall: Hall, staff_no: str, legs: Sequence[Leg]) -> Calendar:
    """The calendar by which these legs of one person count."""
    timed = [leg for leg in legs if _is_timed(leg)]
    calendar = hall.shelf().calendar
    if not timed:
        return calendar
    first, last = min(leg.first for leg in timed), max(leg.last for leg in timed)
    # What a shift of the night before has of the morning counts, too.
    first -= _ONE_DAY
    shifts = day_facts.roster_of(hall, first, last).shifts(staff_no, first, last)
    return OwnHours(calendar, worked_on(shifts))


def _is_timed(leg: Leg) -> bool:
    return not all(span_on(leg, day).is_in_halves for day in (leg.first, leg.last))


def reach_of(hall: Hall, staff_no: str) -> tuple[int, int] | None:
    """The earliest and latest minute of one person's work in the days to come; None: not known."""
    today = hall.clock.today()
    roster = day_facts.roster_of(hall, today - _ONE_DAY, today + _LOOK_AHEAD)
    worked = worked_on(roster.shifts(staff_no, today - _ONE_DAY, today + _LOOK_AHEAD))
    spans = [span for day, some in worked.items() if _is_ahead(day, today) for span in some]
    return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None


def _is_ahead(day: date, today: date) -> bool:
    return today <= day <= today + _LOOK_AHEAD
