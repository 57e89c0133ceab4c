"""Rows that are begun together are the rows that one entry after the other begins."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standards.cases import PROJECTIONS
from standards.records import RECORDS, CaseReceived, CaseStanding, CaseStep
from standards.records.births import ACTOR
from standards.records.declare import Happening, Projection, Record, columns_of, row_of
from sync.applied.applying import apply_pending
from sync.entries import new_id
from sync.log import LogStore, Portions
from tests.samples import records_of
from tests.simulation.machines import ForeignTables
from tests.sync.pairs import DAY, HALL, Pair, case
from tests.sync.stores import FILES, STORES, content, log_store

TABLES = ("case_received", "case_step", "case_standing", "quarantine")
AT = "2026-11-24T00:00:00.000Z"
BORN = [projection for projection in PROJECTIONS if projection.birth]


@pytest.fixture(params=FILES)
def center(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    opened = STORES[request.param](tmp_path)
    yield log_store(opened)
    opened.close()


@pytest.fixture
def pair() -> Pair:
    """The hall's software is not ours: it writes what it likes."""
    found = Pair()
    found.hall.tables = ForeignTables(RECORDS, PROJECTIONS)
    return found


def applied(pair: Pair, center: LogStore, chunk: int) -> dict[str, list[dict[str, object]]]:
    pair.center = center
    center.portions = Portions(chunk_entries=chunk)
    pair.hall.portions = Portions()
    pair.send_all()
    apply_pending(center, HALL)
    found = content(center.db, TABLES)
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def a_day(pair: Pair) -> None:
    """Thirty cases; some go on at once, one comes twice, some ids lie before all others."""
    for number in range(30):
        fields = {"window": f"窗口{number % 3}", "materials": ("m1", "m2")[: number % 3]}
        record = msgspec.structs.replace(case(number), **fields)
        early = new_id(5 + number) if number % 9 == 0 else None
        entry = pair.hall.write(HALL, record, actor=f"T01-{number % 4:03d}", record_id=early)
        if number % 5 == 0:
            going_on = CaseStep(case_id=entry.leaf.id, step="accepted", day=DAY, legal_due=DAY)
            pair.write(going_on)
        if number % 10 == 0:
            pair.write(CaseStep(case_id=entry.leaf.id, step="decided", day=DAY, outcome="granted"))


def test_many_entries_at_once_leave_the_rows_that_one_by_one_leaves(pair: Pair, center: LogStore):
    a_day(pair)
    pair.write(CaseStep(case_id=new_id(9), step="accepted", day=DAY))
    one_by_one = applied(pair, pair.center, 1)
    assert applied(pair, center, 5_000) == one_by_one
    assert len(one_by_one["case_standing"]) == 30
    assert len(one_by_one["quarantine"]) == 1


def test_ids_among_those_that_stand_are_begun_as_well(pair: Pair, center: LogStore):
    a_day(pair)
    applied(pair, center, 5_000)
    a_day(pair)
    rows = applied(pair, center, 5_000)
    assert len(rows["case_standing"]) == len(rows["case_received"]) == 60
    assert rows == applied(pair, log_store(STORES["simulated disk"](Path())), 1)


def test_a_record_whose_row_was_lost_is_not_given_one_in_passing(pair: Pair, center: LogStore):
    """It would stand as received, whatever happened to it since."""
    a_day(pair)
    applied(pair, center, 5_000)
    center.db.execute("DELETE FROM case_standing WHERE case_no = 'T01-15'")
    later = [new_id(1_900_000_000_000 + number) for number in range(21)]
    lost = "UPDATE case_received SET id = :id WHERE case_no = 'T01-15'"
    center.db.execute(lost, id=later.pop(9))
    for number, record_id in enumerate(later):
        pair.hall.write(HALL, case(100 + number), actor="T01-001", record_id=record_id)
    rows = applied(pair, center, 5_000)["case_standing"]
    assert "T01-15" not in {row["case_no"] for row in rows}
    assert len(rows) == 29 + 20


@pytest.mark.parametrize("projection", BORN, ids=lambda p: p.state.kind)
@settings(max_examples=20)
@given(data=st.data())
def test_a_declared_birth_says_what_the_projection_makes_of_a_record(
    projection: Projection, data: st.DataObject
):
    birth = projection.birth
    assert birth is not None and birth.state is projection.state
    copied, others = {"id": "id", **birth.copied}, []
    for record_id, actor in (("id-1", "T01-001"), ("id-2", "T01-002")):
        record = data.draw(records_of(birth.record))
        happening = Happening(birth.record.kind, record_id, "T01", actor, AT, record)
        row = row_of(birth.state, projection.advance(None, happening))
        sources = {**row_of(birth.record, record), ACTOR: actor, "id": record_id}
        assert {name: row[name] for name in copied} == {n: sources[s] for n, s in copied.items()}
        others.append({name: row[name] for name in row if name not in copied})
    assert others[0] == others[1]


@pytest.mark.parametrize("projection", BORN, ids=lambda p: p.state.kind)
def test_what_is_copied_stands_in_columns_of_the_same_kind(projection: Projection):
    assert projection.birth is not None
    kinds = {c.name: c.sql for c in columns_of(projection.birth.record)}
    for name, source in projection.birth.copied.items():
        assert columns_by_name(projection.state)[name] == kinds.get(source, "TEXT")


def columns_by_name(state: type[Record]) -> dict[str, str]:
    return {column.name: column.sql for column in columns_of(state)}


def test_the_row_of_a_case_is_begun_by_its_receipt():
    assert [(p.state, p.birth and p.birth.record) for p in BORN] == [(CaseStanding, CaseReceived)]
