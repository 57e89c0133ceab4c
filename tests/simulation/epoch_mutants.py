"""The guards of restores, clones and epochs, each with a weakened twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sync.batch
import sync.recovery.catching_up
import sync.recovery.history
import tests.simulation.world
from node.outbox.epochs import HallLogBook
from sync.batch import Batch
from sync.log import LogStore
from sync.recovery.highwater import HighWater

_batch: Any = sync.batch
_catching_up: Any = sync.recovery.catching_up
_history: Any = sync.recovery.history
_world: Any = tests.simulation.world
_real_part = HallLogBook.part

Patch = tuple[object, str, Any]


@dataclass(frozen=True)
class Mutant:
    """One guard taken out. ``where`` is the real function that holds it.

    ``only``: it matters in worlds of this plan; ``first``: worlds of seeds before are known to run
    well without it. Both spare time, no more.
    """

    guard: str
    where: str
    patches: tuple[Patch, ...]
    only: str = ""
    first: int = 0


def _any_copy_leads_on(copy: Any, size: int, root_at: Any) -> bool:
    """Believes that what the center holds is a beginning of our log."""
    return bool(copy.size <= size)


def _nobody_elsewhere(copies: Any, mine: Any) -> list[str]:
    """Never sees that another machine opened a later epoch."""
    return []


def _never_closed(origin: str, copies: Any) -> bool:
    """Goes on sending into an epoch that another one has closed."""
    return False


def _never_promised(marks: HighWater, origin: str) -> int:
    """The file beside the database is not looked at."""
    return 0


def _piece_unchecked(batch: Batch, before: Any, key: Any) -> _history.Piece:
    """Takes back whatever comes, wherever it begins and leads."""
    leaves = batch.leaves()
    return _history.Piece(before.size, leaves, _batch.hashes_of(leaves), batch.personal(key))


def _part_the_stuck_only(book: Any, moves: Any) -> None:
    """Lets what was written after the stuck entries stay where it is."""
    _real_part(book, moves[:1])


def _settle_never(logs: LogStore) -> None:
    """Leaves the tables as they are after entries came back."""


OF_EPOCHS = (
    Mutant(
        "a hall looks whether the center's copy is a beginning of its log (S1)",
        "sync.recovery.epochs.leads_on",
        ((_catching_up, "leads_on", _any_copy_leads_on),),
    ),
    Mutant(
        "sending is held when another machine opened a later epoch",
        "sync.recovery.epochs.written_elsewhere",
        ((_catching_up, "written_elsewhere", _nobody_elsewhere),),
    ),
    Mutant(
        "what a closed epoch cannot take goes on in the open one",
        "sync.recovery.epochs.is_closed",
        ((_catching_up, "is_closed", _never_closed),),
    ),
    Mutant(
        "a machine that was signed further than its database opens the next epoch at its start",
        "sync.recovery.highwater.HighWater.reached",
        ((HighWater, "reached", _never_promised),),
    ),
    Mutant(
        "what comes back begins where it was asked for and leads to a signed root",
        "sync.recovery.history.piece_of",
        ((_catching_up, "piece_of", _piece_unchecked),),
    ),
    Mutant(
        "what was written after entries that go on elsewhere goes with them",
        "node.outbox.epochs.HallLogBook.part",
        ((HallLogBook, "part", _part_the_stuck_only),),
    ),
    Mutant(
        "tables are filled anew when entries came back",
        "sync.recovery.rebuilding.settle",
        ((_catching_up, "settle", _settle_never), (_world, "settle", _settle_never)),
    ),
)
