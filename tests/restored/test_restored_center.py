"""A real center whose database is put back from a copy, with real halls that hold what it lost."""

from __future__ import annotations

import shutil

from tests.failpoints.machines import Machines, machines
from tests.restored.test_restored_machines import cases_of, in_step, worked

__all__ = ["machines"]


def test_a_center_put_back_from_a_copy_gets_its_own_logs_and_the_halls_back(machines: Machines):
    worked(machines)
    machines.rest()
    worked(machines)
    machines.stop_center()
    database = machines.folder / "center" / "center.db"
    shutil.copy(database, machines.folder / "old.db")
    machines.start_center()
    worked(machines, 2)
    machines.rest()
    worked(machines)
    machines.rest()
    before = own_logs(machines)
    cases = cases_of(machines, "center")
    machines.stop_center()
    for file in database.parent.glob("center.db*"):
        file.unlink()
    shutil.copy(machines.folder / "old.db", database)
    machines.start_center()
    assert own_logs(machines) != before, "the copy is as long as what it was made of"
    in_step(machines)
    assert set(cases_of(machines, "center")) >= set(cases)
    after = own_logs(machines)
    held = dict(machines.rows("hall", "SELECT origin, size FROM log WHERE own = 0"))
    assert all(after[origin] >= size for origin, size in held.items())
    worked(machines)
    in_step(machines)


def own_logs(machines: Machines) -> dict[str, int]:
    return dict(machines.rows("center", "SELECT origin, size FROM log WHERE own = 1"))
