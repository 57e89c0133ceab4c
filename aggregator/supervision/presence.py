"""在岗: today's punches of a hall, as staff number, time, way and grade of evidence.

The center knows no face, no picture and no score; they never leave the hall.
"""

from __future__ import annotations

from datetime import date

from flask import Blueprint, render_template, request

from aggregator.center import Center
from aggregator.halls.halls import hall_names
from aggregator.office import INSPECTOR, RECONCILER, center
from standards.records.presence import GRADES, PUNCH_WAYS
from sync.storage.store import Row
from web import access

pages = Blueprint("presence", __name__, url_prefix="/presence")

MOST_LISTED = 2000


def punches(center: Center, day: date, hall: str = "") -> list[Row]:
    """Punches of one day in Beijing time, by hall and time; an empty hall asks for all."""
    return center.db.query(
        "SELECT hall, staff_no, punched_at, way, grade, terminal, witness FROM punch "
        "WHERE punched_at >= :day AND punched_at < :next AND (:hall = '' OR hall = :hall) "
        "ORDER BY hall, punched_at LIMIT :most",
        day=day.isoformat(),
        next=day.isoformat() + "U",
        hall=hall,
        most=MOST_LISTED,
    )


@pages.get("")
@access.roles(RECONCILER, INSPECTOR)
def today() -> str:
    """Who was present today, or on another day."""
    here = center()
    day = _day(request.args.get("day", ""), here.clock.today())
    hall = request.args.get("hall", "")
    found = punches(here, day, hall)
    people = {(row["hall"], row["staff_no"]) for row in found}
    return render_template(
        "presence/today.html",
        punches=found,
        people=len(people),
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
