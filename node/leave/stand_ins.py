"""顶岗随请假走: who holds the post of somebody whose leave is effective, and on which days.

Follows from where the request stands: written when it becomes effective, taken back when it is
withdrawn, cut when somebody comes back early. Entries stay; a later one takes an earlier one back.
What a supervisor took back by hand is not written again. Knows no page.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from attendance.leave import posts_left
from node.hall import Hall
from node.leave import leavebook
from standards.leave_life import EFFECTIVE
from standards.records import LeaveStanding, StandIn
from sync.drafts import Draft
from sync.storage.tables import as_record

INDEXES = ("CREATE INDEX IF NOT EXISTS stand_in_leave ON stand_in (hall, leave_id)",)


@dataclass(frozen=True)
class _Said:
    id: str
    stand_in: StandIn
    holds: bool


def follow(hall: Hall, one: LeaveStanding, actor: str) -> None:
    """Write what changes for the stand-in's days, in the transaction of the step."""
    wanted, said = _wanted(hall, one), _said(hall, one.id)
    standing = [each for each in said if each.holds]
    drafts = [
        replace(each.stand_in, replaces=each.id, void=True)
        for each in standing
        if each.stand_in not in wanted
    ]
    if standing or not said:
        known = [each.stand_in for each in said]
        drafts += [stand_in for stand_in in wanted if stand_in not in known]
    if drafts:
        hall.write_all([Draft(record, actor) for record in drafts])


def _wanted(hall: Hall, one: LeaveStanding) -> list[StandIn]:
    if one.stage not in EFFECTIVE or not one.stand_in:
        return []
    table = leavebook.rules(hall)
    return [
        StandIn(
            staff_no=one.stand_in,
            post_of=one.staff_no,
            first_day=left.first,
            last_day=left.last,
            own_hours=not left.whole,
            leave_id=one.id,
        )
        for left in posts_left(leavebook.legs_taken(one, table), table)
    ]


def _said(hall: Hall, leave_id: str) -> list[_Said]:
    rows = hall.db.query(
        "SELECT * FROM stand_in WHERE hall = :hall AND leave_id = :id "
        "ORDER BY length(origin), origin, idx",
        hall=hall.settings.hall,
        id=leave_id,
    )
    gone = {row["replaces"] for row in rows}
    return [
        _Said(row["id"], as_record(StandIn, row), row["id"] not in gone)
        for row in rows
        if not row["void"]
    ]
