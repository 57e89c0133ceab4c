"""Between which moments an entry can have been written (T21). Pure.

A hall's clock is data. What others saw bounds it; a day that is claimed outside is in doubt and
shown as such, and nothing is refused for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sync.clock import BEIJING

# Clocks are off by so much, and a batch is so long on its way, without any intent.
SLACK = timedelta(minutes=15)
# What reached the center so soon after it was written was written by a clock that was right.
PROMPT = timedelta(hours=1)


@dataclass(frozen=True)
class Bounds:
    """Between these moments an entry was written; None where nobody saw anything."""

    after: datetime | None = None
    before: datetime | None = None

    def allow(self, day: date) -> bool:
        """Whether an entry of this time may claim this day."""
        early = self.after is not None and day < _day(self.after - SLACK)
        late = self.before is not None and day > _day(self.before + SLACK)
        return not (early or late)


def _day(moment: datetime) -> date:
    return moment.astimezone(BEIJING).date()
