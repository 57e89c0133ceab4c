"""The guards of erasures, each with a weakened twin."""

from __future__ import annotations

from typing import Any

import sync.applied.applying
import sync.private.erasing
from sync.log import LogStore
from tests.simulation.epoch_mutants import Mutant

_applying: Any = sync.applied.applying
_erasing: Any = sync.private.erasing


def _keep_late_parts(logs: LogStore, origin: str, parts: Any, alone: Any = None) -> None:
    """Keeps whatever part comes, ordered to be erased or not."""
    logs.parts.keep(origin, parts)


def _only_note(logs: LogStore, entries: Any) -> int:
    """Writes the order down, and leaves what stands."""
    for entry in entries:
        if named := _erasing.erased_by(entry.record_type, entry.logged):
            _erasing._note(logs, entry, named)
    return 0


def _note_nothing(logs: LogStore, entry: Any, named: Any) -> None:
    """Erases what stands, and forgets the order."""


def _by_place(logs: LogStore, named: Any) -> set[tuple[str, int]]:
    """Erases whatever stands where the order says."""
    return {(one.log, one.index) for one in named}


def _where_it_was_named(logs: LogStore, named: Any) -> set[tuple[str, int]]:
    """Looks for an entry at its place alone."""
    found = {(one.log, one.index): one.id for one in named}
    return {place for place, name in found.items() if _erasing.id_at(logs, *place) == name}


OF_ERASURES = (
    Mutant(
        "a part that comes after the order is never kept",
        "sync.log.LogStore.keep_personal",
        ((LogStore, "keep_personal", _keep_late_parts),),
    ),
    Mutant(
        "parts that stand go when the order is applied",
        "sync.private.erasing.carry_out",
        ((_erasing, "carry_out", _only_note), (_applying, "carry_out", _only_note)),
    ),
    Mutant(
        "what was ordered to be erased is kept in mind",
        "sync.private.erasing._note",
        ((_erasing, "_note", _note_nothing),),
    ),
    Mutant(
        "an entry is erased by its id, not by its place",
        "sync.private.erasing._places",
        ((_erasing, "_places", _by_place),),
    ),
    Mutant(
        "an entry that went on elsewhere is found there",
        "sync.private.erasing._places",
        ((_erasing, "_places", _where_it_was_named),),
    ),
)
