"""Received entries are applied exactly once; what cannot be applied holds back only its own."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, ClassVar

import pytest

from standards.cases import PROJECTIONS
from standards.records import RECORDS, CaseStep, FaceConsent, Finding, Inspection, Record
from standards.records.declare import Field, Owner
from standards.records.wording import Line, StaffNo
from sync.applied.applying import apply_pending, rebuild, replay_quarantined
from sync.contact.receiving import Receiver, Writer, receive
from sync.contact.sending import next_batch
from sync.entries import Entry
from sync.errors import DiskFull, RowRefused
from sync.log import LogStore, Portions
from sync.private.sealing import SealingKey
from sync.storage.tables import Tables
from tests.simulation.disk import Crash, Disk
from tests.simulation.machines import ForeignTables
from tests.sync.pairs import COSIGNER, DAY, HALL, SIGNER, Pair, case, consent
from tests.sync.stores import content


class Appointment(Record, frozen=True, kw_only=True):
    """预约: a kind that only newer software knows."""

    kind: ClassVar[str] = "appointment"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "预约"

    staff_no: Annotated[StaffNo, Field(label="工号")]
    name: Annotated[Line, Field(label="姓名", personal=True)]


class NewerStep(Record, frozen=True, kw_only=True):
    """A step of a case with a field that the center does not know yet."""

    kind: ClassVar[str] = "case_step"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "办件环节"

    case_id: Annotated[str, Field(label="办件")]
    step: Annotated[str, Field(label="环节")]
    day: Annotated[date, Field(label="日期")]
    urgency: Annotated[str, Field(label="缓急")] = ""


@pytest.fixture
def pair() -> Pair:
    """The hall's software is not ours: it writes what it likes."""
    found = Pair()
    found.hall.tables = ForeignTables(RECORDS, PROJECTIONS)
    return found


def quarantine(logs: LogStore) -> dict[int, str]:
    rows = logs.db.query("SELECT idx, entity, reason FROM quarantine ORDER BY idx")
    return {row["idx"]: row["reason"] for row in rows}


def indexes(logs: LogStore, kind: str) -> list[int]:
    return [row["idx"] for row in logs.db.query(f"SELECT idx FROM {kind} ORDER BY idx")]


def put(pair: Pair, record: Record, record_id: str | None = None) -> str:
    entry = pair.hall.write(HALL, record, actor="T01-001", record_id=record_id)
    return entry.leaf.id


def step(case_id: str, name: str = "accepted", day: date = DAY) -> CaseStep:
    return CaseStep(case_id=case_id, step=name, day=day)


def stage(logs: LogStore, case_id: str) -> str:
    (row,) = logs.db.query("SELECT stage FROM case_standing WHERE id = :id", id=case_id)
    return str(row["stage"])


def test_everything_received_is_applied_once(pair: Pair):
    first = put(pair, case())
    pair.write(consent(), step(first), consent())
    pair.send_all()
    assert apply_pending(pair.center, HALL) == 4
    assert apply_pending(pair.center, HALL) == 0
    assert pair.center.state(HALL).applied == 4
    assert stage(pair.center, first) == "accepted"
    assert pair.center.find_personal("mobile", "13812345678") == [(HALL, 0)]


BAD: dict[str, Callable[[Pair], int]] = {}


def bad(function: Callable[[Pair], int]) -> Callable[[Pair], int]:
    BAD[function.__name__.replace("_", " ")] = function
    return function


@bad
def a_step_of_a_case_that_was_never_received(pair: Pair) -> int:
    put(pair, step("0" * 36))
    return 1


@bad
def an_id_that_stands_already(pair: Pair) -> int:
    put(pair, consent(), put(pair, consent()))
    return 1


@bad
def a_case_received_twice(pair: Pair) -> int:
    put(pair, case(), put(pair, case()))
    return 1


@bad
def a_kind_that_only_the_center_writes(pair: Pair) -> int:
    put(pair, Finding(for_hall="T01", source="judged"))
    return 1


@bad
def a_kind_of_newer_software(pair: Pair) -> int:
    put(pair, Appointment(staff_no="T01-001", name="张三"))
    return 1


@bad
def a_text_beyond_its_bounds(pair: Pair) -> int:
    put(pair, NewerStep(case_id=put(pair, case()), step="受" * 50, day=DAY))
    return 1


