"""The background sync: what it says, how long it waits, and that nothing ends it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from aggregator.receiving.apply import apply_all
from node.hall import Hall
from node.keys import enrolment
from node.outbox import syncing
from node.outbox.syncing import FIRST_BACKOFF_S, LONGEST_BACKOFF_S, WORDS, Syncing
from standards.records import CaseReceived, NumberScheme, Recheck
from sync.client import Line
from sync.errors import DiskFull, NotOurs, SyncError, Unreachable
from tests.independent.center import Listening, listening, office
from tests.node.contacts import Broken, enrolled, every_sync_error, line_of, new_hall

__all__ = ["office"]

CASE = CaseReceived(
    case_no="T01-1",
    item="GA001",
    guide_version=1,
    received_on=date(2026, 11, 24),
    applicant_name="赵小明",
    paper_no="11010519491231002X",
    mobile="13812345678",
)


RECHECK = Recheck(
    for_hall="T01",
    finding_id="0193b2c4-1111-7aaa-8bbb-000000000001",
    answer_id="0193b2c4-2222-7aaa-8bbb-000000000002",
    result="passed",
    day=date(2026, 11, 24),
)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with new_hall(tmp_path / "hall") as made:
        yield made


def broken(error: Exception) -> Callable[[str], Line]:
    return lambda url: Broken(error)


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes true; the limit is only there so that a broken thread fails the test."""
    limit = time.monotonic() + 30
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True


# --- what it says -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", every_sync_error())
def test_every_refusal_has_a_chinese_sentence_that_says_who_can_act_or_that_nothing_is_lost(kind):
    words = WORDS[kind.code]
    assert re.search(r"[一-鿿]{4,}", words)
    assert words.endswith("。")
    assert re.search("管理员|中心|自动", words)


def test_no_sentence_is_left_over_from_a_code_that_is_gone():
    assert set(WORDS) == {kind.code for kind in every_sync_error()}


def test_a_hall_that_never_asked_is_unenrolled_and_looks_again_later(hall: Hall):
    status = Syncing(hall).turn()
    assert (status.state, status.error_code) == ("unenrolled", "")
    assert status.next_in_s == hall.settings.sync_seconds
    assert status.next_try is not None


def test_a_hall_that_waits_for_approval_shows_its_digits_and_asks_often(
    hall: Hall, office: Listening
):
    asked = enrolment.ask(hall, line_of(hall, office.url), office.url, office.code_for("T01"))
    status = Syncing(hall).turn()
    assert (status.state, status.digits) == ("pending", asked.digits)
    assert status.next_in_s <= 5


def test_the_turn_after_approval_already_exchanges(hall: Hall, office: Listening):
    asked = enrolment.ask(hall, line_of(hall, office.url), office.url, office.code_for("T01"))
    sync = Syncing(hall)
    sync.turn()
    office.approve("T01", asked.digits)
    office.center.publish(NumberScheme(version=1, template="x"), actor="ZX-01")
    status = sync.turn()
    assert (status.state, status.fetched) == ("waiting", 1)
    assert hall.shelf().size == 1


def test_a_good_contact_tells_what_it_did_and_waits_as_set(hall: Hall, office: Listening):
    enrolled(hall, office)
    hall.write(CASE, actor="T01-001")
    status = Syncing(hall).turn()
    assert (status.state, status.sent, status.error_code) == ("waiting", 1, "")
    assert status.next_in_s == hall.settings.sync_seconds
    assert status.last_success is not None
    assert status.center_clock_skew_s is not None and abs(status.center_clock_skew_s) < 60
    assert hall.state().mark.size == 1
    assert apply_all(office.center) == 1


def test_a_center_that_moved_is_followed_to_the_address_in_the_settings(tmp_path: Path):
    with listening(tmp_path / "center") as before, new_hall(tmp_path / "hall") as hall:
        enrolled(hall, before)
        settings = hall.settings
    with listening(tmp_path / "center") as after:
        hall = Hall(tmp_path / "hall", settings)
        assert Syncing(hall).turn().state == "offline"
        hall.close()
        moved = type(settings)(**{**vars(settings), "center_url": after.url})
        hall = Hall(tmp_path / "hall", moved)
        assert Syncing(hall).turn().state == "waiting"
        hall.close()


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", every_sync_error())
def test_no_refusal_of_the_center_ends_it_and_each_is_told_in_words(
    hall: Hall, office: Listening, kind
):
    enrolled(hall, office)
    status = Syncing(hall, broken(kind("some rule"))).turn()
    assert status.state == ("offline" if issubclass(kind, Unreachable) else "refused")
    assert (status.error_code, status.last_error) == (kind.code, WORDS[kind.code])


@pytest.mark.parametrize("error", [ValueError("13812345678"), OSError(28, "x"), DiskFull("x")])
def test_a_fault_of_our_own_is_shown_by_its_kind_and_never_by_its_text(
    hall: Hall, office: Listening, error: Exception
):
    enrolled(hall, office)
    status = Syncing(hall, broken(error)).turn()
    assert (status.state, status.error_code) == ("refused", "broken")
    assert type(error).__name__ in status.last_error
    assert "13812345678" not in status.last_error


