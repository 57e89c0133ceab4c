"""Stick and network at the same time; machines that were restored or are full."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from aggregator.receiving.apply import apply_all
from node.hall import Hall
from node.outbox.syncing import contact
from sync.batch import pack
from sync.clock import Clock
from sync.errors import DiskFull
from sync.log import Portions
from sync.notes import Checkpoint
from tests.independent.center import Listening
from tests.node.contacts import line_of, new_hall
from tests.sticks.carrying import arrive, at_center, back, counted, home, out, write


def test_what_the_network_brought_meanwhile_is_known_when_the_stick_arrives(
    hall: Hall, office: Listening, stick: Path
):
    out(hall, stick)
    write(hall, 3)
    contact(hall, line_of(hall, office.url))
    assert counted(arrive(office, stick)) == (0, 6, True)
    apply_all(office.center)
    back(office, stick)
    contact(hall, line_of(hall, office.url))
    taken = home(hall, stick)
    assert (taken.new, taken.refused) == (0, None)
    assert hall.state().mark.size == 9 == at_center(office)


def test_a_stick_that_overlaps_what_the_network_brought_is_left_and_the_network_goes_on(
    hall: Hall, office: Listening, stick: Path
):
    contact(hall, line_of(hall, office.url))
    apply_all(office.center)
    back(office, stick)
    taken = home(hall, stick)
    assert taken.refused is not None and taken.refused.reason == "overlap"
    assert "没有丢失" in [*taken.lines("hall")][-1]
    contact(hall, line_of(hall, office.url))
    assert len(hall.db.query("SELECT id FROM finding")) == 7
    # At the next stick the center knows what the hall has.
    out(hall, stick)
    arrive(office, stick)
    back(office, stick)
    assert home(hall, stick).refused is None


def test_what_the_stick_brought_is_not_sent_again_by_the_network(
    hall: Hall, office: Listening, stick: Path
):
    out(hall, stick)
    arrive(office, stick)
    write(hall, 1)
    done = contact(hall, line_of(hall, office.url))
    assert hall.state().mark.size == 7
    # Receipts for the six came with the round; only the last one was sent.
    assert len(office.center.db.query("SELECT start FROM batch WHERE origin LIKE '%/T01/1'")) == 3
    back(office, stick)
    taken = home(hall, stick)
    assert taken.refused is None and done.fetched > 0


def test_a_stick_whose_cuts_are_not_those_of_the_network_does_no_harm_and_the_next_one_works(
    hall: Hall, office: Listening, stick: Path
):
    out(hall, stick)
    hall.logs.portions = Portions(batch_entries=3)
    upto = len(hall.logs.leaves(hall.origin, 0, 3))
    head = Checkpoint(hall.origin, upto, hall.logs.root_at(hall.origin, upto))
    parts = hall.logs.personal(hall.origin, 0, upto)
    leaves = hall.logs.leaves(hall.origin, 0, upto)
    first = pack(hall.signer, head, 0, 6, (leaves, parts, office.center.sealing.public))
    line_of(hall, office.url).send(
        "POST", "/sync/v1/logs/T01/1", first, "application/vnd.onehall.batch"
    )
    taken = arrive(office, stick)
    assert counted(taken) == (0, 0, False)
    assert taken.refused is not None and taken.refused.reason == "overlap"
    assert "没有丢失" in [*taken.lines("center")][-1]
    back(office, stick)
    home(hall, stick)
    assert hall.state().mark.size == 3
    out(hall, stick)
    assert counted(arrive(office, stick)) == (3, 0, True)


def test_stick_and_network_in_the_same_moment_bring_everything_once(
    hall: Hall, office: Listening, stick: Path
):
    write(hall, 40)
    out(hall, stick)
    failed: list[Exception] = []

    def by_network() -> None:
        try:
            contact(hall, line_of(hall, office.url))
        except Exception as error:
            failed.append(error)

    network = threading.Thread(target=by_network)
    network.start()
    taken = arrive(office, stick)
    network.join()
    assert taken.refused is None
    contact(hall, line_of(hall, office.url))
    arrive(office, stick)
    assert at_center(office) == hall.state().mark.size == 46
    assert office.center.logs.verify(hall.origin) is None
    assert all(getattr(error, "code", "") in ("gap", "try_later") for error in failed)


def test_a_restored_hall_learns_from_the_stick_that_the_center_holds_more(
    hall: Hall, office: Listening, stick: Path, tmp_path: Path
):
    with (
        closing(sqlite3.connect(hall.data / "node.db")) as now,
        closing(sqlite3.connect(tmp_path / "node.db")) as kept,
    ):
        now.backup(kept)
    write(hall, 3)
    out(hall, stick)
    arrive(office, stick)
    back(office, stick)
    hall.db.close()
    os.replace(tmp_path / "node.db", hall.data / "node.db")
    for name in ("node.db-wal", "node.db-shm"):
        (hall.data / name).unlink(missing_ok=True)
    with new_hall(tmp_path / "hall") as restored:
        taken = home(restored, stick)
        assert taken.refused is not None and taken.refused.reason == "behind"
        assert "从备份恢复" in [*taken.lines("hall")][-1]
        # Standards and orders do no harm and are there all the same.
        assert taken.new > 0 and restored.shelf().size == 1


class FullDisk:
    """The center's disk has no room for a batch."""

    def __init__(self, office: Listening) -> None:
        self.logs = office.center.logs

    def __enter__(self) -> None:
        def full(*_: object) -> None:
            raise DiskFull("full")

        vars(self.logs)["keep_batch"] = full

    def __exit__(self, *_: object) -> None:
        del vars(self.logs)["keep_batch"]


def test_a_full_disk_at_the_center_keeps_nothing_and_the_same_stick_works_later(
    hall: Hall, office: Listening, stick: Path
):
    out(hall, stick)
    with FullDisk(office):
        taken = arrive(office, stick)
    assert taken.refused is not None and taken.refused.reason == "try_later"
    assert at_center(office) == 0
    assert counted(arrive(office, stick)) == (6, 0, True)


def test_a_clock_that_is_years_off_changes_nothing(hall: Hall, office: Listening, stick: Path):
    usual = hall.clock
    for years in (3, -56):
        by = timedelta(days=365 * years)
        hall.clock = hall.logs.clock = Clock(lambda by=by: usual.now() + by, usual.mono_ms, "b")  # type: ignore[misc]
        write(hall, 1)
        out(hall, stick)
        assert arrive(office, stick).refused is None
        back(office, stick)
        assert home(hall, stick).refused is None
    assert hall.state().mark.size == 8
