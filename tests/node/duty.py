"""A hall with shifts as tests use it: Zhang and Li of A03 work four signs a day, it is Tuesday."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from node.days import reckoning
from node.hall import Hall
from standards.records import DayResult, Punch, ShiftAssigned, StaffMember
from sync.storage.tables import as_record
from tests.node.hall import TurnableClock

TUESDAY = date(2026, 11, 24)
ZHANG, LI = "T01-021", "T01-001"
"""Li is the clerk who signs in as li."""
CHEN = "T01-005"
FOUR = ("08:50", "12:05", "12:50", "17:10")


def turn_to(clock: TurnableClock, text: str, day: date = TUESDAY) -> None:
    """Set the hall's clock to ``hh:mm`` of a day."""
    hours, minutes = map(int, text.split(":"))
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    clock.moment = moment + timedelta(hours=hours - 8, minutes=minutes)


def begin_duty(hall: Hall, clock: TurnableClock) -> None:
    """People since Monday, the hall's timetable since Tuesday, and it is Tuesday evening."""
    turn_to(clock, "07:00", TUESDAY - timedelta(days=1))
    for staff_no, name in ((ZHANG, "张小敏"), (LI, "李大山"), (CHEN, "陈督导")):
        member = StaffMember(staff_no=staff_no, name=name, window="A03", department="市公安局")
        hall.write(member, actor=CHEN)
    whole = ShiftAssigned(target="hall", timetable="four", first_day=TUESDAY)
    hall.write(whole, actor=CHEN)
    turn_to(clock, "20:00")


def punch(hall: Hall, moment: str, staff_no: str = ZHANG, **more: str) -> str:
    """A punch at ``hh:mm`` of the Tuesday, straight into the log; answers its id."""
    at = moment if len(moment) > 5 else f"2026-11-24T{moment}:00+08:00"
    values = {"way": "pin", "grade": "C", **more}
    return hall.write(Punch(staff_no=staff_no, punched_at=at, **values), actor=staff_no).leaf.id


def results(hall: Hall, staff_no: str = ZHANG, day: date = TUESDAY) -> list[DayResult]:
    """Every revision of a day, in order, when all that is asked for is worked out."""
    reckoning.settle(hall)
    rows = hall.db.query(
        "SELECT * FROM day_result WHERE staff_no = :staff_no AND day = :day ORDER BY revision",
        staff_no=staff_no,
        day=day.isoformat(),
    )
    return [as_record(DayResult, row) for row in rows]
