"""Without the face engine: pages go on, number and PIN sign in, and the health page says so."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from attendance.engine import EngineSettings, FaceEngine
from node.hall import Hall
from tests import pictures
from tests.node.attendance import (
    PIN,
    ZHANG,
    Kiosk,
    add_member,
    enrolled,
    outcome,
    set_pin,
    with_engine,
)
from tests.node.hall import Browser
from web.shell import Shell

FRAMES = pictures.frames("obama")


@pytest.fixture
def broken() -> Iterator[FaceEngine]:
    """An engine whose child ends before it can answer, as without a face library."""
    settings = EngineSettings(timeout=0.2, model=Path("no-such-file.dat"))
    with FaceEngine(settings) as engine:
        yield engine


def test_without_an_engine_the_pages_go_on_and_the_pin_signs_in(
    hall: Hall, app: Shell, office: Browser, broken: FaceEngine
):
    with_engine(app, hall, broken)
    add_member(office)
    set_pin(office)
    kiosk = Kiosk(hall, broken)
    answer = kiosk.punch(FRAMES)
    assert outcome(answer) == (503, "engine_failed")
    assert "请再试一次" in answer[1]["message"]
    assert outcome(kiosk.punch(staff_no=ZHANG, pin=PIN)) == (200, "stored")
    assert kiosk.ask("GET", "/t/v1/state")[1]["faces"] is False
    for path in ("/", "/staff", f"/staff/{ZHANG}", "/presence", "/healthz"):
        assert office.get(path).status_code == 200


def test_when_the_engines_child_is_killed_the_pages_answer_and_it_comes_back(
    hall: Hall, app: Shell, office: Browser
):
    with FaceEngine() as engine:
        assert engine.ready.wait(30)
        with_engine(app, hall, engine)
        enrolled(office)
        kiosk = Kiosk(hall, engine)
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        assert office.get("/presence").status_code == 200
        assert outcome(kiosk.punch(staff_no=ZHANG, pin=PIN)) == (200, "stored")
        assert engine.ready.wait(30)
        answers = [outcome(kiosk.punch(FRAMES)) for _ in range(2)]
        assert answers[-1] == (200, "pin_required")


def test_a_dead_engine_is_unhealthy_only_where_somebody_is_enrolled(
    hall: Hall, office: Browser, kiosk: Kiosk, broken: FaceEngine
):
    enrolled(office)
    assert kiosk.client.get("/healthz", base_url="http://localhost").status_code == 200
    lost = Kiosk(hall, broken)
    report = lost.client.get("/healthz", base_url="http://localhost")
    assert report.status_code == 503
    assert "number and PIN" in report.get_json()["checks"]["faces"]["reason"]
    office.post(f"/staff/{ZHANG}/consent/withdraw")
    assert lost.client.get("/healthz", base_url="http://localhost").status_code == 200