@bad
def a_field_of_newer_software(pair: Pair) -> int:
    put(pair, NewerStep(case_id=put(pair, case()), step="accepted", day=DAY, urgency="high"))
    return 1


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("around", [0, 5])
def test_one_bad_entry_costs_that_entry_only(pair: Pair, name: str, around: int):
    pair.write(*(consent() for _ in range(around)))
    count = BAD[name](pair)
    pair.write(*(consent() for _ in range(around)))
    size = pair.hall.state(HALL).size
    pair.send_all()
    assert apply_pending(pair.center, HALL) == size
    assert len(quarantine(pair.center)) == count
    rows = sum(len(indexes(pair.center, r.kind)) for r in RECORDS)
    assert rows == size - count
    rebuild(pair.center)
    assert sum(len(indexes(pair.center, r.kind)) for r in RECORDS) == size - count


@pytest.mark.parametrize("name", BAD)
def test_the_others_are_applied_at_the_cost_of_a_batch(pair: Pair, name: str):
    """Transactions are counted, not seconds: row by row would be one for each entry."""
    pair.center.portions = Portions(chunk_entries=1_000)
    pair.write(*(consent() for _ in range(100)))
    BAD[name](pair)
    pair.write(*(consent() for _ in range(100)))
    pair.hall.portions = Portions()
    pair.send_all()
    disk = pair.center.db
    assert isinstance(disk, Disk)
    before = disk.changes
    apply_pending(pair.center, HALL)
    assert len(quarantine(pair.center)) == 1
    assert disk.changes - before < 25


@pytest.mark.parametrize("error", [OverflowError, KeyError, RowRefused, ZeroDivisionError])
def test_a_rule_that_cannot_reckon_with_an_entry_holds_back_that_entry_only(
    pair: Pair, error: type[Exception]
):
    odd = put(pair, case())
    other = put(pair, case())
    pair.send_all()

    def observe(entry: Entry, before: object, after: object) -> None:
        if entry.leaf.id == odd:
            raise error("out of range")

    apply_pending(pair.center, HALL, observe)
    assert list(quarantine(pair.center)) == [0]
    assert stage(pair.center, other) == "received"


def test_quarantine_holds_back_what_comes_after_in_the_same_matter_only(pair: Pair):
    first, other = put(pair, case()), put(pair, case())
    put(pair, NewerStep(case_id=first, step="notified", day=DAY, urgency="high"))
    pair.write(step(first), step(other), step(first, "decided"), consent())
    pair.send_all()
    apply_pending(pair.center, HALL)
    reasons = quarantine(pair.center)
    assert list(reasons) == [2, 3, 5]
    assert reasons[2].startswith("a kind or field of a newer version")
    assert reasons[3] == reasons[5] == "waits for entry 2 of the same matter"
    assert (stage(pair.center, first), stage(pair.center, other)) == ("received", "accepted")


def test_a_kind_that_becomes_known_is_replayed_without_doubles(pair: Pair):
    put(pair, Appointment(staff_no="T01-001", name="张三"))
    pair.write(consent())
    put(pair, Appointment(staff_no="T01-002", name="李四"))
    pair.send_all()
    apply_pending(pair.center, HALL)
    assert list(quarantine(pair.center)) == [0, 2]
    assert replay_quarantined(pair.center, HALL) == 0
    pair.center.tables = Tables((*RECORDS, Appointment), PROJECTIONS)
    pair.center.create()
    assert replay_quarantined(pair.center, HALL) == 2
    assert replay_quarantined(pair.center, HALL) == 0
    assert quarantine(pair.center) == {}
    assert indexes(pair.center, "appointment") == [0, 2]
    assert b"\xe6\x9d\x8e" in (pair.center.payload(HALL, 2) or b"")
    before = content(pair.center.db, ["appointment", "face_consent"])
    rebuild(pair.center)
    assert content(pair.center.db, ["appointment", "face_consent"]) == before


