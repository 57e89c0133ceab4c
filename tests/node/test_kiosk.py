"""Signing in at a terminal: by face, by number and PIN, and what is said when it does not work.

Real frames through the real engine. A frame is only ever an answer, never a row.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from attendance.engine import FaceEngine
from attendance.errors import MESSAGES
from attendance.gallery import replay
from attendance.punches import Occasion, punch_by_pin
from node.hall import Hall
from node.presence.sign_ins import Capture, keep_punch
from node.staff import face_gallery
from node.terminals.kiosk_views import EVENTS_BODY
from node.terminals.terminal_blobs import PICTURE_BYTES
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
    assert asked[1]["message"] == MESSAGES["pin_needed"]
    assert how_many(hall, "punch") == 0

    _, told = at_work.punch(FRAMES, staff_no=ZHANG, pin=PIN)
    assert (told["status"], told["way"], told["grade"]) == ("stored", "face_pin", "B")
    assert told["name"] == "张**"
    assert told["at"] == "2026-11-24T09:00:00+08:00"
    row = only_punch(hall)
    assert row["punched_at"] == "2026-11-24T09:00:00+08:00"
    assert (row["staff_no"], row["actor"], row["terminal"]) == (ZHANG, ZHANG, at_work.id)


def test_with_eight_enrolled_a_face_is_enough(hall: Hall, at_work: Kiosk, engine: FaceEngine):
    seven_more(hall, engine.status().model_id or "")
    _, told = at_work.punch(FRAMES)
    assert (told["status"], told["way"], told["grade"]) == ("stored", "face", "B")
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
    assert asked[1]["message"] == MESSAGES["unknown"]
    assert ZHANG not in str(asked)
    for table in ("punch", "face_decision", "raw_punch", "kiosk_match", "terminal_event"):
        assert how_many(hall, table) == 0


def test_a_recognised_face_does_not_sign_in_a_colleague_whose_pin_it_knows(
    hall: Hall, office: Browser, at_work: Kiosk, engine: FaceEngine
):
    seven_more(hall, engine.status().model_id or "")
    add_member(office, staff_no="T01-022", name="李四")
    set_pin(office, "T01-022")
    answer = at_work.punch(FRAMES, staff_no="T01-022", pin=PIN)
    assert outcome(answer) == (200, "not_this_person")
    assert answer[1]["status"] == "rejected"
    assert how_many(hall, "punch") == 0


def test_who_is_not_recognised_signs_in_by_pin_with_the_grade_of_a_pin(
    hall: Hall, office: Browser, at_work: Kiosk
):
    add_member(office, staff_no="T01-022", name="李四")
    set_pin(office, "T01-022")
    _, told = at_work.punch(STRANGER, staff_no="T01-022", pin=PIN)
    assert (told["status"], told["way"], told["grade"]) == ("stored", "pin", "C")


BAD = {
    "nobody": ([pictures.nobody()] * 3, "no_face"),
    "too far": (pictures.frames("obama", face=80), "too_small"),
    "too dark": ([pictures.frame("obama", Augmentation(light=0.15))] * 3, "too_dark"),
    "blurred": ([pictures.frame("obama", Augmentation(blur=5.0))] * 3, "blurred"),
    "two frames": (FRAMES[:2], "hold"),
    "two people in turn": ([*FRAMES[:2], STRANGER[0]], "person_changed"),
    "not a picture": ([b"GIF89a" + bytes(500)] * 3, "not_a_picture"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_frame_is_told_in_words_for_the_person_before_the_camera(
    hall: Hall, at_work: Kiosk, what: str
):
    frames, code = BAD[what]
    _, told = at_work.punch(frames)
    assert (told["state"], told["ticket"]) == (code, "")
    assert told["message"] == MESSAGES.get(code, "请正对镜头，站稳")
    assert how_many(hall, "terminal_event") == 0


def test_a_changed_model_is_told_and_the_pin_still_works(hall: Hall, at_work: Kiosk):
    hall.db.execute("UPDATE face_template SET model_id = :model", model=MODEL)
    assert outcome(at_work.punch(FRAMES)) == (200, "model_changed")
    assert outcome(at_work.punch(staff_no=ZHANG, pin=PIN)) == (200, "stored")


# --- by number and PIN ----------------------------------------------------------------------------


def test_number_and_pin_sign_in_without_any_face(hall: Hall, office: Browser, kiosk: Kiosk):
    add_member(office)
    set_pin(office)
    _, told = kiosk.punch(staff_no="021", pin=PIN)
    assert (told["status"], told["way"], told["grade"]) == ("stored", "pin", "C")
    assert only_punch(hall)["staff_no"] == ZHANG
    assert how_many(hall, "face_decision") == 0


@pytest.mark.parametrize(("staff_no", "pin"), [(ZHANG, "000000"), ("T01-999", PIN), ("", PIN)])
def test_a_wrong_number_and_a_wrong_pin_are_answered_alike(
    hall: Hall, office: Browser, kiosk: Kiosk, staff_no: str, pin: str
):
    add_member(office)
    set_pin(office)
    assert outcome(kiosk.punch(staff_no=staff_no, pin=pin)) == (200, "pin")
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
    assert outcome(locked) == (200, "pin_locked")
    assert locked[1]["status"] == "held"
    assert outcome(kiosk.punch(staff_no="T01-022", pin=PIN)) == (200, "stored")
    clock.turn(minutes=11)
    assert outcome(kiosk.punch(staff_no=ZHANG, pin=PIN)) == (200, "stored")


def test_whoever_left_the_post_does_not_sign_in(hall: Hall, office: Browser, at_work: Kiosk):
    office.post(f"/staff/{ZHANG}/leave")
    assert outcome(at_work.punch(staff_no=ZHANG, pin=PIN)) == (200, "pin")
    assert outcome(at_work.punch(FRAMES)) == (200, "unknown")


# --- once -----------------------------------------------------------------------------------------


def test_an_event_that_comes_twice_is_one_punch_and_told_the_same(hall: Hall, at_work: Kiosk):
    first = at_work.punch(staff_no=ZHANG, pin=PIN)[1]
    text = at_work.note("manual", staff_no=ZHANG, pin=PIN)
    for expected in ("stored", "duplicate"):
        at_work.queue = [(at_work.seq, text)]
        _, told = at_work.deliver()
        (result,) = told["results"]
        assert (result["status"], result["name"]) == (expected, first["name"])
    assert how_many(hall, "punch") == 2


def test_an_event_that_arrives_twice_at_the_same_moment_is_one_punch(hall: Hall, kiosk: Kiosk):
    """The second request looked before the first had written."""
    capture = Capture(kiosk.id, "1/1")
    raws = [
        punch_by_pin(ZHANG, Occasion(hall.clock.local() + timedelta(seconds=n), kiosk.id))
        for n in (0, 1)
    ]
    kept = [keep_punch(hall, raw, capture) for raw in raws]
    assert kept[0] == kept[1] == raws[0].punch
    assert how_many(hall, "punch") == 1


def test_one_recognition_is_one_punch_however_many_events_name_it(
    hall: Hall, at_work: Kiosk, engine: FaceEngine
):
    seven_more(hall, engine.status().model_id or "")
    _, told = at_work.look(FRAMES)
    for expected in ("stored", "rejected"):
        at_work.note("match", ticket=told["ticket"])
        assert at_work.deliver()[1]["results"][0]["status"] == expected
    assert how_many(hall, "punch") == 1


def test_a_ticket_of_another_kiosk_or_changed_is_worth_nothing(
    hall: Hall, at_work: Kiosk, engine: FaceEngine
):
    seven_more(hall, engine.status().model_id or "")
    ticket = at_work.look(FRAMES)[1]["ticket"]
    other = Kiosk(hall, None)
    for kiosk, text in (
        (other, ticket),
        (at_work, "x" + ticket),
        (at_work, ticket[:-1] + "01"[ticket[-1] == "0"]),
    ):
        kiosk.note("match", ticket=text)
        result = kiosk.deliver()[1]["results"][0]
        assert (result["status"], result["reason"]) == ("rejected", "ticket")
    assert how_many(hall, "punch") == 0


def test_two_sign_ins_a_minute_apart_are_two_punches(
    hall: Hall, office: Browser, kiosk: Kiosk, clock: TurnableClock
):
    """In or out, and what counts, is derived later; nothing is dropped here."""
    add_member(office)
    set_pin(office)
    kiosk.punch(staff_no=ZHANG, pin=PIN)
    clock.turn(minutes=1)
    kiosk.punch(staff_no=ZHANG, pin=PIN)
    assert how_many(hall, "punch") == 2


def test_on_a_full_disk_nobody_is_told_to_have_signed_in(hall: Hall, office: Browser, kiosk: Kiosk):
    add_member(office)
    set_pin(office)
    fill_disk(hall)
    answers: list[int] = []
    # The file's last page may still have room for some.
    while len(answers) < 200 and (not answers or answers[-1] == 200):
        answers.append(kiosk.punch(staff_no=ZHANG, pin=PIN)[0])
    assert answers[-1] == 507
    assert how_many(hall, "punch") == len(answers) - 1
    hall.db.limit_pages(1 << 30)
    assert kiosk.deliver()[1]["acked_through"] == len(answers)
    assert how_many(hall, "punch") == len(answers)


# --- who may ask, and what ------------------------------------------------------------------------


MALFORMED = {
    "no body": b"",
    "not JSON": b"events=1",
    "a list": b"[]",
    "no events": b"{}",
    "an event that is no text": b'{"events":[1]}',
    "a text that is no event": b'{"events":["1"]}',
    "an unknown field": b'{"events":[],"name":"x"}',
    "depth of 100,000": b'{"events":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "half a letter": b'{"events":["\xff"]}',
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_request_gets_one_clear_sentence(hall: Hall, kiosk: Kiosk, what: str):
    body = MALFORMED[what]
    headers = kiosk.headers("POST", "/t/v1/events", body) | {"Content-Type": "application/json"}
    status, told = kiosk.send("POST", "/t/v1/events", headers, body)
    assert (status, told["code"]) in ((400, "malformed"), (422, "malformed"))
    assert "请" in told["message"]
    assert how_many(hall, "terminal_event") == 0


def test_another_content_type_is_refused(kiosk: Kiosk):
    assert outcome(kiosk.ask("POST", "/t/v1/events", FRAMES[0])) == (415, "malformed")


def test_a_frame_and_a_request_that_are_too_large_are_refused(kiosk: Kiosk):
    _, told = kiosk.ask("POST", "/t/v1/sessions", {})
    target = f"/t/v1/sessions/{told['session']}/frames?at=0"
    assert kiosk.ask("POST", target, bytes(PICTURE_BYTES + 1))[0] == 413
    assert kiosk.ask("POST", "/t/v1/events", bytes(EVENTS_BODY + 1))[0] == 413
    assert kiosk.ask("POST", "/t/v1/pair", bytes(5000))[0] == 413


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
    assert public == {
        *("/", "/kiosk", "/kiosk-worker.js", "/trust", "/trust/ca.crt"),
        *("/healthz", "/large-type", "/metrics"),
    }


def test_the_idle_page_learns_whether_faces_are_in_use(hall: Hall, office: Browser, kiosk: Kiosk):
    _, told = kiosk.ask("GET", "/t/v1/state")
    assert told["faces"] is False
    assert told["hall"] == "公安分厅"
    assert told["server_time"] == "2026-11-24T01:00:00.000Z"
    enrolled(office)
    assert kiosk.ask("GET", "/t/v1/state")[1]["faces"] is True
