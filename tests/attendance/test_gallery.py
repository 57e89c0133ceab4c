"""The hall's people as a value: calibration, nearest match, decision, replay, forgetting."""

from __future__ import annotations

import random
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance import gallery as rules
from attendance.errors import FaceError
from attendance.gallery import Decision, Enrolled, Gallery, decide, outcome_of, replay
from tests.attendance.people import (
    GOOD,
    MODEL,
    between,
    centre,
    face,
    frames_at,
    hall,
    number,
    person,
    vectors,
)

seeds = st.lists(st.integers(0, 500), unique=True, min_size=0, max_size=15)


@given(seeds, st.randoms(use_true_random=False))
def test_the_order_of_enrolment_never_changes_the_threshold(order: list[int], rng: random.Random):
    shuffled = order.copy()
    rng.shuffle(shuffled)
    one, other = Gallery(MODEL), Gallery(MODEL)
    for seed in order:
        one = one.with_person(person(seed))
    for seed in shuffled:
        other = other.with_person(person(seed))
    assert one.calibration == other.calibration
    assert [p.staff_no for p in one.people] == [p.staff_no for p in other.people]


@given(seeds, st.integers(501, 600))
def test_enrolling_and_removing_somebody_leaves_the_gallery_as_it_was(before: list[int], new: int):
    original = Gallery(MODEL, [person(seed) for seed in before])
    grown = original.with_person(person(new))
    assert grown.without_person(number(new)).calibration == original.calibration
    assert len(original.people) == len(before) == len(grown.people) - 1


def held_by(gallery: Gallery) -> list[bytes]:
    """Every array reachable from the gallery, also the memory under a view of it."""
    found: list[bytes] = []
    todo: list[object] = [gallery]
    seen: set[int] = set()
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, np.ndarray):
            found.append(np.ascontiguousarray(item).tobytes())
            todo += [item.base] if item.base is not None else []
        elif isinstance(item, tuple | list):
            todo += item
        elif hasattr(item, "__dict__"):
            todo += vars(item).values()
    return found


@given(st.lists(st.integers(0, 500), unique=True, min_size=1, max_size=12))
def test_removing_a_person_removes_every_trace_of_the_vectors(enrolled: list[int]):
    gallery = Gallery(MODEL, [person(seed) for seed in enrolled])
    gone = person(enrolled[0])
    traces = [vector.tobytes() for vector in (*gone.vectors, gone.template)]
    assert gallery.calibration.people == len(gallery.nearest(gone.template, count=99))
    assert any(trace in held for trace in traces for held in held_by(gallery))

    left = gallery.without_person(gone.staff_no)

    assert left.calibration.people == len(enrolled) - 1
    left.nearest(gone.template)
    assert not any(trace in held for trace in traces for held in held_by(left))
    assert gone.staff_no not in [p.staff_no for p in left.people]


def test_the_threshold_is_two_deviations_under_the_mean_distance_to_the_nearest_other():
    people = [person(seed) for seed in range(12)]
    nearest = []
    for one in people:
        for vector in one.vectors:
            others = [other.template for other in people if other is not one]
            nearest.append(min(np.linalg.norm(vector.astype(float) - other) for other in others))
    found = Gallery(MODEL, people).calibration
    assert found.mean == pytest.approx(np.mean(nearest), abs=1e-6)
    assert found.deviation == pytest.approx(np.std(nearest), abs=1e-6)
    expected = np.mean(nearest) - 2 * np.std(nearest)
    assert found.threshold == pytest.approx(np.clip(expected, 0.30, 0.50), abs=1e-6)
    assert (found.people, found.vectors) == (12, 36)


@pytest.mark.parametrize(
    ("mean", "deviation", "people", "threshold"),
    [
        (0.55, 0.07, 30, 0.41),
        (0.40, 0.10, 30, 0.30),
        (0.90, 0.05, 30, 0.50),
        (0.55, 0.07, 8, 0.41),
        (0.55, 0.07, 7, 0.38),
        (None, None, 0, 0.38),
    ],
)
def test_the_threshold_stays_between_its_limits_and_needs_eight_people(
    mean: float | None, deviation: float | None, people: int, threshold: float
):
    assert rules.threshold_of(mean, deviation, people) == pytest.approx(threshold)


def test_the_hall_whose_people_look_alike_gets_the_stricter_threshold():
    alike = Gallery(MODEL, [person(seed, apart=0.55, within=0.1) for seed in range(10)])
    varied = Gallery(MODEL, [person(seed, apart=0.65, within=0.1) for seed in range(10)])
    assert alike.calibration.threshold < varied.calibration.threshold


def test_the_nearest_two_are_the_nearest_two_of_everybody():
    gallery = hall(60)
    for seed in (3, 30, 59, 777):
        probe = vectors(seed, 4)[3]
        everybody = sorted(
            (float(np.linalg.norm(p.template.astype(float) - probe)), p.staff_no)
            for p in gallery.people
        )
        found = gallery.nearest(probe)
        assert [near.staff_no for near in found] == [no for _, no in everybody[:2]]
        assert [near.distance for near in found] == pytest.approx([d for d, _ in everybody[:2]])


