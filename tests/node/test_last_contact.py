"""A hall that hears nothing of its center for long says how old its standards may be (T13)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.app import create_app
from node.hall import Hall
from node.outbox import last_contact
from standards.catalogue import starter_guides
from standards.workdays import published_years
from tests.node.hall import (
    Browser,
    TurnableClock,
    calendar,
    few,
    open_hall,
    publish,
    published,
    take_in,
)

GUIDE = few(starter_guides())[0]


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def hall(tmp_path: Path, clock: TurnableClock) -> Iterator[Hall]:
    made = open_hall(tmp_path / "hall", clock)
    publish(made, published(GUIDE), *map(calendar, published_years()))
    yield made
    made.close()


def shown(hall: Hall) -> tuple[str, Browser]:
    """What a page says after a start: no contact was made since."""
    browser = Browser(create_app(hall).test_client()).sign_in("li")
    return browser.get("/cases").text, browser


def test_old_standards_warn_then_alarm_over_a_restart_and_the_window_takes_in(
    hall: Hall, clock: TurnableClock
):
    assert "没有与中心联系" not in shown(hall)[0], "it never reached one"
    last_contact.note(hall)
    clock.turn(days=2)
    assert "没有与中心联系" not in shown(hall)[0]
    clock.turn(days=6)
    page, browser = shown(hall)
    assert "已有8天没有与中心联系，统一标准可能不是最新的" in page
    take_in(browser, GUIDE)
    clock.turn(days=7)
    page, browser = shown(hall)
    assert "已有15天没有与中心联系，统一标准很可能已经过时" in page
    take_in(browser, GUIDE)
    last_contact.note(hall)
    assert "没有与中心联系" not in shown(hall)[0]


def test_a_contact_with_nothing_to_do_writes_nothing(hall: Hall, clock: TurnableClock):
    last_contact.note(hall)
    before = (hall.data / "last-contact").stat().st_mtime_ns
    clock.turn(minutes=30)
    last_contact.note(hall)
    assert (hall.data / "last-contact").stat().st_mtime_ns == before


def test_a_file_that_was_spoilt_counts_as_none(hall: Hall):
    (hall.data / "last-contact").write_bytes(b"\xff")
    assert last_contact.read(hall) is None
    last_contact.note(hall)
    assert last_contact.read(hall) == hall.clock.now()
