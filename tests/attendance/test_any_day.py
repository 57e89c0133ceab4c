"""Whatever the facts are: their order, their repetition and what lies outside change nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.days import Absence, Excuse, Facts, derive
from attendance.matching import Sign, _best, _clusters, _cost, _plain, in_window, matched
from tests.attendance.test_days import LONG_AFTER, ZHANG, at, shift_of

TABLES = ("four", "two", "flexible", "night", "four-seasons")
MIDNIGHT = at("0:00")

moments = st.integers(-6 * 60, 36 * 60).map(lambda minute: MIDNIGHT + timedelta(minutes=minute))
seconds = st.integers(0, 59).map(lambda second: timedelta(seconds=second))
some_hints = st.sampled_from(["", "in", "out"])
some_signs = st.lists(
    st.builds(
        Sign,
        at=st.builds(lambda moment, more: moment + more, moments, seconds),
        id=st.uuids().map(str),
        hint=some_hints,
        doubtful=st.sampled_from([False, False, False, True]),
    ),
    max_size=10,
)
some_absences = st.lists(
    st.builds(
        lambda start, length, effect: Absence(
            ZHANG, start, start + timedelta(minutes=length), "假", effect
        ),
        moments,
        st.integers(1, 700),
        st.sampled_from(["leave", "duty", "outing"]),
    ),
    max_size=4,
)
some_excuses = st.lists(
    st.sampled_from(["上午签到", "签退", "接班"]).map(lambda label: Excuse(label, "told_before")),
    max_size=2,
)


@given(st.sampled_from(TABLES), some_signs, some_absences, some_excuses, moments, st.randoms())
def test_order_and_repetition_change_nothing(table, signs, absences, excuses, until, random):
    shift = shift_of(table)
    once = derive(ZHANG, shift, Facts(until, signs, absences, excuses))
    mixed = [[*some, *some[:2]] for some in (signs, absences, excuses)]
    for some in mixed:
        random.shuffle(some)
    assert derive(ZHANG, shift, Facts(until, *mixed)) == once


@given(st.sampled_from(TABLES), some_signs, some_absences)
def test_a_day_depends_only_on_punches_inside_its_windows(table, signs, absences):
    shift = shift_of(table)
    facts = Facts(LONG_AFTER, signs, absences)
    inside = [one for one in signs if shift.opens <= one.at <= shift.ends]
    day = derive(ZHANG, shift, facts)
    assert derive(ZHANG, shift, Facts(LONG_AFTER, inside, absences)) == day
    used = {slot.punch for slot in day.slots if slot.punch}
    only = [one for one in signs if one.id in used or one.doubtful]
    again = derive(ZHANG, shift, Facts(LONG_AFTER, only, absences))
    assert [slot.state for slot in again.slots] == [slot.state for slot in day.slots]


@given(some_signs, some_absences)
def test_no_punch_counts_twice_and_the_signs_are_in_order(signs, absences):
    day = derive(ZHANG, shift_of(), Facts(LONG_AFTER, signs, absences))
    used = [(slot.at, slot.punch) for slot in day.slots if slot.at]
    assert len({punch for _, punch in used}) == len(used)
    assert [moment for moment, _ in used] == sorted(moment for moment, _ in used)


@given(some_signs, some_absences, some_absences)
def test_more_leave_never_makes_more_absence(signs, absences, more):
    leave = [one for one in more if one.effect != "outing"]
    before = derive(ZHANG, shift_of(), Facts(LONG_AFTER, (), absences))
    after = derive(ZHANG, shift_of(), Facts(LONG_AFTER, (), [*absences, *leave]))
    assert after.absent <= before.absent


@given(some_signs, some_signs)
def test_a_further_punch_never_takes_a_sign_away(signs, more):
    sure = [one for one in signs if not one.doubtful]
    shift = shift_of("two")
    before = derive(ZHANG, shift, Facts(LONG_AFTER, sure))
    after = derive(ZHANG, shift, Facts(LONG_AFTER, [*sure, *more]))

    def had(day) -> int:
        return sum(slot.at is not None for slot in day.slots)

    assert had(after) >= had(before) or any(one.doubtful for one in more)


@given(st.sampled_from(("four", "two", "night")), some_signs, st.lists(some_hints, min_size=10))
def test_no_hint_loses_a_sign_or_makes_anybody_later(table, signs, hints):
    slots = shift_of(table).slots
    inside = sorted({one._replace(hint="") for one in signs if in_window(one, slots)})
    hinted = [one._replace(hint=hint) for one, hint in zip(inside, hints, strict=False)]

    def came_to(some) -> tuple[int, float]:
        found = zip(slots, matched(slots, some, 60), strict=True)
        costs = [_cost(slot, sign) for slot, sign in found if sign is not None]
        return len(costs), sum(off for _, off, _, _ in costs)

    assert came_to(hinted) == came_to(inside)


@pytest.mark.parametrize("table", ["four", "two"])
@given(signs=some_signs)
def test_the_short_way_and_the_long_way_to_match_agree(table, signs):
    slots = shift_of(table).slots
    inside = sorted({one for one in signs if in_window(one, slots)})
    clusters = _clusters(inside, timedelta(seconds=60))
    short = _plain(slots, clusters)
    if short and clusters:
        assert short == _best(slots, clusters)