def test_what_waited_for_an_entry_is_freed_after_it_and_in_order(pair: Pair):
    first = put(pair, case())
    pair.write(step(first, "notified"), step(first, "corrected"), step(first))
    pair.send_all()

    def strict(entry: Entry, before: object, after: object) -> None:
        if entry.index == 1:
            raise ValueError("a rule that is wrong")

    apply_pending(pair.center, HALL, strict)
    assert list(quarantine(pair.center)) == [1, 2, 3]
    assert replay_quarantined(pair.center, HALL, strict) == 0
    seen: list[int] = []
    freed = replay_quarantined(pair.center, HALL, lambda e, b, a: seen.append(e.index))
    assert (freed, seen) == (3, [1, 2, 3])
    assert stage(pair.center, first) == "accepted"


def test_a_hall_cannot_hold_back_the_matter_of_another_hall(pair: Pair):
    """Entities are told apart by the log they came in."""
    put(pair, step("0" * 36))
    pair.send_all()
    apply_pending(pair.center, HALL)
    pair.center.open("c.example/T02/1", "T02", own=True)
    pair.center.write("c.example/T02/1", case(), actor="T02-001", record_id="0" * 36)
    assert stage(pair.center, "0" * 36) == "received"


def test_what_the_center_wrote_is_applied_at_the_hall_and_counts_as_the_centers():
    pair, origin = Pair(), "c.example/orders-T01/1"
    pair.center.open(origin, "center", own=True)
    seen = Inspection(for_hall="T01", mode="overt", day=DAY, inspector="C-01", remarks="整洁")
    pair.center.write(origin, seen, actor="C-01")
    sealing = SealingKey(b"t" * 32)
    raw = next_batch(pair.center, origin, 0, SIGNER, sealing.public)
    assert raw is not None
    writer = Writer("center", origin, SIGNER.verifier)
    receive(pair.hall, raw, lambda _: writer, Receiver(sealing, COSIGNER))
    assert apply_pending(pair.hall, origin) == 1
    (row,) = pair.hall.db.query("SELECT hall, id FROM inspection")
    assert row["hall"] == "center"
    assert pair.hall.read(Inspection, row["id"]) == seen


def test_the_power_may_fail_at_any_touch_while_entries_are_applied():
    """The mark, the rows, the fold and the effect move together or not at all."""
    pair = Pair()
    pair.hall.tables = ForeignTables(RECORDS, PROJECTIONS)
    first = put(pair, case())
    pair.write(step("0" * 36), consent(), step(first), consent())
    pair.send_all()
    disk = pair.center.db
    assert isinstance(disk, Disk)
    disk.create(["CREATE TABLE IF NOT EXISTS effect (idx INTEGER PRIMARY KEY)"])

    def effect(entries: object) -> None:
        for entry in entries:  # type: ignore[attr-defined]
            disk.execute("INSERT INTO effect VALUES (:idx)", idx=entry.index)

    crashes = 0
    for touches in [*range(1, 40), 1_000]:
        disk.arm(touches)
        try:
            apply_pending(pair.center, HALL, effect=effect)
        except Crash:
            crashes += 1
            disk.lose_power()
        disk.disarm()
        applied = pair.center.state(HALL).applied
        good = [i for i in (0, 2, 3, 4) if i < applied]
        assert indexes(pair.center, "effect") == good
        done = indexes(pair.center, "case_received") + indexes(pair.center, "face_consent")
        assert sorted(done + indexes(pair.center, "case_step")) == good
        assert list(quarantine(pair.center)) == [1][: applied > 1]
    assert crashes > 10
    assert pair.center.state(HALL).applied == 5


def test_a_full_disk_stops_applying_and_quarantines_nothing(pair: Pair):
    pair.write(consent(), consent())
    pair.send_all()
    disk = pair.center.db
    assert isinstance(disk, Disk)
    disk.arm(2, "full")
    with pytest.raises(DiskFull):
        apply_pending(pair.center, HALL)
    assert quarantine(pair.center) == {}
    assert apply_pending(pair.center, HALL) == 2


def test_rebuilding_the_center_gives_the_same_tables_without_what_is_held_back(pair: Pair):
    first = put(pair, case())
    pair.write(
        step("0" * 36),
        step(first),
        FaceConsent(staff_no="T01-002", notice_version=1, given=False, day=DAY),
    )
    pair.send_all()
    apply_pending(pair.center, HALL)
    before = content(pair.center.db, pair.center.tables.names())
    assert rebuild(pair.center) == 3
    assert content(pair.center.db, pair.center.tables.names()) == before
    assert list(quarantine(pair.center)) == [1]
