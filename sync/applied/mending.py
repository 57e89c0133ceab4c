"""Do the tables say what the kept leaves say, and making them say it again.

Tables follow from leaves, so they can always be made anew; leaves are evidence and are never
touched. Where the leaves themselves are not what was signed, nothing is mended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from standards.records.declare import row_of
from sync.applied.applying import entry_of, rebuild
from sync.entries import Entry, NewerKind, Unreadable
from sync.errors import Malformed
from sync.evidence.kept import kept_leaves
from sync.log import LogStore
from sync.storage.tables import happening_of

MISSING, OTHER, EXTRA = "missing", "other", "extra"


@dataclass(frozen=True)
class Astray:
    """One row of a table that does not say what the leaves say.

    ``what``: ``missing``, ``other`` or ``extra``; ``key``: index of the entry, or the row's key.
    """

    table: str
    key: str
    what: str


def rows_astray(logs: LogStore, writer: str) -> list[Astray]:
    """Every row of the tables that does not follow from the kept leaves of one writer."""
    standings: list[dict[str, Any]] = [{} for _ in logs.tables.projections]
    found: list[Astray] = []
    for state in logs.states():
        if state.writer != writer:
            continue
        rows = logs.tables.rows_of(logs.db, state.origin)
        for entry in _applied(logs, state.origin):
            found += _of_row(logs, entry, rows.pop(entry.index, None))
            _advance(logs, standings, entry)
        found += [Astray(kind, str(index), EXTRA) for index, (kind, _) in sorted(rows.items())]
    return found + list(_of_standings(logs, writer, standings))


def _applied(logs: LogStore, origin: str) -> Iterator[Entry]:
    state = logs.state(origin)
    rows = logs.db.query("SELECT idx FROM quarantine WHERE origin = :origin", origin=origin)
    aside = {row["idx"] for row in rows}
    for index, leaf in enumerate(kept_leaves(logs, origin, 0, state.applied)):
        if index not in aside and leaf is not None:
            try:
                yield entry_of(logs, state, index, leaf)
            except (NewerKind, Unreadable):
                continue


def _of_row(logs: LogStore, entry: Entry, row: tuple[str, dict[str, Any]] | None) -> list[Astray]:
    kind, key = entry.leaf.kind, str(entry.index)
    if row is None:
        return [Astray(kind, key, MISSING)]
    return [] if row == (kind, logs.tables.row_of_entry(entry)) else [Astray(kind, key, OTHER)]


def _advance(logs: LogStore, standings: list[dict[str, Any]], entry: Entry) -> None:
    happening = happening_of(entry)
    for projection, states in zip(logs.tables.projections, standings, strict=True):
        if happening.kind in projection.kinds:
            key = projection.key_of(happening)
            states[key] = projection.advance(states.get(key), happening)


def _of_standings(logs: LogStore, writer: str, standings: list[dict[str, Any]]) -> Iterator[Astray]:
    for projection, wanted in zip(logs.tables.projections, standings, strict=True):
        table = projection.state.kind
        there = logs.tables.standings_of(logs.db, projection, writer)
        for key in sorted({*wanted, *there}):
            if key not in there:
                yield Astray(table, key, MISSING)
            elif key not in wanted:
                yield Astray(table, key, EXTRA)
            elif {"hall": writer, **row_of(projection.state, wanted[key])} != dict(there[key]):
                yield Astray(table, key, OTHER)


def mend(logs: LogStore, writer: str) -> int:
    """Make what one writer's entries led to anew from its leaves; answers how many entries.

    Raises:
        Malformed: the kept leaves are not what was signed; nothing was changed.
    """
    for state in logs.states():
        if state.writer == writer and (first := logs.verify(state.origin)) is not None:
            raise Malformed("the kept leaves are not what was signed", index=first)
    return rebuild(logs, writer)
