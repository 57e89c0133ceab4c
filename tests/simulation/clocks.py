"""The fake clock: one true time, and machines whose clocks may jump to anywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync.clock import Clock

START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)


class Time:
    """True time; only the world moves it on."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def pass_on(self, seconds: float) -> None:
        """Let time go by."""
        self.passed += timedelta(seconds=seconds)


class MachineClock:
    """One machine's clocks: the wall clock may be wrong, the monotonic one starts at each boot."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.wrong_by = timedelta()
        self._boots = 0
        self._booted_at = timedelta()

    def boot(self) -> Clock:
        """The clock of a new boot."""
        self._boots += 1
        self._booted_at = self._time.passed
        return Clock(self.now, self._mono_ms, f"boot-{self._boots}")

    def now(self) -> datetime:
        """What the machine believes the time to be."""
        return min(max(START + self._time.passed + self.wrong_by, EARLIEST), LATEST)

    def _mono_ms(self) -> int:
        return int((self._time.passed - self._booted_at).total_seconds() * 1000)
