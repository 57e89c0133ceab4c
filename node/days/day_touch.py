"""Which days an entry of the hall's log touches. Reads the log's bytes and who works where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from attendance.shifts import days
from node.days.day_facts import Place, posts, wall, wall_text
from node.hall import Hall

_ONE_DAY = timedelta(days=1)
# An assignment may begin in the past; days further back are not worked out anew.
FURTHEST_BACK = timedelta(days=400)


class Head(msgspec.Struct, frozen=True):
    """As much of a leaf as tells what it is about; what else stands there is not read."""

    kind: str
    at: str
    body: msgspec.Raw

    @classmethod
    def of(cls, leaf: bytes) -> Head:
        """The head of a leaf that is kept here, and so was checked."""
        return _read(leaf)

    def facts(self) -> Mapping[str, Any]:
        """Its logged fields."""
        found: Mapping[str, Any] = msgspec.json.decode(self.body)
        return found


_read = msgspec.json.Decoder(Head).decode

Touch = Callable[[Hall, Head, Mapping[str, Any]], tuple[str, list[Place]]]


def touched(hall: Hall, head: Head) -> tuple[str, list[Place]]:
    """Why days change by an entry, and which ones."""
    return TOUCHES[head.kind](hall, head, head.facts())


def _punch(hall: Hall, head: Head, facts: Mapping[str, Any]) -> tuple[str, list[Place]]:
    day = wall_text(facts["punched_at"]).date()
    change = "bulk" if facts["way"] == "bulk" else "punch"
    # After midnight it may belong to the shift of the day before.
    return change, _up_to_now(hall, [facts["staff_no"]], day - _ONE_DAY, day)


def _assigned(hall: Hall, head: Head, facts: Mapping[str, Any]) -> tuple[str, list[Place]]:
    first = date.fromisoformat(facts["first_day"]) - _ONE_DAY
    last = hall.clock.today()
    if facts.get("last_day"):
        last = date.fromisoformat(facts["last_day"]) + _ONE_DAY
    found = _up_to_now(hall, _people(hall, facts), first, last)
    if replaced := facts.get("replaces"):
        found += _replaced(hall, replaced)
    return "roster", found


def _replaced(hall: Hall, record_id: str) -> list[Place]:
    """The days of the assignment that another one stands for."""
    rows = hall.db.query(
        "SELECT target, whose, first_day, last_day FROM shift_assigned "
        "WHERE hall = :hall AND id = :id",
        hall=hall.settings.hall,
        id=record_id,
    )
    return [
        place
        for row in rows
        for place in _up_to_now(
            hall,
            _people(hall, row),
            date.fromisoformat(row["first_day"]) - _ONE_DAY,
            date.fromisoformat(row["last_day"]) + _ONE_DAY
            if row["last_day"]
            else hall.clock.today(),
        )
    ]


def _people(hall: Hall, facts: Mapping[str, Any]) -> list[str]:
    """Whose shifts an assignment decides about."""
    target, whose = facts["target"], facts.get("whose", "")
    if target == "person":
        return [whose]
    return [
        staff_no
        for staff_no, some in posts(hall).items()
        if target == "hall"
        or any(whose == {"window": p.window, "department": p.department}[target] for p in some)
    ]


def _stand_in(hall: Hall, head: Head, facts: Mapping[str, Any]) -> tuple[str, list[Place]]:
    # For whom leave frees, the leave is the reason.
    both = [facts["staff_no"]] if facts.get("leave_id") else [facts["staff_no"], facts["post_of"]]
    first, last = (date.fromisoformat(facts[name]) for name in ("first_day", "last_day"))
    return "roster", _up_to_now(hall, both, first - _ONE_DAY, last + _ONE_DAY)


def _excused(hall: Hall, head: Head, facts: Mapping[str, Any]) -> tuple[str, list[Place]]:
    day = date.fromisoformat(facts["day"])
    change = "appeal" if facts["ground"] == "appeal" else "excuse"
    return change, [(facts["staff_no"], day)]


def _confirmed(hall: Hall, head: Head, facts: Mapping[str, Any]) -> tuple[str, list[Place]]:
    day = date.fromisoformat(facts["day"])
    return "confirmed", _up_to_now(hall, [facts["staff_no"]], day - _ONE_DAY, day)


def _voided(hall: Hall, head: Head, facts: Mapping[str, Any]) -> tuple[str, list[Place]]:
    day = date.fromisoformat(facts["day"])
    return "voided", _up_to_now(hall, [facts["staff_no"]], day - _ONE_DAY, day)


def _member(hall: Hall, head: Head, facts: Mapping[str, Any]) -> tuple[str, list[Place]]:
    since = wall(datetime.fromisoformat(head.at)).date()
    return "roster", _up_to_now(hall, [facts["staff_no"]], since, hall.clock.today())


def _decided(hall: Hall, head: Head, facts: Mapping[str, Any]) -> tuple[str, list[Place]]:
    """A frozen day whose new result two people want; other decisions write facts of their own."""
    rows = hall.db.query(
        "SELECT e.staff_no, e.day FROM attendance_request r JOIN day_exception e "
        "ON e.hall = r.hall AND e.id = r.about WHERE r.hall = :hall AND r.id = :id",
        hall=hall.settings.hall,
        id=facts["request"],
    )
    return "exception", [(row["staff_no"], date.fromisoformat(row["day"])) for row in rows]


TOUCHES: dict[str, Touch] = {
    "punch": _punch,
    "shift_assigned": _assigned,
    "stand_in": _stand_in,
    "day_excused": _excused,
    "punch_confirmed": _confirmed,
    "punch_voided": _voided,
    "staff_member": _member,
    "attendance_decision": _decided,
}


def _up_to_now(hall: Hall, staff: list[str], first: date, last: date) -> list[Place]:
    today = hall.clock.today()
    first = max(first, today - FURTHEST_BACK)
    return [(staff_no, day) for staff_no in staff for day in days(first, min(last, today))]
