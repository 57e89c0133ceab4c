"""The rules of our own kiosks' events: order, gaps, clones, and when something happened."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.terminals.anchors import Anchor, time_of
from attendance.terminals.kiosk import (
    Asked,
    Link,
    advance,
    event_hash,
    place,
    read_event,
    signed_text,
)
from attendance.terminals.words import WORDS, words_of

START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
KEY = "k" * 32


def text(seq: int = 1, prev_hash: str = "a" * 32, **more: Any) -> str:
    event = {
        "seq": seq,
        "prev_hash": prev_hash,
        "event_id": "e" * 32,
        "kind": "app_start",
        "boot_id": "b" * 32,
        "mono_ms": 0,
        "wall": "2026-11-24T09:00:00+08:00",
        **more,
    }
    return json.dumps(event)


BAD = {
    "no JSON": "x",
    "a list": "[]",
    "a time without its offset": text(wall="2026-11-24T09:00:00"),
    "no time": text(wall="gestern"),
    "number nought": text(seq=0),
    "an unknown kind": text(kind="door"),
    "an unknown field": text(score=0.3),
    "too long": text(note="x" * 5000),
    "a hash with other letters": text(prev_hash="z" * 64),
    "half a letter": '{"seq": "\ud800"}',
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_event_is_refused_whole(what: str):
    with pytest.raises(ValueError):
        read_event(BAD[what])


def test_the_first_event_names_the_key_and_each_next_one_the_one_before():
    first = read_event(text(1, "a" * 32))
    assert place(first, "h1", "a" * 32, {}) == "new"
    assert place(first, "h1", "b" * 32, {}) == "clone"
    second = read_event(text(2, "b" * 64))
    assert place(second, "h2", KEY, {1: Link("b" * 64, "")}) == "new"
    assert place(second, "h2", KEY, {1: Link("c" * 64, "")}) == "clone"
    assert place(second, "h2", KEY, {}) == "new"
    assert place(second, "h2", KEY, {3: Link("h3", "h2")}) == "new"
    assert place(second, "h2", KEY, {3: Link("h3", "other")}) == "clone"


def test_the_same_event_again_is_a_duplicate_and_another_of_its_number_a_clone():
    event = read_event(text())
    same = event_hash(text())
    assert place(event, same, KEY, {1: Link(same, KEY)}) == "duplicate"
    assert place(event, same, KEY, {1: Link("other", KEY)}) == "clone"


@given(st.sets(st.integers(1, 60)), st.integers(0, 20))
def test_everything_is_either_acknowledged_or_here_or_told_as_missing(
    arrived: set[int], before: int
):
    above = sorted(seq for seq in arrived if seq > before)
    acked, missing = advance(before, above)
    told = {seq for first, last in missing for seq in range(first, last + 1)}
    highest = max(above, default=before)
    assert told == set(range(acked + 1, highest + 1)) - set(above)
    assert set(range(before + 1, acked + 1)) <= set(above)
    assert acked + 1 not in above


def test_a_request_is_signed_over_everything_that_matters():
    asked = Asked("get", "/t/v1/x", "b=2&a=1", "d", "K-1", "k", "t", "n")
    assert signed_text(asked).decode().split("\n") == [
        *("onehall-terminal/1", "GET", "/t/v1/x", "a=1&b=2", "d", "K-1", "k", "t", "n"),
    ]


def test_the_words_are_all_different_and_follow_from_both_sides_keys():
    assert len(set(WORDS)) == 256
    assert len(words_of(b"a", b"b", b"c")) == 6
    assert words_of(b"a", b"b", b"c") != words_of(b"a", b"b", b"d")


def anchor(minute: float, slept: float = 0, off: float = 0, rtt: int = 10) -> Anchor:
    """What page and node agreed on: minutes of the node, of which the page slept some."""
    at = START + timedelta(minutes=minute)
    mono = round((minute - slept) * 60_000)
    return Anchor(mono, at, rtt, at + timedelta(minutes=off))


def told(minute: float, anchors: list[Anchor], slept: float = 0, off: float = 0):
    """(minutes, clock) of an event that happened at that minute."""
    mono = round((minute - slept) * 60_000)
    wall = START + timedelta(minutes=minute + off)
    found = time_of(mono, wall, anchors, START + timedelta(days=1))
    return round((found.at - START).total_seconds() / 60), found.clock


def test_a_clock_that_is_wrong_all_the_time_moves_nothing():
    for off in (-300, 0, 45):
        assert told(30, [anchor(0, off=off), anchor(60, off=off)], off=off) == (30, "")
        assert told(30, [anchor(0, off=off)], off=off) == (30, "")
        assert told(30, [anchor(60, off=off)], off=off) == (30, "")


def test_a_clock_that_was_set_in_between_is_not_asked_where_the_page_never_slept():
    assert told(30, [anchor(0), anchor(60, off=-50)], off=-50) == (30, "")


def test_after_a_clock_was_set_with_one_anchor_the_time_is_told_as_doubtful():
    assert told(30, [anchor(0)], off=-20) == (30, "suspect")


def test_a_machine_that_slept_is_asked_for_its_own_clock():
    assert told(50, [anchor(0), anchor(60, slept=40)], slept=40) == (50, "")
    assert told(5, [anchor(0), anchor(60, slept=40)]) == (5, "")


def test_a_machine_that_slept_and_whose_clock_was_set_is_told_as_doubtful():
    found = told(50, [anchor(0), anchor(60, slept=40, off=7)], slept=40, off=7)
    assert found[1] == "suspect"


def test_a_page_that_never_reached_the_node_is_believed_and_marked():
    assert told(30, []) == (30, "unanchored")
    ahead = time_of(0, START + timedelta(hours=1), [], START)
    assert (ahead.at, ahead.clock) == (START, "suspect")


@given(
    st.lists(st.integers(0, 600), min_size=1, max_size=6, unique=True),
    st.integers(0, 600),
    st.integers(0, 800),
)
def test_the_true_time_lies_within_the_error_that_is_told(
    anchors: list[int], minute: int, rtt: int
):
    mono = minute * 60_000
    true = START + timedelta(minutes=minute)
    # The request took between nothing and all of the round trip to arrive.
    known = [
        Anchor(m * 60_000, START + timedelta(minutes=m, milliseconds=(m * 37) % (rtt + 1)), rtt,
               START + timedelta(minutes=m))
        for m in anchors
    ]  # fmt: skip
    found = time_of(mono, true, known, START + timedelta(days=1))
    assert found.clock == ""
    assert found.error is not None
    assert abs(found.at - true) <= found.error + timedelta(milliseconds=1)
