"""Terminals: made by the administrator, paired once, compared, approved, seen, ordered, revoked."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from attendance.terminals.words import words_of
from deploy.kiosk_device import Device
from deploy.sign_ins import Kiosk as PlainKiosk
from node.commands import main
from node.hall import Hall, HallSettings
from node.presence import raw_punches
from node.terminals import terminal_keys, terminals
from node.terminals.device_keys import is_signed
from standards.records import Punch
from tests.node.attendance import PIN, ZHANG, Kiosk, Told, add_member, outcome, set_pin
from tests.node.hall import Browser, TurnableClock, how_many


def code_of(text: str) -> str:
    found = re.search(r'id="code">([A-Z2-9]{10})<', text)
    assert found is not None, text
    return found.group(1)


def state_of(device: Device) -> Told:
    return device.ask("GET", "/t/v1/state")


def another(kiosk: Kiosk) -> Device:
    """A browser that was never paired, at the same listener."""
    return Device(kiosk.send, now=kiosk.now, mono=kiosk.mono)


def test_a_terminal_signs_in_only_after_the_same_six_words_were_seen_and_approved(
    hall: Hall, administration: Browser, kiosk: Kiosk
):
    page = administration.post("/terminals", {"name": "二楼签到机", "location": "电梯口"})
    assert page.status_code == 200
    code = code_of(page.text)
    assert f"/kiosk#pair={code}" in page.text
    assert code not in administration.get("/terminals").text

    browser = another(kiosk)
    assert outcome(browser.pair(code)) == (202, "pending")
    assert state_of(browser)[1]["state"] == "pending"
    browser.note("app_start")
    assert outcome(browser.deliver()) == (403, "pending")

    _, told = state_of(browser)
    keys = bytes.fromhex(told["hall_signing"]), bytes.fromhex(told["hall_sealing"])
    listed = administration.get(f"/terminals/{browser.terminal}").text
    assert " ".join(words_of(browser.public, *keys)) in listed
    path = f"/terminals/{browser.terminal}/keys/{browser.key_id}"
    assert administration.post(path, {"same": "1"}).status_code == 303
    assert state_of(browser)[1]["state"] == "approved"
    assert outcome(browser.deliver())[0] == 200


def test_a_key_whose_words_differ_is_refused_and_stays_so(
    hall: Hall, administration: Browser, kiosk: Kiosk
):
    made, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    browser = another(kiosk)
    browser.pair(code)
    path = f"/terminals/{made}/keys/{browser.key_id}"
    assert administration.post(path, {"same": "0"}).status_code == 303
    assert state_of(browser)[1]["state"] == "refused"
    assert administration.post(path, {"same": "1"}).status_code == 404


def test_a_code_pairs_one_machine_once_and_in_any_letters(hall: Hall, kiosk: Kiosk):
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    assert another(kiosk).pair(f" {code.lower()} ")[0] == 202
    assert outcome(another(kiosk).pair(code)) == (403, "code")


def test_a_key_that_its_sender_does_not_hold_uses_up_no_code(hall: Hall, kiosk: Kiosk):
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    browser = another(kiosk)
    browser.public = another(kiosk).public
    assert outcome(browser.pair(code)) == (403, "code")
    assert another(kiosk).pair(code)[0] == 202


def test_a_code_ends_after_fifteen_minutes(hall: Hall, kiosk: Kiosk, clock: TurnableClock):
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    clock.turn(minutes=15, seconds=1)
    assert outcome(another(kiosk).pair(code)) == (403, "code")


def test_a_code_made_while_the_clock_ran_ahead_ends_with_its_repair(
    hall: Hall, kiosk: Kiosk, clock: TurnableClock
):
    clock.turn(days=3 * 365)
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    clock.turn(days=-3 * 365)
    assert outcome(another(kiosk).pair(code)) == (403, "code")


def test_guessing_codes_is_stopped_after_five_tries(hall: Hall, kiosk: Kiosk, clock: TurnableClock):
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    for guess in range(5):
        assert outcome(another(kiosk).pair(f"GUESS{guess:05}")) == (403, "code")
    assert outcome(another(kiosk).pair(code)) == (429, "too_many")
    clock.turn(minutes=11)
    assert another(kiosk).pair(code)[0] == 202


def test_the_code_is_nowhere_in_the_database(hall: Hall, kiosk: Kiosk, tmp_path: Path):
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    for path in (tmp_path / "hall").glob("node.db*"):
        assert code.encode() not in path.read_bytes()


def test_a_new_machine_gets_a_new_key_epoch_and_the_old_one_ends(
    hall: Hall, administration: Browser, kiosk: Kiosk
):
    code = code_of(administration.post(f"/terminals/{kiosk.id}/code").text)
    moved = another(kiosk)
    moved.pair(code)
    assert state_of(kiosk)[1]["state"] == "approved"
    assert terminal_keys.approve(hall, kiosk.id, moved.key_id, "T01-006")
    _, told = state_of(moved)
    assert (told["terminal"], told["key_epoch"]) == (kiosk.id, 2)
    assert state_of(kiosk)[1]["state"] == "retired"
    assert outcome(kiosk.deliver()) == (403, "retired")


def test_a_rotation_needs_both_keys_and_opens_a_new_key_epoch(hall: Hall, kiosk: Kiosk):
    old = another(kiosk)
    old._set_key(kiosk.key)
    old.terminal = kiosk.id
    forged = {"public": another(kiosk).public.hex(), "proof": kiosk.sign(b"x").hex()}
    assert outcome(kiosk.ask("POST", "/t/v1/keys", forged)) == (422, "malformed")
    status, told = kiosk.rotate()
    assert (status, told["key_epoch"], told["state"]) == (200, 2, "approved")
    assert outcome(old.deliver()) == (403, "retired")
    kiosk.note("app_start")
    assert kiosk.deliver()[1]["acked_through"] == 1


def test_a_revoked_terminal_is_refused_from_its_next_request_on_and_that_is_told(
    hall: Hall, administration: Browser, kiosk: Kiosk
):
    assert administration.post(f"/terminals/{kiosk.id}/revoke").status_code == 303
    assert outcome(kiosk.punch(staff_no=ZHANG, pin=PIN)) == (403, "revoked")
    assert state_of(kiosk)[1]["state"] == "revoked"
    page = administration.get("/terminals").text
    assert "已停用" in page
    assert "已停用的终端仍在使用旧密钥" in page
    assert administration.post(f"/terminals/{kiosk.id}/revoke").status_code == 404
    assert administration.post(f"/terminals/{kiosk.id}/code").status_code == 404
    assert raw_punches.last_reported(hall) == {}
    (alarm,) = terminals.open_alarms(hall)
    path = f"/terminals/{kiosk.id}/alarms/{alarm['id']}"
    assert administration.post(path).status_code == 303
    assert terminals.open_alarms(hall) == []


def test_what_a_stolen_terminal_sent_after_it_was_gone_is_flagged(
    hall: Hall, office: Browser, administration: Browser, kiosk: Kiosk, clock: TurnableClock
):
    add_member(office)
    set_pin(office)
    kiosk.punch(staff_no=ZHANG, pin=PIN)
    assert "终端已报失" not in office.get("/presence").text
    since = (clock.moment + timedelta(hours=7, minutes=59)).strftime("%Y-%m-%dT%H:%M")
    assert administration.post(f"/terminals/{kiosk.id}/stolen", {"since": since}).status_code == 303
    assert outcome(kiosk.punch(staff_no=ZHANG, pin=PIN)) == (403, "revoked")
    assert "终端已报失" in office.get("/presence").text
    assert "已报失" in administration.get(f"/terminals/{kiosk.id}").text
    bad = administration.post(f"/terminals/{kiosk.id}/stolen", {"since": "gestern"})
    assert bad.status_code == 422


def test_a_stolen_key_reads_nobodys_page_and_only_numbers_and_masked_names(
    hall: Hall, office: Browser, kiosk: Kiosk
):
    add_member(office)
    for path in ("/staff", f"/staff/{ZHANG}", "/presence", "/cases", "/terminals", "/records"):
        assert kiosk.ask("GET", path)[0] == 404
        answer = office.client.application.test_client().get(
            path, base_url="http://localhost", headers=kiosk.headers("GET", path, b"")
        )
        assert answer.status_code in (303, 401, 404)
    _, told = kiosk.ask("GET", "/t/v1/roster")
    roster = json.loads(told["roster"])
    assert roster["upserts"] == [[ZHANG, "张**"]]
    assert roster["expires_at"] == "2026-11-27T01:00:00.000Z"
    assert "小敏" not in str(told)
    assert "13800138000" not in str(told)


def test_the_roster_is_signed_by_the_hall_and_names_who_is_gone(
    hall: Hall, office: Browser, kiosk: Kiosk
):
    add_member(office)
    _, told = kiosk.ask("GET", "/t/v1/roster")
    version = json.loads(told["roster"])["roster_ver"]
    keys = terminal_keys.hall_keys(hall)
    assert is_signed(keys.signing, bytes.fromhex(told["signature"]), told["roster"].encode())
    again = json.loads(kiosk.ask("GET", f"/t/v1/roster?since={version}")[1]["roster"])
    assert (again["roster_ver"], again["upserts"]) == (version, [])
    office.post(f"/staff/{ZHANG}/leave")
    gone = json.loads(kiosk.ask("GET", f"/t/v1/roster?since={version}")[1]["roster"])
    assert (gone["upserts"], gone["tombstones"]) == ([], [ZHANG])


def test_an_order_is_fetched_and_carried_out_once(administration: Browser, kiosk: Kiosk):
    path = f"/terminals/{kiosk.id}/orders"
    wrong = administration.post(path, {"kind": "reboot", "argument": ""})
    assert wrong.status_code == 422
    sent = administration.post(path, {"kind": "show_message", "argument": "今天提前闭厅"})
    assert sent.status_code == 303
    (order,) = kiosk.ask("GET", "/t/v1/commands?wait=25")[1]["commands"]
    assert (order["kind"], order["argument"]) == ("show_message", "今天提前闭厅")
    for noted in (True, False):
        _, told = kiosk.ask("POST", f"/t/v1/commands/{order['id']}", {"result": "shown"})
        assert told["noted"] is noted
    assert kiosk.ask("GET", "/t/v1/commands")[1]["commands"] == []
    assert "shown" in administration.get(f"/terminals/{kiosk.id}").text


def test_a_report_is_shown_and_tells_up_to_when_everything_is_here(
    hall: Hall, administration: Browser, kiosk: Kiosk, clock: TurnableClock
):
    def report(**more: object) -> None:
        clock.turn(seconds=1)
        body = {"clocks": kiosk.clocks(), "camera": "on", "version": "v1", **more}
        assert kiosk.ask("POST", "/t/v1/heartbeat", body)[0] == 200

    oldest = (clock.moment - timedelta(hours=2)).isoformat()
    report(queue=3, oldest=oldest)
    page = administration.get(f"/terminals/{kiosk.id}").text
    assert "3 条" in page
    assert "有未报记录" in page
    assert "可用" in page
    began = clock.moment - timedelta(seconds=1)
    assert raw_punches.last_reported(hall)[kiosk.id] <= began
    report()
    assert raw_punches.last_reported(hall)[kiosk.id] == clock.moment
    assert "有未报记录" not in administration.get(f"/terminals/{kiosk.id}").text


def test_the_list_tells_a_terminal_that_was_not_heard_of(
    hall: Hall, administration: Browser, kiosk: Kiosk, clock: TurnableClock
):
    state_of(kiosk)
    assert "在用" in administration.get("/terminals").text
    clock.turn(minutes=6)
    assert "未联系" in administration.get("/terminals").text
    state_of(kiosk)
    assert "未联系" not in administration.get("/terminals").text


def test_the_list_tells_how_well_the_sign_ins_of_a_month_are_proven(
    hall: Hall, administration: Browser
):
    for grade, way in (("B", "face"), ("B", "face"), ("B", "face"), ("C", "pin")):
        at = hall.clock.local().isoformat(timespec="seconds")
        hall.write(Punch(staff_no=ZHANG, punched_at=at, way=way, grade=grade), actor=ZHANG)
    assert "人脸 3 次（75%）" in administration.get("/terminals").text


@pytest.mark.parametrize("name", ["", "   ", "机" * 41, "一\n二"])
def test_a_terminal_without_a_proper_name_is_refused(
    hall: Hall, administration: Browser, name: str
):
    answer = administration.post("/terminals", {"name": name})
    assert answer.status_code == 422
    assert "终端名称" in answer.text
    assert how_many(hall, "terminal") == 0


def test_a_double_click_makes_one_terminal(hall: Hall, administration: Browser):
    form = {"csrf": administration.token(), "once": "the-same-form-key-twice", "name": "二楼"}
    assert administration.send("/terminals", form).status_code == 200
    assert administration.send("/terminals", form).location == "/terminals"
    assert how_many(hall, "terminal") == 1


def test_a_supervisor_does_not_make_terminals(office: Browser):
    assert office.post("/terminals", {"name": "二楼"}).status_code == 403


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "commanded"
    HallSettings(hall="T09", name="测试分厅", center="c.example").save(folder)
    return folder


def test_the_command_prints_an_address_that_pairs(data: Path):
    done = CliRunner().invoke(main, ["terminal", "--data", str(data), "一楼", "--json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.output)
    assert facts["url"] == f"http://127.0.0.1:8711/kiosk#pair={facts['code']}"
    hall = Hall(data, HallSettings.load(data))
    assert terminals.terminal_of_code(hall, facts["code"]) == facts["serial"]
    hall.close()


def test_the_command_prepares_a_machine_with_a_key_that_is_approved(data: Path):
    command = [
        "terminal",
        "--data",
        str(data),
        "一楼",
        "--location",
        "入口",
        "--prepared",
        "--json",
    ]
    facts = json.loads(CliRunner().invoke(main, command).output)
    hall = Hall(data, HallSettings.load(data))
    kiosk = PlainKiosk("http://127.0.0.1:1")
    kiosk.take_key(facts["url"].partition("#")[2])
    found = terminal_keys.device_key(hall, facts["serial"], kiosk.key_id)
    assert found is not None
    assert found.state == "approved"
    hall.close()
