"""The pages for ZKTeco terminals, and for whose number is whose, as people of the hall use them."""

from __future__ import annotations

import re
from datetime import date

from node.hall import Hall
from node.presence import raw_punches
from node.zkteco import zkteco_notes, zkteco_orders
from tests.node.attendance import add_member
from tests.node.hall import Browser, TurnableClock, errors_of, how_many
from tests.node.zkteco import PEER, SERIAL, Wire, approved, trial

PAGE = "/terminals/zkteco"
FORM = {"serial": SERIAL, "name": "一楼考勤机", "location": "入口", "sources": PEER}
ROW = b"37\t2026-11-24 08:59:05\t0\t15\t0\t0\t0\n"


def test_a_terminal_is_taken_in_called_from_and_approved_through_the_pages(
    hall: Hall, administration: Browser, clock: TurnableClock
):
    answer = administration.post(PAGE, {**FORM, "dialect": "standard"})
    assert answer.status_code == 303
    shown = administration.get(answer.location).text
    found = re.search(r"http://[^/<]+(/[a-z2-7]{12})<", shown)
    assert found is not None and "还没有联系过" in shown
    wire = Wire(hall, clock)
    wire.ask(f"{found[1]}/iclock/cdata?SN={SERIAL}&options=all&pushver=2.4.1")
    assert PEER in administration.get(answer.location).text
    assert "待批准" in administration.get(PAGE).text
    assert administration.post(f"{PAGE}/{SERIAL}/approve").status_code == 303
    assert wire.ask(f"{found[1]}/iclock/cdata?SN={SERIAL}&table=ATTLOG", ROW).text == "OK: 1"
    assert "在用" in administration.get(PAGE).text
    assert administration.post(f"{PAGE}/{SERIAL}/disable").status_code == 303
    assert wire.ask(f"{found[1]}/iclock/ping?SN={SERIAL}").status == 403


def test_what_is_wrong_with_a_form_is_said_at_once_and_nothing_is_kept(
    hall: Hall, administration: Browser
):
    wrong = {"serial": "?", "name": "", "sources": "somewhere", "dialect": "klingon"}
    answer = administration.post(PAGE, wrong)
    assert answer.status_code == 422
    for word in ("序列号", "名称", "IP", "固件类型"):
        assert word in errors_of(answer.text)
    assert how_many(hall, "zkteco_terminal") == 0
    assert administration.post(PAGE, FORM).status_code == 303
    assert "已经登记过" in administration.post(PAGE, FORM).text


def test_whoever_called_without_being_known_is_one_click_from_being_taken_in(
    hall: Hall, administration: Browser, clock: TurnableClock
):
    administration.get(PAGE)
    Wire(hall, clock).ask("/iclock/cdata?SN=CJ9H2211&options=all")
    page = administration.get(PAGE).text
    assert f"serial=CJ9H2211&amp;sources={PEER}" in page
    assert 'value="CJ9H2211"' in administration.get(f"{PAGE}?serial=CJ9H2211&sources={PEER}").text
    administration.post(f"{PAGE}/visitors")
    assert "CJ9H2211" not in administration.get(PAGE).text


def page_of_numbers(browser: Browser) -> str:
    return browser.get("/terminals/numbers").text


def test_an_unknown_number_is_put_to_a_person_and_the_punches_follow_at_once(
    hall: Hall, administration: Browser, office: Browser, clock: TurnableClock
):
    staff_no = add_member(office)
    wire, box, terminal = Wire(hall, clock), trial(), approved(hall)
    box.enrol("37", "张小敏")
    box.scan("37", wire.now())
    wire.run(box, terminal, minutes=1)
    page = office.get("/terminals/numbers").text
    assert "张小敏" in page and "2026-11-24 09:00:00" in page
    said = {"pin": "37", "device": "", "staff_no": staff_no, "valid_from": "2026-11-01"}
    answer = office.post("/terminals/numbers", said)
    assert "补记签到 1 次" in office.get(answer.location).text
    assert "一楼考勤机" in office.get("/presence").text
    # The terminal's own name for him is needed no more, and does not come back.
    box.enrol("37", "张小敏")
    wire.run(box, terminal, minutes=1)
    assert zkteco_notes.name_at(hall, SERIAL, "37") == ""
    other = office.post("/terminals/numbers", {**said, "valid_from": "2026-12-01"})
    assert other.status_code == 422 and "已经是" in other.text
    (said_id,) = re.findall(r"/terminals/numbers/([0-9a-f-]{36})/end", page_of_numbers(office))
    assert office.post(f"/terminals/numbers/{said_id}/end").status_code == 303
    clock.turn(days=1)
    box.scan("37", wire.now())
    wire.run(box, terminal, minutes=1)
    assert how_many(hall, "punch") == 1 and raw_punches.unknown_numbers(hall)[0].times == 1


