"""Many worlds, one after the other or in several processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterable
from dataclasses import dataclass

from tests.simulation.machines import stocked
from tests.simulation.mutants import MUTANTS, switched_off
from tests.simulation.world import World


@dataclass(frozen=True)
class Outcome:
    """What came of some seeds: how many faults were put in, and what was violated by seed."""

    seeds: int
    faults: int
    violated: dict[int, str]


def run_seeds(seeds: Iterable[int]) -> Outcome:
    """Live through a world for each seed."""
    count = faults = 0
    violated = {}
    with stocked() as stock:
        # The modules stay for ever: looking through them for rubbish costs a tenth of a run.
        gc.freeze()
        for seed in seeds:
            world = World(stock, seed)
            if violation := world.run():
                violated[seed] = violation
            count += 1
            faults += world.faults.total()
    return Outcome(count, faults, violated)


def run_spread(first: int, count: int) -> Outcome:
    """The same over as many processes as there are processors."""
    parts = max(1, min(os.cpu_count() or 1, count))
    shares = [range(first + part, first + count, parts) for part in range(parts)]
    with _pool(parts) as pool:
        outcomes = pool.map(run_seeds, shares)
    violated = {seed: text for o in outcomes for seed, text in o.violated.items()}
    return Outcome(
        sum(o.seeds for o in outcomes),
        sum(o.faults for o in outcomes),
        dict(sorted(violated.items())),
    )


def seeds_to_find(number: int, most: int) -> tuple[int, str]:
    """How many seeds a mutant survives, and by which broken promise it is found; "" when never."""
    mutant = MUTANTS[number]
    with switched_off(mutant), stocked() as stock:
        for seed in range(mutant.first, most):
            world = World(stock, seed)
            if mutant.only in ("", world.plan.kind) and (violation := world.run()):
                return seed + 1, violation
    return most, ""


def find_mutants(most: int) -> list[tuple[int, str]]:
    """:func:`seeds_to_find` for every mutant, spread over the processors."""
    with _pool(os.cpu_count() or 1) as pool:
        return pool.starmap(seeds_to_find, [(n, most) for n in range(len(MUTANTS))], chunksize=1)


def _pool(processes: int):
    # A fresh interpreter for each: a forked one would inherit threads and open files of the tests.
    return multiprocessing.get_context("spawn").Pool(processes)
