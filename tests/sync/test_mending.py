"""Rows that do not say what the leaves say are named and made anew; leaves are never touched."""

from __future__ import annotations

from datetime import date

import pytest

from aggregator.database.store import CenterStore
from standards.records import CaseStep
from sync.applied import mending
from sync.applied.applying import apply_pending
from sync.applied.mending import Astray
from sync.errors import Malformed
from sync.log import LogStore
from tests.sync.pairs import HALL, Pair, case, consent
from tests.sync.stores import log_store


@pytest.fixture
def pair() -> Pair:
    """Two cases, one of them accepted, and a consent, received and applied."""
    made = Pair(center=log_store(CenterStore("sqlite://")))
    first = made.hall.write(HALL, case(1), actor="T01-001")
    made.write(case(2), consent())
    step = CaseStep(case_id=first.leaf.id, step="accepted", day=date(2026, 11, 24))
    made.write(step)
    made.send_all()
    apply_pending(made.center, HALL)
    return made


def everything(logs: LogStore) -> list[list[dict]]:
    names = ("case_received", "case_step", "face_consent", "case_standing", "batch", "log")
    wanted = {
        "case_received": "SELECT * FROM case_received ORDER BY id",
        "case_step": "SELECT * FROM case_step ORDER BY id",
        "face_consent": "SELECT * FROM face_consent ORDER BY id",
        "case_standing": "SELECT * FROM case_standing ORDER BY id",
        "batch": "SELECT * FROM batch ORDER BY start",
        "log": "SELECT * FROM log",
    }
    return [[dict(row) for row in logs.db.query(wanted[name])] for name in names]


def test_tables_that_follow_from_their_leaves_are_fine(pair: Pair):
    assert mending.rows_astray(pair.center, "T01") == []
    assert mending.rows_astray(pair.center, "T02") == []


@pytest.mark.parametrize(
    ("statement", "table", "what"),
    [
        ("UPDATE case_received SET item = 'GA999' WHERE idx = 1", "case_received", "other"),
        ("DELETE FROM face_consent", "face_consent", "missing"),
        (
            "UPDATE case_standing SET stage = 'decided' WHERE stage = 'accepted'",
            "case_standing",
            "other",
        ),
        ("DELETE FROM case_standing WHERE stage = 'accepted'", "case_standing", "missing"),
        (
            "UPDATE case_standing SET id = 'made-up' WHERE stage = 'received'",
            "case_standing",
            "extra",
        ),
        ("UPDATE case_received SET idx = 77 WHERE idx = 1", "case_received", "extra"),
    ],
)
def test_a_row_that_somebody_changed_is_named_and_made_anew(
    pair: Pair, statement: str, table: str, what: str
):
    before = everything(pair.center)
    pair.center.db.execute(statement)
    found = mending.rows_astray(pair.center, "T01")
    assert (table, what) in {(one.table, one.what) for one in found}
    assert mending.mend(pair.center, "T01") == 4
    assert everything(pair.center) == before
    assert mending.rows_astray(pair.center, "T01") == []


def test_mending_one_writer_leaves_the_rows_of_the_others_alone(pair: Pair):
    db = pair.center.db
    db.execute(
        "INSERT INTO face_consent (hall, id, origin, idx, actor, at, staff_no, notice_version, "
        "given, day) SELECT 'T02', id, 'c.example/T02/1', idx, actor, at, staff_no, "
        "notice_version, given, day FROM face_consent"
    )
    mending.mend(pair.center, "T01")
    assert len(db.query("SELECT id FROM face_consent WHERE hall = 'T02'")) == 1


def test_nothing_is_mended_from_leaves_that_are_not_what_was_signed(pair: Pair):
    pair.center.db.execute("DELETE FROM face_consent")
    pair.center.db.execute("UPDATE batch SET hashes = leaves")
    before = everything(pair.center)
    with pytest.raises(Malformed, match="not what was signed"):
        mending.mend(pair.center, "T01")
    assert everything(pair.center) == before


def test_an_entry_in_quarantine_is_not_missed(pair: Pair):
    db = pair.center.db
    db.execute("DELETE FROM face_consent")
    assert mending.rows_astray(pair.center, "T01") == [Astray("face_consent", "2", "missing")]
    db.execute(
        "INSERT INTO quarantine VALUES (:origin, 2, 'face_consent:x', 'face_consent', 'why', 'at')",
        origin=HALL,
    )
    assert mending.rows_astray(pair.center, "T01") == []
