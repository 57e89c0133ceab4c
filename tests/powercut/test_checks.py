"""The checks can fail: each thing that a power cut could break is found when it is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from node.hall import Hall
from standards.records import CaseStep
from sync.safekeeping.backup import ENDING
from sync.safekeeping.safekeeping import make_restore_key
from tests.powercut.coherence import entries_of
from tests.powercut.commit_paths import ACTOR, DAY, case, write_cases
from tests.powercut.images import Image, violations
from tests.powercut.journal import Mark
from tests.powercut.stage import HALL, Stage
from tests.powercut.truth import Truth

Break = Callable[[Hall], object]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def found_after(stage: Stage, break_it: Break | None = None, told: list[Mark] | None = None) -> str:
    """Two cases are written, something is broken, and the machine starts again."""
    with stage.hall() as hall:
        write_cases(hall, 2)
        truth = Truth([], {hall.origin: entries_of(hall.logs, hall.state())}, {hall.origin: [4]})
        if break_it is not None:
            with hall.db.transaction():
                break_it(hall)
    return "\n".join(violations(Image(stage.folder / HALL, HALL, truth, told or [], goes_on=True)))


def test_a_hall_that_nothing_happened_to_has_no_violations(stage: Stage):
    assert found_after(stage) == ""


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM case_step WHERE idx = 3", "entries without row"),
        ("DELETE FROM entry WHERE idx = 3", "entry 3 is not what was written"),
        ("UPDATE entry SET leaf = X'7b7d' WHERE idx = 1", "entry 1 is not what was written"),
        ("DELETE FROM personal WHERE idx = 2", "personal parts missing"),
        ("UPDATE case_step SET idx = 7 WHERE idx = 3", "rows without entry"),
        ("UPDATE log SET mark = 2, mark_frontier = frontier", "the mark"),
        ("UPDATE case_standing SET stage = 'received'", "a rebuild gives other tables"),
        ("UPDATE log SET size = 3", "size and tree"),
        ("DROP TABLE personal", "personal parts missing"),
        ("UPDATE log SET frontier = X'00'", "does not start"),
    ],
)
def test_a_broken_database_is_found(stage: Stage, statement: str, said: str):
    found = found_after(stage, lambda hall: hall.db.execute(statement))
    assert said in found


def test_half_a_case_is_found(stage: Stage):
    def without_its_step(hall: Hall) -> None:
        hall.write(case(9), actor=ACTOR)

    assert "half a case" in found_after(stage, without_its_step)


def test_an_entry_that_nobody_wrote_is_found(stage: Stage):
    def one_more(hall: Hall) -> None:
        entry = hall.write(case(9), actor=ACTOR)
        hall.write(CaseStep(case_id=entry.leaf.id, step="withdrawn", day=DAY), actor=ACTOR)

    assert "other entries than were written" in found_after(stage, one_more)


@pytest.mark.parametrize(
    "told",
    [
        Mark("reported", {"origin": "tonghua.example/T01/1", "size": 5, "moved": 0, "applied": 0}),
        Mark("reported", {"origin": "tonghua.example/T01/1", "size": 4, "moved": 1, "applied": 0}),
        Mark("answered", {"origin": "tonghua.example/T01/1", "size": 4, "case": "not there"}),
        Mark("enrolled", {}),
        Mark("account", {"login": "li"}),
        Mark("filed", {"name": "ab" * 32}),
        Mark("written", {"id": "of nobody"}),
        Mark("erased", {"places": [("tonghua.example/T01/1", 0)], "rows": []}),
        Mark("keyed", {"key": "of nobody"}),
        Mark("followed", {"version": 2}),
    ],
)
def test_something_acknowledged_that_is_not_there_is_found(stage: Stage, told: Mark):
    assert "acknowledged and not there" in found_after(stage, None, [told])


def test_settings_or_keys_that_are_gone_are_found(stage: Stage):
    kept = Mark("kept", {"path": "keys/vault.key", "content": "of another key"})
    assert "keys/vault.key is gone" in found_after(stage, None, [kept])


def test_half_a_file_under_a_name_is_found(stage: Stage):
    def cut_short(hall: Hall) -> None:
        folder = hall.data / "files" / "ab"
        folder.mkdir(parents=True)
        (folder / ("ab" * 32)).write_bytes(b"half")

    assert "half a file has the name abab" in found_after(stage, cut_short)


def test_half_a_backup_under_its_name_is_found(stage: Stage):
    def cut_short(hall: Hall) -> None:
        make_restore_key(hall.data / "offline")
        (hall.data / "backups").mkdir()
        (hall.data / "backups" / f"x{ENDING}").write_bytes(b"half")

    assert f"half a file has the name x{ENDING}" in found_after(stage, cut_short)


def test_bytes_of_an_erased_part_that_stay_beside_the_tables_are_found(stage: Stage):
    with stage.hall() as hall:
        write_cases(hall, 1)
        row = hall.db.query("SELECT sealed FROM personal WHERE idx = 0")[0]["sealed"]
    told = Mark("erased", {"places": [], "rows": [bytes(row).hex()]})
    assert "acknowledged and not there" in found_after(stage, None, [told])
