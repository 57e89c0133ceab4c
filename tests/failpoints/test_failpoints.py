"""Real processes ended by SIGKILL at every named point: nothing is lost, nothing happens twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync import failpoints
from tests.failpoints.machines import Machines
from tests.failpoints.points import CENTER, NODE, of_the_exchange, points, within
from tests.failpoints.promises import check_at_once, check_at_the_end

# What a hall's administrator or its background work runs; a point that none of them meets is a
# point that nobody showed to be harmless.
HALL_WORK = (("sync",),)
# The center's program loads these, too, but it is the hall that begins each contact.
ONLY_HALL = ("sync/client.py",)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    made.close()


def test_a_process_may_end_at_every_named_point_on_either_side(machines: Machines):
    hit = {NODE: hall_ends(machines), CENTER: center_ends(machines)}
    assert of_the_exchange() - hit[NODE] - hit[CENTER] == set(), "never met"
    shared = {"sync/contact/receiving.py", "sync/applied/applying.py"}
    both = {name for name, path in points().items() if path in shared}
    # A hall meets no kind of the center that it does not know.
    only_center = {"quarantine.kept"}
    assert both - only_center <= hit[NODE] and both <= hit[CENTER]


def hall_ends(machines: Machines) -> set[str]:
    """Points at which the hall's process was ended; each run starts over what the last one left."""
    machines.start_center()
    asked = [name for name in within(NODE) if name in of_the_exchange()]
    hit = {point for point in asked if any(met_by_hall(machines, point))}
    finish(machines)
    return hit


def met_by_hall(machines: Machines, point: str) -> Iterator[bool]:
    """Whether the hall's process ended there: at usual work, then with kinds of a newer version."""
    for newer in (False, True):
        machines.work(newer)
        for command in HALL_WORK:
            ended = machines.hall_runs(*command, armed=point)
            machines.rest()
            check_at_once(machines)
            yield ended


def center_ends(machines: Machines) -> set[str]:
    """The same with the center's process."""
    machines.stop_center()
    asked = [
        name
        for name in within(CENTER)
        if points()[name] not in ONLY_HALL and name in of_the_exchange()
    ]
    hit = {point for point in asked if any(met_by_center(machines, point))}
    machines.start_center()
    finish(machines)
    return hit


def met_by_center(machines: Machines, point: str) -> Iterator[bool]:
    for newer in (False, True):
        machines.work(newer)
        machines.start_center(armed=point)
        for command in HALL_WORK:
            machines.hall_runs(*command)
        machines.rest()
        ended = machines.stop_center()
        check_at_once(machines)
        yield ended


def finish(machines: Machines) -> None:
    """The faults are over: a few contacts bring all into step, what was judged meanwhile too."""
    for _ in range(4):
        assert not machines.hall_runs("sync")
        machines.rest()
    assert not machines.hall_runs("sync")
    check_at_the_end(machines)


def test_a_point_that_is_not_armed_does_nothing_and_costs_one_comparison():
    assert failpoints._armed == ""
    for name in points():
        failpoints.fp(name)


@pytest.mark.parametrize(("armed", "status"), [("a.point", -9), ("a.poin", 0), ("", 0)])
def test_only_the_very_point_that_was_armed_at_the_start_ends_the_process(armed: str, status: int):
    program = "from sync.failpoints import fp; fp('a.point')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, failpoints.VARIABLE: armed},
        capture_output=True,
        check=False,
    )
    assert done.returncode == status
    assert done.stderr == (b"ended at a.point\n" if status else b"")
