"""How fast files may go, and when: pieces, budget, hours of the day. Pure.

Files share a hall's line with the log and with everybody's work. What is on its way at one moment
is little enough that the newest entry never waits long behind it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time

SMALLEST_PIECE, LARGEST_PIECE = 16 * 1024, 1024 * 1024
FIRST_PIECE = 64 * 1024
# What a piece may take of the line, and what all that are on their way may.
_PIECE_S, _FLIGHT_S = 1.0, 3.0
LARGEST_FLIGHT = 2 * LARGEST_PIECE
# A line that answers sooner than this is not kept waiting by one piece after the other.
_LATE_S = 0.25
_PLACES = 4
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Pace:
    """What was measured of the line, and what it may be used for.

    Args:
        kbit_s: budget in kilobits a second; 0 for as fast as the line is.
        bytes_s: the rate of all pieces together so far; 0 before the first.
        answer_s: how long a piece took until its answer; 0 before the first.
    """

    kbit_s: int = 0
    bytes_s: float = 0.0
    answer_s: float = 0.0

    def measured(self, size: int, seconds: float) -> Pace:
        """After so many bytes arrived in such a time: half of the new, half of the old."""
        rate = size / max(seconds, 0.001)
        return replace(self, bytes_s=(self.bytes_s + rate) / 2 if self.bytes_s else rate)

    def answered(self, seconds: float) -> Pace:
        """After a piece whose answer took so long: half of the new, half of the old."""
        return replace(self, answer_s=(self.answer_s + seconds) / 2 if self.answer_s else seconds)

    def slowed(self) -> Pace:
        """After a piece that did not get through: shorter ones from here on."""
        return replace(self, bytes_s=min(self.bytes_s / 4, SMALLEST_PIECE) or 1.0)

    @property
    def piece(self) -> int:
        """How long the next piece may be."""
        if not self.bytes_s:
            return FIRST_PIECE
        return int(min(max(self._rate * _PIECE_S, SMALLEST_PIECE), LARGEST_PIECE))

    @property
    def flight(self) -> int:
        """While less than this is on its way, one more piece may set out.

        As long as the line carries more than is on its way, this grows; when pieces begin to wait
        for each other, it stays.
        """
        return int(min(max(self._rate * _FLIGHT_S, SMALLEST_PIECE), LARGEST_FLIGHT))

    @property
    def places(self) -> int:
        """How many pieces may be on their way at one moment: several where answers come late."""
        return _PLACES if self.answer_s > _LATE_S else 1

    @property
    def _rate(self) -> float:
        return min(self.bytes_s, self.kbit_s * 125) if self.kbit_s else self.bytes_s

    def rest(self, size: int, seconds: float) -> float:
        """Seconds until the next piece may set out, so that the budget holds.

        Args:
            size: of the piece that set out so many seconds ago.
        """
        if not self.kbit_s:
            return 0.0
        return max(0.0, size / (self.kbit_s * 125) - seconds)


def check_windows(windows: Sequence[str]) -> None:
    """Refuse hours that cannot be read.

    Raises:
        ValueError: not ``HH:MM-HH:MM``; the administrator must mend node.toml.
    """
    for text in windows:
        if _WINDOW.fullmatch(text) is None:
            raise ValueError(f"file_windows: {text!r} is not HH:MM-HH:MM")


def is_open(windows: Sequence[str], local: datetime) -> bool:
    """Whether files may go at this moment of the hall's day; no window at all: always.

    A window may reach over midnight.
    """
    now = local.time()
    return not windows or any(_within(text, now) for text in windows)


def _within(text: str, now: time) -> bool:
    found = _WINDOW.fullmatch(text)
    if found is None:
        return False
    hour, minute, last_hour, last_minute = map(int, found.groups())
    start, end = time(hour, minute), time(last_hour, last_minute)
    return start <= now < end if start < end else now >= start or now < end
