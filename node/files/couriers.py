"""信使: pieces of files on their way, several at once where the line answers late.

Each piece goes over a line of its own; what came of it is taken in by the one thread that decides.
Knows no record and no order of files.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from node.safekeeping.archives import Job


@dataclass
class Trip:
    """One piece: ``length`` bytes at most of a file, set out at a moment, after so many outages.

    ``start`` and ``held``: how much the receiving side kept before and keeps now, of ``total``.
    """

    job: Job
    length: int
    began: float
    outages: int = 0
    start: int = 0
    held: int = 0
    total: int = 0
    error: Exception | None = None


class Couriers:
    """What is on its way now. Threads are begun when they are needed, and stay.

    Args:
        carry: brings one piece over and fills in what came of it; runs in any thread.
    """

    def __init__(self, carry: Callable[[Trip], None]) -> None:
        self._carry = carry
        self._to_go: SimpleQueue[Trip | None] = SimpleQueue()
        self._back: SimpleQueue[Trip] = SimpleQueue()
        self._out: dict[str, Trip] = {}
        self._hired = 0

    @property
    def names(self) -> set[str]:
        """The files of which a piece is on its way."""
        return set(self._out)

    @property
    def bytes(self) -> int:
        """How much is on its way at most."""
        return sum(trip.length for trip in self._out.values())

    def send(self, trip: Trip, *, alone: bool) -> None:
        """Let a piece set out; ``alone``: nothing shall go beside it, so it goes at once, here."""
        self._out[trip.job.name] = trip
        if alone:
            self._go(trip)
            return
        self._to_go.put(trip)
        if self._hired < len(self._out):
            self._hired += 1
            threading.Thread(target=self._work, name="courier", daemon=True).start()

    def _work(self) -> None:
        while trip := self._to_go.get():
            self._go(trip)

    def _go(self, trip: Trip) -> None:
        try:
            self._carry(trip)
        except Exception as error:
            trip.error = error
        finally:
            self._back.put(trip)

    def back(self, wait_s: float) -> list[Trip]:
        """Those that have come to an end; waits so long for the first of them."""
        found: list[Trip] = []
        with suppress(Empty):
            if self._out:
                found.append(self._back.get(wait_s > 0, wait_s))
                while True:
                    found.append(self._back.get_nowait())
        for trip in found:
            del self._out[trip.job.name]
        return found

    def end(self, wait_s: float) -> None:
        """Send everybody home; waits so long for those that are on their way."""
        for _ in range(self._hired):
            self._to_go.put(None)
        self._hired, until = 0, time.monotonic() + wait_s
        while self._out and (left := until - time.monotonic()) > 0:
            self.back(left)
