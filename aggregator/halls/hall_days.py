"""What a hall wrote, by day and kind: counted from what is kept here, and compared with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.center import Center
from standards.records import RECORDS
from sync.entries import Unreadable, read_generic
from sync.evidence.comparing import place_of
from sync.evidence.comparison import Comparison
from sync.evidence.kept import kept_days, kept_leaves
from sync.recovery.epochs import epoch_of

DAYS_SHOWN = 14

# Enough for two weeks of any hall; what a page reads stays bounded.
_ENTRIES_READ = 20_000

HALL_KINDS = tuple(record.kind for record in RECORDS if record.owner == "hall")
"""Kinds that a hall writes, in the order of their columns."""


def occurring(days: Mapping[str, Mapping[str, object]]) -> tuple[str, ...]:
    """The kinds that stand in these days: a column for each kind that exists fits on no screen."""
    seen = {kind for counts in days.values() for kind in counts}
    return tuple(kind for kind in HALL_KINDS if kind in seen)


def days_by_kind(center: Center, hall: str, days: int = DAYS_SHOWN) -> dict[str, dict[str, int]]:
    """Day -> kind -> received entries written on that day (the hall's own day), newest first."""
    since = (center.clock.today() - timedelta(days=days - 1)).isoformat()
    found: dict[str, dict[str, int]] = {}
    for state in center.logs.states():
        if state.writer != hall:
            continue
        start = max(0, state.size - _ENTRIES_READ)
        cells = kept_days(center.logs, state.origin, state.size, start).cells(since, "9")
        for (day, kind), cell in cells.items():
            counts = found.setdefault(day, {})
            counts[kind] = counts.get(kind, 0) + cell.count
    return dict(sorted(found.items(), reverse=True))


@dataclass(frozen=True)
class Written:
    """One record of a day and kind: where it stands, when and by whom it was written."""

    epoch: int
    index: int
    at: str
    actor: str


def written_on(center: Center, hall: str, day: str, kind: str) -> list[Written]:
    """The records of one day and kind, as far back as `days_by_kind` looks, the newest first."""
    found = []
    for state in center.logs.states():
        if state.writer != hall:
            continue
        start = max(0, state.size - _ENTRIES_READ)
        leaves = kept_leaves(center.logs, state.origin, start, state.size)
        for index, leaf in enumerate(leaves, start):
            if leaf is not None and place_of(leaf) == (day, kind):
                at, actor = _said(leaf)
                found.append(Written(epoch_of(state.origin), index, at, actor))
    return sorted(found, key=lambda one: (one.epoch, one.index), reverse=True)


def _said(leaf: bytes) -> tuple[str, str]:
    """When and by whom, as far as that can be read; what a clock of nonsense says is not shown."""
    try:
        whole = read_generic(leaf)
        at = datetime.fromisoformat(str(whole.get("at", "")))
        return at.isoformat() if at.tzinfo else "", str(whole.get("actor", ""))
    except (Unreadable, ValueError):
        return "", ""


@dataclass(frozen=True)
class Cell:
    """One day and kind as the hall and the center hold it, when they last compared."""

    hall: int
    center: int
    same: bool


def compared(found: Iterable[Comparison]) -> dict[str, dict[str, Cell]]:
    """Day -> kind -> both sides' counts over all logs of a hall, the newest day first."""
    days: dict[str, dict[str, Cell]] = {}
    for one in found:
        for row in one.days:
            before = days.setdefault(row.day, {}).get(row.kind, Cell(0, 0, True))
            days[row.day][row.kind] = Cell(
                before.hall + row.hall, before.center + row.center, before.same and row.same
            )
    return dict(sorted(days.items(), reverse=True))
