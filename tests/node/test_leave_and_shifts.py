"""Leave and shifts: whose post is held by whom, and by whose hours leave in hours is counted."""

from __future__ import annotations

from datetime import date

from node.days import day_lists, reckoning, shifts
from node.hall import Hall
from node.leave import balances
from node.leave.stand_ins import follow
from standards.records import ShiftAssigned, StandIn
from tests.node.hall import Browser, TurnableClock
from tests.node.leaves import CHEN, LI, ZHAO, asked, granted, look, person, standing, told
from web.shell import Shell


def stand_ins(hall: Hall) -> list[tuple[str, str, str, bool]]:
    """(stand-in, first, last day, own hours) of what holds."""
    kept = shifts.stand_ins(hall, date(2026, 1, 1))
    return [
        (one.record.staff_no, f"{one.record.first_day:%d}", f"{one.record.last_day:%d}", own)
        for one in kept
        if isinstance(one.record, StandIn) and one.record.post_of == LI
        for own in [one.record.own_hours]
    ]


def held_for(hall: Hall, staff_no: str, day: date) -> str:
    reckoning.settle(hall)
    found = day_lists.now_of(hall, staff_no, day)
    return found.holds_for if found else ""


def test_the_stand_ins_days_follow_the_leave_from_its_grant_to_the_return(
    clerk: Browser, app: Shell, hall: Hall, clock: TurnableClock
):
    hall.write(
        ShiftAssigned(target="hall", timetable="four", first_day=date(2026, 11, 24)), actor=CHEN
    )
    request_id = asked(clerk, **{"last-0": "2026-11-27", "ends-0": "am"})
    assert stand_ins(hall) == []
    granted(app, request_id, "chief", "business", "department", "leader")
    assert stand_ins(hall) == [(ZHAO, "25", "26", False), (ZHAO, "27", "27", True)]
    clock.turn(days=2)
    assert (
        held_for(hall, ZHAO, date(2026, 11, 25)) == held_for(hall, ZHAO, date(2026, 11, 26)) == LI
    )
    back = {"back_on": "2026-11-26", "back_from": "am"}
    li = person(app, "li").sign_in("li")
    assert li.post(f"/leave/{request_id}/return", back).status_code == 303
    assert stand_ins(hall) == [(ZHAO, "25", "25", False)]
    assert held_for(hall, ZHAO, date(2026, 11, 25)) == LI
    assert held_for(hall, ZHAO, date(2026, 11, 26)) == ""
    assert "因请假" in told(person(app, "chen").sign_in("chen").get("/shifts"))


def test_leave_that_is_withdrawn_takes_the_stand_in_back_and_what_a_person_took_back_stays_so(
    clerk: Browser, app: Shell, hall: Hall
):
    first = asked(clerk)
    granted(app, first, "chief")
    assert stand_ins(hall) == [(ZHAO, "25", "25", False)]
    assert clerk.post(f"/leave/{first}/withdraw").status_code == 303
    assert stand_ins(hall) == []
    second = asked(clerk)
    granted(app, second, "chief")
    (kept,) = shifts.stand_ins(hall, date(2026, 11, 1))
    shifts.withdraw(hall, kept.id, CHEN)
    with hall.db.transaction():
        follow(hall, standing(hall, second), CHEN)
    assert stand_ins(hall) == []


def test_hours_of_leave_are_charged_by_the_own_shift_and_offered_by_it(
    clerk: Browser, app: Shell, hall: Hall
):
    """By the table work begins at nine; who works from 08:30 is away for half an hour more."""
    early = {"leave-0": "personal:personal", "begins-0": "08:30", "ends-0": "11:30"}
    assert "请从列表中选择时间" in told(look(clerk, **early))
    own = ShiftAssigned(target="person", whose=LI, timetable="two", first_day=date(2026, 11, 1))
    hall.write(own, actor=CHEN)
    assert "3小时" in told(look(clerk, **early))
    request_id = asked(clerk, **early)
    assert standing(hall, request_id).minutes == 180
    granted(app, request_id, "chief")
    assert balances.taken_of(hall, LI).effective["personal"] == {date(2026, 11, 25): 180}


def test_an_outing_stands_in_the_days_result_by_effect_and_hours_and_nothing_else_of_it(
    clerk: Browser, app: Shell, hall: Hall, clock: TurnableClock
):
    today = date(2026, 11, 24)
    hall.write(ShiftAssigned(target="hall", timetable="four", first_day=today), actor=CHEN)
    out = {"leave-0": "outing:outing", "first-0": today.isoformat(), "stand_in": ""}
    request_id = asked(clerk, **out, **{"begins-0": "09:30", "ends-0": "11:00", "reason": "送材料"})
    reckoning.settle(hall)
    granted(app, request_id, "chief")
    reckoning.settle(hall)
    result = day_lists.now_of(hall, LI, today)
    assert result is not None
    assert [(one.since[11:16], one.until[11:16], one.effect) for one in result.away] == [
        ("09:30", "11:00", "outing")
    ]
    rows = hall.db.query("SELECT * FROM day_result WHERE staff_no = :no ORDER BY revision", no=LI)
    assert len(rows) == 2 and rows[-1]["change"] == "leave"
    assert "送材料" not in str(rows)
    clock.turn(minutes=45)
    page = told(person(app, "chen").sign_in("chen").get("/statistics"))
    assert "临时外出 上午签到" in page and "临时外出 09:30–11:00" in page
