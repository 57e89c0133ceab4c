"""Faces over time: the frame a supervisor adds, what ages, what is shown, and what is deleted."""

from __future__ import annotations

import pytest

from attendance.engine import FaceEngine
from node.hall import Hall
from node.staff import face_frames, face_gallery, members
from node.staff.face_report import FILING_DUTY
from standards.records import FaceConsent
from tests import pictures
from tests.node.attendance import PIN, ZHANG, Kiosk, enrolled, outcome, seven_more
from tests.node.hall import Browser, TurnableClock, how_many

FRAMES = pictures.frames("obama")
FACE = f"/staff/{ZHANG}"


@pytest.fixture
def confirmed(office: Browser, kiosk: Kiosk) -> Kiosk:
    """Zhang has signed in by face and confirmed it with the PIN."""
    enrolled(office)
    status, told = kiosk.punch(FRAMES, staff_no=ZHANG, pin=PIN)
    assert (status, told["way"]) == (200, "face_pin")
    return kiosk


def test_a_confirmed_frame_is_added_by_the_supervisors_hand_only(
    hall: Hall, office: Browser, confirmed: Kiosk
):
    assert face_gallery.templates(hall)[ZHANG].pictures == 3
    assert "添加这一帧" in office.get(FACE).text
    answer = office.post(f"{FACE}/face/frame", {})
    assert answer.location.endswith("done=frame")
    assert face_gallery.templates(hall)[ZHANG].pictures == 4
    assert how_many(hall, "face_frame") == 0
    assert "添加这一帧" not in office.get(FACE).text
    again = office.post(f"{FACE}/face/frame", {})
    assert again.location.endswith("done=no_frame")
    assert face_gallery.templates(hall)[ZHANG].pictures == 4


def test_the_frame_is_gone_after_a_day(
    hall: Hall, office: Browser, confirmed: Kiosk, clock: TurnableClock
):
    clock.turn(hours=23)
    assert face_frames.frame_of(hall, ZHANG) is not None
    clock.turn(hours=2)
    assert face_frames.frame_of(hall, ZHANG) is None
    face_gallery.tidy(hall)
    assert how_many(hall, "face_frame") == 0


@pytest.mark.parametrize("way", ["consent/withdraw", "leave"])
def test_the_frame_is_gone_with_the_consent_and_with_the_post(
    hall: Hall, office: Browser, confirmed: Kiosk, way: str
):
    assert how_many(hall, "face_frame") == 1
    office.post(f"{FACE}/{way}", {})
    assert how_many(hall, "face_frame") == how_many(hall, "face_template") == 0
    assert how_many(hall, "punch") == 1


def test_nothing_is_kept_of_a_face_that_nobody_confirmed(hall: Hall, office: Browser, kiosk: Kiosk):
    enrolled(office)
    assert outcome(kiosk.punch(FRAMES)) == (200, "pin_required")
    assert face_frames.frame_of(hall, ZHANG) is None
    stranger = kiosk.punch(pictures.frames("biden"), staff_no=ZHANG, pin=PIN)
    assert stranger[1]["way"] == "pin"
    assert face_frames.frame_of(hall, ZHANG) is None


def test_nothing_is_kept_of_somebody_who_was_told_by_an_older_notice(
    hall: Hall, office: Browser, kiosk: Kiosk
):
    enrolled(office)
    old = FaceConsent(staff_no=ZHANG, notice_version=1, given=True, day=hall.clock.today())
    hall.write(old, actor=ZHANG)
    assert kiosk.punch(FRAMES, staff_no=ZHANG, pin=PIN)[1]["way"] == "face_pin"
    assert how_many(hall, "face_frame") == 0
    assert ZHANG in members.may_be_recognised(hall)


def test_the_overview_tells_strangers_filing_and_age(
    hall: Hall, office: Browser, kiosk: Kiosk, engine: FaceEngine
):
    enrolled(office)
    assert "不足 8 人，一律加验口令" in office.get("/faces").text
    seven_more(hall, engine.status().model_id or "")
    for _ in range(2):
        assert kiosk.punch(FRAMES)[1]["way"] == "face"
    shown = office.get("/faces").text
    assert "8 人中有 0 人会被认成别人" in shown
    assert "8 人；达到 100,000 人须向网信部门备案" in shown and FILING_DUTY == 100_000
    assert "2 次" in shown and "每 1000 人次约" in shown


def test_tidying_deletes_old_decisions_and_templates_nobody_agrees_to(
    hall: Hall, office: Browser, kiosk: Kiosk, engine: FaceEngine, clock: TurnableClock
):
    enrolled(office)
    seven_more(hall, engine.status().model_id or "")
    assert kiosk.punch(FRAMES)[1]["way"] == "face"
    members.write_consent(hall, "T01-101", False, "T01-005")
    assert "T01-101" in face_gallery.templates(hall)
    face_gallery.tidy(hall)
    assert "T01-101" not in face_gallery.templates(hall)
    assert how_many(hall, "face_decision") == 1
    clock.turn(days=181)
    face_gallery.tidy(hall)
    assert how_many(hall, "face_decision") == 0 and how_many(hall, "punch") == 1
