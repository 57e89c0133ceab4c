"""Halls compare what the center showed each of them: one history, or a split view (T10)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aggregator.center import Center, CenterSettings
from node.commands import main
from node.hall import Hall
from node.outbox.heads import standards_code
from node.outbox.syncing import contact
from standards.records import NumberScheme
from sync.contact.sending import signed_head
from tests.independent.center import Listening, office
from tests.node.contacts import enrolled, line_of, new_hall

__all__ = ["office"]


@pytest.fixture
def hall(tmp_path: Path, office: Listening) -> Iterator[Hall]:
    with new_hall(tmp_path / "hall") as made:
        enrolled(made, office)
        made.settings.save(made.data)
        publish(office.center, 1, 2, 3)
        contact(made, line_of(made, office.url))
        yield made


def publish(center: Center, *versions: int) -> None:
    for version in versions:
        center.publish(NumberScheme(version=version, template=f"{{tail}}{version}"), actor="C-1")


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def compared(hall: Hall, note: Path) -> Result:
    return run("compare-heads", note, "--data", hall.data)


def test_halls_that_hold_the_same_history_find_it_the_same_whoever_is_ahead(
    hall: Hall, office: Listening, tmp_path: Path
):
    told = run("head", "--data", hall.data, "--to", tmp_path / "note")
    assert told.exit_code == 0 and standards_code(hall)[1] in told.output
    publish(office.center, 4)
    longer = tmp_path / "longer"
    longer.write_bytes(signed_head(office.center.logs, hall.standards_origin, office.center.signer))
    said = compared(hall, longer)
    assert said.exit_code == 0 and "make a contact" in said.output
    contact(hall, line_of(hall, office.url))
    assert "the same history" in compared(hall, longer).output
    assert "the same history" in compared(hall, tmp_path / "note").output
    assert standards_code(hall, 3)[1] in told.output, "the digits of an earlier size stay"


def test_a_center_that_shows_two_histories_is_found_and_both_heads_are_kept(
    hall: Hall, office: Listening, tmp_path: Path
):
    shutil.copytree(office.center.data / "keys", tmp_path / "twin" / "keys")
    settings = CenterSettings(center=office.center.settings.center, name="另一副面孔")
    settings.save(tmp_path / "twin")
    twin = Center(tmp_path / "twin", settings)
    publish(twin, 1, 7, 8)
    shown = tmp_path / "shown-to-others"
    shown.write_bytes(signed_head(twin.logs, twin.standards_origin, twin.signer))
    twin.close()
    said = compared(hall, shown)
    assert said.exit_code == 1 and "ANOTHER HISTORY" in said.output
    (kept,) = (hall.data / "evidence").glob("split-*.txt")
    assert shown.read_text() in kept.read_text()


def test_a_head_that_the_center_did_not_sign_or_of_another_log_is_no_evidence(
    hall: Hall, office: Listening, tmp_path: Path
):
    note = tmp_path / "note"
    note.write_bytes(signed_head(hall.logs, hall.origin, hall.signer))
    assert "unknown_key" in compared(hall, note).output
    office.center.order("T01", NumberScheme(version=1, template="x"), actor="C-1")
    center = office.center
    note.write_bytes(signed_head(center.logs, center.orders_origin("T01"), center.signer))
    assert "another log" in compared(hall, note).output
