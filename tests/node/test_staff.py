"""The hall's staff: taken in, changed, given a PIN, gone and back."""

from __future__ import annotations

import pytest

from node.hall import Hall
from node.staff import members, pins
from standards.records import StaffMember
from tests.node.attendance import MEMBER, PIN, ZHANG, add_member, set_pin
from tests.node.hall import Browser, TurnableClock, how_many
from web.passwords import matches

PLACE = "terminal:test"


def test_a_member_of_staff_is_written_once_however_often_the_form_is_sent(
    hall: Hall, office: Browser
):
    form = {**MEMBER, "csrf": office.token(), "once": "the-same-form-key-twice"}
    first, second = office.send("/staff", form), office.send("/staff", form)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert how_many(hall, "staff_member") == 1


def test_lists_and_pages_of_the_staff_show_names_masked_and_no_telephone(office: Browser):
    add_member(office)
    for path in ("/staff", f"/staff/{ZHANG}", f"/staff/{ZHANG}/change", "/presence"):
        text = office.get(path).text
        assert "张小敏" not in text, path
        assert "13800138000" not in text, path
    assert "张**" in office.get("/staff").text


def test_every_mistake_in_a_new_member_is_told_at_once(hall: Hall, office: Browser):
    wrong = {**MEMBER, "staff_no": "工号1", "mobile": "1380", "name": ""}
    answer = office.post("/staff", wrong)
    assert answer.status_code == 422
    assert "有 3 处需要修改" in answer.text
    assert how_many(hall, "staff_member") == 0


def test_a_number_is_given_only_once(hall: Hall, office: Browser):
    add_member(office)
    answer = office.post("/staff", {**MEMBER, "name": "李四"})
    assert answer.status_code == 422
    assert "这个工号已有人使用" in answer.text
    assert how_many(hall, "staff_member") == 1


def test_a_number_is_taken_in_capital_letters(hall: Hall, office: Browser):
    assert add_member(office, staff_no="t01-033") == "T01-033"


def test_an_empty_field_of_a_change_keeps_what_is_personal(hall: Hall, office: Browser):
    add_member(office)
    answer = office.post(
        f"/staff/{ZHANG}/change",
        {"department": "市公安局", "window": "B07", "name": "", "mobile": ""},
    )
    assert answer.status_code == 303
    now = members.member(hall, ZHANG)
    assert now is not None
    assert (now.staff.window, now.staff.name, now.staff.mobile) == ("B07", "张小敏", "13800138000")


def test_an_unchanged_change_writes_no_entry(hall: Hall, office: Browser):
    add_member(office)
    same = {"department": MEMBER["department"], "window": MEMBER["window"]}
    office.post(f"/staff/{ZHANG}/change", same)
    assert how_many(hall, "staff_member") == 1


@pytest.mark.parametrize("path", ["/staff", "/staff/new", "/presence", "/terminals"])
def test_a_clerk_may_not_see_the_staff(window: Browser, path: str):
    assert window.get(path).status_code == 403


def test_nobody_is_found_under_an_unknown_number(office: Browser):
    for path in ("", "/change", "/pin", "/consent", "/face"):
        assert office.get(f"/staff/T01-999{path}").status_code == 404


# --- PIN ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pin", "again", "said"),
    [
        ("12345", "12345", "6 位数字"),
        ("48291a", "48291a", "6 位数字"),
        ("４８２９１５", "４８２９１５", "6 位数字"),
        ("111111", "111111", "容易被猜到"),
        ("121212", "121212", "容易被猜到"),
        ("123456", "123456", "容易被猜到"),
        ("890123", "890123", "容易被猜到"),
        ("654321", "654321", "容易被猜到"),
        ("482915", "482916", "不一样"),
    ],
)
def test_a_pin_that_is_guessed_first_is_refused(
    hall: Hall, office: Browser, pin: str, again: str, said: str
):
    add_member(office)
    answer = office.post(f"/staff/{ZHANG}/pin", {"pin": pin, "again": again})
    assert answer.status_code == 422
    assert said in answer.text
    assert pins.staff_with_pin(hall) == set()


