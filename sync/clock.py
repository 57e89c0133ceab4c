"""The clock as an entry needs it: wall time is data, order comes from the log's index."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

# Every hall keeps Beijing time; China has had no daylight saving since 1991.
BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Clock:
    """Reads wall time, monotonic time and the identity of this boot; tests give their own."""

    now: Callable[[], datetime]
    mono_ms: Callable[[], int]
    boot: str

    def stamp(self) -> str:
        """Wall time in UTC, RFC 3339 with milliseconds."""
        return self.now().astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"

    def local(self) -> datetime:
        """Wall time as the hall's clock on the wall shows it."""
        return self.now().astimezone(BEIJING)

    def today(self) -> date:
        """The hall's day."""
        return self.local().date()

    def posix_ms(self) -> int:
        """Wall time in milliseconds, for UUIDv7."""
        return max(0, int(self.now().timestamp() * 1000))


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return f"start-{time.time_ns():x}"


def system_clock() -> Clock:
    """The machine's own clocks."""
    return Clock(lambda: datetime.now(UTC), lambda: time.monotonic_ns() // 1_000_000, _boot_id())
