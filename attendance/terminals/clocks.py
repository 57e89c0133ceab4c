"""Whether a terminal's time can be believed, and up to when everything it holds has come.

How far a clock is off shows only in punches that come as they happen; what comes late says nothing
of it. A punch is never refused for its time, only marked. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

REALTIME_ROWS = 3
"""An upload of more is a backlog."""
UNBROKEN = timedelta(seconds=60)
DRIFT_ALARM_S = 120
AHEAD = timedelta(minutes=5)
LONG_AGO = timedelta(days=400)
KEPT_ESTIMATES = 5
SETTLED = timedelta(seconds=120)
"""Longer than a terminal waits before it tries again."""


def estimate(moments: Sequence[datetime], received: datetime, unbroken: bool) -> int | None:
    """Seconds by which a terminal's clock is behind ours, from one upload; None when it tells not.

    Args:
        moments: of the punches that were new.
        unbroken: the terminal was in contact, and not turned away, up to this upload.
    """
    if not moments or len(moments) > REALTIME_ROWS or not unbroken:
        return None
    return round((received - max(moments)).total_seconds())


def drift(estimates: Sequence[int]) -> int | None:
    """What the latest estimates come to."""
    return round(median(estimates[-KEPT_ESTIMATES:])) if estimates else None


@dataclass(frozen=True)
class Doubts:
    """Why the times of one terminal may be wrong just now.

    Args:
        drift: seconds its clock is behind.
        set_by_hand: somebody set its clock, and no punch has shown since that it is right.
    """

    drift: int | None = None
    set_by_hand: bool = False

    @property
    def is_off(self) -> bool:
        """The clock is further off than anybody need accept."""
        return self.drift is not None and abs(self.drift) > DRIFT_ALARM_S


def clock_of(moment: datetime, received: datetime, doubts: Doubts, ambiguous: bool = False) -> str:
    """``Punch.clock`` of one punch."""
    implausible = moment > received + AHEAD or moment < received - LONG_AGO
    return "suspect" if implausible or ambiguous or doubts.is_off or doubts.set_by_hand else ""


@dataclass(frozen=True)
class Contact:
    """How a terminal has been heard from, since this program began.

    Args:
        last: its last request that was let in.
        unbroken_since: no gap longer than ``SETTLED`` since then.
        busy: its last upload of a backlog, or the last time it was turned away.
    """

    last: datetime | None = None
    unbroken_since: datetime | None = None
    busy: datetime | None = None

    def heard(self, now: datetime) -> Contact:
        """After one more request."""
        fresh = self.last is None or now - self.last > SETTLED or now < self.last
        return Contact(now, now if fresh else self.unbroken_since, self.busy)

    def occupied(self, now: datetime) -> Contact:
        """After a backlog or a refusal."""
        return Contact(self.last, self.unbroken_since, now)

    def is_unbroken(self, now: datetime) -> bool:
        """Whether what comes now has not waited: it would have come before."""
        if self.last is None or not timedelta() <= now - self.last <= UNBROKEN:
            return False
        return self.busy is None or now - self.busy >= SETTLED

    def is_complete(self, now: datetime) -> bool:
        """Whether everything that happened up to ``now`` would have come by now.

        It has polled for longer than it waits after a failure, and sent no backlog meanwhile.
        """
        if self.unbroken_since is None or now - self.unbroken_since < SETTLED:
            return False
        return self.busy is None or now - self.busy >= SETTLED