def test_a_pin_opens_for_its_owner_only(hall: Hall, office: Browser):
    add_member(office)
    set_pin(office)
    assert pins.pin_is(hall, ZHANG, PIN, PLACE)
    assert not pins.pin_is(hall, ZHANG, "482916", PLACE)
    assert not pins.pin_is(hall, "T01-022", PIN, PLACE)


def test_a_new_pin_replaces_the_old_one(hall: Hall, office: Browser):
    add_member(office)
    set_pin(office)
    set_pin(office, pin="739164")
    assert pins.pin_is(hall, ZHANG, "739164", PLACE)
    assert not pins.pin_is(hall, ZHANG, PIN, PLACE)


def test_five_wrong_pins_lock_the_person_for_ten_minutes(
    hall: Hall, office: Browser, clock: TurnableClock
):
    add_member(office)
    set_pin(office)
    for _ in range(5):
        assert not pins.pin_is(hall, ZHANG, "000000", PLACE)
    with pytest.raises(pins.Locked):
        pins.pin_is(hall, ZHANG, PIN, PLACE)
    clock.turn(minutes=11)
    assert pins.pin_is(hall, ZHANG, PIN, PLACE)


def test_whoever_tries_every_colleague_at_one_place_is_locked_there(hall: Hall, office: Browser):
    for number in range(40):
        pins.pin_is(hall, f"T01-{number:03}", "000000", PLACE)
    with pytest.raises(pins.Locked):
        pins.pin_is(hall, "T01-900", "000000", PLACE)
    assert not pins.pin_is(hall, "T01-900", "000000", "terminal:other")


def test_a_right_pin_forgives_the_wrong_ones_before_it(hall: Hall, office: Browser):
    add_member(office)
    set_pin(office)
    for _ in range(3):
        for _ in range(4):
            pins.pin_is(hall, ZHANG, "000000", PLACE)
        assert pins.pin_is(hall, ZHANG, PIN, PLACE)


def test_a_stolen_database_does_not_hold_the_pin_in_a_form_that_can_be_searched(
    hall: Hall, office: Browser
):
    """The hash is over a value keyed by the vault: without the key a million guesses are vain."""
    add_member(office)
    set_pin(office)
    stored = str(hall.db.query("SELECT pin FROM staff_pin")[0]["pin"])
    assert stored.startswith("$argon2id$")
    assert not matches(stored, PIN)
    assert not matches(stored, f"{ZHANG}\0{PIN}")


# --- leaving ------------------------------------------------------------------------------------


def test_whoever_left_signs_in_no_more_and_may_come_back(hall: Hall, office: Browser):
    add_member(office)
    set_pin(office)
    assert office.post(f"/staff/{ZHANG}/leave").status_code == 303
    assert members.active_member(hall, ZHANG) is None
    assert pins.staff_with_pin(hall) == set()
    refused = office.post(f"/staff/{ZHANG}/pin", {"pin": PIN, "again": PIN})
    assert refused.status_code == 422

    assert office.post(f"/staff/{ZHANG}/return").status_code == 303
    back = members.active_member(hall, ZHANG)
    assert back is not None
    assert back.staff.name == "张小敏"


def test_a_number_may_be_typed_without_the_halls_part(hall: Hall, office: Browser):
    add_member(office)
    for typed in ("021", " T01-021 ", "t01-021"):
        found = members.active_member(hall, typed)
        assert found is not None
        assert found.staff_no == ZHANG
    assert members.active_member(hall, "21") is None


def test_the_latest_entry_about_a_number_counts(hall: Hall):
    for window in ("A01", "A02", "A03"):
        hall.write(StaffMember(staff_no=ZHANG, name="张", window=window), actor="T01-005")
    (only,) = members.members(hall)
    found = members.member(hall, ZHANG)
    assert found is not None
    assert only.staff.window == found.staff.window == "A03"
