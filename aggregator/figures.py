"""What ``/metrics`` of the center tells: for each hall what was received, applied and held back.

A label is a hall's id, never a person. Reads where things stand; the shell counts the requests.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime

from aggregator.center import Center
from aggregator.halls import latency
from aggregator.halls.halls import HallFacts, every_hall, standards_size
from aggregator.halls.silence import silent_halls
from aggregator.receiving.intake import Worker
from web.metrics import Fact

DISK_LOW_SHARE = 0.1


def of_center(center: Center) -> Iterator[Fact]:
    """What the database and the disk tell."""
    now = center.clock.now()
    for facts in every_hall(center):
        yield from _of_hall(facts, now)
    for row in center.db.query(
        "SELECT l.writer AS hall, COUNT(*) AS n, SUM(b.stop - b.start) AS entries, "
        "SUM(b.plain_bytes) AS plain FROM batch b JOIN log l ON l.origin = b.origin "
        "GROUP BY l.writer ORDER BY l.writer"
    ):
        label = {"hall": str(row["hall"])}
        yield Fact("onehall_batches_total", "Batches received and kept.", int(row["n"]), label)
        said = "Bytes of the entries received, unpacked."
        yield Fact("onehall_batch_bytes_total", said, int(row["plain"]), label)
    for one in latency.every(center).values():
        yield from _of_latency(one)
    said = "Entries of the standards log."
    yield Fact("onehall_standards_entries", said, standards_size(center))
    said = "Enrolled halls that were silent for longer than was set."
    yield Fact("onehall_halls_silent", said, len(silent_halls(center, now)))
    disk = shutil.disk_usage(center.data)
    yield Fact("onehall_disk_free_bytes", "Room on the disk of the data folder.", disk.free)
    well = not (center.db.damaged or center.db.unwritable)
    yield Fact("onehall_database_writable", "1 while writes succeed.", well)
    held = center.reserve is not None and center.reserve.is_held
    yield Fact("onehall_disk_reserve_held", "1 while space is kept aside.", held)
    yield Fact("onehall_disk_bytes", "Size of the disk of the data folder.", disk.total)


def _of_hall(facts: HallFacts, now: datetime) -> Iterator[Fact]:
    label = {"hall": facts.hall}
    figures = (
        ("onehall_hall_received", "Entries received from the hall.", facts.received),
        ("onehall_hall_applied", "Entries of the hall that were applied.", facts.applied),
        ("onehall_hall_quarantined", "Entries that could not be applied.", facts.quarantined),
        ("onehall_hall_findings", "Findings about the hall.", facts.findings),
        ("onehall_hall_open_findings", "Findings not yet rechecked.", facts.open_findings),
        ("onehall_hall_clock_skew_seconds", "The hall's clock minus ours.", facts.skew_s),
    )
    for name, said, value in figures:
        yield Fact(name, said, value, label)
    if facts.local is not None:
        said = "Entries of the log that the hall wrote, as it said."
        yield Fact("onehall_hall_written", said, facts.local, label)
    said = "1 when the latest comparison with the hall was not equal."
    yield Fact("onehall_hall_differs", said, bool(facts.differs), label)
    if facts.contact_at:
        silent = (now - datetime.fromisoformat(facts.contact_at)).total_seconds()
        said = "Seconds since the hall's last contact."
        yield Fact("onehall_hall_silent_seconds", said, max(silent, 0.0), label)


def _of_latency(one: latency.Latency) -> Iterator[Fact]:
    label = {"hall": one.hall}
    figures = (
        ("onehall_hall_timed_entries_total", "Entries that were timed.", one.entries),
        (
            "onehall_hall_to_receipt_seconds_total",
            "Time from written to receipt, of all these entries.",
            one.receipt_s,
        ),
        (
            "onehall_hall_to_applied_seconds_total",
            "Time from written to applied, of all these entries.",
            one.applied_s,
        ),
        ("onehall_hall_to_receipt_seconds", "The same of the newest entry.", one.last_receipt_s),
        ("onehall_hall_to_applied_seconds", "The same of the newest entry.", one.last_applied_s),
    )
    for name, said, value in figures:
        yield Fact(name, said, value, label)


def of_worker(worker: Worker) -> Iterator[Fact]:
    """Whether applying goes on."""
    well, _ = worker.alive()
    yield Fact("onehall_applying_up", "1 when the applying worker does its work.", well)


def disk_health(center: Center) -> tuple[bool, str]:
    """For /healthz: whether there is room to take batches in."""
    disk = shutil.disk_usage(center.data)
    enough = disk.free >= disk.total * DISK_LOW_SHARE or disk.free > 10 * 1024**3
    return enough, f"{disk.free // 1024**2} MiB free of {disk.total // 1024**2}"
