from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standards.errors import Invalid
from standards.workdays import (
    LONGEST_LIMIT,
    Calendar,
    CalendarYear,
    Due,
    TimeLimit,
    Unit,
    add_natural_days,
    add_working_days,
    count_working_days,
    next_working_day,
    published_calendar,
    published_years,
)

CALENDAR = published_calendar()
UNTIL_2025 = Calendar(table for table in published_years() if table.year <= 2025)
starts = st.dates(date(2017, 1, 1), date(2029, 12, 31))
limits = st.integers(0, 90)


@pytest.mark.parametrize(
    ("start", "days", "excluded", "included"),
    [
        (date(2026, 2, 13), 5, date(2026, 2, 27), date(2026, 2, 26)),
        (date(2026, 9, 18), 5, date(2026, 9, 24), date(2026, 9, 23)),
        (date(2026, 4, 30), 20, date(2026, 6, 1), date(2026, 5, 29)),
        (date(2026, 2, 11), 20, date(2026, 3, 17), date(2026, 3, 16)),
        (date(2025, 9, 26), 5, date(2025, 10, 10), date(2025, 10, 9)),
        (date(2018, 12, 28), 1, date(2018, 12, 29), date(2018, 12, 28)),
    ],
)
def test_due_dates_pass_over_holidays_and_count_make_up_days(
    start: date, days: int, excluded: date, included: date
) -> None:
    assert add_working_days(start, days, CALENDAR) == Due(excluded, False)
    assert add_working_days(start, days, CALENDAR, count_day0=True) == Due(included, False)


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2017, 249),
        (2018, 250),
        (2019, 250),
        (2020, 249),
        (2021, 250),
        (2022, 249),
        (2023, 249),
        (2024, 251),
        (2025, 248),
        (2026, 248),
    ],
)
def test_every_published_year_has_its_number_of_working_days(year: int, days: int) -> None:
    assert count_working_days(date(year, 1, 1), date(year, 12, 31), CALENDAR) == days


def test_the_make_up_days_of_2026_are_working_days() -> None:
    weekends = [
        day
        for day in (date(2026, 1, 1) + timedelta(days=n) for n in range(365))
        if day.weekday() >= 5 and CALENDAR.is_working_day(day)
    ]
    assert weekends == [
        date(2026, 1, 4),
        date(2026, 2, 14),
        date(2026, 2, 28),
        date(2026, 5, 9),
        date(2026, 9, 20),
        date(2026, 10, 10),
    ]


def test_a_due_date_in_a_year_without_a_table_is_provisional() -> None:
    due = add_working_days(date(2026, 12, 18), 10, CALENDAR)
    assert due == Due(date(2027, 1, 4), True)


def test_a_provisional_due_date_moves_when_the_table_arrives() -> None:
    before = add_working_days(date(2025, 12, 30), 3, UNTIL_2025)
    assert before == Due(date(2026, 1, 5), True)
    after = add_working_days(date(2025, 12, 30), 3, CALENDAR)
    assert after == Due(date(2026, 1, 5), False)
    spring = add_working_days(date(2026, 2, 11), 20, UNTIL_2025)
    assert spring == Due(date(2026, 3, 11), True)
    assert add_working_days(date(2026, 2, 11), 20, CALENDAR) == Due(date(2026, 3, 17), False)


def test_the_last_days_of_december_wait_for_the_notice_of_the_next_year() -> None:
    assert add_working_days(date(2026, 12, 17), 5, CALENDAR) == Due(date(2026, 12, 24), False)
    assert add_working_days(date(2026, 12, 18), 5, CALENDAR) == Due(date(2026, 12, 25), True)
    assert add_working_days(date(2025, 12, 18), 6, CALENDAR) == Due(date(2025, 12, 26), False)


@pytest.mark.parametrize(
    "day",
    [
        date(2027, 1, 1),
        date(2027, 10, 1),
        date(2028, 5, 1),
        date(2028, 5, 2),
        date(2027, 11, 27),
        date(2027, 11, 28),
    ],
)
def test_without_a_table_weekends_and_fixed_holidays_are_known(day: date) -> None:
    assert not CALENDAR.is_working_day(day)
    assert not Calendar().is_working_day(day)


def test_without_any_table_every_due_date_is_provisional() -> None:
    assert add_working_days(date(2026, 3, 2), 5, Calendar()) == Due(date(2026, 3, 9), True)


def test_zero_days_end_the_same_day_or_on_the_next_working_day() -> None:
    assert add_working_days(date(2026, 3, 2), 0, CALENDAR).date == date(2026, 3, 2)
    assert add_working_days(date(2026, 10, 1), 0, CALENDAR).date == date(2026, 10, 8)


def test_counting_the_first_day_changes_nothing_when_it_is_a_day_off() -> None:
    sunday = date(2026, 3, 1)
    assert add_working_days(sunday, 3, CALENDAR) == add_working_days(sunday, 3, CALENDAR, True)


