"""Terminals: made by the administrator, paired once, seen, revoked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from node import terminals
from node.commands import main
from node.hall import Hall, HallSettings
from tests.node.attendance import Kiosk, outcome
from tests.node.hall import Browser, TurnableClock, how_many


def code_of(text: str) -> str:
    found = re.search(r'id="code">([A-Z2-9]{10})<', text)
    assert found is not None, text
    return found.group(1)


def test_a_terminal_is_made_paired_by_its_code_and_listed(
    hall: Hall, administration: Browser, kiosk: Kiosk
):
    page = administration.post("/terminals", {"name": "二楼签到机", "location": "电梯口"})
    assert page.status_code == 200
    code = code_of(page.text)
    assert f"/kiosk#pair={code}" in page.text
    listed = administration.get("/terminals").text
    assert "待配对" in listed
    assert code not in listed

    told = kiosk.pair(code).get_json()
    assert told["name"] == "二楼签到机"
    state = kiosk.ask("GET", "/terminal/state", token=told["token"])
    assert state.get_json()["terminal"] == told["terminal"]
    assert "待配对" not in administration.get("/terminals").text


def test_a_code_pairs_one_machine_once_and_in_any_letters(hall: Hall, kiosk: Kiosk):
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    assert kiosk.pair(f" {code.lower()} ").status_code == 200
    assert outcome(kiosk.pair(code)) == (403, "code")


def test_a_code_ends_after_fifteen_minutes(hall: Hall, kiosk: Kiosk, clock: TurnableClock):
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    clock.turn(minutes=15, seconds=1)
    assert outcome(kiosk.pair(code)) == (403, "code")


def test_a_code_made_while_the_clock_ran_ahead_ends_with_its_repair(
    hall: Hall, kiosk: Kiosk, clock: TurnableClock
):
    clock.turn(days=3 * 365)
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    clock.turn(days=-3 * 365)
    assert outcome(kiosk.pair(code)) == (403, "code")


def test_guessing_codes_is_stopped_after_five_tries(hall: Hall, kiosk: Kiosk, clock: TurnableClock):
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    for guess in range(5):
        assert outcome(kiosk.pair(f"GUESS{guess:05}")) == (403, "code")
    assert outcome(kiosk.pair(code)) == (429, "too_many")
    clock.turn(minutes=11)
    assert kiosk.pair(code).status_code == 200


def test_neither_code_nor_token_is_in_the_database(hall: Hall, kiosk: Kiosk, tmp_path: Path):
    _, code = terminals.create_terminal(hall, "二楼", "", "T01-006")
    for path in (tmp_path / "hall").glob("node.db*"):
        kept = path.read_bytes()
        assert kiosk.token.encode() not in kept
        assert code.encode() not in kept


def test_a_revoked_terminal_is_refused_from_its_next_request_on(
    hall: Hall, administration: Browser, kiosk: Kiosk
):
    assert kiosk.ask("GET", "/terminal/state").status_code == 200
    answer = administration.post(f"/terminals/{kiosk.id}/revoke")
    assert answer.status_code == 303
    assert outcome(kiosk.ask("GET", "/terminal/state")) == (401, "token")
    assert outcome(kiosk.punch(staff_no="T01-001", pin="482915")) == (401, "token")
    assert "已停用" in administration.get("/terminals").text
    assert administration.post(f"/terminals/{kiosk.id}/revoke").status_code == 404
    assert administration.post(f"/terminals/{kiosk.id}/code").status_code == 404


def test_a_new_code_moves_the_terminal_to_another_machine(
    hall: Hall, administration: Browser, kiosk: Kiosk
):
    code = code_of(administration.post(f"/terminals/{kiosk.id}/code").text)
    assert kiosk.ask("GET", "/terminal/state").status_code == 200
    moved = kiosk.pair(code).get_json()
    assert moved["terminal"] == kiosk.id
    assert kiosk.ask("GET", "/terminal/state").status_code == 401
    assert kiosk.ask("GET", "/terminal/state", token=moved["token"]).status_code == 200


def test_the_list_tells_a_terminal_that_was_not_heard_of(
    hall: Hall, administration: Browser, kiosk: Kiosk, clock: TurnableClock
):
    assert "在用" in administration.get("/terminals").text
    clock.turn(minutes=6)
    assert "未联系" in administration.get("/terminals").text
    kiosk.ask("GET", "/terminal/state")
    assert "在用" in administration.get("/terminals").text


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
    paired = terminals.pair(hall, facts["code"])
    assert paired is not None
    assert paired[0].id == facts["serial"]
    hall.close()


def test_the_command_prepares_a_machine_with_its_token(data: Path):
    command = ["terminal", "--data", str(data), "一楼", "--location", "入口", "--paired", "--json"]
    facts = json.loads(CliRunner().invoke(main, command).output)
    assert facts["url"].endswith(f"/kiosk#token={facts['token']}")
    hall = Hall(data, HallSettings.load(data))
    found = terminals.terminal_of_token(hall, facts["token"])
    assert found is not None
    assert (found.name, found.location) == ("一楼", "入口")
    hall.close()
