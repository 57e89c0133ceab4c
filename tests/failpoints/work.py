"""A kind of work, ended at one named point after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from tests.failpoints.machines import Machines
from tests.failpoints.promises import check_at_once

SERIALS = count(5000)
# More than any work has points.
MANY = 6


@dataclass(frozen=True)
class Work:
    """One kind of work.

    Args:
        points: those at which it is ended, one after the other: each run goes on with what the run
            before it left.
        prepare: once, makes enough work for all runs. run: does it, ended at a point; answers
            whether it was. check: after each run, however it ended. finish: after the last one.
    """

    name: str
    points: tuple[str, ...]
    prepare: Callable[[Machines], object]
    run: Callable[[Machines, str], bool]
    check: Callable[[Machines], object] = check_at_once
    finish: Callable[[Machines], object] = lambda machines: None


def nothing(_machines: Machines) -> None:
    """Go on with what is there."""


def plain() -> bytes:
    """The bytes of a scan like no other."""
    return (b"%d pages" % next(SERIALS)) * 3_000


def data(machines: Machines, machine: str) -> tuple[object, ...]:
    """Where a command works."""
    return "--data", machines.folder / machine


PROGRAMS = {"hall": "node", "center": "aggregator"}
