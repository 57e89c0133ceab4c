"""Restored, cloned, both restored: the hall goes on, nothing is lost, and what is lost is named."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aggregator.app import create_app as create_center_app
from aggregator.halls import roster
from aggregator.safekeeping import returning
from node.app import create_app
from node.hall import Hall
from node.keys import enrolment
from node.outbox import epochs
from node.outbox.syncing import contact
from standards.records import EpochOpened, StaffMember
from sync.client import Line
from sync.errors import Cloned, StoreBusy, Unreachable
from sync.storage.tables import records
from tests.aggregator.office import Hands, Office
from tests.independent.center import CENTER, Listening, listening, office
from tests.node.contacts import enrolled, line_of, meet, new_hall
from tests.node.hall import Browser
from tests.simulation.machines import guide_published

__all__ = ["office"]

FILES = ("node.db", "node.db-wal", "node.db-shm")
CENTER_FILES = ("center.db", "center.db-wal", "center.db-shm")


def write(hall: Hall, *numbers: int) -> None:
    for number in numbers:
        hall.write(StaffMember(staff_no=f"T01-{number:03}", name="赵小明"), actor="T01-001")


def numbers_at(db) -> list[int]:
    rows = db.query("SELECT staff_no FROM staff_member WHERE hall = 'T01' ORDER BY staff_no")
    return [int(row["staff_no"][4:]) for row in rows]


def in_step(hall: Hall, office: Listening) -> bool:
    """Every own log stands at the center as it stands here, byte by byte."""
    for state in hall.logs.states():
        if state.own and state.size:
            theirs = office.center.logs.state(state.origin)
            assert theirs.frontier == state.frontier == state.mark, state.origin
    return numbers_at(hall.db) == numbers_at(office.center.db)


@contextmanager
def opened(data: Path) -> Iterator[Hall]:
    with new_hall(data) as hall:
        yield hall


def copy_of(data: Path, into: Path, names: tuple[str, ...] = FILES) -> Path:
    """The files of a machine that stands still."""
    into.mkdir(exist_ok=True)
    for name in names:
        (into / name).unlink(missing_ok=True)
        if (data / name).exists():
            shutil.copy2(data / name, into / name)
    return into


@pytest.fixture
def machine(tmp_path: Path, office: Listening) -> Path:
    """A hall whose first three entries are at the center; a copy of its database beside it."""
    return begun(tmp_path, office)


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    """The folders of such a hall and of its center, both standing still, a copy of each beside."""
    with listening(tmp_path / "center") as office:
        machine = begun(tmp_path, office)
    copy_of(tmp_path / "center", tmp_path / "old-center", CENTER_FILES)
    return machine, tmp_path / "center"


def put_back(center: Path) -> None:
    copy_of(center.parent / "old-center", center, CENTER_FILES)


def begun(tmp_path: Path, office: Listening) -> Path:
    data = tmp_path / "hall"
    with opened(data) as hall:
        enrolled(hall, office)
        write(hall, 1, 2, 3)
        meet(hall, office)
    copy_of(data, tmp_path / "old")
    return data


def restore(machine: Path, office: Listening, *since: int) -> None:
    """Two more entries reach the center; then the database is put back from the copy."""
    with opened(machine) as hall:
        write(hall, *since)
        meet(hall, office)
    copy_of(machine.parent / "old", machine)


def test_a_restored_machine_knows_it_at_its_start_and_gets_the_rest_back(
    machine: Path, office: Listening
):
    restore(machine, office, 4, 5)
    with opened(machine) as hall:
        assert hall.epoch == 2 and numbers_at(hall.db) == [1, 2, 3]
        (opened_now,) = records(hall.db, EpochOpened)
        assert (opened_now.cause, opened_now.branched_at, opened_now.known_size) == (
            *("restored", 3, 5),
        )
        assert [(gap.first, gap.stop) for gap in epochs.lost(hall)] == [(3, 5)]
        meet(hall, office)
        assert numbers_at(hall.db) == [1, 2, 3, 4, 5]
        assert epochs.lost(hall) == []
        assert in_step(hall, office)


def test_what_a_restored_machine_writes_before_it_meets_the_center_keeps_its_ids(
    machine: Path, office: Listening
):
    restore(machine, office, 4, 5)
    with opened(machine) as hall:
        write(hall, 6, 7)
        before = {row["staff_no"]: row["id"] for row in hall.db.query("SELECT * FROM staff_member")}
        meet(hall, office)
        rows = office.center.db.query("SELECT staff_no, id FROM staff_member")
        there = {row["staff_no"]: row["id"] for row in rows}
        assert before.items() <= there.items()
        assert numbers_at(hall.db) == [1, 2, 3, 4, 5, 6, 7] and in_step(hall, office)


def test_a_whole_disk_that_was_put_back_is_found_at_the_next_contact(
    machine: Path, office: Listening
):
    shutil.copy2(machine / "highwater", machine.parent / "old-highwater")
    restore(machine, office, 4, 5)
    shutil.copy2(machine.parent / "old-highwater", machine / "highwater")
    with opened(machine) as hall:
        assert hall.epoch == 1
        write(hall, 6)
        meet(hall, office)
        assert hall.epoch == 2
        assert [e.cause for e in records(hall.db, EpochOpened)] == ["diverged"]
        assert numbers_at(hall.db) == [1, 2, 3, 4, 5, 6] and in_step(hall, office)
        assert epochs.lost(hall) == []


def test_a_whole_disk_that_was_put_back_and_wrote_nothing_goes_on_in_the_same_epoch(
    machine: Path, office: Listening
):
    shutil.copy2(machine / "highwater", machine.parent / "old-highwater")
    restore(machine, office, 4, 5)
    shutil.copy2(machine.parent / "old-highwater", machine / "highwater")
    with opened(machine) as hall:
        meet(hall, office)
        assert hall.epoch == 1 and numbers_at(hall.db) == [1, 2, 3, 4, 5]
        assert in_step(hall, office)


def test_of_two_machines_one_sends_and_a_person_picks(
    machine: Path, office: Listening, tmp_path: Path
):
    shutil.copytree(machine, tmp_path / "twin")
    with opened(machine) as first, opened(tmp_path / "twin") as second:
        write(first, 10)
        meet(first, office)
        write(second, 20)
        meet(second, office)
        assert second.epoch == 2 and in_step(second, office)
        write(first, 11)
        with pytest.raises(Cloned):
            meet(first, office)
        assert epochs.clone_seen(first) == 2
        write(first, 12)
        assert numbers_at(first.db) == [1, 2, 3, 10, 11, 12], "the window goes on"
        epochs.go_on_here(first, "T01-009")
        meet(first, office)
        assert epochs.lost(first) == [], "what went on in another epoch is not lost"
        assert numbers_at(first.db) == [1, 2, 3, 10, 11, 12, 20] and in_step(first, office)
        write(second, 21)
        with pytest.raises(Cloned):
            meet(second, office)
        assert numbers_at(second.db) == [1, 2, 3, 10, 20, 21]


def test_the_page_names_what_is_lost_and_lets_an_administrator_pick(
    machine: Path, office: Listening, tmp_path: Path
):
    shutil.copytree(machine, tmp_path / "twin")
    with opened(machine) as first, opened(tmp_path / "twin") as second:
        write(first, 10)
        meet(first, office)
        write(second, 20)
        meet(second, office)
        write(first, 11)
        with pytest.raises(Cloned):
            meet(first, office)
        app = create_app(first)
        clerk = Browser(app.test_client()).sign_in("li")
        root = Browser(app.test_client()).sign_in("root")
        assert "请管理员选定由哪台继续" in clerk.get("/sessions").text
        page = root.get("/outbox/epochs").text
        assert "两台机器都是本厅" in page and "没有缺失" in page
        assert root.post("/outbox/epochs/go-on").status_code == 303
        meet(first, office)
        assert "两台机器都是本厅" not in root.get("/outbox/epochs").text


def test_a_restored_center_writes_nothing_until_the_hall_brought_its_log_back(
    both: tuple[Path, Path],
):
    machine, folder = both
    with opened(machine) as hall:
        with listening(folder) as office:
            publish(office, 1)
            write(hall, 4, 5)
            meet(hall, office)
            size = office.center.logs.state(office.center.standards_origin).size
        put_back(folder)
        with listening(folder) as office:
            standards = office.center.standards_origin
            assert returning.missing(office.center) == [(standards, size - 1, size)]
            with pytest.raises(StoreBusy):
                publish(office, 2)
            meet(hall, office)
            assert returning.missing(office.center) == []
            assert office.center.logs.state(standards).size == size
            publish(office, 2)
            meet(hall, office)
            assert in_step(hall, office) and numbers_at(hall.db) == [1, 2, 3, 4, 5]
            report = {(one.origin, one.way) for one in returning.returned(office.center)}
            assert report == {(standards, "own"), (hall.origin, "again")}
            page = Office(office.center, create_center_app(office.center), Hands())
            assert "都已补齐" in page.person("duizhang").text("/returned")


def publish(office: Listening, version: int) -> None:
    center = office.center
    center.publish(guide_published(version, center.clock.today()), actor="C-1")


def test_when_both_were_restored_what_no_disk_holds_is_named_by_number(both: tuple[Path, Path]):
    machine, folder = both
    with listening(folder) as office:
        restore(machine, office, 4, 5)
    put_back(folder)
    with listening(folder) as office, opened(machine) as hall:
        write(hall, 6)
        meet(hall, office)
        assert in_step(hall, office) and numbers_at(hall.db) == [1, 2, 3, 6]
        assert [(gap.epoch, gap.first, gap.stop) for gap in epochs.lost(hall)] == [(1, 3, 5)]


def test_what_a_dead_machine_never_sent_is_named_when_it_is_replaced(
    machine: Path, office: Listening, tmp_path: Path
):
    with opened(machine) as hall:
        write(hall, 4, 5)
        cut = Cut(line_of(hall, office.url))
        with pytest.raises(Unreachable):
            contact(hall, cut)
    with new_hall(tmp_path / "new") as new:
        asked = enrolment.ask(new, line_of(new, office.url), office.url, office.code_for("T01"))
        (waiting,) = [e for e in roster.pending(office.center) if e.digits == asked.digits]
        roster.approve(office.center, waiting.id, "C-006", replaces=True)
    found = [one for one in returning.returned(office.center) if one.way == returning.NEVER]
    assert [(one.origin, one.first, one.stop) for one in found] == [(f"{CENTER}/T01/1", 3, 5)]


class Cut:
    """A line on which the round still gets through and nothing after it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        if not target.endswith("/round"):
            raise Unreachable("the cable was pulled")
        return self._line.send(method, target, body, media_type)


def test_an_epoch_whose_opening_was_undone_is_not_written(machine: Path):
    with opened(machine) as hall:
        again = EpochOpened(cause="kept", previous=1, branched_at=3, known_size=3)
        with pytest.raises(ValueError), hall.db.transaction():
            epochs.open_next(hall, again)
            assert hall.epoch == 2
            raise ValueError("what came after it failed")
        write(hall, 4)
        assert hall.epoch == 1 and hall.state().size == 4


def test_a_head_is_promised_beside_the_database_before_it_is_signed(machine: Path):
    with opened(machine) as hall:
        assert hall.highwater.reached(f"{CENTER}/T01/1") == 3
    assert (machine / "highwater").stat().st_mode & 0o077 == 0
