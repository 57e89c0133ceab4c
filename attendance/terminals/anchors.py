"""何时签到: the moment of an event, from the time a kiosk's page was open, whatever its clock says.

Pure. A page knows how long it has been open (``mono_ms`` since ``boot_id``); whenever it speaks
with the node, the node notes that time beside its own: an anchor. An event between two anchors of
the same page then has a moment and an error, even when somebody set the machine's clock in between.
A machine that slept lost time that no clock of the page counted; then its wall clock is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

DRIFT: Final = 200e-6
"""A cheap quartz loses 17 s a day."""
SUSPECT: Final = timedelta(seconds=60)
FUTURE: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Anchor:
    """What a page and the node agreed on at one request.

    Args:
        mono_ms: how long the page had been open when it sent the request.
        at: when the node got it.
        rtt_ms: how long the page waited for the answer, or for an earlier one.
        wall: what the machine's own clock said.
    """

    mono_ms: int
    at: datetime
    rtt_ms: int
    wall: datetime

    def moment(self, mono_ms: int) -> datetime:
        """When the page had been open that long, if it never slept."""
        return self.at + timedelta(milliseconds=mono_ms - self.mono_ms - self.rtt_ms / 2)

    def error(self, mono_ms: int) -> timedelta:
        """How far :meth:`moment` may be off, if it never slept."""
        away = abs(mono_ms - self.mono_ms)
        return timedelta(milliseconds=self.rtt_ms / 2 + away * DRIFT + 1)

    @property
    def offset(self) -> timedelta:
        """By how much the machine's own clock was ahead."""
        return self.wall - self.at


@dataclass(frozen=True)
class Told:
    """The moment of an event, how far it may be off, and whether it can be believed."""

    at: datetime
    error: timedelta | None
    clock: str
    """as ``Punch.clock``: nothing, ``suspect`` or ``unanchored``"""


def time_of(mono_ms: int, wall: datetime, anchors: Sequence[Anchor], received: datetime) -> Told:
    """When an event happened.

    Args:
        mono_ms, wall: as the event says.
        anchors: of the same page, in any order.
        received: when it arrived; nothing has happened later.
    """
    if not anchors:
        ahead = wall > received + FUTURE
        return Told(
            min(wall, received) if ahead else wall, None, "suspect" if ahead else "unanchored"
        )
    ordered = sorted(anchors, key=lambda anchor: anchor.mono_ms)
    before = [anchor for anchor in ordered if anchor.mono_ms <= mono_ms]
    after = [anchor for anchor in ordered if anchor.mono_ms > mono_ms]
    if before and after:
        return _between(mono_ms, wall, before[-1], after[0])
    return _beside(mono_ms, wall, (before or after)[-1 if before else 0], received)


def _between(mono_ms: int, wall: datetime, before: Anchor, after: Anchor) -> Told:
    """The page may have slept in between: it was not before the one, nor after the other."""
    early, late = before.moment(mono_ms), after.moment(mono_ms)
    error = min(before.error(mono_ms), after.error(mono_ms))
    if late - early <= before.error(mono_ms) + after.error(mono_ms):
        nearer = min((before, after), key=lambda anchor: anchor.error(mono_ms))
        return Told(nearer.moment(mono_ms), error, "")
    by_wall = wall - before.offset
    is_plain = abs(before.offset - after.offset) < timedelta(seconds=2)
    if is_plain and early - error <= by_wall <= late + error:
        return Told(by_wall, error + timedelta(seconds=2), "")
    off = (late - early) / 2
    return Told(early + off, off + error, "suspect" if off > SUSPECT else "")


def _beside(mono_ms: int, wall: datetime, anchor: Anchor, received: datetime) -> Told:
    """Anchors on one side only: the machine's own clock must have gone with the page's."""
    at, error = min(anchor.moment(mono_ms), received), anchor.error(mono_ms)
    apart = abs((wall - anchor.offset) - at)
    return Told(at, max(error, apart), "suspect" if apart > SUSPECT else "")
