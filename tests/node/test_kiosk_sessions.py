"""A session before the camera: its end, its challenge, and frames that were shown before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_struct

from attendance.engine import FaceEngine
from attendance.liveness import Seen
from node.desk import FACES
from node.hall import Hall
from node.terminals.kiosk_sessions import Sessions
from node.terminals.kiosk_views import SESSIONS
from tests import pictures
from tests.node.attendance import (
    PIN,
    ZHANG,
    Kiosk,
    enrolled,
    outcome,
    seven_more,
)
from tests.node.hall import Browser, TurnableClock

FRAMES = pictures.frames("obama")


@pytest.fixture
def at_work(office: Browser, kiosk: Kiosk) -> Kiosk:
    """A terminal in a hall where Zhang has a PIN and an enrolled face."""
    enrolled(office)
    return kiosk


def test_a_session_ends_with_its_minute_its_outcome_and_the_next_one(
    at_work: Kiosk, clock: TurnableClock
):
    def look(session: str) -> tuple[int, str]:
        return outcome(at_work.ask("POST", f"/t/v1/sessions/{session}/frames?at=0", FRAMES[0]))

    first = at_work.ask("POST", "/t/v1/sessions", {})[1]["session"]
    second = at_work.ask("POST", "/t/v1/sessions", {})[1]["session"]
    assert look(first) == (404, "session")
    assert look(second)[0] == 200
    clock.turn(minutes=1, seconds=1)
    assert look(second) == (404, "session")


@pytest.mark.parametrize("at", ["nan", "inf", "-1", "1e300", "soon", ""])
def test_a_frame_that_names_no_time_is_refused_and_the_session_goes_on(at: str, at_work: Kiosk):
    session = at_work.ask("POST", "/t/v1/sessions", {})[1]["session"]
    place = f"/t/v1/sessions/{session}/frames"
    assert outcome(at_work.ask("POST", f"{place}?at={at}", FRAMES[0])) == (400, "malformed")
    assert at_work.ask("POST", f"{place}?at=0", FRAMES[0])[1]["taken"] == 1


def test_where_the_hall_asks_for_it_a_face_that_meets_no_challenge_needs_a_pin(
    hall: Hall, at_work: Kiosk, engine: FaceEngine
):
    seven_more(hall, engine.status().model_id or "")
    hall.settings = replace(hall.settings, liveness="must")
    still = [*FRAMES] * 8
    _, told = at_work.look(still)
    assert (told["outcome"], told["staff_no"]) == ("confirm", "")
    at_work.note("manual", staff_no=ZHANG, pin=PIN, ticket=told["ticket"])
    result = at_work.deliver()[1]["results"][0]
    assert (result["way"], result["grade"]) == ("face_pin", "B")


def test_a_met_challenge_is_told_by_the_grade(hall: Hall, at_work: Kiosk, engine: FaceEngine):
    """Frames of a real turn cannot be made from stills; the verdict itself is tested elsewhere."""
    seven_more(hall, engine.status().model_id or "")
    hall.settings = replace(hall.settings, liveness="ask")
    sessions: Sessions = at_work.app.extensions[SESSIONS]
    session = sessions.begin(at_work.id)
    faces = at_work.app.extensions[FACES]
    told = [sessions.look(session, frame, n / 2) for n, frame in enumerate(FRAMES)][-1]
    assert told.state == "challenge"
    assert session.challenge is not None
    found = faces.measure(FRAMES[0])
    session.challenge = replace_struct(session.challenge, steps=("left", "right"))
    yaws = (0, 0, 0, -0.4, -0.4, 0, 0, 0.4, 0.4, 0, 0)
    for n, yaw in enumerate(yaws):
        turned = replace(found.quality, yaw=found.quality.yaw - yaw)
        session.frames.append(Seen(1.2 + n * 0.3, replace(found, quality=turned)))
    answer = sessions.look(session, FRAMES[0], 5.0)
    assert answer.outcome == "accepted"
    at_work.note("match", ticket=answer.ticket)
    result = at_work.deliver()[1]["results"][0]
    assert (result["way"], result["grade"]) == ("face", "L")


def test_a_frame_that_was_shown_before_is_told_to_the_supervisor(
    hall: Hall, office: Browser, at_work: Kiosk, engine: FaceEngine
):
    seven_more(hall, engine.status().model_id or "")
    assert at_work.punch(FRAMES)[1]["reason"] == ""
    assert "完全相同" not in office.get("/presence").text
    _, told = at_work.punch(FRAMES)
    assert (told["status"], told["reason"]) == ("stored", "repeated")
    assert "完全相同" in office.get("/presence").text
