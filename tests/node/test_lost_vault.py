"""A hall or the center lost the key of its personal parts: it says so, and what can comes back."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aggregator.commands import main as center_command
from aggregator.opening import opened_to_serve as center_to_serve
from aggregator.receiving.apply import apply_all
from aggregator.serving import reading_app
from node.app import create_app
from node.commands import main
from node.hall import Hall
from node.opening import opened, opened_to_serve
from node.outbox.syncing import contact
from node.safekeeping import disk
from standards.identity import SHUT
from standards.records import CaseReceived, Finding
from sync.errors import Unwritable
from tests.independent.center import listening
from tests.node.contacts import enrolled, line_of, new_hall
from tests.node.hall import Browser
from tests.node.test_damage import case

NAME = "欧阳损坏"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A hall that has sent three cases and got a finding, and has two cases unsent; its center."""
    data = tmp_path / "hall"
    with listening(tmp_path / "center") as office, new_hall(data) as hall:
        office.center.settings.save(tmp_path / "center")
        hall.settings.save(data)
        enrolled(hall, office)
        create_app(hall)
        for number in range(3):
            hall.write(case(number), actor="T01-001")
        finding = Finding(
            for_hall="T01", source="inspected", severity="minor", rule="x", clause="", evidence=NAME
        )
        office.center.order("T01", finding, actor="ZX-01")
        for _ in range(2):
            contact(hall, line_of(hall, office.url))
            apply_all(office.center)
        for number in range(3, 5):
            hall.write(case(number), actor="T01-001")
        Browser(create_app(hall).test_client()).sign_in("li")
    return data


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def names(logs_of: Hall) -> list[str]:
    """The names in the cases, in their order."""
    rows = logs_of.db.query("SELECT * FROM case_received ORDER BY case_no")
    return [logs_of.logs.opened(CaseReceived, row).applicant_name for row in rows]


def content(folder: Path) -> dict[str, bytes]:
    """Every file but the lock and what SQLite keeps while the database is open."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("node.lock", "node.db-shm", "node.db-wal")
    }


def test_without_its_key_a_hall_is_served_to_be_read_and_says_what_to_do(folder: Path):
    (folder / "keys" / "vault.key").unlink()
    before = content(folder)
    with opened_to_serve(folder) as hall:
        app = create_app(hall)
        disk.seal(hall)
        browser = Browser(app.test_client()).sign_in("li")
        page = browser.get("/cases?list=received")
        assert page.status_code == 200 and "T01-3" in page.text
        assert "个人信息密钥" in page.text and "放回 keys 的副本" in page.text
        assert "磁盘现在不能写入" not in page.text
        assert names(hall) == [SHUT] * 5
        with pytest.raises(Unwritable):
            hall.write(case(9), actor="T01-001")
        told = browser.get("/healthz")
        assert told.json is not None and "key of personal parts" in told.text
    assert content(folder) == before, "no key is made, nothing is written"


def test_another_key_in_its_place_is_refused_by_every_command_in_a_sentence(folder: Path):
    path = folder / "keys" / "vault.key"
    path.write_text(os.urandom(32).hex())
    for words in (["status"], ["verify"], ["sync"], ["backup", "--to", str(folder.parent / "to")]):
        told = run(*words, "--data", folder)
        assert told.exit_code == 1 and "vault.key is not the key" in told.output, words
    told = run("keys", "vault", "--data", folder, "--json")
    assert json.loads(told.output)["key"].startswith("vault.key is not the key")


def test_a_hall_gets_back_what_the_center_has_and_names_what_nobody_has(folder: Path):
    (folder / "keys" / "vault.key").unlink()
    refused = run("keys", "vault", "--data", folder, "--renew", "--yes")
    assert refused.exit_code == 2 and not (folder / "keys" / "vault.key").exists()
    told = run("keys", "vault", "--data", folder, "--renew", "--yes", "--actor", "T01-006")
    assert told.exit_code == 0 and "sets the PIN anew" in told.output, told.output
    with listening(folder.parent / "center") as office, opened(folder) as hall:
        browser = Browser(create_app(hall).test_client()).sign_in("li")
        assert names(hall) == [SHUT] * 5
        assert "个人信息密钥更换过" in browser.get("/cases").text
        hall.write(case(5), actor="T01-001")
        contact(hall, line_of(hall, office.url))
        assert names(hall) == [NAME] * 3 + [SHUT] * 2 + [NAME]
        assert len(hall.logs.find_personal("paper_no", "11010519491231002X")) == 4
        row = hall.db.query("SELECT * FROM finding WHERE source = 'inspected'")[0]
        assert hall.logs.opened(Finding, row).evidence == NAME
        apply_all(office.center)
        assert len(office.center.db.query("SELECT id FROM case_received")) == 6
    told = run("keys", "vault", "--data", folder, "--json")
    shown = json.loads(told.output)
    assert shown["key"] == "vault.key opens what stands here"
    assert list(shown["shut"].values()) == [2], "written before the loss, and never sent"
    assert run("keys", "vault", "--data", folder, "--renew", "--yes").exit_code == 1


def test_a_center_gets_back_from_its_halls_what_they_have(folder: Path):
    center = folder.parent / "center"
    shutil.copy(center / "keys" / "vault.key", folder.parent / "found")
    (center / "keys" / "vault.key").write_text(os.urandom(32).hex())
    with center_to_serve(center) as served:
        reading_app(served)
        rows = served.db.query("SELECT * FROM case_received")
        assert [served.logs.opened(CaseReceived, row).applicant_name for row in rows] == [SHUT] * 3
    words = ["keys", "vault", "--data", str(center), "--renew", "--yes", "--actor", "C-006"]
    told = CliRunner().invoke(center_command, words)
    assert told.exit_code == 0, told.output
    assert (center / "keys" / "vault.key.old").exists()
    with listening(center) as office, opened(folder) as hall:
        for _ in range(2):
            contact(hall, line_of(hall, office.url))
            apply_all(office.center)
        rows = office.center.db.query("SELECT * FROM case_received")
        found = [office.center.logs.opened(CaseReceived, row).applicant_name for row in rows]
        assert found == [NAME] * 5
        row = office.center.db.query("SELECT * FROM finding WHERE source = 'inspected'")[0]
        assert office.center.logs.opened(Finding, row).evidence == NAME
    shown = CliRunner().invoke(center_command, ["keys", "vault", "--data", str(center), "--json"])
    assert json.loads(shown.output)["shut"] == {}


def test_the_lost_key_that_turns_up_opens_what_nobody_else_has(folder: Path):
    center = folder.parent / "center"
    shutil.copy(center / "keys" / "vault.key", folder.parent / "found")
    (center / "keys" / "vault.key").unlink()
    words = ["keys", "vault", "--data", str(center), "--renew", "--yes", "--actor", "C-006"]
    assert CliRunner().invoke(center_command, words).exit_code == 0
    shown = CliRunner().invoke(center_command, ["keys", "vault", "--data", str(center), "--json"])
    assert len(json.loads(shown.output)["shut"]) == 2
    (folder.parent / "found").rename(folder.parent / "found.key")
    words = ["keys", "vault", "--data", str(center), "--found", str(folder.parent / "found.key")]
    assert CliRunner().invoke(center_command, [*words, "--json"]).exit_code == 0
    shown = CliRunner().invoke(center_command, ["keys", "vault", "--data", str(center), "--json"])
    assert json.loads(shown.stdout)["shut"] == {}
