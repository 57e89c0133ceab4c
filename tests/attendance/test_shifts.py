"""Which shift somebody has: nearest assignment, calendar, season, roster, stand-in, midnight."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from attendance.days import Facts, derive
from attendance.shifts import Assignment, Post, Roster, Shift, StandIn, worked_on
from standards.errors import Invalid
from standards.timetables import book_of, books_in_force, minute_of, packaged_book
from standards.workdays import published_calendar
from tests.attendance.test_days import LONG_AFTER, TUESDAY, at, signs, told

ZHANG, LI = "T01-021", "T01-022"
LONG_AGO = date(2026, 1, 1)
POSTS = {
    ZHANG: (Post(date(2025, 1, 1), "市公安局", "A03"),),
    LI: (Post(date(2025, 1, 1), "市医保局", "B01"),),
}


def roster(*assigned: Assignment, stand_ins: tuple[StandIn, ...] = (), posts=POSTS) -> Roster:
    return Roster(assigned, stand_ins, posts, books_in_force(()), published_calendar())


def hall_wide(timetable: str = "four", order: int = 0) -> Assignment:
    return Assignment(order, "hall", "", timetable, LONG_AGO)


def code(shifts: tuple[Shift, ...]) -> list[str]:
    return [one.terms.code if one.terms and one.slots else "rest" for one in shifts]


def of(made: Roster, staff_no: str = ZHANG, day: date = TUESDAY) -> Shift:
    (found,) = made.shifts(staff_no, day, day)
    return found


def test_the_nearest_assignment_goes_before_and_of_equals_the_later_one():
    made = roster(
        Assignment(5, "person", ZHANG, "two", TUESDAY, TUESDAY),
        hall_wide(order=9),
        Assignment(1, "window", "A03", "flexible", LONG_AGO),
        Assignment(2, "department", "市公安局", "night", LONG_AGO),
        Assignment(3, "window", "A03", "two", TUESDAY + timedelta(days=1)),
    )
    days = made.shifts(ZHANG, TUESDAY - timedelta(days=1), TUESDAY + timedelta(days=1))
    assert code(days) == ["flexible", "two", "two"]
    assert code(made.shifts(LI, TUESDAY, TUESDAY)) == ["four"]


def test_nobody_has_a_shift_before_somebody_said_by_what():
    assert roster().shifts(ZHANG, TUESDAY, TUESDAY) == ()
    later = Assignment(1, "hall", "", "four", TUESDAY + timedelta(days=1))
    assert roster(later).shifts(ZHANG, TUESDAY, TUESDAY) == ()


def test_an_unknown_timetable_rates_nobody():
    assert roster(hall_wide("of-a-later-version")).shifts(ZHANG, TUESDAY, TUESDAY) == ()


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 10, 1), "rest"),  # statutory holiday
        (date(2026, 10, 10), "four"),  # a Saturday that is worked
        (date(2026, 11, 21), "rest"),  # an ordinary Saturday
        (date(2026, 11, 24), "four"),
    ],
)
def test_the_official_calendar_says_which_days_are_worked(day: date, expected: str):
    assert code(roster(hall_wide()).shifts(ZHANG, day, day)) == [expected]


def test_a_roster_is_worked_whatever_the_calendar_says_and_can_give_rest():
    saturday = date(2026, 11, 21)
    on = Assignment(1, "person", ZHANG, "two", saturday, saturday, every_day=True)
    off = Assignment(2, "person", ZHANG, "", TUESDAY, TUESDAY)
    made = roster(hall_wide(), on, off)
    assert code((of(made, day=saturday), of(made))) == ["two", "rest"]


def test_summer_and_winter_have_hours_of_their_own():
    made = roster(hall_wide("four-seasons"))
    summer, winter = of(made, day=date(2026, 7, 1)), of(made, day=date(2026, 12, 1))
    assert [f"{slot.due:%H:%M}" for slot in summer.slots] == ["08:30", "11:30", "13:30", "17:00"]
    assert [f"{slot.due:%H:%M}" for slot in winter.slots] == ["08:30", "11:30", "13:00", "16:30"]


def test_who_moved_to_another_window_works_by_its_hours_from_that_day_and_who_left_by_none():
    posts = {
        ZHANG: (
            Post(LONG_AGO, window="A03"),
            Post(TUESDAY, window="B01"),
            Post(TUESDAY + timedelta(days=1), window="B01", active=False),
        )
    }
    made = roster(
        Assignment(1, "window", "A03", "four", LONG_AGO),
        Assignment(2, "window", "B01", "two", LONG_AGO),
        posts=posts,
    )
    found = made.shifts(ZHANG, TUESDAY - timedelta(days=1), TUESDAY + timedelta(days=1))
    assert code(found) == ["four", "two"]


def test_a_stand_in_works_the_hours_of_the_post_and_a_swap_frees_the_other_one():
    assigned = (
        Assignment(1, "person", ZHANG, "night", LONG_AGO),
        Assignment(2, "person", LI, "four", LONG_AGO),
    )
    covered = roster(*assigned, stand_ins=(StandIn(1, LI, ZHANG, TUESDAY, TUESDAY),))
    assert (code((of(covered, LI),)), of(covered, LI).holds_for) == (["night"], ZHANG)
    assert code((of(covered),)) == ["night"]
    swapped = roster(*assigned, stand_ins=(StandIn(1, LI, ZHANG, TUESDAY, TUESDAY, frees=True),))
    assert (of(swapped).slots, of(swapped).held_by) == ((), LI)
    assert derive(ZHANG, of(swapped), Facts(LONG_AFTER)).status == "covered"


def test_a_night_shift_is_of_the_day_on_which_it_begins():
    shift = of(roster(hall_wide("night")))
    day = derive(ZHANG, shift, Facts(LONG_AFTER, signs("19:55 32:05")))
    assert told(day) == "normal 0 0 0 | ok ok"
    assert day.day == TUESDAY and day.slots[1].due == at("32:00")


def test_of_two_shifts_whose_windows_meet_a_punch_counts_for_one():
    """A night until eight, then a day from nine: 8:25 ends the night, 8:35 begins the day."""
    wednesday = TUESDAY + timedelta(days=1)
    made = roster(
        Assignment(1, "person", ZHANG, "night", TUESDAY, TUESDAY),
        Assignment(2, "person", ZHANG, "four", wednesday, wednesday),
    )
    night, day = made.shifts(ZHANG, TUESDAY, wednesday)
    assert night.ends < day.opens == at("8:30", wednesday)
    both = signs("19:55 32:25 32:35")
    assert told(derive(ZHANG, night, Facts(LONG_AFTER, both))) == "normal 0 0 0 | ok ok"
    assert derive(ZHANG, day, Facts(LONG_AFTER, both)).slots[0].punch == "32:35"


BOOK = """version = 1
[[timetable]]
code = "x"
label = "某班"
source = "test"
weekdays = []
late_grace = 0
early_grace = 0
absent_after = 0
repeat_seconds = 60
missing_is_absent = true
[[timetable.season]]
label = "全年"
first = "01-01"
last = "12-31"
slots = [
    { label = "到", sign = "in", half = "am", from = "08:00", by = "09:00", until = "10:00" },
    { label = "退", sign = "out", half = "am", from = "11:00", by = "12:00", until = "13:00" },
]
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('last = "12-31"', 'last = "12-30"', "没有作息时间"),
        ('from = "08:00"', 'from = "09:30"', "依次"),
        ('sign = "out"', 'sign = "in"', "成对"),
        ('label = "退"', 'label = "到"', "不能相同"),
        ('by = "12:00"', 'by = "09:00"', "依次"),
    ],
)
def test_a_timetable_that_cannot_be_used_is_refused_with_the_reason(old: str, new: str, said: str):
    assert book_of(BOOK).timetables[0].code == "x"
    with pytest.raises(Invalid) as refused:
        book_of(BOOK.replace(old, new))
    assert said in " ".join(refused.value.fields.values())


