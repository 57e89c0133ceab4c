"""请假: what the days need to know of leave, outings and duty trips. Knows no page."""

from __future__ import annotations

from datetime import date, datetime, time

from attendance.days import Absence
from attendance.leave import away
from node import leavebook
from node.hall import Hall
from standards.leave_life import EFFECTIVE


def absences(hall: Hall, first: date, last: date) -> list[Absence]:
    """The granted leave of everybody on these days, as days needs it; moments without zone."""
    table = leavebook.rules(hall)
    effects = {kind.code: kind.effect for kind in table.kind}
    start = datetime.combine(first, time.min)
    return [
        Absence(one.staff_no, each.start, each.end, each.leave, effects.get(each.leave, "leave"))
        for one in leavebook.between(hall, first, last, EFFECTIVE)
        for each in away(leavebook.legs_taken(one, table), table.clock)
        if each.end > start and each.start.date() <= last
    ]
