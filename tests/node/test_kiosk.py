"""Signing in at a terminal: by face, by number and PIN, and what is said when it does not work.

Real frames through the real engine. A frame is only ever an answer, never a row.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from attendance.engine import FaceEngine
from attendance.errors import MESSAGES
from attendance.gallery import replay
from attendance.punches import Occasion, punch_by_pin
from node import face_gallery
from node.hall import Hall
from node.kiosk import FRAME_BYTES, PUNCH_BODY
from node.sign_ins import Capture, keep_punch
from tests import pictures
from tests.attendance.people import MODEL
from tests.node.attendance import (
    PIN,
    ZHANG,
    Kiosk,
    add_member,
    enrolled,
    outcome,
    set_pin,
    seven_more,
)
from tests.node.hall import Browser, TurnableClock, fill_disk, how_many
from tests.pictures import Augmentation
from web.access import access_of

FRAMES = pictures.frames("obama")
STRANGER = pictures.frames("biden")


@pytest.fixture
def at_work(office: Browser, kiosk: Kiosk) -> Kiosk:
    """A terminal in a hall where Zhang has a PIN and an enrolled face."""
    enrolled(office)
    return kiosk


def only_punch(hall: Hall) -> dict[str, object]:
    (row,) = hall.db.query("SELECT * FROM punch")
    return dict(row)


# --- by face ------------------------------------------------------------------------------------


def test_before_eight_are_enrolled_a_face_also_needs_number_and_pin(hall: Hall, at_work: Kiosk):
    asked = at_work.punch(FRAMES)
    assert outcome(asked) == (200, "pin_required")
    assert asked.get_json()["message"] == MESSAGES["pin_needed"]
    assert how_many(hall, "punch") == 0

    told = at_work.punch(FRAMES, staff_no=ZHANG, pin=PIN).get_json()
    assert (told["outcome"], told["way"], told["grade"]) == ("accepted", "face_pin", "B")
    assert told["name"] == "张**"
    assert "09:00" in told["message"]
    row = only_punch(hall)
    assert row["punched_at"] == "2026-11-24T09:00:00+08:00"
    assert (row["staff_no"], row["actor"], row["terminal"]) == (ZHANG, ZHANG, at_work.id)


def test_with_eight_enrolled_a_face_is_enough(hall: Hall, at_work: Kiosk, engine: FaceEngine):
    seven_more(hall, engine.status().model_id or "")
    told = at_work.punch(FRAMES).get_json()
    assert (told["outcome"], told["way"], told["grade"]) == ("accepted", "face", "B")
    row = only_punch(hall)
    assert row["staff_no"] == ZHANG
    decision = face_gallery.decision_of(hall, str(row["id"]))
    assert decision is not None
    assert decision.people == 8
    assert replay(decision) == "accepted"


def test_a_stranger_is_unknown_and_leaves_no_trace(hall: Hall, at_work: Kiosk, engine: FaceEngine):
    seven_more(hall, engine.status().model_id or "")
    asked = at_work.punch(STRANGER)
    assert outcome(asked) == (200, "unknown")
    assert asked.get_json()["message"] == MESSAGES["unknown"]
    assert ZHANG not in asked.text
    for table in ("punch", "face_decision", "raw_punch"):
        assert how_many(hall, table) == 0


def test_a_recognised_face_does_not_sign_in_a_colleague_whose_pin_it_knows(
    hall: Hall, office: Browser, at_work: Kiosk, engine: FaceEngine
):
    seven_more(hall, engine.status().model_id or "")
    add_member(office, staff_no="T01-022", name="李四")
    set_pin(office, "T01-022")
    answer = at_work.punch(FRAMES, staff_no="T01-022", pin=PIN)
    assert outcome(answer) == (422, "not_this_person")
    assert how_many(hall, "punch") == 0


def test_who_is_not_recognised_signs_in_by_pin_with_the_grade_of_a_pin(
    hall: Hall, office: Browser, at_work: Kiosk
):
    add_member(office, staff_no="T01-022", name="李四")
    set_pin(office, "T01-022")
    told = at_work.punch(STRANGER, staff_no="T01-022", pin=PIN).get_json()
    assert (told["outcome"], told["way"], told["grade"]) == ("accepted", "pin", "C")


BAD = {
    "nobody": ([pictures.nobody()] * 3, "no_face"),
    "too far": (pictures.frames("obama", face=80), "too_small"),
    "too dark": ([pictures.frame("obama", Augmentation(light=0.15))] * 3, "too_dark"),
    "blurred": ([pictures.frame("obama", Augmentation(blur=5.0))] * 3, "blurred"),
    "two frames": (FRAMES[:2], "too_few_pictures"),
    "two people in turn": ([*FRAMES[:2], STRANGER[0]], "person_changed"),
    "not a picture": ([b"GIF89a" + bytes(500)] * 3, "not_a_picture"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_frame_is_told_in_words_for_the_person_before_the_camera(
    hall: Hall, at_work: Kiosk, what: str
):
    frames, code = BAD[what]
    answer = at_work.punch(frames)
    assert outcome(answer) == (422, code)
    assert answer.get_json()["message"] == MESSAGES[code]
    assert how_many(hall, "punch") == 0


def test_a_changed_model_is_told_and_the_pin_still_works(hall: Hall, at_work: Kiosk):
    hall.db.execute("UPDATE face_template SET model_id = :model", model=MODEL)
    assert outcome(at_work.punch(FRAMES)) == (422, "model_changed")
    assert outcome(at_work.punch(staff_no=ZHANG, pin=PIN)) == (200, "accepted")


# --- by number and PIN ----------------------------------------------------------------------------


def test_number_and_pin_sign_in_without_any_face(hall: Hall, office: Browser, kiosk: Kiosk):
    add_member(office)
    set_pin(office)
    told = kiosk.punch(staff_no="021", pin=PIN).get_json()
    assert (told["outcome"], told["way"], told["grade"]) == ("accepted", "pin", "C")
    assert only_punch(hall)["staff_no"] == ZHANG
    assert how_many(hall, "face_decision") == 0


@pytest.mark.parametrize(
    ("staff_no", "pin"), [(ZHANG, "000000"), (ZHANG, ""), ("T01-999", PIN), ("", PIN)]
)
def test_a_wrong_number_and_a_wrong_pin_are_answered_alike(
    hall: Hall, office: Browser, kiosk: Kiosk, staff_no: str, pin: str
):
    add_member(office)
    set_pin(office)
    assert outcome(kiosk.punch(staff_no=staff_no, pin=pin)) == (422, "pin")
    assert how_many(hall, "punch") == 0


def test_five_wrong_pins_lock_that_person_and_nobody_else(
    hall: Hall, office: Browser, kiosk: Kiosk, clock: TurnableClock
):
    for staff_no in (ZHANG, "T01-022"):
        add_member(office, staff_no=staff_no)
        set_pin(office, staff_no)
    for _ in range(5):
        kiosk.punch(staff_no=ZHANG, pin="000000")
    locked = kiosk.punch(staff_no=ZHANG, pin=PIN)
    assert outcome(locked) == (429, "pin_locked")
    assert "Retry-After" in locked.headers
    assert outcome(kiosk.punch(staff_no="T01-022", pin=PIN)) == (200, "accepted")
    clock.turn(minutes=11)
    assert outcome(kiosk.punch(staff_no=ZHANG, pin=PIN)) == (200, "accepted")


def test_whoever_left_the_post_does_not_sign_in(hall: Hall, office: Browser, at_work: Kiosk):
    office.post(f"/staff/{ZHANG}/leave")
    assert outcome(at_work.punch(staff_no=ZHANG, pin=PIN)) == (422, "pin")
    assert outcome(at_work.punch(FRAMES)) == (200, "unknown")


# --- once -----------------------------------------------------------------------------------------


def test_one_capture_is_one_punch_however_often_it_is_sent(hall: Hall, at_work: Kiosk):
    said = {"staff_no": ZHANG, "pin": PIN, "capture": "the-same-capture"}
    first, second = at_work.punch(FRAMES, **said), at_work.punch(FRAMES, **said)
    assert first.get_json() == second.get_json()
    again = at_work.punch(capture="the-same-capture")
    assert again.get_json() == first.get_json()
    assert how_many(hall, "punch") == 1


def test_a_capture_that_arrives_twice_at_the_same_moment_is_one_punch(hall: Hall, kiosk: Kiosk):
    """The second request looked before the first had written."""
    capture = Capture(kiosk.id, "the-same-capture")
    raws = [
        punch_by_pin(ZHANG, Occasion(hall.clock.local() + timedelta(seconds=n), kiosk.id))
        for n in (0, 1)
    ]
    kept = [keep_punch(hall, raw, capture) for raw in raws]
    assert kept[0] == kept[1] == raws[0].punch
    assert how_many(hall, "punch") == 1


def test_two_captures_a_minute_apart_are_two_punches(
    hall: Hall, office: Browser, kiosk: Kiosk, clock: TurnableClock
):
    """In or out, and what counts, is derived later; nothing is dropped here."""
    add_member(office)
    set_pin(office)
    kiosk.punch(staff_no=ZHANG, pin=PIN)
    clock.turn(minutes=1)
    kiosk.punch(staff_no=ZHANG, pin=PIN)
    assert how_many(hall, "punch") == 2


def test_the_same_capture_of_another_terminal_is_another_sign_in(
    hall: Hall, office: Browser, kiosk: Kiosk
):
    add_member(office)
    set_pin(office)
    for terminal in (kiosk, Kiosk(hall, None)):
        answer = terminal.punch(capture="the-same-capture", staff_no=ZHANG, pin=PIN)
        assert outcome(answer) == (200, "accepted")
    assert how_many(hall, "punch") == 2


def test_on_a_full_disk_nobody_is_told_to_have_signed_in(hall: Hall, office: Browser, kiosk: Kiosk):
    add_member(office)
    set_pin(office)
    fill_disk(hall)
    answers: list[TestResponse] = []
    # The file's last page may still have room for some.
    while len(answers) < 200 and (not answers or answers[-1].status_code == 200):
        answers.append(kiosk.punch(staff_no=ZHANG, pin=PIN))
    assert answers[-1].status_code == 507
    assert how_many(hall, "punch") == len(answers) - 1


# --- who may ask, and what ------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "wrong", "x" * 43])
def test_without_the_right_token_nothing_is_answered(hall: Hall, at_work: Kiosk, token: str):
    body = {"capture": "c" * 16, "staff_no": ZHANG, "pin": PIN}
    for method, path, more in (
        ("GET", "/terminal/state", {}),
        ("POST", "/terminal/punch", {"json": body}),
    ):
        answer = at_work.ask(method, path, token=token, **more)
        assert outcome(answer) == (401, "token")
        assert "张" not in answer.text
    assert how_many(hall, "punch") == 0


def frame_text(length: int) -> str:
    return b64encode(bytes(length)).decode()


MALFORMED = {
    "no body": b"",
    "not JSON": b"capture=1",
    "a list": b"[]",
    "no capture": b"{}",
    "a short capture": b'{"capture":"1"}',
    "a capture with a quote": b'{"capture":"aaaaaaaaaaaaaaaa\' OR 1"}',
    "an unknown field": b'{"capture":"aaaaaaaaaaaaaaaa","name":"x"}',
    "a number for a PIN": b'{"capture":"aaaaaaaaaaaaaaaa","pin":482915}',
    "NaN": b'{"capture":"aaaaaaaaaaaaaaaa","pin":NaN}',
    "frames that are not base64": b'{"capture":"aaaaaaaaaaaaaaaa","frames":["!!!"]}',
    "four frames": b'{"capture":"aaaaaaaaaaaaaaaa","frames":["","","",""]}',
    "depth of 100,000": b'{"capture":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "half a letter": b'{"capture":"aaaaaaaaaaaaaaaa","staff_no":"\xff"}',
    "neither face nor number": b'{"capture":"aaaaaaaaaaaaaaaa"}',
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_request_gets_one_clear_sentence(hall: Hall, at_work: Kiosk, what: str):
    answer = at_work.ask(
        "POST", "/terminal/punch", data=MALFORMED[what], content_type="application/json"
    )
    assert outcome(answer) == (400, "malformed")
    assert "请" in answer.get_json()["message"]
    assert how_many(hall, "punch") == 0


def test_another_content_type_is_refused(at_work: Kiosk):
    answer = at_work.ask("POST", "/terminal/punch", data=FRAMES[0], content_type="image/jpeg")
    assert outcome(answer) == (415, "malformed")


def test_a_frame_and_a_request_that_are_too_large_are_refused(at_work: Kiosk):
    large = {"capture": "a" * 16, "frames": [frame_text(FRAME_BYTES + 1)]}
    answer = at_work.ask("POST", "/terminal/punch", json=large)
    assert outcome(answer) == (413, "frame_too_large")
    answer = at_work.ask(
        "POST", "/terminal/punch", data=bytes(PUNCH_BODY + 1), content_type="application/json"
    )
    assert answer.status_code == 413
    answer = at_work.ask(
        "POST", "/terminal/pair", data=bytes(5000), content_type="application/json"
    )
    assert answer.status_code == 413


# --- the page and the listener --------------------------------------------------------------------


def test_the_kiosk_page_may_use_the_camera_and_nothing_from_elsewhere(kiosk: Kiosk):
    page = kiosk.client.get("/kiosk", base_url="http://localhost")
    assert page.status_code == 200
    assert "camera=(self)" in page.headers["Permissions-Policy"]
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in page.headers
    assert "style=" not in page.text
    assert "<script>" not in page.text
    assert "工号口令签到" in page.text


def test_no_staff_page_answers_on_the_terminals_listener(kiosk: Kiosk):
    for path in ("/staff", "/presence", "/terminals", "/sign-in", "/windows", "/cases"):
        assert kiosk.client.get(path, base_url="http://localhost").status_code == 404


def test_every_route_of_the_terminals_checks_its_caller_or_shows_nobody(kiosk: Kiosk):
    public = set()
    for rule in kiosk.app.url_map.iter_rules():
        if rule.endpoint.endswith("static"):
            continue
        access = access_of(kiosk.app.view_functions[rule.endpoint])
        assert access is not None
        if access.kind == "public":
            public.add(rule.rule)
    # The figures answer only this machine and the addresses in `metrics_from`.
    assert public == {"/", "/kiosk", "/healthz", "/large-type", "/metrics"}


def test_the_idle_page_learns_whether_faces_are_in_use(hall: Hall, office: Browser, kiosk: Kiosk):
    told = kiosk.ask("GET", "/terminal/state").get_json()
    assert told["faces"] is False
    assert told["hall"] == "公安分厅"
    assert told["time"] == "2026-11-24T09:00:00+08:00"
    enrolled(office)
    assert kiosk.ask("GET", "/terminal/state").get_json()["faces"] is True
