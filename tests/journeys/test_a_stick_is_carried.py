"""With the cable out everything goes by stick, both ways; with the cable in nothing comes twice."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

from msgspec.structs import replace

from aggregator.center import Center, CenterSettings
from deploy import casework
from deploy.browser import Page, Person
from standards.records import GuidePublished
from tests.journeys.test_an_inspection_is_answered import finding_at, recorded
from tests.journeys.town import Town, doubled, somebody

FAULT = "叫号屏不亮，窗口编号不清"


def test_a_stick_brings_everything_both_ways_and_the_cable_afterwards_nothing_twice(
    town: Town, tmp_path: Path
):
    supervisor, clerk = town.at_hall("dudao"), town.at_hall("chuangkou")
    reconciler = town.at_center("duizhang")
    casework.wait_for_receipt(clerk)
    with town.pulled(town.first):
        taken = [casework.take_in(clerk, somebody(item=item)) for item in ("GA001", "BD003")]
        recorded(town.at_center("ducha"), "T01", faulted="windows", fault=FAULT)
        wanted = publish_one_more_guide(town)
        before = casework.outbox(supervisor)
        assert before.receipted < before.local

        up = given(supervisor, "/outbox/stick/file")
        assert_nothing_can_be_read(up, taken[0].case_no)
        assert re.search(r"收下新记录 \d+ 条", brought(reconciler, "/halls/stick", up).words)
        for case in taken:
            assert case.case_no in casework.arrived(reconciler, "T01", case).words

        down = given(reconciler, "/halls/stick/T01")
        assert "又核对了回执 1 份" in brought(supervisor, "/outbox/stick", down).words
        after = casework.outbox(supervisor)
        assert after.receipted == before.local
        assert casework.standards_followed(supervisor) >= wanted
        assert finding_at(supervisor, FAULT)
    assert_nothing_twice(town, clerk, reconciler, (up, down))


def test_an_administrator_takes_the_same_from_a_folder_while_the_center_runs(
    town: Town, tmp_path: Path
):
    supervisor, clerk = town.at_hall("dudao"), town.at_hall("chuangkou")
    casework.wait_for_receipt(clerk)
    with town.pulled(town.first):
        case = casework.take_in(clerk, somebody(item="GA005"))
        (tmp_path / "T01-UP.OHS").write_bytes(given(supervisor, "/outbox/stick/file"))
        told = command(town, "import", tmp_path)
        assert "分厅 T01 收下新记录" in told
        assert case.case_no in casework.arrived(town.at_center("duizhang"), "T01", case).words
        told = command(town, "export", tmp_path, "--hall", "T01")
        assert "U盘可用空间" in told and "给分厅 T01" in told
        names = {path.name for path in (tmp_path / "ONEHALL/T01/DOWN").iterdir()}
        assert "INDEX.OHS" in names and len(names) >= 2
    assert casework.wait_for_receipt(clerk).receipted >= 1


def publish_one_more_guide(town: Town) -> int:
    """The center publishes a new version of a guide that no other journey looks at."""
    center = Center(town.demo.center, CenterSettings.load(town.demo.center))
    try:
        guide = max(center.shelf().current(), key=lambda guide: guide.item)
        later = replace(guide, version=guide.version + 1)
        people = {"drafted_by": "C-01", "checked_by": "C-02", "published_by": "C-03"}
        entry = center.publish(
            GuidePublished(
                item=later.item,
                version=later.version,
                published_on=date.today(),
                guide=later,
                **people,
            ),
            actor="C-03",
        )
        return entry.index + 1
    finally:
        center.close()


def given(person: Person, path: str) -> bytes:
    """A file as the browser saves it."""
    answer = person.session.get(person.base + path, timeout=30)
    assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
    return answer.content


def brought(person: Person, path: str, raw: bytes) -> Page:
    """The page after a file was handed in."""
    page = person.open(path)
    return person.submit(
        page, page.form("stick"), {}, [("stick", ("stick.OHS", raw, "application/octet-stream"))]
    )


def assert_nothing_can_be_read(raw: bytes, case_no: str) -> None:
    for secret in (case_no, "GA001", "case_received", "T01-00", "测试人"):
        assert secret.encode() not in raw


def command(town: Town, *words: object) -> str:
    """A command at the center's machine, beside the running server."""
    program = Path(sys.executable).parent / "onehall-aggregator"
    ran = subprocess.run(
        [program, *map(str, words), "--data", town.demo.center],
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def assert_nothing_twice(
    town: Town, clerk: Person, reconciler: Person, files: tuple[bytes, bytes]
) -> None:
    """The cable is in again: network and old sticks bring nothing that is there."""
    sizes = casework.wait_for_receipt(clerk)
    assert sizes.local == sizes.receipted
    assert "收下新记录 0 条" in brought(reconciler, "/halls/stick", files[0]).words
    supervisor = town.at_hall("dudao")
    assert "收下新记录 0 条" in brought(supervisor, "/outbox/stick", files[1]).words
    for table in ("case_received", "case_step", "finding"):
        for label in ("center", "T01"):
            ids = [row["id"] for row in town.rows(label, f"SELECT id FROM {table}")]
            assert doubled(ids) == []
    ours = town.rows("T01", "SELECT id FROM case_received WHERE hall = 'T01'")
    theirs = town.rows("center", "SELECT id FROM case_received WHERE hall = 'T01'")
    assert {row["id"] for row in ours} == {row["id"] for row in theirs}
