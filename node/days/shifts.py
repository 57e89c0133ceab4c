"""排班: what was assigned, and the writing of it. Knows no rule of a shift and no page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from attendance.rosters import Planned
from node.hall import Hall
from standards.errors import Invalid
from standards.records import ShiftAssigned, StandIn
from sync.drafts import Draft
from sync.storage.tables import as_record

MOST_LISTED = 500


@dataclass(frozen=True)
class Kept:
    """An assignment or a stand-in that holds, with who wrote it."""

    id: str
    by: str
    at: str
    record: ShiftAssigned | StandIn


def assignments(hall: Hall, since: date) -> list[Kept]:
    """The assignments that hold on a day or later, those of the whole hall first."""
    rows = hall.db.query(
        "SELECT * FROM shift_assigned WHERE hall = :hall AND void = 0 "
        "AND (last_day IS NULL OR last_day >= :since) AND id NOT IN "
        "(SELECT replaces FROM shift_assigned WHERE hall = :hall) "
        "ORDER BY CASE target WHEN 'hall' THEN 0 WHEN 'department' THEN 1 "
        "WHEN 'window' THEN 2 ELSE 3 END, whose, first_day LIMIT :most",
        hall=hall.settings.hall,
        since=since.isoformat(),
        most=MOST_LISTED,
    )
    return [Kept(r["id"], r["actor"], r["at"], as_record(ShiftAssigned, r)) for r in rows]


def stand_ins(hall: Hall, since: date) -> list[Kept]:
    """The stand-ins that hold on a day or later."""
    rows = hall.db.query(
        "SELECT * FROM stand_in WHERE hall = :hall AND void = 0 AND last_day >= :since "
        "AND id NOT IN (SELECT replaces FROM stand_in WHERE hall = :hall) "
        "ORDER BY first_day, staff_no LIMIT :most",
        hall=hall.settings.hall,
        since=since.isoformat(),
        most=MOST_LISTED,
    )
    return [Kept(r["id"], r["actor"], r["at"], as_record(StandIn, r)) for r in rows]


def assign(hall: Hall, planned: Sequence[Planned], actor: str) -> None:
    """Write a roster; its days are worked whatever the calendar says."""
    hall.write_all(
        [
            Draft(
                ShiftAssigned(
                    target="person",
                    whose=one.staff_no,
                    timetable=one.timetable,
                    first_day=one.first,
                    last_day=one.last,
                    # A stretch without an end follows the timetable's own days.
                    every_day=one.last is not None,
                ),
                actor,
            )
            for one in planned
        ]
    )


def withdraw(hall: Hall, record_id: str, actor: str) -> None:
    """Take an assignment or a stand-in back, as if it had never been.

    Raises:
        Invalid: there is none, or it does not hold any more.
    """
    with hall.db.transaction():
        for kept in (*assignments(hall, date.min), *stand_ins(hall, date.min)):
            if kept.id == record_id:
                changed = msgspec.structs.replace(kept.record, replaces=record_id, void=True)
                hall.write(changed, actor=actor)
                return
    raise Invalid({"": "这条排班已经撤销了"})


def end(hall: Hall, record_id: str, last: date, actor: str) -> None:
    """Let an assignment hold until a day and no longer.

    Raises:
        Invalid: there is none, or it would end before it begins.
    """
    with hall.db.transaction():
        for kept in assignments(hall, date.min):
            if kept.id == record_id and isinstance(kept.record, ShiftAssigned):
                if last < kept.record.first_day:
                    raise Invalid({"last_day": "结束日期早于开始日期，可改为撤销"})
                changed = msgspec.structs.replace(kept.record, replaces=record_id, last_day=last)
                hall.write(changed, actor=actor)
                return
    raise Invalid({"": "这条排班已经撤销了"})