def test_a_limit_in_natural_days_ending_on_a_holiday_moves_on() -> None:
    assert add_natural_days(date(2026, 9, 1), 30, CALENDAR) == Due(date(2026, 10, 8), False)
    assert add_natural_days(date(2026, 9, 1), 10, CALENDAR) == Due(date(2026, 9, 11), False)
    assert add_natural_days(date(2026, 9, 1), 10, CALENDAR, True) == Due(date(2026, 9, 10), False)
    # 10 October 2026 is a Saturday on which offices work.
    assert add_natural_days(date(2026, 9, 10), 30, CALENDAR) == Due(date(2026, 10, 10), False)


def test_a_limit_in_natural_days_is_provisional_only_where_it_ends() -> None:
    assert add_natural_days(date(2026, 12, 20), 30, CALENDAR) == Due(date(2027, 1, 19), True)
    assert not add_natural_days(date(2016, 12, 20), 30, CALENDAR).provisional


def test_a_time_limit_counts_in_its_own_unit() -> None:
    start = date(2026, 2, 13)
    assert TimeLimit(5).due(start, CALENDAR).date == date(2026, 2, 27)
    assert TimeLimit(5, Unit.NATURAL).due(start, CALENDAR).date == date(2026, 2, 24)
    assert TimeLimit(5).label == "5个工作日"
    assert TimeLimit(7, Unit.NATURAL).label == "7个自然日"
    assert TimeLimit(0).label == "即时办结"


@pytest.mark.parametrize("days", [-1, LONGEST_LIMIT + 1])
def test_an_impossible_limit_is_refused(days: int) -> None:
    with pytest.raises(Invalid):
        add_working_days(date(2026, 3, 2), days, CALENDAR)
    with pytest.raises(Invalid):
        add_natural_days(date(2026, 3, 2), days, CALENDAR)


@given(starts, limits, st.booleans())
def test_a_due_date_is_never_a_day_off_and_never_before_the_start(
    start: date, days: int, count_day0: bool
) -> None:
    for add in (add_working_days, add_natural_days):
        due = add(start, days, CALENDAR, count_day0)
        assert CALENDAR.is_working_day(due.date)
        assert due.date >= start


@given(starts, limits, st.booleans())
def test_a_longer_limit_or_a_later_start_never_ends_earlier(
    start: date, days: int, count_day0: bool
) -> None:
    for add in (add_working_days, add_natural_days):
        due = add(start, days, CALENDAR, count_day0).date
        assert add(start, days + 1, CALENDAR, count_day0).date >= due
        assert add(start + timedelta(days=1), days, CALENDAR, count_day0).date >= due


@given(starts, st.integers(1, 90))
def test_exactly_the_promised_number_of_working_days_lies_before_the_due_date(
    start: date, days: int
) -> None:
    due = add_working_days(start, days, CALENDAR).date
    assert count_working_days(start + timedelta(days=1), due, CALENDAR) == days
    included = add_working_days(start, days, CALENDAR, count_day0=True).date
    assert count_working_days(start, included, CALENDAR) == days


@given(starts)
def test_the_next_working_day_is_the_day_itself_or_skips_only_days_off(day: date) -> None:
    following = next_working_day(day, CALENDAR)
    assert CALENDAR.is_working_day(following)
    assert count_working_days(day, following, CALENDAR) == 1


def test_the_higher_version_of_a_year_stands_whatever_the_order() -> None:
    first = CalendarYear(year=2027, days_off=(), working_days=(), source="通知", version=1)
    second = CalendarYear(
        year=2027, days_off=(date(2027, 2, 8),), working_days=(), source="通知", version=2
    )
    assert Calendar((first, second)) == Calendar((second, first)) == Calendar((second,))
    assert not Calendar((first, second)).is_working_day(date(2027, 2, 8))
    assert hash(Calendar((first, second))) == hash(Calendar((second,)))
    assert repr(Calendar((first, second))) == "Calendar(2027v2)"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"days_off": (date(2026, 1, 1),)}, "days_off"),
        ({"working_days": (date(2026, 1, 3),)}, "working_days"),
        ({"working_days": (date(2027, 1, 4),)}, "working_days"),
        ({"days_off": (date(2027, 1, 2),), "working_days": (date(2027, 1, 2),)}, "working_days"),
        ({"source": " "}, "source"),
        ({"version": 0}, "version"),
    ],
)
def test_a_year_table_that_contradicts_itself_is_refused(
    changes: dict[str, object], field: str
) -> None:
    sound = CalendarYear(year=2027, days_off=(), working_days=(), source="通知")
    with pytest.raises(Invalid) as refusal:
        Calendar((msgspec.structs.replace(sound, **changes),))
    assert field in refusal.value.fields
    assert field in str(refusal.value)


def test_a_year_table_survives_the_wire() -> None:
    for table in published_years():
        assert msgspec.json.decode(msgspec.json.encode(table), type=CalendarYear) == table


def test_a_calendar_is_told_apart_from_other_things() -> None:
    assert CALENDAR != UNTIL_2025
    assert CALENDAR != "2026"
    assert CALENDAR.has_table(2026)
    assert not CALENDAR.has_table(2027)
