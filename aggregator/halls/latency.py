"""时延: how long what a hall wrote took to its receipt, and until it was applied here.

Reckoned when entries are applied, in the same transaction: the hall's wall clock, set right by the
difference of its last contact, against the center's. Sums only grow, so that a rate over any time
gives the mean of that time. Knows no Flask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from aggregator.center import Center
from sync.entries import Entry

DDL = (
    """CREATE TABLE IF NOT EXISTS hall_latency (
        hall TEXT PRIMARY KEY, entries INTEGER NOT NULL, receipt_ms INTEGER NOT NULL,
        applied_ms INTEGER NOT NULL, last_receipt_ms INTEGER NOT NULL,
        last_applied_ms INTEGER NOT NULL, at TEXT NOT NULL)""",
)


# What is older was brought by a stick from a drawer, or a clock is wrong; sums stay whole numbers.
_LONGEST_S = 366 * 86_400


@dataclass(frozen=True)
class Latency:
    """Of one hall: of all its entries together, and of the newest one, in seconds."""

    hall: str
    entries: int
    receipt_s: float
    applied_s: float
    last_receipt_s: float
    last_applied_s: float
    at: str


@dataclass(frozen=True)
class Arrival:
    """When entries ``start`` to ``stop`` got their receipt."""

    start: int
    stop: int
    at: datetime

    @cached_property
    def posix(self) -> float:
        """The moment in POSIX seconds."""
        return self.at.timestamp()


def measured(
    written: Sequence[tuple[int, datetime]],
    arrivals: Iterable[Arrival],
    now: datetime,
    skew: timedelta,
) -> list[tuple[int, int]]:
    """Of each entry the milliseconds to its receipt and until now. Pure.

    Args:
        written: place and the writer's wall clock, rising places.
        skew: by which that clock is ahead.
    """
    found, spans = [], iter(arrivals)
    span, ahead, then = next(spans, None), skew.total_seconds(), now.timestamp()
    for index, at in written:
        while span is not None and span.stop <= index:
            span = next(spans, None)
        if span is None:
            break
        if span.start <= index:
            # In numbers: this is done for each of the thousands of entries of a batch.
            true = at.timestamp() - ahead
            receipt = _ms(span.posix - true)
            found.append((receipt, max(receipt, _ms(then - true))))
    return found


def _ms(seconds: float) -> int:
    return 0 if seconds < 0 else round(min(seconds, _LONGEST_S) * 1000)


def note(center: Center, origin: str, entries: Sequence[Entry]) -> None:
    """Reckon with the entries that are being applied; the caller holds the transaction."""
    if not entries:
        return
    hall = entries[0].writer
    rows = center.db.query(
        "SELECT start, stop, at FROM batch WHERE origin = :origin AND stop > :first "
        "AND start <= :last ORDER BY start",
        origin=origin,
        first=entries[0].index,
        last=entries[-1].index,
    )
    arrivals = [
        Arrival(int(row["start"]), int(row["stop"]), datetime.fromisoformat(row["at"]))
        for row in rows
    ]
    try:
        written = [(entry.index, datetime.fromisoformat(entry.leaf.at)) for entry in entries]
        times = measured(written, arrivals, center.clock.now(), _skew(center, hall))
    except (ValueError, OverflowError):
        # A clock that shows no day at all is data, too; it is not timed.
        return
    if times:
        _keep(center, hall, times)


def _skew(center: Center, hall: str) -> timedelta:
    rows = center.db.query("SELECT clock_skew_s FROM hall_contact WHERE hall = :hall", hall=hall)
    return timedelta(seconds=int(rows[0]["clock_skew_s"])) if rows else timedelta()


def _keep(center: Center, hall: str, times: list[tuple[int, int]]) -> None:
    center.db.execute(
        "INSERT INTO hall_latency VALUES (:hall, :entries, :receipt, :applied, :last_receipt, "
        ":last_applied, :at) ON CONFLICT (hall) DO UPDATE SET "
        "entries = hall_latency.entries + excluded.entries, "
        "receipt_ms = hall_latency.receipt_ms + excluded.receipt_ms, "
        "applied_ms = hall_latency.applied_ms + excluded.applied_ms, "
        "last_receipt_ms = excluded.last_receipt_ms, "
        "last_applied_ms = excluded.last_applied_ms, at = excluded.at",
        hall=hall,
        entries=len(times),
        receipt=sum(receipt for receipt, _ in times),
        applied=sum(applied for _, applied in times),
        last_receipt=times[-1][0],
        last_applied=times[-1][1],
        at=center.clock.stamp(),
    )


def every(center: Center) -> dict[str, Latency]:
    """Hall -> how long its entries take."""
    rows = center.db.query("SELECT * FROM hall_latency ORDER BY hall")
    return {
        row["hall"]: Latency(
            row["hall"],
            int(row["entries"]),
            int(row["receipt_ms"]) / 1000,
            int(row["applied_ms"]) / 1000,
            int(row["last_receipt_ms"]) / 1000,
            int(row["last_applied_ms"]) / 1000,
            row["at"],
        )
        for row in rows
    }


def in_words(seconds: float) -> str:
    """A time for a table."""
    if seconds < 60:
        return f"{seconds:.1f}秒"
    if seconds < 3600:
        return f"{seconds / 60:.0f}分"
    return f"{seconds / 3600:.0f}小时" if seconds < 48 * 3600 else f"{seconds / 86400:.0f}天"
