"""What a terminal's clock face means: a local time without a zone, read in the zone of its hall.

Pure. China has had no daylight saving since 1991; a terminal elsewhere, or a wrong zone, still can
show an hour that came twice or never, and that is said instead of guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

BEIJING = "Asia/Shanghai"
_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})\Z")
_FIXED = {BEIJING: timezone(timedelta(hours=8))}


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """The zone of a name such as ``Asia/Shanghai``, or of an offset such as ``+08:00``.

    Raises:
        ValueError: neither.
    """
    if (found := _OFFSET.match(name)) is not None:
        sign = -1 if found[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(found[2]), minutes=int(found[3])))
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        # A machine without the table of zones still knows its own.
        if name in _FIXED:
            return _FIXED[name]
        raise ValueError(f"no such zone: {name!r}") from None


def moment_of(shown: datetime, zone: tzinfo) -> tuple[datetime, bool]:
    """The moment in UTC of what a clock on the wall showed, and whether there is a doubt.

    An hour that came twice is read as the first one; one that never came as if the clock had not
    been put on.
    """
    early, late = (shown.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    doubtful = early.utcoffset() != late.utcoffset()
    return early.astimezone(UTC), doubtful


def offset_name(seconds: int) -> str:
    """``+08:00`` of an offset from UTC in seconds."""
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
