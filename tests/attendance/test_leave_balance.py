"""Annual leave by the regulation, and the ledger of comp time."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.leave_balance import (
    Earned,
    Spent,
    YearFacts,
    annual_of,
    comp_time,
    counted_years,
    expiry,
    full_years,
)
from standards.leave_rules import packaged_rules

RULES = packaged_rules()
DAY = RULES.clock.day_minutes
NOTHING = YearFacts()


@pytest.mark.parametrize(
    ("start", "on", "days"),
    [
        ("2025-07-01", "2026-06-30", 0),
        ("2025-07-01", "2026-07-01", 5),
        ("2016-07-01", "2026-06-30", 5),
        ("2016-07-01", "2026-07-01", 10),
        ("2006-07-01", "2026-06-30", 10),
        ("2006-07-01", "2026-07-01", 15),
        ("1986-07-01", "2026-07-01", 15),
        ("2026-07-01", "2026-07-01", 0),
        ("2027-01-01", "2026-07-01", 0),
        # There is no 29 February 2026: the tenth year is full on 1 March.
        ("2016-02-29", "2026-02-28", 5),
        ("2016-02-29", "2026-03-01", 10),
        ("2012-02-29", "2032-02-28", 10),
        ("2012-02-29", "2032-02-29", 15),
    ],
)
def test_annual_leave_steps_up_at_exactly_one_ten_and_twenty_years(start: str, on: str, days: int):
    found = annual_of(date.fromisoformat(start), date.fromisoformat(on), NOTHING, RULES)
    assert (found.given, found.left, found.unused) == (days * DAY,) * 3


@pytest.mark.parametrize(
    ("on", "years"), [("2026-07-15", 9), ("2026-07-31", 9), ("2026-08-01", 10)]
)
def test_a_table_may_count_from_the_month_after(on: str, years: int):
    rule = msgspec.structs.replace(RULES.annual, counts_from="next_month")
    for start in ("2016-07-15", "2016-07-01"):
        assert counted_years(date.fromisoformat(start), date.fromisoformat(on), rule) == years


@pytest.mark.parametrize(
    ("years", "facts", "gone"),
    [
        (5, YearFacts(personal_minutes=20 * DAY - 1), False),
        (5, YearFacts(personal_minutes=20 * DAY), True),
        (5, YearFacts(sick_days=59), False),
        (5, YearFacts(sick_days=60), True),
        (10, YearFacts(sick_days=89), False),
        (10, YearFacts(sick_days=90), True),
        (20, YearFacts(sick_days=119), False),
        (20, YearFacts(sick_days=120), True),
        (5, YearFacts(school_holidays=True), True),
    ],
)
def test_long_leave_takes_the_annual_leave_away(years: int, facts: YearFacts, gone: bool):
    found = annual_of(date(2026 - years, 1, 1), date(2026, 6, 1), facts, RULES)
    assert bool(found.excluded) is gone
    assert (found.given == 0) is gone


def test_unpaid_personal_leave_takes_nothing_away():
    annual = msgspec.structs.replace(RULES.annual, personal_is_paid=False)
    rules = msgspec.structs.replace(RULES, annual=annual)
    facts = YearFacts(personal_minutes=40 * DAY)
    assert annual_of(date(2016, 1, 1), date(2026, 6, 1), facts, rules).given == 10 * DAY


def test_who_took_the_leave_and_was_then_ill_for_months_has_none_the_year_after():
    ill = YearFacts(sick_days=90, taken=5 * DAY)
    start, on = date(2014, 1, 1), date(2026, 6, 1)
    assert annual_of(start, on, NOTHING, RULES, before=ill).given == 0
    assert annual_of(start, on, NOTHING, RULES, before=YearFacts(sick_days=90)).given == 10 * DAY


def test_what_was_carried_is_spent_first_and_the_rest_is_shown_as_unused():
    facts = YearFacts(carried=3 * DAY, taken=4 * DAY, reserved=DAY)
    found = annual_of(date(2016, 1, 1), date(2026, 6, 1), facts, RULES)
    assert (found.left, found.unused) == (8 * DAY, 9 * DAY)


def test_without_a_work_start_nothing_is_claimed_to_be_known():
    found = annual_of(None, date(2026, 6, 1), NOTHING, RULES)
    assert not found.known and found.left == 0


amounts = st.integers(0, 30 * DAY)


@given(st.dates(date(1980, 1, 1), date(2030, 1, 1)), st.dates(date(2020, 1, 1), date(2030, 1, 1)),
       st.builds(YearFacts, personal_minutes=amounts, sick_days=st.integers(0, 365), taken=amounts,
                 carried=amounts, reserved=amounts))  # fmt: skip
def test_a_balance_is_never_negative(start: date, on: date, facts: YearFacts):
    found = annual_of(start, on, facts, RULES)
    assert found.left >= 0 and found.unused >= 0
    assert found.given in (0, 5 * DAY, 10 * DAY, 15 * DAY)


@given(st.dates(date(1980, 1, 1), date(2026, 1, 1)), st.dates(date(2026, 1, 1), date(2030, 1, 1)))
def test_full_years_go_up_by_one_each_year_and_never_down(start: date, on: date):
    years = full_years(start, on)
    assert 0 <= full_years(start, on + timedelta(days=1)) - years <= 1
    assert full_years(start, on + timedelta(days=366)) - years in (1, 2)


# --- comp time -----------------------------------------------------------------------------------


def lot(day: str, hours: int, expires: str) -> Earned:
    return Earned(date.fromisoformat(expires), date.fromisoformat(day), hours * 60)


def use(day: str, hours: int, pending: bool = False) -> Spent:
    return Spent(date.fromisoformat(day), hours * 60, pending)


LOTS = [lot("2026-03-07", 4, "2026-06-07"), lot("2026-04-04", 8, "2027-04-04")]


@pytest.mark.parametrize(
    ("spent", "on", "left", "expired", "uncovered"),
    [
        ([], "2026-06-07", 12, 0, 0),
        ([], "2026-06-08", 8, 4, 0),
        ([use("2026-05-01", 3)], "2026-06-08", 8, 1, 0),
        ([use("2026-05-01", 5)], "2026-05-01", 7, 0, 0),
        # What is taken after the expiry of the first comes from the second.
        ([use("2026-07-01", 5)], "2026-07-01", 3, 4, 0),
        ([use("2026-07-01", 5), use("2026-05-01", 4, True)], "2026-07-01", 3, 0, 0),
        # Before it was earned it cannot be spent.
        ([use("2026-03-01", 2)], "2026-05-01", 12, 0, 2),
        ([use("2026-05-01", 14)], "2026-05-01", 0, 0, 2),
    ],
)
def test_the_hours_that_expire_first_are_spent_first(
    spent: list[Spent], on: str, left: int, expired: int, uncovered: int
):
    found = comp_time(LOTS, spent, date.fromisoformat(on))
    told = (found.left, found.expired, found.uncovered)
    assert told == (left * 60, expired * 60, uncovered * 60)


days = st.dates(date(2026, 1, 1), date(2026, 12, 31))
lots = st.lists(st.builds(lambda day, good, n: Earned(day + timedelta(good), day, n), days,
                          st.integers(0, 200), st.integers(0, 600)), max_size=6)  # fmt: skip
uses = st.lists(st.builds(Spent, days, st.integers(1, 600), st.booleans()), max_size=6)


@given(lots, uses, days)
def test_every_minute_of_the_ledger_is_somewhere(
    earned: list[Earned], spent: list[Spent], on: date
):
    found = comp_time(earned, spent, on)
    assert found.left >= 0 and found.expired >= 0 and found.uncovered >= 0
    covered = found.spent + found.reserved - found.uncovered
    assert found.earned == covered + found.left + found.expired
    assert found == comp_time(reversed(earned), reversed(spent), on)


@pytest.mark.parametrize(
    ("day", "months", "last"),
    [
        ("2026-11-24", 12, "2027-11-24"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2026-11-30", 1, "2026-12-30"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-12-15", 0, "2026-12-15"),
    ],
)
def test_overtime_is_good_for_so_many_months(day: str, months: int, last: str):
    assert expiry(date.fromisoformat(day), months) == date.fromisoformat(last)
