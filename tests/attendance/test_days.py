"""Each rule of a day as a table: the shift, the punches and leave here, what the day was there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from msgspec import structs

from attendance.days import Absence, Day, Excuse, Facts, Sign, derive
from attendance.shifts import Assignment, Post, Roster, Shift
from standards.timetables import books_in_force
from standards.workdays import published_calendar

TUESDAY = date(2026, 11, 24)
LONG_AFTER = datetime(2026, 12, 31)
ZHANG = "T01-021"


def shift_of(timetable: str = "four", day: date = TUESDAY) -> Shift:
    """The shift of somebody whose whole hall works by one timetable."""
    roster = Roster(
        (Assignment(1, "hall", "", timetable, date(2026, 1, 1)),),
        (),
        {ZHANG: (Post(date(2025, 1, 1)),)},
        books_in_force(()),
        published_calendar(),
    )
    (found,) = roster.shifts(ZHANG, day, day)
    return found


def at(text: str, day: date = TUESDAY) -> datetime:
    """``hh:mm[:ss]`` of a day; hours may go beyond 24."""
    hours, *rest = map(int, text.split(":"))
    minutes, seconds = [*rest, 0][:2]
    midnight = datetime.combine(day, time.min)
    return midnight + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def signs(text: str, day: date = TUESDAY) -> list[Sign]:
    return [Sign(at(one, day), id=one) for one in text.split()]


def away(start: str, end: str, effect: str = "leave") -> Absence:
    return Absence(ZHANG, at(start), at(end), "事假", effect)  # type: ignore[arg-type]


def day_of(punches: str, *absences: Absence, timetable: str = "four", **more) -> Day:
    facts = Facts(more.pop("until", LONG_AFTER), signs(punches), absences, **more)
    return derive(ZHANG, shift_of(timetable), facts)


def told(day: Day) -> str:
    """``status late early halves | state of each slot``."""
    states = " ".join(slot.state for slot in day.slots)
    return f"{day.status} {day.late} {day.early} {day.halves} | {states}"


@pytest.mark.parametrize(
    ("punches", "expected"),
    [
        ("8:50 12:05 12:50 17:10", "normal 0 0 0 | ok ok ok ok"),
        ("8:20 12:00 13:00 17:00", "normal 0 0 0 | ok ok ok ok"),
        ("9:00:59 12:00 13:00 17:00", "normal 0 0 0 | ok ok ok ok"),
        ("9:01 12:05 12:50 17:10", "late 1 0 0 | late ok ok ok"),
        ("9:10 12:05 13:05 17:10", "late 15 0 0 | late ok late ok"),
        ("8:50 11:55 12:50 17:10", "early 0 5 0 | ok early ok ok"),
        ("8:50 11:59:30 12:50 17:10", "early 0 1 0 | ok early ok ok"),
        ("9:10 12:05 12:50 16:40", "late_early 10 20 0 | late ok ok early"),
        ("10:30 12:05 12:50 17:10", "absent_half 0 0 1 | over ok ok ok"),
        ("12:05 12:50 17:10", "absent_half 0 0 1 | missing ok ok ok"),
        ("8:50 12:05 12:50", "absent_half 0 0 1 | ok ok ok missing"),
        ("8:50 12:50", "absent 0 0 2 | ok missing ok missing"),
        ("", "absent 0 0 2 | missing missing missing missing"),
    ],
)
def test_four_signs_a_day_are_rated_by_their_windows(punches: str, expected: str):
    assert told(day_of(punches)) == expected


def test_an_excused_sign_is_not_held_against_anybody():
    day = day_of("9:20 12:05 12:50 17:10", excuses=[Excuse("上午签到", "told_before")])
    assert told(day) == "excused 0 0 0 | excused ok ok ok"


@pytest.mark.parametrize(
    ("punches", "absence", "expected"),
    [
        # Back from leave at 10:30: signs in then, and no earlier sign is asked for.
        ("10:25 12:05 12:50 17:10", away("9:00", "10:30"), "leave_part 0 0 0 | ok ok ok ok"),
        ("10:40 12:05 12:50 17:10", away("9:00", "10:30"), "late 10 0 0 | late ok ok ok"),
        # Leaves at 16:00: signs out then.
        ("8:50 12:05 12:50 16:02", away("16:00", "18:00"), "leave_part 0 0 0 | ok ok ok ok"),
        ("8:50 12:05 12:50 15:50", away("16:00", "18:00"), "early 0 10 0 | ok ok ok early"),
        ("12:50 17:10", away("0:00", "12:00"), "leave_part 0 0 0 | leave leave ok ok"),
        ("", away("0:00", "24:00"), "leave 0 0 0 | leave leave leave leave"),
        ("", away("0:00", "24:00", "duty"), "duty 0 0 0 | duty duty duty duty"),
        ("12:50 17:10", away("9:00", "12:00", "duty"), "normal 0 0 0 | duty duty ok ok"),
        # An hour away in the middle asks for the same four signs.
        ("8:50 12:05 12:50 17:10", away("9:30", "10:30"), "leave_part 0 0 0 | ok ok ok ok"),
        # 临时外出 replaces no punch.
        (
            "8:50 12:05 12:50",
            away("15:00", "18:00", "outing"),
            "absent_half 0 0 1 | ok ok ok missing",
        ),
        # Leave for another half day excuses nothing.
        ("", away("0:00", "12:00"), "absent_half 0 0 1 | leave leave missing missing"),
    ],
)
def test_leave_and_duty_cut_what_is_asked_for(punches: str, absence: Absence, expected: str):
    assert told(day_of(punches, absence)) == expected


def test_absences_side_by_side_and_overlapping_cover_together_and_count_once():
    halves = away("9:00", "10:30"), away("10:30", "12:00"), away("10:00", "11:00")
    day = day_of("12:50 17:10", *halves)
    assert (told(day), day.leave) == ("leave_part 0 0 0 | leave leave ok ok", 180)


def test_minutes_of_leave_and_of_absence_are_those_of_work_only():
    assert day_of("", away("0:00", "24:00")).leave == 180 + 240
    assert day_of("12:50 17:10").absent == 180
    assert day_of("").absent == 180 + 240
    assert day_of("", away("0:00", "10:00")).absent == 120 + 240


@pytest.mark.parametrize(
    ("punches", "expected"),
    [
        # Three scans within half a minute are one sign, also where two windows meet.
        ("8:50 8:50:12 8:50:31 12:05 12:50 17:10", "normal 0 0 0 | ok ok ok ok"),
        ("10:59:40 11:00:00 12:50 17:10", "absent_half 0 0 1 | missing early ok ok"),
        # A scan every minute is a sign each, of which the first in and the last out count.
        ("8:30 8:40 8:55 12:01 12:14 12:30 12:55 17:00 17:45", "normal 0 0 0 | ok ok ok ok"),
        # Outside every window nothing counts.
        ("3:00 8:50 12:05 12:17 12:50 17:10 22:00", "normal 0 0 0 | ok ok ok ok"),
        # One sign between two windows is the one that is less out of time.
        ("10:10 12:05 12:50 17:10", "absent_half 0 0 1 | over ok ok ok"),
        ("8:50 10:30 12:50 17:10", "absent_half 0 0 1 | ok over ok ok"),
    ],
)
def test_repeats_are_one_sign_and_what_is_outside_does_not_count(punches: str, expected: str):
    assert told(day_of(punches)) == expected


def test_the_first_sign_in_and_the_last_sign_out_are_shown():
    day = day_of("8:30 8:40 8:55 12:01 12:14 12:30 12:55 17:00 17:45")
    assert [slot.punch for slot in day.slots] == ["8:30", "12:14", "12:30", "17:45"]


@pytest.mark.parametrize(
    ("punches", "expected"),
    [
        ("8:30 17:00", "normal 0 0 0 | ok ok"),
        ("9:15 17:45", "normal 0 0 0 | ok ok"),
        ("9:15 17:30", "early 0 15 0 | ok early"),
        ("9:40 18:00", "late 10 0 0 | late ok"),
        ("8:10 16:40", "normal 0 0 0 | ok ok"),
        ("7:30 16:29", "early 0 1 0 | ok early"),
    ],
)
def test_flexible_hours_move_the_end_of_the_day_with_its_beginning(punches: str, expected: str):
    assert told(day_of(punches, timetable="flexible")) == expected


def test_a_hint_of_the_terminal_only_breaks_ties():
    shift = shift_of()
    for hint, expected in (("in", ["over", "missing"]), ("out", ["missing", "over"])):
        # Half-way between due in and due out both are as far out of time.
        one, later = Sign(at("10:30:00"), hint=hint), Sign(at("17:10"), hint="out")
        day = derive(ZHANG, shift, Facts(LONG_AFTER, [one, later]))
        assert [slot.state for slot in day.slots[:2]] == expected
    # A terminal whose keys nobody presses says "in" of everybody: that is as good as no hint.
    unheard = derive(ZHANG, shift, Facts(LONG_AFTER, [Sign(at("10:30:00"), hint="in")]))
    assert unheard == derive(ZHANG, shift, Facts(LONG_AFTER, [Sign(at("10:30:00"))]))
    wrong = [Sign(at("8:50"), hint="out"), Sign(at("12:05"), hint="in"), *signs("12:50 17:10")]
    assert told(derive(ZHANG, shift, Facts(LONG_AFTER, wrong))) == "normal 0 0 0 | ok ok ok ok"


@pytest.mark.parametrize(
    ("until", "punches", "expected"),
    [
        ("8:00", "", "open 0 0 0 | open open open open"),
        ("9:30", "8:50", "open 0 0 0 | ok open open open"),
        ("9:30", "9:10", "late 10 0 0 | late open open open"),
        ("12:01", "8:50 11:40", "open 0 0 0 | ok open open open"),
        ("12:30", "8:50", "absent_half 0 0 1 | ok missing open open"),
        ("18:00", "8:50 12:05 12:50 17:10", "normal 0 0 0 | ok ok ok ok"),
    ],
)
def test_what_may_still_come_is_open(until: str, punches: str, expected: str):
    day = day_of(punches, until=at(until))
    assert told(day) == expected
    assert day.provisional is (at(until) < at("18:00"))


def test_a_sign_in_doubt_is_not_held_against_anybody_and_not_counted_for_anybody():
    doubtful = [Sign(at("8:50"), "x", doubtful=True), *signs("12:05 12:50 17:10")]
    day = derive(ZHANG, shift_of(), Facts(LONG_AFTER, doubtful))
    assert (told(day), day.doubtful) == ("unsure 0 0 0 | unsure ok ok ok", ("x",))
    not_needed = [Sign(at("8:52"), "x", doubtful=True), *signs("8:50 12:05 12:50 17:10")]
    assert told(derive(ZHANG, shift_of(), Facts(LONG_AFTER, not_needed))).startswith("normal")


def test_a_timetable_may_call_a_missing_sign_missing_instead_of_absent():
    terms = replace_terms("four", missing_is_absent=False)
    for punches, expected in (
        ("8:50 12:50 17:10", "missing 0 0 0 | ok missing ok ok"),
        ("12:50 17:10", "absent_half 0 0 1 | missing missing ok ok"),
    ):
        day = derive(ZHANG, terms, Facts(LONG_AFTER, signs(punches)))
        assert told(day) == expected


def replace_terms(timetable: str, **changed: bool) -> Shift:
    shift = shift_of(timetable)
    assert shift.terms is not None
    return replace(shift, terms=structs.replace(shift.terms, **changed))


def test_a_sign_in_doubt_while_on_leave_is_nobodys_business():
    doubtful = [Sign(at("8:50"), "x", doubtful=True), *signs("12:50 17:10")]
    day = derive(ZHANG, shift_of(), Facts(LONG_AFTER, doubtful, [away("0:00", "12:00")]))
    assert (day.status, day.doubtful) == ("leave_part", ())


def test_a_day_tells_when_somebody_is_away_within_the_shift_by_effect_alone():
    day = day_of(
        "8:50 12:05 12:50 17:10", away("9:30", "11:00", "outing"), away("16:00", "40:00", "duty")
    )
    told_away = [(one.start, one.end, one.effect) for one in day.away]
    assert told_away == [(at("9:30"), at("11:00"), "outing"), (at("16:00"), at("18:00"), "duty")]
    assert "事假" not in repr(day)
