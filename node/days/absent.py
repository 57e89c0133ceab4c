"""旷工预警: who comes near to the legal limits of unexcused absence, from the days as they stand.

Counts the latest result of each day; one that is still provisional counts, and is told as such.
Knows no page and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from attendance.absence_limits import AbsenceAlert, absence_alerts
from node.hall import Hall
from node.leave import leavebook

# A row of days may have begun in the year before.
_REACH_BACK = timedelta(days=62)

INDEXES = (
    "CREATE INDEX IF NOT EXISTS day_result_absent ON day_result (hall, day) WHERE halves > 0",
)

_ABSENT = """
SELECT d.staff_no, d.day, d.halves, d.provisional FROM day_result d
WHERE d.hall = :hall AND d.day >= :since AND d.halves > 0
AND (:staff_no = '' OR d.staff_no = :staff_no) AND NOT EXISTS (
    SELECT 1 FROM day_result n WHERE n.hall = d.hall AND n.staff_no = d.staff_no
    AND n.day = d.day AND n.revision > d.revision)
ORDER BY d.staff_no, d.day
"""


@dataclass(frozen=True)
class Warned:
    """One person who comes near to a limit."""

    staff_no: str
    alerts: tuple[AbsenceAlert, ...]
    provisional: bool
    source: str


def warned(hall: Hall, staff_no: str = "") -> list[Warned]:
    """Everybody who has reached at least half of a limit this year.

    Args:
        staff_no: only this person.
    """
    today, rules = hall.clock.today(), leavebook.rules(hall)
    halves: dict[str, dict[date, int]] = {}
    unsure: set[str] = set()
    since = (date(today.year, 1, 1) - _REACH_BACK).isoformat()
    for row in hall.db.query(_ABSENT, hall=hall.settings.hall, since=since, staff_no=staff_no):
        who, day = str(row["staff_no"]), date.fromisoformat(row["day"])
        halves.setdefault(who, {})[day] = int(row["halves"])
        if row["provisional"]:
            unsure.add(who)
    employed = leavebook.employments(hall) if halves else {}
    found = []
    for who, days in halves.items():
        limit = rules.limit_of(employed.get(who, "institution"))
        alerts = absence_alerts(days, limit, hall.shelf().calendar, today.year)
        if alerts:
            found.append(Warned(who, tuple(alerts), who in unsure, limit.source))
    return found
