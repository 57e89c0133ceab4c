"""The day's list, the supervisor's hand for others, and everybody's own sign-ins."""

from __future__ import annotations

import re

import pytest

from node.hall import Hall
from node.staff import members
from standards.records import Punch
from tests.node.attendance import PIN, ZHANG, Kiosk, add_member, set_pin
from tests.node.hall import Browser, TurnableClock, how_many
from web.shell import Shell


def row_of(text: str, staff_no: str) -> str:
    """The words of one line of the list."""
    rows = [row for row in re.findall(r"<tr>.*?</tr>", text, re.DOTALL) if staff_no in row]
    assert len(rows) == 1
    return " ".join(re.sub(r"<[^>]+>", " ", rows[0]).split())


def opened(hall: Hall) -> Punch:
    (row,) = hall.db.query("SELECT * FROM punch")
    return hall.logs.opened(Punch, row)


def test_the_list_shows_who_signed_in_when_how_and_who_did_not(
    office: Browser, kiosk: Kiosk, clock: TurnableClock
):
    add_member(office)
    add_member(office, staff_no="T01-022", name="李四")
    set_pin(office)
    kiosk.punch(staff_no=ZHANG, pin=PIN)
    clock.turn(hours=3)
    kiosk.punch(staff_no=ZHANG, pin=PIN)

    office.sign_in("chen")
    text = office.get("/presence").text
    line = row_of(text, ZHANG)
    for words in ("张**", "已签到", "09:00", "12:00", "工号口令", "C 口令", "一楼签到机", "2"):
        assert words in line
    assert "未签到" in row_of(text, "T01-022")


def test_the_day_begins_at_midnight_in_the_hall(
    hall: Hall, office: Browser, kiosk: Kiosk, clock: TurnableClock
):
    add_member(office)
    set_pin(office)
    clock.turn(hours=14, minutes=59)  # 23:59 on the wall
    kiosk.punch(staff_no=ZHANG, pin=PIN)
    office.sign_in("chen")
    assert "23:59" in row_of(office.get("/presence").text, ZHANG)
    clock.turn(minutes=2)
    assert "未签到" in row_of(office.get("/presence").text, ZHANG)
    assert "23:59" in row_of(office.get("/presence?day=2026-11-24").text, ZHANG)


@pytest.mark.parametrize("day", ["", "nonsense", "2026-13-40", "9999-01-01", "0001-01-01"])
def test_a_day_that_is_none_shows_a_list_all_the_same(office: Browser, day: str):
    assert office.get(f"/presence?day={day}").status_code == 200


def test_a_supervisor_signs_for_somebody_with_a_reason(hall: Hall, office: Browser):
    add_member(office)
    answer = office.post(f"/presence/sign/{ZHANG}", {"how": "supervisor", "reason": "停电"})
    assert answer.status_code == 303
    kept = opened(hall)
    assert (kept.way, kept.grade, kept.witness) == ("supervisor", "D", "T01-005")
    assert kept.reason == "停电"
    assert "人工补签" in row_of(office.get("/presence").text, ZHANG)


def test_the_reason_is_sealed_and_not_in_the_table(hall: Hall, office: Browser):
    add_member(office)
    reason = "张小敏住院"
    office.post(f"/presence/sign/{ZHANG}", {"how": "supervisor", "reason": reason})
    (row,) = hall.db.query("SELECT * FROM punch")
    assert reason not in map(str, row.values())
    size = hall.state().size
    assert reason.encode() not in b"".join(hall.logs.leaves(hall.origin, 0, size))


@pytest.mark.parametrize("reason", ["", "   ", "因" * 201])
def test_signing_for_somebody_needs_a_reason(hall: Hall, office: Browser, reason: str):
    add_member(office)
    answer = office.post(f"/presence/sign/{ZHANG}", {"how": "supervisor", "reason": reason})
    assert answer.status_code == 422
    assert "请写明代签原因" in answer.text
    assert how_many(hall, "punch") == 0


def test_a_witnessed_sign_in_needs_the_persons_own_pin_and_counts_most(hall: Hall, office: Browser):
    add_member(office)
    set_pin(office)
    wrong = office.post(f"/presence/sign/{ZHANG}", {"how": "witness", "pin": "000000"})
    assert wrong.status_code == 422
    assert "口令不对" in wrong.text
    assert office.post(f"/presence/sign/{ZHANG}", {"how": "witness", "pin": PIN}).status_code == 303
    kept = opened(hall)
    assert (kept.way, kept.grade, kept.witness) == ("pin", "A", "T01-005")


def test_nobody_signs_for_or_witnesses_oneself(hall: Hall, office: Browser):
    add_member(office, staff_no="T01-005", name="陈督导")
    set_pin(office, "T01-005")
    for form in ({"how": "supervisor", "reason": "停电"}, {"how": "witness", "pin": PIN}):
        answer = office.post("/presence/sign/T01-005", form)
        assert answer.status_code == 422
        assert "另一位督导" in answer.text
    assert how_many(hall, "punch") == 0


def test_a_double_click_signs_once(hall: Hall, office: Browser):
    add_member(office)
    form = {
        "csrf": office.token(),
        "once": "the-same-form-key-twice",
        "how": "supervisor",
        "reason": "停电",
    }
    for _ in range(2):
        assert office.send(f"/presence/sign/{ZHANG}", form).status_code == 303
    assert how_many(hall, "punch") == 1


def test_only_a_supervisor_signs_for_others(hall: Hall, window: Browser, administration: Browser):
    for browser in (window, administration):
        answer = browser.post(f"/presence/sign/{ZHANG}", {"how": "supervisor", "reason": "x"})
        assert answer.status_code == 403


def test_nobody_signs_for_whoever_left_or_never_was(hall: Hall, office: Browser):
    add_member(office)
    office.post(f"/staff/{ZHANG}/leave")
    for staff_no in (ZHANG, "T01-999"):
        form = {"how": "supervisor", "reason": "停电"}
        assert office.post(f"/presence/sign/{staff_no}", form).status_code == 404


def test_everybody_sees_the_own_sign_ins_and_nobody_elses(
    app: Shell, office: Browser, kiosk: Kiosk
):
    for staff_no in ("T01-001", ZHANG):
        add_member(office, staff_no=staff_no)
        set_pin(office, staff_no)
        kiosk.punch(staff_no=staff_no, pin=PIN)
    own = Browser(app.test_client()).sign_in("li").get("/presence/mine").text
    assert "2026-11-24" in own
    assert own.count("<td>2026-11-24</td>") == 1
    assert ZHANG not in own


def test_the_own_page_says_when_the_number_is_not_in_the_list(window: Browser):
    assert "工作人员名单里还没有这个工号" in window.get("/presence/mine").text


def test_who_left_and_signed_in_that_day_stays_in_the_list_of_that_day(
    hall: Hall, office: Browser, kiosk: Kiosk
):
    add_member(office)
    set_pin(office)
    kiosk.punch(staff_no=ZHANG, pin=PIN)
    office.post(f"/staff/{ZHANG}/leave")
    assert members.active_member(hall, ZHANG) is None
    assert "已签到" in row_of(office.get("/presence").text, ZHANG)
