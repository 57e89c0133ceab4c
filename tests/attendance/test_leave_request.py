"""What is wrong with a request is said at once, and what is right may be asked for."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
import pytest

from attendance.absence_limits import absence_alerts
from attendance.leave import Claim
from attendance.leave_balance import Annual, Earned, Spent
from attendance.leave_request import (
    Around,
    Draft,
    certificate_due,
    check_request,
    needs_certificate,
)
from standards.errors import Invalid
from standards.leave_rules import packaged_rules
from standards.records.leave import LeaveStanding, Leg
from standards.workdays import published_calendar
from tests.attendance.test_leave import leg

RULES, CALENDAR = packaged_rules(), published_calendar()
DAY = RULES.clock.day_minutes
NOW = datetime(2026, 11, 24, 9, 30)
TEN = Annual(years=10, given=10 * DAY)


def around(**more: Any) -> Around:
    known = {"annual": lambda day: TEN, **more}
    return Around(
        now=more.pop("now", NOW),
        rules=RULES,
        calendar=CALENDAR,
        **{k: v for k, v in known.items() if k != "now"},
    )


def wrong(*legs: Leg, where: Around | None = None, **more: Any) -> dict[str, str]:
    draft = Draft("T01-001", legs, **{"stand_in": "T01-002", "reason": "探亲", **more})
    try:
        check_request(draft, where or around())
    except Invalid as refused:
        return refused.fields
    return {}


def test_leave_that_is_in_order_may_be_asked_for():
    assert wrong(leg("annual", "2026-11-25", "2026-12-08")) == {}


def test_everything_that_is_wrong_is_said_in_one_go():
    found = wrong(leg("annual", "2026-11-25", "2026-12-31"), stand_in="", reason=" ")
    assert set(found) == {"legs", "stand_in", "reason"}
    assert "只剩10天" in found["legs"]


@pytest.mark.parametrize(
    ("annual", "words"),
    [
        (Annual(known=False), "参加工作日期"),
        (Annual(years=5, excluded=("事假累计20天以上且不扣工资",)), "不享受"),
        (Annual(years=5, given=5 * DAY, reserved=4 * DAY), "只剩1天"),
    ],
)
def test_annual_leave_needs_a_balance(annual: Annual, words: str):
    found = wrong(
        leg("annual", "2026-11-25", "2026-11-26"), where=around(annual=lambda day: annual)
    )
    assert words in found["legs"]


def test_leave_over_new_year_is_taken_from_both_years():
    left = {2026: Annual(years=5, given=2 * DAY), 2027: Annual(years=5, given=1 * DAY)}
    where = around(annual=lambda day: left[day.year])
    assert wrong(leg("annual", "2026-12-30", "2027-01-04"), where=where) == {}
    assert "2027年" in wrong(leg("annual", "2026-12-31", "2027-01-05"), where=where)["legs"]


def test_comp_time_is_what_was_earned_and_not_yet_spent():
    earned = (Earned(date(2027, 1, 31), date(2026, 11, 7), 8 * 60),)
    where = around(earned=earned, spent=(Spent(date(2026, 11, 20), 240),))
    half = leg("comp", "2026-11-25", points="pm pm")
    assert wrong(half, where=where) == {}
    assert "只剩0.5天" in wrong(leg("comp", "2026-11-25"), where=where)["legs"]
    assert "只剩0天" in wrong(leg("comp", "2027-02-01"), where=where)["legs"]
    two = (half, leg("comp", "2026-11-26", points="am am"))
    assert "本次要1天" in wrong(*two, where=where)["legs"]


def test_leave_that_overlaps_other_leave_or_a_promise_to_stand_in_is_refused():
    own = (leg("outing", "2026-11-25", points="14:00 16:00"),)
    assert "时间重叠" in wrong(leg("annual", "2026-11-25"), where=around(own=own))["legs"]
    assert wrong(leg("annual", "2026-11-25", points="am am"), where=around(own=own)) == {}
    promised = around(stands_in=(leg("annual", "2026-11-25"),))
    assert "顶岗" in wrong(leg("annual", "2026-11-25"), where=promised)["legs"]


def test_a_stand_in_must_be_there_and_be_somebody_else():
    away = around(of_stand_in=(leg("sick", "2026-11-26"),))
    assert "另选一位" in wrong(leg("annual", "2026-11-25", "2026-11-27"), where=away)["stand_in"]
    assert "自己" in wrong(leg("annual", "2026-11-25"), stand_in="T01-001")["stand_in"]
    assert wrong(leg("outing", "2026-11-25", points="09:00 11:00"), stand_in="") == {}


# --- after the fact ------------------------------------------------------------------------------


def late(*legs: Leg, told_to: str = "T01-005", told_at: str = "2026-11-24T08:40", **more: Any):
    return wrong(*legs, told_to=told_to, told_at=told_at, **more)


def test_leave_that_has_begun_needs_a_telephone_note_in_time():
    today = leg("sick", "2026-11-24")
    assert late(today) == {}
    assert set(wrong(today)) == {"told_to", "told_at"}
    later = around(now=datetime(2026, 11, 24, 10, 30))
    assert "60分钟" in late(today, told_at="2026-11-24T10:01", where=later)["told_at"]
    assert late(today, told_at="2026-11-24T10:00", where=later) == {}
    assert (
        "没有到"
        in late(
            leg("sick", "2026-11-24"),
            told_at="2026-11-24T09:15",
            where=around(now=datetime(2026, 11, 24, 9, 10)),
        )["told_at"]
    )
    assert "自己" in late(today, told_to="T01-001")["told_to"]


@pytest.mark.parametrize(
    ("one", "begun"),
    [
        (leg("personal", "2026-11-24", points="10:00 11:00"), False),
        (leg("personal", "2026-11-24", points="09:29 11:00"), True),
        (leg("personal", "2026-11-24", points="09:30 11:00"), False),
        (leg("personal", "2026-11-24", points="pm pm"), False),
        (leg("personal", "2026-11-24"), True),
        (leg("personal", "2026-11-23"), True),
    ],
)
def test_leave_has_begun_with_its_first_minute_of_work(one: Leg, begun: bool):
    assert ("told_to" in wrong(one)) is begun


def test_leave_of_yesterday_is_written_down_within_three_working_days():
    friday = leg("sick", "2026-11-20")
    told = {"told_at": "2026-11-20T08:10"}
    assert late(friday, **told) == {}
    assert late(friday, where=around(now=datetime(2026, 11, 25, 17, 0)), **told) == {}
    found = late(friday, where=around(now=datetime(2026, 11, 26, 8, 0)), **told)
    assert "已过期" in found["legs"]


def test_what_can_be_planned_is_not_asked_for_afterwards():
    assert "须事先申请" in late(leg("annual", "2026-11-23"))["legs"]


# --- papers and limits ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("legs", "needed"),
    [
        ((leg("sick", "2026-11-24"),), False),
        ((leg("sick", "2026-11-24", "2026-11-25"),), True),
        ((leg("sick", "2026-11-24", points="pm pm"), leg("sick", "2026-11-25")), False),
        ((leg("personal", "2026-11-24", "2026-11-30"),), False),
    ],
)
def test_two_days_of_sick_leave_need_a_certificate(legs: tuple[Leg, ...], needed: bool):
    assert needs_certificate(legs, RULES, CALENDAR) is needed


def test_the_certificate_is_due_three_working_days_after_the_return():
    standing = LeaveStanding(
        id="r",
        staff_no="T01-001",
        stand_in="",
        first=date(2026, 11, 23),
        last=date(2026, 11, 27),
        legs=(leg("sick", "2026-11-23", "2026-11-27"),),
        steps=(),
        minutes=5 * DAY,
        stage="granted",
        asked_at="",
    )
    assert certificate_due(standing, RULES, CALENDAR) == date(2026, 12, 2)
    early = msgspec.structs.replace(standing, back_on=date(2026, 11, 24))
    assert certificate_due(early, RULES, CALENDAR) == date(2026, 11, 27)


def test_a_ground_gives_its_days_once_over_all_legs():
    legs = (leg("home", "2026-12-01", "2026-12-15"), leg("home", "2027-01-05", "2027-01-20"))
    claims = (Claim("spouse"), Claim("spouse"))
    assert "最多30天" in wrong(*legs, claims=claims)["legs"]


def halves_from(first: str, count: int, halves: int = 2) -> dict[date, int]:
    """So many working days in a row."""
    found: dict[date, int] = {}
    day = date.fromisoformat(first)
    while len(found) < count:
        if CALENDAR.is_working_day(day):
            found[day] = halves
        day += date.resolution
    return found


@pytest.mark.parametrize(
    ("halves", "employment", "levels"),
    [
        (halves_from("2026-06-01", 7), "institution", []),
        (halves_from("2026-06-01", 8), "institution", [50]),
        (halves_from("2026-06-01", 12), "institution", [80]),
        # Three days of the Dragon Boat Festival lie between; neither of them is counted.
        (halves_from("2026-06-01", 14), "institution", [80]),
        (halves_from("2026-06-01", 15), "institution", [100, 50]),
        # By calendar days: Monday to the Monday two weeks later are 15.
        (halves_from("2026-06-01", 6), "civil", [50]),
        (halves_from("2026-06-01", 11), "civil", [100]),
        (halves_from("2026-06-01", 30, halves=1), "institution", [50]),
        ({}, "civil", []),
    ],
)
def test_alerts_come_at_half_four_fifths_and_the_whole_of_the_limits(
    halves: dict[date, int], employment: str, levels: list[int]
):
    found = absence_alerts(halves, RULES.limit_of(employment), CALENDAR, 2026)
    assert [one.level for one in found] == levels


def test_single_days_add_up_to_the_limit_of_the_year():
    mondays = {date(2026, 1, 5) + 7 * date.resolution * week: 2 for week in range(24)}
    (alert,) = absence_alerts(mondays, RULES.limit_of("institution"), CALENDAR, 2026)
    assert (alert.level, alert.told) == (80, "全年累计旷工24天，达到界限30天的80%")
    assert absence_alerts(mondays, RULES.limit_of("institution"), CALENDAR, 2027) == []


def test_an_unknown_sort_of_employment_is_held_against_the_last_row():
    assert RULES.limit_of("unheard-of") is RULES.limit[-1]