def test_a_number_needs_a_person_of_the_hall_and_a_day(hall: Hall, office: Browser):
    answer = office.post("/terminals/numbers", {"pin": "", "device": "X", "staff_no": "T01-999"})
    assert answer.status_code == 422
    for word in ("终端上的工号", "没有这台终端", "工作人员名单", "开始日期"):
        assert word in errors_of(answer.text)


def test_alarms_and_lines_wait_until_somebody_has_dealt_with_them(
    hall: Hall, administration: Browser, clock: TurnableClock
):
    administration.get(PAGE)
    wire, terminal = Wire(hall, clock), approved(hall)
    before = wire.path_of(terminal) + f"/iclock/cdata?SN={SERIAL}"
    wire.ask(before + "&table=ATTLOG", b"<script>alert(1)</script>\n")
    wire.ask(before + "&table=OPERLOG", b"OPLOG 13\t0\t2026-11-24 08:00:00\t0\t0\t0\t0\n")
    page = administration.get(PAGE).text
    assert "清除了数据" in page and "&lt;script&gt;alert(1)" in page and "<script>alert" not in page
    alarm, line = zkteco_notes.open_alarms(hall)[0], zkteco_notes.lines_aside(hall)[0]
    administration.post(f"{PAGE}/alarms/{alarm.id}")
    administration.post(f"{PAGE}/lines/{line.id}")
    assert "读不懂的行" not in administration.get(PAGE).text
    assert not zkteco_notes.open_alarms(hall) and not zkteco_notes.lines_aside(hall)
    wire.ask(before + "&table=OPERLOG", b"OPLOG 13\t0\t2026-11-24 08:00:00\t0\t0\t0\t0\n")
    assert zkteco_notes.open_alarms(hall) == []


def test_a_terminal_is_told_only_what_stands_on_the_page(hall: Hall, administration: Browser):
    administration.get(PAGE)
    terminal = approved(hall)
    for wish, status in (("info", 303), ("count", 303), ("forget_person", 404), ("SHELL", 404)):
        answer = administration.post(f"{PAGE}/{SERIAL}/order", {"order": wish})
        assert answer.status_code == status
    told = zkteco_orders.offered(hall, terminal)
    assert [line.split(":")[2].split()[0] for line in told] == ["INFO", "VERIFY"]


def test_a_day_on_which_the_terminal_counts_more_can_be_settled_by_a_person(
    hall: Hall, administration: Browser, clock: TurnableClock
):
    administration.get(PAGE)
    wire, box, terminal = Wire(hall, clock), trial(), approved(hall)
    for _ in range(2):
        box.scan("37", wire.now(days=-1))
    wire.run(box, terminal, minutes=10)
    assert administration.get(f"{PAGE}/{SERIAL}").status_code == 200
    administration.post(f"{PAGE}/{SERIAL}/order", {"order": "count"})
    wire.run(box, terminal, minutes=10)
    assert "终端多 1 条" in administration.get(f"{PAGE}/{SERIAL}").text
    day = date(2026, 11, 23)
    assert administration.post(f"{PAGE}/{SERIAL}/accept/{day}").status_code == 303
    assert administration.post(f"{PAGE}/{SERIAL}/accept/{day}").status_code == 404
    assert "以本机为准" in administration.get(f"{PAGE}/{SERIAL}").text


def test_a_clock_that_went_back_is_said_and_somebody_can_say_that_it_is_right(
    hall: Hall, administration: Browser, office: Browser, clock: TurnableClock
):
    add_member(office)
    wire, terminal = Wire(hall, clock), approved(hall)
    clock.turn(minutes=-10)
    path = wire.path_of(terminal) + f"/iclock/ping?SN={SERIAL}"
    assert wire.ask(path).status == 503
    assert "早于最近一条记录" in administration.get(PAGE).text
    assert administration.post(f"{PAGE}/clock").status_code == 303
    assert "早于最近一条记录" not in administration.get(PAGE).text
    assert wire.ask(path).status == 200
