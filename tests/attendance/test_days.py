"""Each rule of a day as a table: the shift, the punches and leave here, what the day was there."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from attendance.days import Absence, Day, Excuse, Facts, Sign, derive
from attendance.shifts import Assignment, Post, Roster, Shift
from standards.timetables import packaged_book
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
        packaged_book(),
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
