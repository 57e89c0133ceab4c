"""From decision to punch: the ways of equal right, their grades, and what may not travel."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

import attendance
from attendance.consent import CURRENT, notice
from attendance.errors import MESSAGES, FaceError
from attendance.gallery import Decision, Gallery, decide
from attendance.punches import (
    Occasion,
    punch_by_face,
    punch_by_pin,
    punch_by_supervisor,
)
from standards.records.presence import GRADES, PUNCH_WAYS, Punch
from tests.attendance.people import between, centre, frames_at, hall, number, vectors

MORNING = datetime(2026, 3, 2, 8, 31, 5, 123456, tzinfo=timezone(timedelta(hours=8)))
HERE = Occasion(MORNING, terminal="K1")
SEEN = Occasion(MORNING, terminal="K1", witness="T00-001")


def decision_for(outcome: str) -> Decision:
    gallery = hall(7 if outcome == "pin_required" else 20)
    mine = gallery.people[3].template
    distance = {"confirm": gallery.calibration.confirmable - 0.002, "unknown": 2.0}.get(
        outcome, 0.1
    )
    decision = decide(gallery, frames_at(between(mine, centre(900), distance)))
    assert decision.outcome == outcome
    return decision


ME, OTHER = number(3), number(4)


@pytest.mark.parametrize(
    ("outcome", "pin_of", "way", "grade"),
    [
        ("accepted", None, "face", "B"),
        ("accepted", ME, "face_pin", "B"),
        ("confirm", ME, "face_pin", "B"),
        ("confirm", OTHER, "pin", "C"),
        ("pin_required", ME, "face_pin", "B"),
        ("unknown", ME, "pin", "C"),
    ],
)
def test_a_sign_in_at_the_camera_says_what_proved_it(
    outcome: str, pin_of: str | None, way: str, grade: str
):
    decision = decision_for(outcome)
    raw = punch_by_face(decision, HERE, pin_of)
    assert (raw.punch.staff_no, raw.punch.way, raw.punch.grade) == (pin_of or ME, way, grade)
    assert raw.decision is decision
    assert raw.punch.punched_at == "2026-03-02T08:31:05+08:00"


@pytest.mark.parametrize(
    ("outcome", "pin_of", "code"),
    [
        ("accepted", OTHER, "not_this_person"),
        ("confirm", None, "pin_needed"),
        ("pin_required", None, "pin_needed"),
        ("unknown", None, "unknown"),
    ],
)
def test_a_face_that_does_not_prove_it_makes_no_punch(outcome: str, pin_of: str | None, code: str):
    with pytest.raises(FaceError) as refused:
        punch_by_face(decision_for(outcome), HERE, pin_of)
    assert refused.value.code == code


def test_whoever_is_seen_by_a_supervisor_has_the_best_grade_by_face_and_by_pin():
    assert punch_by_face(decision_for("accepted"), SEEN).punch.grade == "A"
    seen = punch_by_pin(ME, SEEN).punch
    assert (seen.grade, seen.way, seen.witness) == ("A", "pin", "T00-001")
    assert punch_by_pin(ME, HERE).punch.grade == "C"


def test_a_supervisor_signs_for_somebody_else_with_a_reason_and_never_for_himself():
    raw = punch_by_supervisor(ME, SEEN, " 终端断电 ")
    assert (raw.punch.way, raw.punch.grade, raw.punch.reason) == ("supervisor", "D", "终端断电")
    for staff_no, occasion, reason in (
        (ME, HERE, "断电"),
        ("T00-001", SEEN, "断电"),
        (ME, SEEN, " "),
    ):
        with pytest.raises(FaceError) as refused:
            punch_by_supervisor(staff_no, occasion, reason)
        assert refused.value.code == "supervisor_needed"


def test_a_time_without_an_offset_is_nobodys_time():
    with pytest.raises(ValueError, match="offset"):
        punch_by_pin(ME, Occasion(MORNING.replace(tzinfo=None)))


def test_what_travels_of_a_punch_holds_nothing_that_the_face_was_compared_by():
    raw = punch_by_face(decision_for("confirm"), SEEN, ME)
    travelling = msgspec.json.decode(msgspec.json.encode(raw.punch))
    local = set(Decision.__struct_fields__) - {"staff_no"}
    assert not local & set(Punch.__struct_fields__)
    assert not any(isinstance(value, float | list | dict) for value in travelling.values())
    assert raw.decision is not None and raw.decision.model_id not in travelling.values()
    assert travelling["way"] in PUNCH_WAYS and travelling["grade"] in GRADES


def test_every_code_that_can_be_raised_has_a_sentence_and_none_is_left_over():
    folder = Path(attendance.__file__).parent
    code = "".join(path.read_text("utf-8") for path in folder.glob("*.py") if path.stem != "errors")
    assert [one for one in MESSAGES if f'"{one}"' not in code] == []
    assert all(sentence.endswith("。") for sentence in MESSAGES.values())
    with pytest.raises(KeyError):
        FaceError("no such code")


def test_the_notice_tells_everything_that_the_law_asks_for_in_the_halls_name():
    worded = notice(CURRENT).worded("江东分厅", "督查科 0435-0000000")
    text = "".join(section.heading + section.text for section in worded.sections)
    for told in (
        "江东分厅",
        "督查科",
        "签到",
        "敏感个人信息",
        "加密",
        "不通过互联网",
        "必要",
        "影响",
    ):
        assert told in text
    for told in ("撤回", "删除", "查阅", "更正", "口令", "效力相同", "投诉"):
        assert told in text
    bases = "".join(section.basis for section in worded.sections)
    for clause in ("第十七条", "第二十九条", "第三十条", "人脸识别技术应用安全管理办法"):
        assert clause in bases
    assert "单独同意江东分厅" in worded.statement and "{" not in text + worded.statement
    assert worded.version == CURRENT


def test_a_notice_that_never_existed_is_not_made_up():
    with pytest.raises(KeyError):
        notice(0)


def test_an_empty_gallery_knows_nobody_but_lets_everybody_sign_by_pin():
    decision = decide(Gallery(hall(1).model_id), frames_at(vectors(1, 1)[0]))
    assert punch_by_face(decision, HERE, ME).punch.way == "pin"
