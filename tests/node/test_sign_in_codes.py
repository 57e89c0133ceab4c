"""A code from the own page at the terminal: once, for a minute and a half, for its owner."""

from __future__ import annotations

import re

import pytest

from node.hall import Hall
from node.presence import sign_in_codes
from tests.node.attendance import PIN, ZHANG, Kiosk, add_member, outcome, set_pin
from tests.node.hall import Browser, TurnableClock, how_many

OFFICE = "T01-005"
"""Who is signed in at the office's browser."""


@pytest.fixture
def at_work(office: Browser, kiosk: Kiosk) -> Kiosk:
    add_member(office)
    set_pin(office)
    return kiosk


def test_a_code_signs_in_its_owner_once(hall: Hall, at_work: Kiosk):
    code = sign_in_codes.give(hall, ZHANG)
    assert re.fullmatch(r"[0-9]{8}", code.digits)
    _, told = at_work.punch(staff_no=ZHANG, pin=code.digits)
    assert (told["status"], told["way"], told["grade"]) == ("stored", "qr", "C")
    assert outcome(at_work.punch(staff_no=ZHANG, pin=code.digits)) == (200, "pin")
    assert how_many(hall, "punch") == 1
    assert at_work.punch(staff_no=ZHANG, pin=PIN)[1]["way"] == "pin"


def test_a_code_is_good_for_a_minute_and_a_half(hall: Hall, at_work: Kiosk, clock: TurnableClock):
    code = sign_in_codes.give(hall, ZHANG)
    clock.turn(seconds=91)
    assert outcome(at_work.punch(staff_no=ZHANG, pin=code.digits)) == (200, "pin")


def test_a_new_code_ends_the_one_before_and_nobody_elses(
    hall: Hall, office: Browser, at_work: Kiosk
):
    add_member(office, staff_no="T01-022", name="李四")
    first, other = sign_in_codes.give(hall, ZHANG), sign_in_codes.give(hall, "T01-022")
    second = sign_in_codes.give(hall, ZHANG)
    assert outcome(at_work.punch(staff_no=ZHANG, pin=first.digits)) == (200, "pin")
    assert outcome(at_work.punch(staff_no=ZHANG, pin=other.digits)) == (200, "pin")
    assert at_work.punch(staff_no=ZHANG, pin=second.digits)[1]["way"] == "qr"
    assert at_work.punch(staff_no="T01-022", pin=other.digits)[1]["way"] == "qr"


def test_the_same_sign_in_sent_again_finds_its_code_again(hall: Hall, at_work: Kiosk):
    code, now = sign_in_codes.give(hall, ZHANG), hall.clock.now()
    assert sign_in_codes.take(hall, ZHANG, code.digits, ("a", now))
    assert sign_in_codes.take(hall, ZHANG, code.digits, ("a", now))
    assert not sign_in_codes.take(hall, ZHANG, code.digits, ("b", now))


def test_the_database_does_not_hold_the_digits(hall: Hall, at_work: Kiosk):
    code = sign_in_codes.give(hall, ZHANG)
    (row,) = hall.db.query("SELECT * FROM sign_in_code")
    assert code.digits not in str(dict(row))


def test_the_own_page_shows_a_code_that_the_terminal_takes(
    hall: Hall, office: Browser, kiosk: Kiosk
):
    assert office.post("/presence/mine/code", {}).status_code == 303  # nobody on post
    add_member(office, staff_no=OFFICE)
    page = office.post("/presence/mine/code", {}).text
    shown = re.search(r'id="code">([0-9]{4}) ([0-9]{4})<', page)
    assert shown is not None and "<svg" in page
    assert kiosk.punch(staff_no=OFFICE, pin="".join(shown.groups()))[1]["way"] == "qr"
