"""Whether this machine's clock can be given to others: terminals set theirs by it.

Compared with the center, when there was a contact, else with what this hall wrote last: a clock
that stands behind that has gone back, or the last entry was written while it was ahead. Then a
person has to look at it and say that it is right. Knows no terminal.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from node.hall import Hall

TABLES = (
    """CREATE TABLE IF NOT EXISTS clock_confirmed (
        origin TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        at TEXT NOT NULL,
        said_by TEXT NOT NULL
    )""",
)
MOST_SKEW_S = 120.0
_BACK = timedelta(minutes=5)
_EARLIEST = 2026


def clock_trouble(hall: Hall, skew: float | None) -> str:
    """What is wrong with the clock, or nothing.

    Args:
        skew: seconds by which it is ahead of the center's; None when that is not known.
    """
    now = hall.clock.now()
    if now.year < _EARLIEST:
        return "本机时间早于 2026 年"
    if skew is not None:
        if abs(skew) <= MOST_SKEW_S:
            return ""
        return f"本机时间比中心{'快' if skew > 0 else '慢'} {abs(skew):.0f} 秒"
    last = _last_written(hall)
    if last is not None and now < last - _BACK:
        return "本机时间早于最近一条记录"
    return ""


def _last_written(hall: Hall) -> datetime | None:
    """When the last entry was written, of those after which nobody said that the clock is right."""
    origin = hall.origin
    rows = hall.db.query(
        "SELECT at FROM entry WHERE origin = :origin AND idx >= COALESCE("
        "(SELECT size FROM clock_confirmed WHERE origin = :origin), 0) "
        "ORDER BY idx DESC LIMIT 1",
        origin=origin,
    )
    return datetime.fromisoformat(rows[0]["at"]) if rows else None


def confirm_clock(hall: Hall, by: str) -> None:
    """Somebody compared the clock with a right one."""
    state = hall.state()
    hall.db.execute(
        "INSERT INTO clock_confirmed VALUES (:origin, :size, :at, :by) "
        "ON CONFLICT (origin) DO UPDATE SET size = excluded.size, at = excluded.at, "
        "said_by = excluded.said_by",
        origin=state.origin,
        size=state.size,
        at=hall.clock.stamp(),
        by=by,
    )
