"""Challenges drawn at random, and what of a face's movement meets them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.errors import FaceError
from attendance.liveness import (
    STEPS,
    Challenge,
    Seen,
    Step,
    Verdict,
    challenge,
    judge,
    judge_marks,
    session_frames,
)
from attendance.quality import Box
from tests.attendance.people import GOOD, centre, face

GAP = 0.15
Pose = dict[str, float]


def at_rest(count: int = 4) -> list[Pose]:
    return [{} for _ in range(count)]


def moves(step: Step) -> list[Pose]:
    """How a person does one step, frame by frame."""
    side = {"left": 1.0, "right": -1.0}.get(step)
    if side is not None:
        return [{"yaw": side * yaw} for yaw in (0.1, 0.25, 0.4, 0.4, 0.2, 0.05)]
    if step == "blink":
        return [{"eyes": eyes} for eyes in (0.28, 0.1, 0.28, 0.28, 0.12, 0.29)]
    return at_rest(9)


def film(poses: list[Pose], person: int = 1, start: float = 0.0) -> list[Seen]:
    return [Seen(start + GAP * i, posed(pose, person)) for i, pose in enumerate(poses)]


def posed(pose: Pose, person: int = 1):
    quality = replace(
        GOOD, yaw=pose.get("yaw", 0.02), eyes=pose.get("eyes", 0.28), view=int(pose.get("view", 0))
    )
    found = face(centre(person), quality)
    return replace(found, box=Box(200 + int(pose.get("right", 0)), 100, 180, 180))


def asked(first: Step, second: Step) -> Challenge:
    return Challenge("00", (first, second), 0.0, 8.0)


PAIRS = [(one, other) for one in STEPS for other in STEPS if one != other]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_who_does_both_steps_in_order_is_taken_for_alive(first: Step, second: Step):
    done = film([*at_rest(), *moves(first), *at_rest(2), *moves(second), *at_rest(2)])
    verdict = judge(asked(first, second), done)
    assert (verdict.live, verdict.code) == (True, "")
    assert verdict.done == tuple(sorted(verdict.done)) and len(verdict.done) == 2


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_same_film_played_to_the_other_order_is_refused(first: Step, second: Step):
    replayed = film([*at_rest(), *moves(second), *at_rest(2), *moves(first), *at_rest(2)])
    if {first, second} == {"blink", "still"}:
        # Resting eyes are still before and after a blink: nothing tells these two orders apart.
        return
    assert not judge(asked(first, second), replayed).live


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_still_picture_meets_no_challenge(first: Step, second: Step):
    assert judge(asked(first, second), film(at_rest(50))).code == "step_missing"


def test_turning_the_wrong_way_is_refused_at_once():
    wrong = film([*at_rest(), *moves("right"), *moves("left"), *moves("right")])
    assert judge(asked("left", "right"), wrong).code == "wrong_step"


def test_a_slight_turn_counts_only_where_the_detector_goes_over_to_its_view_for_it():
    slight = [
        {"yaw": yaw, "view": view} for yaw, view in ((0.1, 0), (0.18, 2), (0.18, 2), (0.03, 0))
    ]
    rest = [{"view": 0.0}] * 4
    asks = asked("left", "still")
    assert judge(asks, film([*rest, *slight, *moves("still")])).live
    other = [{**pose, "view": 1.0} for pose in slight]
    assert not judge(asks, film([*rest, *other, *moves("still")])).live
    # A print that the turned view finds from the start proves nothing by it.
    assert not judge(asks, film([*[{"view": 2.0}] * 4, *slight, *moves("still")])).live


def test_whoever_holds_still_is_still_though_the_detectors_box_jumps():
    """Boxes have sizes a fifth apart; between two of them they jump while the eyes stay."""

    def at(number: int, right: float) -> Seen:
        width = (174, 208)[number % 3 == 0]
        quality = replace(GOOD, middle=(320 + right, 200.0), span=70.0)
        found = replace(face(centre(1), quality), box=Box(320 - width // 2, 110, width, width))
        return Seen(GAP * number, found)

    asks = asked("still", "left")
    sway = [(-6.0, 4.0, 7.0, -3.0)[number % 4] for number in range(14)]
    assert judge(asks, [at(n, right) for n, right in enumerate(sway)]).done
    away = [4.0 * number for number in range(14)]
    assert not judge(asks, [at(n, right) for n, right in enumerate(away)]).done


def test_what_is_done_after_eight_seconds_does_not_count():
    slow = film([*at_rest(30), *moves("left"), *at_rest(14), *moves("right")])
    assert judge(asked("left", "right"), slow).code == "step_missing"
    early = film([*at_rest(), *moves("left"), *moves("right")], start=-3.0)
    assert not judge(asked("left", "right"), early).live


def test_a_second_person_stepping_in_is_noticed():
    first = film([*at_rest(), *moves("left")])
    then = film([*at_rest(), *moves("right")], person=2, start=first[-1].at + GAP)
    assert judge(asked("left", "right"), [*first, *then]).code == "person_changed"


def spoiled(change: Callable[[list[Seen]], list[Seen]]) -> str:
    done = film([*at_rest(), *moves("left"), *at_rest(2), *moves("right")])
    return judge(asked("left", "right"), change(done)).code


def test_one_face_must_be_seen_throughout():
    two = Seen(0.5, FaceError("two_faces"))
    assert spoiled(lambda done: [*done, two]) == "two_faces"
    assert spoiled(lambda done: [seen for seen in done if not 0.7 < seen.at < 2.1]) == "face_lost"
    assert spoiled(lambda done: done[:5]) == "too_few_pictures"
    # A head turned far is lost by the detector for a moment.
    lost = Seen(0.9, FaceError("no_face"))
    assert spoiled(lambda done: [lost if 0.89 < s.at < 0.91 else s for s in done]) == ""


def test_narrow_eyes_blink_as_well_as_wide_ones():
    for wide in (0.15, 0.40):
        blinks = [{"eyes": wide * part} for part in (1, 1, 0.4, 1, 1, 0.5, 1, 1)]
        film_ = film([*({"eyes": wide} for _ in range(4)), *blinks, *moves("left")])
        film_ = [s if s.at < 1.8 else Seen(s.at, posed_eyes(s, wide)) for s in film_]
        assert judge(asked("blink", "left"), film_).live


def posed_eyes(seen: Seen, wide: float):
    assert not isinstance(seen.face, FaceError)
    return replace(seen.face, quality=replace(seen.face.quality, eyes=wide))


@given(st.randoms(use_true_random=False), st.booleans())
def test_a_challenge_has_two_different_steps_that_the_engine_can_see(
    rng: random.Random, eyes: bool
):
    drawn = challenge(rng, 100.0, eyes=eyes)
    assert len(set(drawn.steps)) == 2 and (eyes or "blink" not in drawn.steps)
    assert (drawn.shown, drawn.until) == (100.0, 108.0)


def test_every_order_of_steps_is_drawn_and_no_nonce_twice():
    drawn = [challenge(random.Random(seed), 0.0, eyes=True) for seed in range(400)]
    assert {one.steps for one in drawn} == set(PAIRS)
    assert len({one.nonce for one in drawn}) == len(drawn)


def test_a_kept_verdict_is_judged_the_same_again_and_holds_no_vector():
    verdict = judge(asked("left", "still"), film([*at_rest(), *moves("left"), *moves("still")]))
    kept = msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict)
    assert kept == verdict and judge_marks(kept.challenge, kept.marks) == verdict
    assert str(round(float(centre(1)[0]), 4)) not in msgspec.json.encode(verdict).decode()


def test_the_person_is_recognised_by_frames_half_a_second_apart_that_look_straight():
    picked = session_frames(film([*at_rest(8), *moves("left"), *at_rest(6)]))
    assert len(picked) >= 3
    assert all(abs(found.quality.yaw) <= 0.28 for found in picked)
    assert np.allclose(picked[0].vector, centre(1))
