"""损坏: a database that the disk damaged is found at the start, kept aside, written no more (F6).

SQLite's own check runs within a budget of seconds; what it cannot look at then the nightly backup
does, which hashes every log to its head besides. What stands is kept aside before anybody mends it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from node.hall import Hall
from node.safekeeping.disk import DATABASE
from sync.merkle import Frontier
from web import logs

# A start must not wait longer; some 250 MB of a database on a slow machine.
BUDGET_S = 2.0
# So many are hashed in half a second.
MOST_ENTRIES = 100_000


def look(hall: Hall) -> str:
    """At each start: what is wrong with the database, or nothing; then nothing is written."""
    found = hall.db.look_within(BUDGET_S)
    logs.event("damage.looked", finished=bool(found))
    if found in ("", "ok"):
        found = _pieced_together(hall)
    if not found:
        return ""
    hall.db.damaged = found
    keep_aside(hall.data, hall.clock.stamp()[:10])
    return found


def _pieced_together(hall: Hall) -> str:
    """Whether the log's tree is that of its entries. With the write-ahead log of another database
    beside it SQLite takes pages of both, and calls them sound (F7).
    """
    state = hall.state()
    if state.size > MOST_ENTRIES:
        return ""
    whole = Frontier().extended(hall.logs.hashes(state.origin, 0, state.size)) == state.frontier
    return "" if whole else "the log is not that of its entries: files of two databases are mixed"


def keep_aside(data: Path, day: str) -> Path | None:
    """Copy the damaged database as it stands, once a day; None when there is no room for it."""
    files = [path for path in (data / DATABASE, data / f"{DATABASE}-wal") if path.exists()]
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
