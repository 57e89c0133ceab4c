"""在岗: today's punches of a hall, as staff number, time, way and grade of evidence.

The center knows no face, no picture and no score; they never leave the hall.
"""

from __future__ import annotations

from datetime import date

from flask import Blueprint, render_template, request

from aggregator.center import Center
from aggregator.halls.halls import hall_names
from aggregator.office import INSPECTOR, RECONCILER, center
from standards.records.attendance import CHANGES, DAY_STATES, DayResult
from standards.records.presence import GRADES, PUNCH_WAYS
from sync.storage.store import Row
from sync.storage.tables import as_record
from web import access

pages = Blueprint("presence", __name__, url_prefix="/presence")

INDEXES = ("CREATE INDEX IF NOT EXISTS punch_voided_punch ON punch_voided (hall, punch)",)
MOST_LISTED = 2000


def punches(center: Center, day: date, hall: str = "") -> list[Row]:
    """Punches of one day in Beijing time, by hall and time, those that were voided with who did so.

    Args:
        hall: empty asks for all.
    """
    return center.db.query(
        "SELECT p.hall, p.staff_no, p.punched_at, p.way, p.grade, p.terminal, p.witness, "
        "v.asked_by AS void_asked_by, v.actor AS void_decided_by FROM punch p "
        "LEFT JOIN punch_voided v ON v.hall = p.hall AND v.punch = p.id "
        "WHERE p.punched_at >= :day AND p.punched_at < :next "
        "AND (:hall = '' OR p.hall = :hall) ORDER BY p.hall, p.punched_at LIMIT :most",
        day=day.isoformat(),
        next=day.isoformat() + "U",
        hall=hall,
        most=MOST_LISTED,
    )


def changed(center: Center, day: date, hall: str = "") -> list[tuple[str, DayResult]]:
    """Results of a day that were changed after they had been said, with the hall of each."""
    rows = center.db.query(
        "SELECT * FROM day_result WHERE day = :day AND (:hall = '' OR hall = :hall) "
        "AND revision > 1 AND change NOT IN ('first', 'running', 'terminal') "
        "ORDER BY hall, staff_no, revision LIMIT :most",
        day=day.isoformat(),
        hall=hall,
        most=MOST_LISTED,
    )
    return [(row["hall"], as_record(DayResult, row)) for row in rows]


@pages.get("")
@access.roles(RECONCILER, INSPECTOR)
def today() -> str:
    """Who was present today, or on another day."""
    here = center()
    day = _day(request.args.get("day", ""), here.clock.today())
    hall = request.args.get("hall", "")
    found = punches(here, day, hall)
    people = {(row["hall"], row["staff_no"]) for row in found if not row["void_asked_by"]}
    return render_template(
        "presence/today.html",
        punches=found,
        people=len(people),
        changed=changed(here, day, hall),
        changes=CHANGES,
        states=DAY_STATES,
        day=day,
        hall=hall,
        halls=hall_names(here),
        ways=PUNCH_WAYS,
        grades=GRADES,
    )


def _day(text: str, otherwise: date) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return otherwise
