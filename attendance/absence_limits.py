"""旷工: how near somebody is to the legal limits of unexcused absence.

Pure. 公务员法 88 and 事业单位人事管理条例 15: more than 15 days in a row, or more than 30 in a
year. Alerts at half, four fifths and the whole of each, so that a hall speaks with somebody in
time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from standards.leave_rules import AbsenceLimit
from standards.workdays import Calendar

LEVELS = (50, 80, 100)


@dataclass(frozen=True)
class AbsenceAlert:
    """One limit that somebody comes near to. ``counted`` and ``limit`` in half days."""

    what: str
    counted: int
    limit: int
    level: int

    @property
    def told(self) -> str:
        """In words."""
        days = f"{self.counted // 2}{'.5' if self.counted % 2 else ''}"
        return f"{self.what}{days}天，达到界限{self.limit // 2}天的{self.level}%"


def longest_run(halves: Mapping[date, int], unit: str, calendar: Calendar) -> int:
    """The longest absence in a row, in half days.

    A row goes on over rest days; in calendar days those between count too, in working days they do
    not. A working day with half an absence ends it.
    """
    best = run = 0
    before: date | None = None
    for day in sorted(one for one, count in halves.items() if count > 0):
        if before is None or not _follows(before, day, calendar) or halves[before] < 2:
            run = 0
        elif unit == "calendar":
            run += 2 * ((day - before).days - 1)
        run += min(halves[day], 2)
        best, before = max(best, run), day
    return best


def _follows(before: date, day: date, calendar: Calendar) -> bool:
    between = range(1, (day - before).days)
    return not any(calendar.is_working_day(before + timedelta(days=offset)) for offset in between)


def absence_alerts(
    halves: Mapping[date, int], limit: AbsenceLimit, calendar: Calendar, year: int
) -> list[AbsenceAlert]:
    """The limits of which at least half is reached in a year, with the highest level of each.

    Args:
        halves: half days of unexcused absence on each day.
    """
    in_year = {day: count for day, count in halves.items() if day.year == year}
    counted = {
        "连续旷工": (longest_run(halves, limit.unit, calendar), limit.in_a_row * 2),
        "全年累计旷工": (sum(in_year.values()), limit.in_a_year * 2),
    }
    found = []
    for what, (count, most) in counted.items():
        levels = [level for level in LEVELS if most and count * 100 >= most * level]
        if levels:
            found.append(AbsenceAlert(what, count, most, levels[-1]))
    return found
