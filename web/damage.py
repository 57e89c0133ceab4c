"""损坏: a database file that the disk damaged is found at the start and kept aside (F6).

SQLite's own check runs within a budget of seconds; what it cannot look at then the nightly backup
does, which hashes every log to its head besides. What stands is kept aside before anybody mends it,
and nothing is written over it any more: the pages are then served over a copy (``web.reading``).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from sync.errors import DatabaseDamaged
from sync.log import LogStore
from sync.merkle import Frontier
from web import logs

# A start must not wait longer; some 250 MB of a database on a slow machine.
BUDGET_S = 2.0
# So many are hashed in half a second.
MOST_ENTRIES = 100_000
MIXED = "a log is not that of its entries: files of two databases are mixed"


class Looking(Protocol):
    """A store over a file of SQLite."""

    def look_within(self, seconds: float) -> str:
        """SQLite's check: ``ok``, what is wrong, or nothing when there is more to see."""


def look(database: Path, file: Looking, kept: LogStore) -> str:
    """At each start: what is wrong with the database, or nothing. Damage is kept aside."""
    found = file.look_within(BUDGET_S)
    logs.event("damage.looked", finished=bool(found))
    if found in ("", "ok"):
        found = _pieced_together(kept)
    if found:
        keep_aside(database, kept.clock.stamp()[:10])
    return found


def _pieced_together(kept: LogStore) -> str:
    """Whether each log's tree is that of its entries, the short logs first. With the write-ahead
    log of another database beside it SQLite takes pages of both, and calls them sound (F7).
    """
    left = MOST_ENTRIES
    try:
        for state in sorted(kept.states(), key=lambda state: state.size):
            left -= state.size
            if left < 0:
                break
            hashes = kept.hashes(state.origin, 0, state.size)
            if Frontier().extended(hashes) != state.frontier:
                return MIXED
    except DatabaseDamaged as damaged:
        return str(damaged)
    return ""


def keep_aside(database: Path, day: str) -> Path | None:
    """Copy the damaged database as it stands, once a day; None when there is no room for it."""
    data = database.parent
    files = [path for path in (database, wal_of(database)) if path.exists()]
    aside, half = data / f"damaged-{day}", data / "damaged.partial"
    if aside.exists():
        return aside
    size = sum(path.stat().st_size for path in files)
    if shutil.disk_usage(data).free < 2 * size:
        logs.event("damage.no_room", bytes=size)
        return None
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    for path in files:
        shutil.copyfile(path, half / path.name)
    half.rename(aside)
    logs.event("damage.kept", bytes=size)
    return aside


def wal_of(database: Path) -> Path:
    """SQLite's write-ahead log beside a database."""
    return database.with_name(f"{database.name}-wal")
