"""Real processes over folders that were put back from copies, or that run twice."""

from __future__ import annotations

import shutil

from tests.failpoints.machines import OWN, Machines, machines

__all__ = ["machines"]

EPOCHS = [OWN[:-1] + str(epoch) for epoch in range(1, 5)]


def worked(machines: Machines, times: int = 1) -> None:
    """New entries on both sides, and a contact."""
    for _ in range(times):
        machines.work(newer=False)
    assert machines.synced()["error_code"] == ""


def logs_of(machines: Machines, machine: str) -> dict[str, int]:
    rows = machines.rows(machine, "SELECT origin, size FROM log WHERE writer = 'T01' AND size > 0")
    return dict(rows)


def cases_of(machines: Machines, machine: str) -> list[str]:
    rows = machines.rows(machine, "SELECT id FROM case_received WHERE hall = 'T01' ORDER BY id")
    return [row[0] for row in rows]


def in_step(machines: Machines) -> None:
    """Two contacts bring both sides to the same logs and cases, with nothing set aside."""
    for _ in range(3):
        assert machines.synced()["error_code"] == ""
        machines.rest()
    assert logs_of(machines, "hall") == logs_of(machines, "center")
    assert cases_of(machines, "hall") == cases_of(machines, "center")
    assert set(machines.acknowledged) >= set(cases_of(machines, "hall")[-2:])
    aside = "SELECT origin, idx FROM quarantine WHERE origin LIKE '%/T01/%'"
    assert machines.rows("center", aside) == machines.rows("hall", aside) == []
    with machines.hall() as hall, machines.center() as center:
        for logs in (hall.logs, center.logs):
            assert {logs.verify(state.origin) for state in logs.states()} == {None}


def test_a_database_put_back_from_a_copy_goes_on_in_a_new_epoch_and_gets_the_rest_back(
    machines: Machines,
):
    worked(machines)
    database = machines.folder / "hall" / "node.db"
    shutil.copy(database, machines.folder / "old.db")
    worked(machines, 2)
    cases = cases_of(machines, "hall")
    for file in database.parent.glob("node.db*"):
        file.unlink()
    shutil.copy(machines.folder / "old.db", database)
    in_step(machines)
    assert cases_of(machines, "hall") == cases
    assert sorted(logs_of(machines, "hall")) == EPOCHS[:2]
    worked(machines)
    in_step(machines)


def test_a_whole_folder_put_back_that_was_written_to_since_loses_nothing_of_either(
    machines: Machines,
):
    worked(machines)
    shutil.copytree(machines.folder / "hall", machines.folder / "copy")
    worked(machines, 2)
    before = cases_of(machines, "hall")
    shutil.rmtree(machines.folder / "hall")
    (machines.folder / "copy").rename(machines.folder / "hall")
    machines.work(newer=False)
    written = set(cases_of(machines, "hall"))
    in_step(machines)
    assert set(cases_of(machines, "hall")) == {*before, *written}


def test_of_two_machines_with_one_hall_the_one_left_behind_sends_nothing_until_somebody_picks(
    machines: Machines,
):
    worked(machines)
    first, second, here = (machines.folder / name for name in ("first", "second", "hall"))
    shutil.copytree(here, second)
    worked(machines)
    here.rename(first)
    second.rename(here)
    machines.work(newer=False)
    in_step(machines)
    held = logs_of(machines, "center")

    here.rename(second)
    first.rename(here)
    machines.work(newer=False)
    status = machines.synced()
    assert (status["state"], status["error_code"], status["sent"]) == ("refused", "cloned", 0)
    assert logs_of(machines, "center") == held
    # Work went on, and waits here.
    assert len(cases_of(machines, "hall")) > 0
    mine = cases_of(machines, "hall")[-1]
    assert mine in machines.acknowledged and mine not in cases_of(machines, "center")
