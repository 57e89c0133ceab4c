"""How fast files may go, and when."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.files.pacing import (
    LARGEST_FLIGHT,
    LARGEST_PIECE,
    SMALLEST_PIECE,
    Pace,
    check_windows,
    is_open,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-24T{text}:00+08:00")


@pytest.mark.parametrize(
    ("windows", "open_at", "closed_at"),
    [
        ((), ("00:00", "12:00", "23:59"), ()),
        (("12:00-13:30",), ("12:00", "13:29"), ("11:59", "13:30", "00:00")),
        (("17:30-08:00",), ("17:30", "23:59", "00:00", "07:59"), ("08:00", "12:00", "17:29")),
        (("12:00-13:00", "18:00-19:00"), ("12:30", "18:30"), ("13:00", "17:59", "19:00")),
    ],
)
def test_files_go_within_their_hours_also_over_midnight(windows, open_at, closed_at) -> None:
    assert [moment for moment in open_at if not is_open(windows, at(moment))] == []
    assert [moment for moment in closed_at if is_open(windows, at(moment))] == []


@pytest.mark.parametrize(
    "text", ["", "12-13", "24:00-25:00", "12:00", "12:60-13:00", "12:00-13:00 "]
)
def test_hours_that_cannot_be_read_are_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="file_windows"):
        check_windows([text])


def test_a_slow_line_gets_short_pieces_and_a_fast_one_long_ones() -> None:
    slow, fast = Pace().measured(16_000, 4.0), Pace().measured(64_000, 0.01)
    assert slow.piece == SMALLEST_PIECE
    assert fast.piece == LARGEST_PIECE
    assert Pace().measured(40_000, 1.0).piece == 40_000


def test_a_piece_that_did_not_get_through_makes_the_next_ones_shorter() -> None:
    assert Pace().measured(1_000_000, 0.5).slowed().piece == SMALLEST_PIECE
    assert Pace().slowed().piece == SMALLEST_PIECE


@pytest.mark.parametrize(
    ("carries", "late_s"), [(32_000, 0.95), (6_000, 1.5), (1_000_000, 0.3), (250_000, 2.0)]
)
def test_a_line_that_answers_late_is_filled_with_a_few_seconds_of_pieces_and_no_more(
    carries: int, late_s: float
) -> None:
    pace, moved = Pace().answered(late_s), 0.0
    for _ in range(40):
        moved = min(carries, pace.flight / late_s)
        pace = pace.measured(round(moved), 1.0)
    assert pace.places > 1
    assert moved == carries
    assert pace.flight <= max(3 * carries, SMALLEST_PIECE)


def test_a_line_that_answers_at_once_carries_one_piece_after_the_other() -> None:
    assert Pace().places == 1
    late = Pace().answered(2.0)
    assert late.places > late.answered(0.01).answered(0.01).answered(0.01).answered(0.01).places
    assert Pace().answered(0.02).places == 1


def test_a_budget_is_for_all_that_is_on_its_way() -> None:
    wide, narrow = Pace(0, 1_000_000.0), Pace(512, 1_000_000.0)
    assert (narrow.piece, narrow.flight) == (64_000, 192_000)
    assert wide.flight == LARGEST_FLIGHT > narrow.flight


@given(
    st.integers(8, 100_000),
    st.lists(st.tuples(st.integers(1, LARGEST_PIECE), st.floats(0.001, 30)), min_size=1),
)
def test_whatever_the_line_does_the_budget_holds_over_time(kbit, pieces) -> None:
    pace, size, took = Pace(kbit), 0, 0.0
    for length, seconds in pieces:
        size, took = size + length, took + seconds + pace.rest(length, seconds)
    assert size * 8 <= kbit * 1000 * took * 1.001