@pytest.mark.parametrize("text", ["8", "8:1", "24:60", "48:01", "a:00", "-1:00"])
def test_a_time_is_hours_and_two_digits_of_minutes_up_to_two_days(text: str):
    assert minute_of("32:05") == 1925
    with pytest.raises(ValueError, match="a time is"):
        minute_of(text)


def test_every_timetable_that_ships_names_its_source_and_can_be_used():
    book = packaged_book()
    assert all(one.source and not one.faults() for one in book.timetables)
    assert {"four", "four-seasons", "two", "flexible", "night"} <= set(book.by_code())


def test_who_holds_a_post_for_part_of_a_day_keeps_the_own_hours_and_the_day_says_for_whom():
    assigned = (hall_wide("two"), Assignment(1, "person", ZHANG, "four", LONG_AGO))
    beside = StandIn(1, LI, ZHANG, TUESDAY, TUESDAY, own_hours=True)
    shift = of(roster(*assigned, stand_ins=(beside,)), LI)
    assert (code((shift,)), shift.holds_for) == (["two"], ZHANG)
    whole = StandIn(2, LI, ZHANG, TUESDAY, TUESDAY)
    shift = of(roster(*assigned, stand_ins=(beside, whole)), LI)
    assert (code((shift,)), shift.holds_for) == (["four"], ZHANG)


def test_the_hours_worked_on_a_day_are_those_of_its_shift_and_the_morning_of_a_night():
    saturday = TUESDAY + timedelta(days=4)
    four = worked_on(roster(hall_wide()).shifts(ZHANG, TUESDAY, saturday))
    assert four[TUESDAY] == ((540, 720), (780, 1020)) and four[saturday] == ()
    night = worked_on(roster(hall_wide("night")).shifts(ZHANG, TUESDAY, TUESDAY))
    assert night[TUESDAY] == ((1200, 1440),)
    assert night[TUESDAY + timedelta(days=1)][0][0] == 0
    assert worked_on(roster().shifts(ZHANG, TUESDAY, TUESDAY)) == {}
