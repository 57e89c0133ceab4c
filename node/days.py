"""日考勤: which days have to be worked out again, and why.

Whoever changes a fact asks for the days it touches and goes on; the work is done later, in small
pieces, and never where somebody waits. Knows no rule.
"""

from __future__ import annotations

from datetime import date

from attendance.shifts import days
from node.hall import Hall
from standards.records.attendance import CHANGES

TABLES = (
    """CREATE TABLE IF NOT EXISTS day_wanted (
        staff_no TEXT NOT NULL,
        day TEXT NOT NULL,
        change TEXT NOT NULL,
        asked INTEGER NOT NULL,
        PRIMARY KEY (staff_no, day)
    )""",
)


def recompute(hall: Hall, staff_no: str, first: date, last: date, reason: str) -> None:
    """Ask for somebody's days to be worked out again; call it where the fact is written.

    Args:
        reason: a code of ``CHANGES``; it stands in the new revision if the day turns out changed.
    """
    if reason not in CHANGES:
        raise ValueError(f"no such reason for a day to change: {reason!r}")
    rows = [
        {"staff_no": staff_no, "day": day.isoformat(), "change": reason}
        for day in days(first, last)
    ]
    with hall.db.transaction():
        hall.db.executemany(
            "INSERT INTO day_wanted VALUES (:staff_no, :day, :change, "
            "(SELECT COALESCE(MAX(asked), 0) + 1 FROM day_wanted)) "
            "ON CONFLICT (staff_no, day) DO UPDATE SET change = excluded.change, "
            "asked = excluded.asked",
            rows,
        )
