"""When a person's enrolled pictures have aged."""

from __future__ import annotations

from msgspec.structs import replace

from attendance.drift import drifts
from attendance.gallery import Decision, decide
from tests.attendance.people import frames_at, hall, number, person


def accepted(part: float) -> Decision:
    """As if the face had been that part of the limit away."""
    made = decide(hall(10), frames_at(person(3).template))
    return replace(made, distance=part * made.threshold)


def test_who_is_accepted_near_the_limit_is_told_to_enrol_anew():
    near, far = drifts([accepted(0.4)] * 6)[number(3)], drifts([accepted(0.9)] * 6)[number(3)]
    assert not near.is_far and far.is_far
    assert (far.count, round(far.part, 2), far.asked) == (6, 0.9, 0)
    assert far.mean > near.mean


def test_a_few_sign_ins_say_nothing_yet():
    assert not drifts([accepted(0.95)] * 4)[number(3)].is_far


def test_who_must_confirm_as_often_as_not_is_told_too():
    confirmed = [replace(accepted(0.5), outcome="confirm")] * 5
    assert drifts([*confirmed, *[accepted(0.5)] * 5])[number(3)].is_far
    assert not drifts([*confirmed, *[accepted(0.5)] * 20])[number(3)].is_far


def test_strangers_and_empty_galleries_belong_to_nobody():
    unknown = replace(accepted(0.5), outcome="unknown", staff_no=None)
    assert drifts([unknown, replace(unknown, distance=None)]) == {}
