"""时钟: whether the center's own clock is wrong, as far as the clocks of its halls tell.

One hall against the center proves nothing of either; when every hall that spoke lately is off to
the same side, it is the center. Warns and never refuses anything. Knows no Flask.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from aggregator.center import Center
from sync.errors import StoreBusy

MOST_SKEW_S: Final = 120
_LATELY: Final = timedelta(hours=1)
_FEWEST: Final = 2


def center_skew(center: Center, now: datetime) -> int:
    """Seconds by which this center's clock is ahead of its halls'; 0 while they do not agree."""
    rows = center.db.query("SELECT clock_skew_s, at FROM hall_contact ORDER BY clock_skew_s")
    skews = [
        int(row["clock_skew_s"])
        for row in rows
        if abs(now - datetime.fromisoformat(row["at"])) <= _LATELY
    ]
    agree = len(skews) >= _FEWEST and (skews[0] > MOST_SKEW_S or skews[-1] < -MOST_SKEW_S)
    return -skews[len(skews) // 2] if agree else 0


def health(center: Center) -> tuple[bool, str]:
    """For /healthz. Always well: halls must reach a center whose clock is wrong."""
    try:
        skew = center_skew(center, center.clock.now())
    except StoreBusy:
        return True, "not all database servers can be asked"
    if not skew:
        return True, "no reason to doubt the clock"
    way = "ahead of" if skew > 0 else "behind"
    return True, f"all halls say that this clock is {abs(skew)} s {way} theirs"
