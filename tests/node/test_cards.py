"""A card at a reader: registered by a supervisor, known by its keyed hash, good for its owner."""

from __future__ import annotations

import pytest

from node.hall import Hall
from node.staff import cards
from tests.node.attendance import PIN, ZHANG, Kiosk, Told, add_member, outcome, set_pin
from tests.node.hall import Browser, TurnableClock, how_many

CARD = "0a1b2c3d"
OTHER = "0012345678"
LI = "T01-022"


@pytest.fixture
def at_work(office: Browser, kiosk: Kiosk) -> Kiosk:
    """A terminal in a hall where Zhang has a card."""
    add_member(office)
    add_member(office, staff_no=LI, name="李四")
    assert registered(office) == 303
    return kiosk


def registered(office: Browser, card: str = CARD, staff_no: str = ZHANG) -> int:
    return office.post(f"/staff/{staff_no}/card", {"card": card}).status_code


def read(kiosk: Kiosk, card: str = CARD) -> Told:
    """As the page does with what a reader typed."""
    kiosk.note("card", card=card.upper())
    status, told = kiosk.deliver()
    return status, told["results"][-1]


def test_a_card_signs_its_owner_in_with_the_grade_of_a_pin(hall: Hall, at_work: Kiosk):
    _, told = read(at_work)
    assert (told["status"], told["way"], told["grade"]) == ("stored", "card", "C")
    assert (told["name"], told["message"]) == ("张**", "刷卡")
    (row,) = hall.db.query("SELECT staff_no, terminal FROM punch")
    assert (row["staff_no"], row["terminal"]) == (ZHANG, at_work.id)


def test_a_lost_card_a_replaced_one_and_an_unknown_one_sign_nobody_in(
    hall: Hall, office: Browser, at_work: Kiosk
):
    assert outcome(read(at_work, OTHER)) == (200, "card")
    assert registered(office, OTHER) == 303
    refused = read(at_work)
    assert outcome(refused) == (200, "card")
    assert "这张卡没有登记或已删除" in refused[1]["message"]
    assert outcome(read(at_work, OTHER)) == (200, "stored")
    assert office.post(f"/staff/{ZHANG}/card/remove").status_code == 303
    assert outcome(read(at_work, OTHER)) == (200, "card")
    assert how_many(hall, "punch") == 1


def test_whoever_leaves_leaves_the_card(hall: Hall, office: Browser, at_work: Kiosk):
    office.post(f"/staff/{ZHANG}/leave")
    assert outcome(read(at_work)) == (200, "card")
    assert registered(office) == 422
    assert cards.staff_with_card(hall) == set()


def test_a_card_has_one_owner_and_what_is_no_card_is_told(
    hall: Hall, office: Browser, at_work: Kiosk
):
    taken = office.post(f"/staff/{LI}/card", {"card": CARD.upper()})
    assert taken.status_code == 422 and f"已登记给 {ZHANG}" in taken.text
    for wrong in ("1234567", "0123456789ABCDEF01234", "0a1b2c3g", ""):
        assert "没有读到卡号" in office.post(f"/staff/{LI}/card", {"card": wrong}).text
    assert cards.staff_with_card(hall) == {ZHANG}


def test_a_clerk_registers_no_card(hall: Hall, office: Browser, window: Browser):
    add_member(office)
    assert registered(window) == 403
    assert cards.staff_with_card(hall) == set()


def test_no_card_number_lies_in_the_database_or_in_the_terminals_queue(hall: Hall, at_work: Kiosk):
    at_work.note("card", card=CARD.upper())
    assert CARD.upper() not in at_work.queue[0][1]
    (row,) = hall.db.query("SELECT * FROM staff_card")
    assert CARD not in str(dict(row)).lower()


def test_a_card_that_was_read_while_the_node_was_away_signs_in_when_it_was_read(
    hall: Hall, at_work: Kiosk, clock: TurnableClock
):
    at_work.deliver()
    clock.turn(minutes=20)
    at_work.note("card", card=CARD.upper(), offline=True)
    clock.turn(hours=2)
    at_work.deliver()
    (row,) = hall.db.query("SELECT punched_at FROM punch")
    assert row["punched_at"] == "2026-11-24T09:20:00+08:00"


def test_a_card_given_on_meanwhile_signs_its_new_owner_in_for_nothing_before(
    hall: Hall, office: Browser, at_work: Kiosk, clock: TurnableClock
):
    at_work.deliver()
    at_work.note("card", card=CARD.upper(), offline=True)
    clock.turn(minutes=20)
    office.post(f"/staff/{ZHANG}/card/remove")
    assert registered(office, staff_no=LI) == 303
    result = at_work.deliver()[1]["results"][0]
    assert (result["status"], result["reason"]) == ("rejected", "card")
    assert "这张卡没有登记" in office.get("/presence").text
    assert how_many(hall, "punch") == 0
    assert outcome(read(at_work)) == (200, "stored")


def test_forty_unknown_cards_close_the_terminal_to_cards_and_pins_for_ten_minutes(
    hall: Hall, office: Browser, at_work: Kiosk, clock: TurnableClock
):
    set_pin(office)
    for number in range(40):
        at_work.note("card", card=f"{number:010}")
    at_work.deliver()
    locked = read(at_work)
    assert (locked[1]["status"], locked[1]["reason"]) == ("held", "card_locked")
    assert outcome(at_work.punch(staff_no=ZHANG, pin=PIN)) == (200, "pin_locked")
    clock.turn(minutes=11)
    assert outcome(read(at_work)) == (200, "stored")