@pytest.mark.parametrize(
    ("distance", "second", "people", "outcome"),
    [
        (0.20, 0.60, 20, "accepted"),
        (0.40, 0.60, 20, "accepted"),
        (0.20, None, 20, "accepted"),
        (0.20, 0.25, 20, "confirm"),  # two people are nearly as near
        (0.41, 0.90, 20, "confirm"),
        (0.45, 0.90, 20, "unknown"),
        (None, None, 0, "unknown"),
        (0.20, 0.90, 7, "pin_required"),
        (0.45, 0.90, 7, "unknown"),
    ],
)
def test_the_outcome_follows_from_distance_margin_and_number_of_people(
    distance: float | None, second: float | None, people: int, outcome: str
):
    assert outcome_of(distance, second, 0.40, people) == outcome


def test_an_enrolled_person_is_accepted_and_a_stranger_is_not():
    gallery = hall(20)
    known = decide(gallery, frames_at(vectors(7, 4)[3]))
    assert (known.outcome, known.staff_no, known.people) == ("accepted", number(7), 20)
    stranger = decide(gallery, frames_at(centre(900)))
    assert (stranger.outcome, stranger.staff_no) == ("unknown", None)
    assert stranger.distance is not None and stranger.distance > stranger.threshold


def test_in_the_band_over_the_threshold_the_face_only_supports_a_number_and_pin():
    gallery = hall(20)
    mine, threshold = gallery.people[7].template, gallery.calibration.threshold
    probe = between(mine, centre(900), threshold + 0.02)
    decision = decide(gallery, frames_at(probe))
    assert (decision.outcome, decision.staff_no) == ("confirm", number(7))
    assert decision.supports(number(7)) and not decision.supports(number(8))


def test_between_two_look_alikes_either_may_confirm_by_pin():
    twin = Enrolled("T99-999", person(7).vectors + np.float32(0.002), MODEL)
    gallery = hall(20).with_person(twin)
    decision = decide(gallery, frames_at(vectors(7, 4)[3]))
    assert decision.outcome == "confirm"
    assert decision.supports(number(7)) and decision.supports("T99-999")


def test_with_few_people_the_pin_is_always_asked():
    assert decide(hall(7), frames_at(person(3).template)).outcome == "pin_required"
    assert decide(hall(8), frames_at(person(3).template)).outcome == "accepted"
    nobody = decide(Gallery(MODEL), frames_at(person(3).template))
    assert (nobody.outcome, nobody.distance) == ("unknown", None)


REFUSED = {
    "two frames": (frames_at(centre(1), 2), "too_few_pictures"),
    "another person in between": (
        [*frames_at(centre(1), 2), *frames_at(centre(2), 1)],
        "person_changed",
    ),
    "vectors of another model": (
        [face(centre(1), model_id="other:1")] * 3,
        "model_changed",
    ),
    "a turned head": (
        [face(centre(1), replace(GOOD, yaw=0.4))] * 3,
        "turned_away",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_frames_that_cannot_be_decided_on_are_refused_with_a_reason(name: str):
    frames, code = REFUSED[name]
    with pytest.raises(FaceError) as refused:
        decide(hall(10), frames)
    assert refused.value.code == code


@given(st.integers(0, 12), st.integers(0, 40), st.floats(0, 1), st.integers(0, 40))
def test_a_stored_decision_replays_to_the_same_outcome(
    people: int, start: int, distance: float, end: int
):
    probe = between(centre(start), centre(end + 100), distance)
    decision = decide(hall(people), frames_at(probe))
    stored = msgspec.json.decode(msgspec.json.encode(decision), type=Decision)
    assert stored == decision
    assert replay(stored) == decision.outcome


def test_a_decision_altered_afterwards_does_not_replay():
    decision = decide(hall(20), frames_at(centre(900)))
    forged = msgspec.structs.replace(decision, outcome="accepted")
    assert replay(forged) != forged.outcome
    with pytest.raises(ValueError, match="rule"):
        replay(msgspec.structs.replace(decision, rule=2))


def test_a_decision_holds_no_vector():
    probe = frames_at(vectors(7, 4)[3])
    text = msgspec.json.encode(decide(hall(20), probe))
    assert len(text) < 600
    assert not any(isinstance(value, list) for value in msgspec.json.decode(text).values())


def test_the_look_alike_of_somebody_enrolled_is_named_before_enrolment():
    gallery = hall(10)
    twin = Enrolled("T99-999", person(4).vectors + np.float32(0.01), MODEL)
    assert [near.staff_no for near in gallery.look_alikes(twin)] == [number(4)]
    assert gallery.look_alikes(person(300)) == []
    assert gallery.look_alikes(person(4)) == []  # of oneself, enrolled anew


def test_a_person_comes_back_from_storage_as_stored():
    one = person(5, pictures=4)
    again = Enrolled.unpacked(one.staff_no, one.packed(), MODEL)
    assert np.array_equal(again.vectors, one.vectors)
    with pytest.raises(ValueError, match=r"."):
        Enrolled.unpacked("T01-001", one.packed()[:-2], MODEL)


def test_a_gallery_refuses_two_models_doubles_and_thin_templates():
    other = Enrolled("T02-001", person(1).vectors, "other:1")
    with pytest.raises(ValueError, match="two models"):
        hall(3).with_person(other)
    with pytest.raises(ValueError, match="twice"):
        Gallery(MODEL, [person(1), person(1)])
    with pytest.raises(ValueError, match="three"):
        person(1, pictures=2)
    with pytest.raises(ValueError, match="three"):
        Enrolled("T01-001", np.full((3, 128), np.nan, np.float32), MODEL)


def test_neither_a_person_nor_a_face_shows_its_vector_when_printed():
    assert "vectors" not in repr(person(1)) and "array" not in repr(face(centre(1)))
