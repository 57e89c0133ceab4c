"""Every request of a kiosk is signed, on time and sent once; anything else is told and refused."""

from __future__ import annotations

import pytest

from node.hall import Hall
from tests.node.attendance import Kiosk, outcome
from tests.node.hall import TurnableClock, how_many

PATH = "/t/v1/state"


def test_a_signed_request_is_answered_whatever_the_order_of_its_query(kiosk: Kiosk):
    headers = kiosk.headers("GET", f"{PATH}?a=1&b=2", b"")
    assert kiosk.send("GET", f"{PATH}?b=2&a=1", headers, b"")[0] == 200


CHANGES = {
    "another method": ("POST", "/t/v1/sessions", {}, (401, "signature")),
    "another path": ("GET", "/t/v1/commands", {}, (401, "signature")),
    "another query": ("GET", f"{PATH}?a=2", {}, (401, "signature")),
    "another time": ("GET", PATH, {"Hall-Time": "2026-11-24T01:00:01Z"}, (401, "signature")),
    "another nonce": ("GET", PATH, {"Hall-Nonce": "a" * 22}, (401, "signature")),
    "no nonce": ("GET", PATH, {"Hall-Nonce": ""}, (401, "signature")),
    "no signature": ("GET", PATH, {"Hall-Signature": ""}, (401, "signature")),
    "half a signature": ("GET", PATH, {"Hall-Signature": "AAAA"}, (401, "signature")),
    "another key": ("GET", PATH, {"Hall-Key": "0" * 32}, (401, "unknown")),
    "another device": ("GET", PATH, {"Hall-Device": "K-000000"}, (401, "unknown")),
    "no header at all": ("GET", PATH, None, (401, "unknown")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_on_the_way_is_refused(kiosk: Kiosk, what: str):
    method, target, changed, expected = CHANGES[what]
    headers = {} if changed is None else kiosk.headers("GET", PATH, b"") | changed
    answer = kiosk.send(method, target, headers, b"")
    assert outcome(answer) == expected
    assert "请" in answer[1]["message"] or "自动" in answer[1]["message"]


def test_a_body_other_than_the_signed_one_is_refused(hall: Hall, kiosk: Kiosk):
    body = b'{"events":[]}'
    headers = kiosk.headers("POST", "/t/v1/events", body) | {"Content-Type": "application/json"}
    assert outcome(kiosk.send("POST", "/t/v1/events", headers, body + b" ")) == (400, "digest")
    assert kiosk.send("POST", "/t/v1/events", headers, body)[0] == 200


def test_a_request_that_is_sent_again_is_refused(kiosk: Kiosk, clock: TurnableClock):
    headers = kiosk.headers("GET", PATH, b"")
    assert kiosk.send("GET", PATH, headers, b"")[0] == 200
    assert outcome(kiosk.send("GET", PATH, headers, b"")) == (401, "nonce")
    # When the nonce is forgotten, the time is too old.
    clock.turn(minutes=11)
    assert outcome(kiosk.send("GET", PATH, headers, b"")) == (401, "skew")


@pytest.mark.parametrize(("minutes", "answer"), [(-4, 200), (4, 200), (-6, 401), (6, 401)])
def test_a_clock_that_is_off_by_more_than_five_minutes_is_told_the_time(
    kiosk: Kiosk, clock: TurnableClock, minutes: int, answer: int
):
    clock.turn(minutes=10)
    clock.turn(minutes=minutes)
    headers = kiosk.headers("GET", PATH, b"")
    clock.turn(minutes=-minutes)
    status, told = kiosk.send("GET", PATH, headers, b"")
    assert status == answer
    assert told["server_time"] == "2026-11-24T01:10:00.000Z"


def test_a_request_from_before_the_start_of_the_program_may_have_been_seen_and_is_refused(
    hall: Hall, kiosk: Kiosk, clock: TurnableClock
):
    headers = kiosk.headers("GET", PATH, b"")
    clock.turn(seconds=1)
    restarted = Kiosk(hall, None)
    assert outcome(restarted.send("GET", PATH, headers, b"")) == (401, "skew")


def test_a_request_that_is_not_proven_writes_nothing(hall: Hall, kiosk: Kiosk):
    headers = kiosk.headers("POST", "/t/v1/events", b"") | {"Hall-Signature": "AAAA"}
    kiosk.send("POST", "/t/v1/events", headers, b"")
    for table in ("terminal_event", "terminal_anchor", "terminal_alarm"):
        assert how_many(hall, table) == 0
