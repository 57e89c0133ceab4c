"""The gate of enrolment: which pictures are good enough, and what is said when they are not."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from attendance.engine import FaceEngine
from attendance.enrolment import check_enrolment, enrol
from attendance.errors import MESSAGES, FaceError
from attendance.gallery import Gallery, decide
from attendance.quality import FaceFound, Quality
from tests import pictures
from tests.attendance.people import GOOD, face, vectors

GOOD_FACES = [face(vector) for vector in vectors(1, 3)]


def altered(field: str, value: float) -> Quality:
    return Quality(**{**asdict(GOOD), field: value})


def test_three_good_pictures_of_one_person_pass():
    assert check_enrolment(GOOD_FACES) == []
    assert enrol("T01-001", GOOD_FACES).vectors.shape == (3, 128)


@pytest.mark.parametrize(
    ("field", "limit", "beyond", "code"),
    [
        ("width", 120, 119, "too_small"),
        ("score", 1.0, 0.99, "turned_away"),
        ("yaw", 0.15, 0.16, "turned_away"),
        ("yaw", -0.15, -0.16, "turned_away"),
        ("sharpness", 20.0, 19.9, "blurred"),
        ("light", 60.0, 59.9, "too_dark"),
        ("light", 200.0, 200.1, "too_bright"),
        ("bystanders", 0, 1, "two_faces"),
    ],
)
def test_a_picture_just_beyond_a_limit_is_refused_and_named(
    field: str, limit: float, beyond: float, code: str
):
    at_limit = replace(GOOD_FACES[1], quality=altered(field, limit))
    assert check_enrolment([GOOD_FACES[0], at_limit, GOOD_FACES[2]]) == []
    over = replace(GOOD_FACES[1], quality=altered(field, beyond))
    (refused,) = check_enrolment([GOOD_FACES[0], over, GOOD_FACES[2]])
    assert (refused.picture, refused.code) == (1, code)
    assert refused.reason == f"第 2 张：{MESSAGES[code]}"


def test_every_reason_is_told_at_once():
    mixed: list[FaceFound | FaceError] = [GOOD_FACES[0], FaceError("no_face")]
    assert [(one.picture, one.code) for one in check_enrolment(mixed)] == [
        (1, "no_face"),
        (None, "too_few_pictures"),
    ]


def test_pictures_of_two_people_are_not_one_template():
    other = face(vectors(2, 1)[0])
    (refused,) = check_enrolment([*GOOD_FACES[:2], other])
    assert (refused.picture, refused.code) == (None, "person_changed")
    with pytest.raises(ValueError, match="person_changed"):
        enrol("T01-001", [*GOOD_FACES[:2], other])


def test_pictures_of_two_models_are_not_one_template():
    other = replace(GOOD_FACES[2], model_id="other:1")
    assert [one.code for one in check_enrolment([*GOOD_FACES[:2], other])] == ["model_changed"]


def measured(engine: FaceEngine, frames: list[bytes]) -> list[FaceFound]:
    return [engine.measure(frame) for frame in frames]


def test_real_faces_enrol_and_are_told_apart_from_each_other(engine: FaceEngine):
    people = {name: measured(engine, pictures.enrolment(name)) for name in ("obama", "biden")}
    gallery = Gallery(people["obama"][0].model_id)
    for name, faces in people.items():
        assert check_enrolment(faces) == []
        person = enrol(name, faces)
        assert gallery.look_alikes(person) == []
        gallery = gallery.with_person(person)

    for shown, expected in (("obama2", "obama"), ("obama3", "obama"), ("biden", "biden")):
        decision = decide(gallery, measured(engine, pictures.frames(shown)))
        assert (decision.outcome, decision.staff_no) == ("pin_required", expected)

    stranger = gallery.without_person("biden")
    assert decide(stranger, measured(engine, pictures.frames("biden"))).outcome == "unknown"


def test_a_person_swapped_in_the_middle_of_a_sign_in_is_noticed(engine: FaceEngine):
    faces = measured(engine, [*pictures.frames("obama")[:2], pictures.frame("biden")])
    with pytest.raises(FaceError) as refused:
        decide(Gallery(faces[0].model_id), faces)
    assert refused.value.code == "person_changed"
