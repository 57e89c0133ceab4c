"""The hall's own side of records and quarantine: proof to carry away, and what came down aside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from aggregator.commands import main as center_main
from node.app import create_app
from node.commands import main as node_main
from node.hall import Hall
from node.outbox.syncing import Syncing, replay_newer_down
from standards.records import RECORDS, Inspection
from sync.applied import aside
from sync.log import LogStore
from sync.storage.tables import Tables
from tests.independent.center import Listening, office
from tests.node.contacts import enrolled, new_hall
from tests.node.hall import Browser
from tests.source import ROOT
from tests.sync.pairs import consent

__all__ = ["office"]


@pytest.fixture
def hall(tmp_path: Path, office: Listening) -> Iterator[Hall]:
    with new_hall(tmp_path / "hall") as made:
        enrolled(made, office)
        for _ in range(5):
            made.write(consent(), actor="T01-001")
        assert Syncing(made).turn().state == "waiting"
        yield made


def check(path: Path) -> str:
    command = [sys.executable, "-I", str(ROOT / "deploy/verify-proof"), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def signed_in(hall: Hall, login: str) -> Browser:
    return Browser(create_app(hall).test_client()).sign_in(login)


def test_the_halls_own_proof_is_the_centers_byte_by_byte(
    hall: Hall, office: Listening, tmp_path: Path
):
    browser = signed_in(hall, "chen")
    shown = browser.get("/records/1/2")
    assert "2（从 0 数起，共 5 条）" in shown.text and "前 5 条" in shown.text
    mine = browser.get("/records/1/2/proof").text
    hall.settings.save(hall.data)
    office.center.settings.save(office.center.data)
    for main, data, words in (
        (node_main, hall.data, ["prove", "2"]),
        (center_main, office.center.data, ["prove", "T01", "2"]),
    ):
        out = tmp_path / "out.json"
        told = CliRunner().invoke(main, [*words, "--data", str(data), "--out", str(out)])
        assert told.exit_code == 0, told.output
        assert out.read_text(encoding="utf-8") == mine
    assert "record 2 stands in the log" in check(out)


def test_pages_of_records_are_for_supervisor_and_administrator(hall: Hall):
    assert signed_in(hall, "li").get("/records/1/2").status_code == 403
    browser = signed_in(hall, "root")
    assert browser.get("/records/1/5").status_code == 404
    assert browser.get("/records/2/0").status_code == 404
    hall.write(consent(), actor="T01-001")
    answer = browser.get("/records/1/5/proof")
    assert answer.status_code == 409 and "还没有收到中心的回执" in answer.text


def test_the_centers_verify_checks_its_receipts_against_what_it_keeps(
    hall: Hall, office: Listening
):
    office.center.settings.save(office.center.data)
    told = CliRunner().invoke(center_main, ["verify", "--data", str(office.center.data)])
    assert told.exit_code == 0, told.output
    office.center.db.execute(
        "UPDATE receipt SET note = CAST(REPLACE(CAST(note AS TEXT), :was, :now) AS BLOB)",
        was="\n5\n",
        now="\n4\n",
    )
    told = CliRunner().invoke(center_main, ["verify", "--data", str(office.center.data)])
    assert told.exit_code == 1
    assert "BROKEN: not what the receipt for 5 confirmed" in told.output


# --- quarantine ---------------------------------------------------------------------------------


def older(logs: LogStore) -> Tables:
    """As the release before: it does not know inspections."""
    return Tables([r for r in RECORDS if r.kind != "inspection"], logs.tables.projections)


INSPECTION = {
    "for_hall": "T01",
    "mode": "overt",
    "day": "2026-11-24",
    "inspector": "Z005",
}


def ordered(office: Listening) -> None:
    office.center.order("T01", msgspec.convert(INSPECTION, Inspection), actor="Z005")


def test_what_a_newer_center_sent_is_shown_and_replayed_by_the_start_after_an_upgrade(
    hall: Hall, office: Listening, monkeypatch: pytest.MonkeyPatch
):
    newer = hall.logs.tables
    monkeypatch.setattr(hall.logs, "tables", older(hall.logs))
    ordered(office)
    Syncing(hall).turn()
    browser = signed_in(hall, "chen")
    shown = browser.get("/quarantine").text
    assert "inspection 1 条" in shown and "本机升级后，启动时自动入库" in shown
    one = browser.get("/quarantine/1/0").text
    assert "督查与问题 第 0 条" in one
    assert browser.post("/quarantine/1/0").location.endswith("tried=1")
    assert browser.get("/quarantine/0/0").status_code == 404
    assert browser.get("/quarantine/7/0").status_code == 404

    monkeypatch.setattr(hall.logs, "tables", newer)
    sync = Syncing(hall)
    sync.start()
    sync.stop()
    assert hall.db.query("SELECT COUNT(*) AS n FROM inspection")[0]["n"] == 1
    assert replay_newer_down(hall) == 0
    assert "没有隔离的记录" in browser.get("/quarantine").text


def test_a_person_can_replay_everything_and_nothing_is_doubled(
    hall: Hall, office: Listening, monkeypatch: pytest.MonkeyPatch
):
    newer = hall.logs.tables
    monkeypatch.setattr(hall.logs, "tables", older(hall.logs))
    ordered(office)
    ordered(office)
    Syncing(hall).turn()
    monkeypatch.setattr(hall.logs, "tables", newer)
    browser = signed_in(hall, "root")
    assert browser.post("/quarantine").location.endswith("freed=2")
    assert browser.post("/quarantine").location.endswith("freed=0")
    assert hall.db.query("SELECT COUNT(*) AS n FROM inspection")[0]["n"] == 2
    assert aside.counts(hall.logs).total == 0
    assert signed_in(hall, "li").get("/quarantine").status_code == 403
