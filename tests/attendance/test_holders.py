"""Whose number it was that day, and what a clock without a zone meant."""

from datetime import UTC, date, datetime

import pytest

from attendance.holders import Holding, holder_of, overlapping
from attendance.local_time import moment_of, offset_name, zone_of

MARCH, APRIL, MAY = (date(2026, month, 1) for month in (3, 4, 5))
OLD = Holding("37", "T01-001", "", MARCH, APRIL)
NEW = Holding("37", "T01-002", "", APRIL, None)
ELSEWHERE = Holding("37", "T01-003", "SN2", MARCH, None)


@pytest.mark.parametrize(
    ("device", "day", "who"),
    [
        ("SN1", date(2026, 2, 28), None),
        ("SN1", MARCH, "T01-001"),
        ("SN1", date(2026, 3, 31), "T01-001"),
        ("SN1", APRIL, "T01-002"),
        ("SN2", APRIL, "T01-003"),
    ],
)
def test_a_number_that_is_given_again_means_whoever_held_it_that_day(
    device: str, day: date, who: str | None
):
    assert holder_of([NEW, ELSEWHERE, OLD], device, day) == who


@pytest.mark.parametrize(
    ("new", "found"),
    [
        (Holding("37", "T01-009", "", MAY, None), NEW),
        (Holding("37", "T01-009", "", MARCH, APRIL), OLD),
        (Holding("37", "T01-009", "", date(2026, 2, 1), MARCH), None),
        (Holding("37", "T01-009", "SN1", MARCH, None), None),
        (Holding("037", "T01-009", "", MARCH, None), None),
    ],
)
def test_two_people_cannot_hold_one_number_on_one_day_at_one_terminal(
    new: Holding, found: Holding | None
):
    assert overlapping([OLD, NEW], new) == found


def test_the_same_clock_face_is_another_moment_in_another_zone():
    shown = datetime(2026, 11, 24, 8, 30)
    assert moment_of(shown, zone_of("Asia/Shanghai")) == (
        datetime(2026, 11, 24, 0, 30, tzinfo=UTC),
        False,
    )
    assert moment_of(shown, zone_of(offset_name(5 * 3600 + 1800)))[0].hour == 3
    assert offset_name(-12600) == "-03:30"


@pytest.mark.parametrize("hour", [(2026, 3, 29, 2, 30), (2026, 10, 25, 2, 30)])
def test_an_hour_that_came_twice_or_never_is_said(hour: tuple[int, int, int, int, int]):
    assert moment_of(datetime(*hour), zone_of("Europe/Berlin"))[1] is True


def test_a_zone_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no such zone"):
        zone_of("Mars/Olympus")
