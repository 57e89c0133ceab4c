"""What a hall wrote, by day and kind: counted from the tables here, and compared with the hall."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.center import Center
from standards.records import RECORDS
from sync.comparison import Comparison
from web.moments import CHINA, stamp

DAYS_SHOWN = 14

_HOURS = """
SELECT kind, hour, COUNT(*) AS n FROM (
  SELECT 'case_received' AS kind, substr(at, 1, 13) AS hour FROM case_received
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'case_step', substr(at, 1, 13) FROM case_step
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'staff_member', substr(at, 1, 13) FROM staff_member
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'face_consent', substr(at, 1, 13) FROM face_consent
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'punch', substr(at, 1, 13) FROM punch
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'finding_answer', substr(at, 1, 13) FROM finding_answer
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'keys_rotated', substr(at, 1, 13) FROM keys_rotated
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'material_scanned', substr(at, 1, 13) FROM material_scanned
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'file_missing', substr(at, 1, 13) FROM file_missing
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'erasure_decided', substr(at, 1, 13) FROM erasure_decided
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'epoch_opened', substr(at, 1, 13) FROM epoch_opened
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'entries_moved', substr(at, 1, 13) FROM entries_moved
    WHERE hall = :hall AND at >= :since
) entries GROUP BY kind, hour
"""

HALL_KINDS = tuple(record.kind for record in RECORDS if record.owner == "hall")
"""Kinds that a hall writes, in the order of their columns."""


def days_by_kind(center: Center, hall: str, days: int = DAYS_SHOWN) -> dict[str, dict[str, int]]:
    """Day -> kind -> applied entries written on that day (the hall's own day), newest first."""
    midnight = center.clock.local().replace(hour=0, minute=0, second=0, microsecond=0)
    since = stamp(midnight - timedelta(days=days - 1))
    found: dict[str, dict[str, int]] = {}
    for row in center.db.query(_HOURS, hall=hall, since=since):
        hour = datetime.fromisoformat(f"{row['hour']}:00:00+00:00").astimezone(CHINA)
        counts = found.setdefault(hour.date().isoformat(), {})
        counts[row["kind"]] = counts.get(row["kind"], 0) + int(row["n"])
    return dict(sorted(found.items(), reverse=True))


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