class First:
    """The first of these lines, whichever that is."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        return self._lines[0].send(method, target, body, media_type)


def test_one_line_is_kept_from_contact_to_contact_and_another_opened_after_a_failure(
    hall: Hall, office: Listening
):
    enrolled(hall, office)
    lines: list[Line] = [line_of(hall, office.url)]
    opened: list[str] = []

    def line_to(url: str) -> Line:
        opened.append(url)
        return First(lines)

    sync = Syncing(hall, line_to)
    sync.turn()
    sync.turn()
    assert len(opened) == 1
    lines.insert(0, Broken(Unreachable("no line")))
    sync.turn()
    lines.pop(0)
    assert (sync.turn().state, len(opened)) == ("waiting", 2)


def test_the_last_success_stands_while_the_line_is_down_and_the_error_goes_when_it_is_back(
    hall: Hall, office: Listening
):
    enrolled(hall, office)
    lines: list[Line] = [line_of(hall, office.url), Broken(Unreachable("no line"))]
    sync = Syncing(hall, lambda url: First(lines))
    success = sync.turn().last_success
    lines.reverse()
    down = sync.turn()
    assert (down.state, down.last_success) == ("offline", success)
    lines.reverse()
    assert (sync.turn().state, sync.status().last_error) == ("waiting", "")


def test_it_waits_longer_after_each_failure_within_bounds_and_not_always_the_same(
    hall: Hall, office: Listening
):
    enrolled(hall, office)
    waits: list[list[float]] = []
    for _ in range(40):
        sync = Syncing(hall, broken(Unreachable("no line")))
        waits.append([sync.turn().next_in_s for _ in range(12)])
    for failure, column in enumerate(zip(*waits, strict=True)):
        ceiling = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2**failure)
        assert all(1.0 <= wait <= ceiling for wait in column)
        assert max(column) > ceiling / 2
        assert len(set(column)) > 20


def test_a_success_ends_the_waiting(hall: Hall, office: Listening):
    enrolled(hall, office)
    lines: list[Line] = [Broken(Unreachable("no line")), line_of(hall, office.url)]
    sync = Syncing(hall, lambda url: First(lines))
    for _ in range(8):
        sync.turn()
    lines.reverse()
    assert sync.turn().next_in_s == hall.settings.sync_seconds
    lines.reverse()
    assert sync.turn().next_in_s <= FIRST_BACKOFF_S


def test_what_came_down_before_the_line_broke_is_applied_all_the_same(
    hall: Hall, office: Listening
):
    enrolled(hall, office)
    office.center.publish(NumberScheme(version=1, template="x"), actor="ZX-01")
    office.center.order("T01", RECHECK, actor="ZX-01")

    class BreaksBetweenTwoLogs:
        def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
            if hall.orders_origin in target:
                raise NotOurs("a portal's page")
            return line_of(hall, office.url).send(method, target, body, media_type)

    status = Syncing(hall, lambda url: BreaksBetweenTwoLogs()).turn()
    assert status.error_code == "not_ours"
    assert hall.shelf().size == 1
    assert hall.db.query("SELECT id FROM recheck") == []


# --- the thread ---------------------------------------------------------------------------------


def test_the_thread_lives_through_failures_can_be_asked_at_once_and_ends_when_told(
    hall: Hall, office: Listening
):
    enrolled(hall, office)
    lines: list[Line] = [Broken(RuntimeError("anything"))]
    sync = Syncing(hall, lambda url: lines[0])
    assert sync.health() == (False, "the sync thread has ended")
    sync.start()
    assert eventually(lambda: sync.status().error_code == "broken")
    assert sync.health()[0]
    hall.write(CASE, actor="T01-001")
    lines[0] = line_of(hall, office.url)
    sync.poke()
    assert eventually(lambda: sync.status().state == "waiting")
    assert hall.state().mark.size == 1
    sync.stop()
    assert not sync.health()[0]
    assert sync.status().state == "stopped"


def test_a_silent_center_is_no_fault_of_the_hall_and_healthz_says_since_when(
    hall: Hall, office: Listening
):
    enrolled(hall, office)
    lines: list[Line] = [line_of(hall, office.url)]
    sync = Syncing(hall, lambda url: First(lines))
    sync.start()
    assert eventually(lambda: sync.status().state == "waiting")
    lines[0] = Broken(Unreachable("no route"))
    sync.poke()
    assert eventually(lambda: sync.status().state == "offline")
    last = sync.status().last_success
    assert sync.health() == (
        True,
        f"offline (unreachable), last contact {last:%Y-%m-%d %H:%M} UTC",
    )
    sync.stop()


def test_stopping_what_never_began_does_no_harm(hall: Hall):
    never = Syncing(hall)
    never.stop()
    assert not never.health()[0] and never.status().state == "unenrolled"


def test_a_contact_without_enrolment_is_refused_before_anything_is_sent(hall: Hall):
    with pytest.raises(SyncError, match="not enrolled"):
        syncing.contact(hall, Broken(AssertionError("nothing may be sent")))
