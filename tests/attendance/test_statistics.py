"""Who is here now, and what a month came to: from the results of days alone."""

from datetime import date, datetime

import pytest
from msgspec.structs import replace

from attendance.statistics import (
    GROUPS,
    MARKS,
    STANDINGS,
    Tally,
    by_day,
    latest,
    mark,
    months,
    standing,
    tally,
)
from standards.records.attendance import DAY_STATES, AwaySpan, DayResult
from tests.days_told import a_day

DAY = date(2026, 11, 24)


def result(*slots: str, staff_no: str = "T01-001", **more: object) -> DayResult:
    return a_day(staff_no, *slots, **more)  # type: ignore[arg-type]


def now(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-24T{clock}:00+08:00")


FULL = ("08:50", "12:01", "12:40", "17:02")


@pytest.mark.parametrize(
    ("slots", "clock", "expected"),
    [
        (("open", "open", "open", "open"), "08:30", "before"),
        (("open", "open", "open", "open"), "09:10", "expected"),
        (("08:50", "open", "open", "open"), "09:10", "here"),
        (("09:20 late", "open", "open", "open"), "09:30", "here"),
        (("08:50", "12:01", "open", "open"), "12:30", "pause"),
        (("08:50", "12:01", "open", "open"), "13:05", "expected"),
        (("08:50", "missing", "open", "open"), "12:30", "gone"),
        (("08:50", "missing", "12:50", "open"), "14:00", "here"),
        (("08:50", "open", "open", "open"), "12:05", "here"),
        (FULL, "17:05", "gone"),
        (("leave", "leave", "open", "open"), "10:00", "leave"),
        (("leave", "leave", "open", "open"), "12:30", "pause"),
        (("leave", "leave", "open", "open"), "13:30", "expected"),
        (("duty", "duty", "duty", "duty"), "10:00", "duty"),
        (("missing", "missing", "open", "open"), "13:30", "expected"),
        (("missing", "missing", "open", "open"), "12:30", "pause"),
        (("missing", "missing", "12:58", "open"), "13:30", "here"),
        (("08:50", "11:00 early", "leave", "leave"), "15:00", "leave"),
    ],
)
def test_where_somebody_is_follows_from_the_signs_of_the_day(
    slots: tuple[str, ...], clock: str, expected: str
):
    assert standing(result(*slots), now(clock)) == expected


def test_who_is_asked_for_nothing_rests_and_who_is_stood_in_for_is_said_so():
    assert standing(None, now("10:00")) == "rest"
    assert standing(result(status="rest"), now("10:00")) == "rest"
    assert standing(result(status="covered", held_by="T01-002"), now("10:00")) == "covered"


def test_leave_or_an_outing_that_holds_now_goes_before_the_signs():
    out = AwaySpan(
        since="2026-11-24T09:30:00+08:00", until="2026-11-24T11:00:00+08:00", effect="outing"
    )
    day = result("08:50", "open", "open", "open", away=(out,))
    told = [standing(day, now(clock)) for clock in ("09:29", "09:30", "10:59", "11:00")]
    assert told == ["here", "outing", "outing", "here"]
    absent = result("open", "open", "open", "open", away=(out, replace(out, effect="leave")))
    assert [standing(absent, now(clock)) for clock in ("09:29", "10:00")] == ["expected", "leave"]


def test_every_standing_and_every_result_has_its_word_and_its_sign():
    assert set(MARKS) == set(DAY_STATES)
    assert len(set(MARKS.values())) == len(MARKS)
    assert {"here", "gone", "expected"} <= set(STANDINGS)


def test_of_several_revisions_the_highest_counts_in_whatever_order_they_come():
    old = result(*FULL, status="late", revision=1, late=12)
    new = result(*FULL, revision=2)
    assert latest([new, old]) == latest([old, new]) == {("T01-001", DAY): new}


def test_a_month_sums_signs_minutes_and_half_days():
    day = date(2026, 11, 25)
    found = months(
        [
            result("09:12 late", "12:01", "12:40", "16:50 early", status="late_early", late=12),
            result("missing", "missing", "12:40", "17:02", status="absent_half", halves=1, day=day),
            result(status="rest", day=date(2026, 11, 28)),
            result(*FULL, staff_no="T01-002", provisional=True),
        ]
    )
    first, second = found
    assert (first.staff_no, second.staff_no) == ("T01-001", "T01-002")
    assert first.tally == Tally(asked=2, present=2, late=1, late_minutes=12, early=1, halves=1)
    assert second.tally == Tally(asked=1, present=1, provisional=1)
    assert second.tally.presence == 1.0
    assert Tally().presence is None


def test_a_day_of_leave_from_morning_to_evening_asks_nobody_to_come():
    away = result("leave", "leave", "leave", "leave", status="leave", leave=420)
    assert tally([away]) == Tally(leave_minutes=420)


def test_a_missing_sign_counts_alone_only_where_no_half_day_is_lost_for_it():
    slots = ("08:50", "missing", "12:40", "17:02")
    assert tally([result(*slots, status="missing")]).missing == 1
    assert tally([result(*slots, status="absent_half", halves=1)]).missing == 0


def test_the_sheet_shows_a_sign_and_a_star_while_the_day_is_provisional():
    assert mark(None) == ""
    assert mark(result(*FULL)) == "√"
    assert mark(result("09:12 late", status="late", provisional=True)) == "迟*"


def test_the_chart_of_a_day_counts_people_and_no_rest():
    found = by_day(
        [
            result(*FULL),
            result("missing", "missing", staff_no="T01-002", status="absent"),
            result(status="rest", staff_no="T01-003"),
        ]
    )
    assert found == {DAY: {"well": 1, "absent": 1}}
    assert set(found[DAY]) <= set(GROUPS)
