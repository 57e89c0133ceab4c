"""失联: enrolled halls that have said nothing for longer than the office wants to wait.

How long is a setting (``silent_hours`` in center.toml). Knows no Flask.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.center import Center
from sync.errors import StoreBusy


@dataclass(frozen=True)
class SilentHall:
    """A hall that has said nothing since a moment (UTC text), and for how long."""

    hall: str
    name: str
    since: str
    silent: timedelta

    @property
    def words(self) -> str:
        """How long, as a person says it."""
        if self.silent.days >= 2:
            return f"{self.silent.days}天"
        return f"{int(self.silent.total_seconds() // 3600)}小时"


def patience(center: Center) -> timedelta:
    """How long a hall may be silent before it is an alarm."""
    return timedelta(hours=center.settings.silent_hours)


def silent_halls(center: Center, now: datetime) -> list[SilentHall]:
    """The halls to alarm about, the longest silent first.

    A hall that was admitted and never spoke counts from when it was put on the list.
    """
    rows = center.db.query(
        "SELECT h.hall, h.name, COALESCE(c.at, h.registered_at) AS since FROM hall h "
        "LEFT JOIN hall_contact c ON c.hall = h.hall WHERE h.state = 'enrolled' ORDER BY h.hall"
    )
    found = [
        SilentHall(row["hall"], row["name"], row["since"], now - _moment(row["since"]))
        for row in rows
    ]
    late = [one for one in found if one.silent > patience(center)]
    return sorted(late, key=lambda one: one.silent, reverse=True)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def health(center: Center) -> tuple[bool, str]:
    """For /healthz. Always well: the others must reach a center that misses one of its halls."""
    try:
        silent = silent_halls(center, center.clock.now())
    except StoreBusy:
        return True, "not all database servers can be asked"
    named = ", ".join(one.hall for one in silent[:5]) + (", ..." if len(silent) > 5 else "")
    hours = center.settings.silent_hours
    return True, f"silent for more than {hours} h: {named}" if silent else "no hall is silent"
