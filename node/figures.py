"""What ``/metrics`` of a hall's machine tells: the log, the exchange, files, faces and the disk.

No figure is about a person. Reads where things stand; the shell counts the requests.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator

from attendance.engine import FaceEngine
from node.files.filing import Filing
from node.hall import Hall
from node.outbox import outbox
from node.outbox.syncing import Syncing
from web.metrics import Fact
from web.watchdog import Watchdog

SYNC_STATES = (
    *("unenrolled", "pending", "waiting", "running", "offline", "refused", "stuck", "stopped"),
)


def of_hall(hall: Hall) -> Iterable[Fact]:
    """What the database and the disk tell."""
    state, waiting = hall.state(), outbox.unsent(hall)
    age = outbox.age_of(waiting.oldest, hall.clock.now()).total_seconds()
    held = hall.db.query("SELECT COUNT(*) AS n FROM quarantine")[0]["n"]
    disk = shutil.disk_usage(hall.data)
    yield Fact("onehall_log_entries", "Entries of the log that is written.", state.size)
    yield Fact("onehall_log_receipted", "Entries that the center has receipted.", state.mark.size)
    yield Fact("onehall_log_unsent", "Entries without a receipt.", state.size - state.mark.size)
    yield Fact("onehall_unsent_age_seconds", "Age of the oldest entry without a receipt.", age)
    yield Fact("onehall_standards_entries", "Entries of the standards in force.", hall.shelf().size)
    yield Fact("onehall_quarantined", "Entries that came down and could not be applied.", held)
    yield Fact("onehall_disk_free_bytes", "Room on the disk of the data folder.", disk.free)
    well = not (hall.db.damaged or hall.db.unwritable)
    yield Fact("onehall_database_writable", "1 while writes succeed.", well)
    held = hall.reserve is not None and hall.reserve.is_held
    yield Fact("onehall_disk_reserve_held", "1 while space is kept aside.", held)
    yield Fact("onehall_disk_bytes", "Size of the disk of the data folder.", disk.total)


def of_sync(syncing: Syncing) -> Iterator[Fact]:
    """What the exchange with the center tells."""
    status = syncing.status()
    for state in SYNC_STATES:
        said = "State of the exchange with the center: 1 for the one it is in."
        yield Fact("onehall_sync_state", said, status.state == state, {"state": state})
    if status.last_success is not None:
        said = "When the last contact succeeded, in seconds since 1970."
        yield Fact("onehall_sync_last_success_seconds", said, status.last_success.timestamp())
    if status.center_clock_skew_s is not None:
        said = "Seconds by which this clock is ahead of the center's."
        yield Fact("onehall_clock_skew_seconds", said, status.center_clock_skew_s)
    said = "Entries that the center holds and could not apply."
    yield Fact("onehall_quarantined_at_center", said, status.quarantined)


def of_files(filing: Filing) -> Iterator[Fact]:
    """What the file thread tells."""
    status = filing.status()
    yield Fact("onehall_files_moved_bytes_total", "Bytes of files moved.", status.moved)
    yield Fact("onehall_files_stuck", "1 when files could move and do not.", status.is_stuck)


def of_faces(engine: FaceEngine) -> Iterator[Fact]:
    """What the face engine tells."""
    status = engine.status()
    yield Fact("onehall_face_engine_up", "1 when the face engine answers.", status.alive)
    yield Fact("onehall_face_engine_starts_total", "Starts of the engine.", status.starts)
    yield Fact("onehall_face_engine_waiting", "Pictures in hand.", status.waiting)


def of_watch(watchdog: Watchdog, workers: Iterable[str]) -> Iterator[Fact]:
    """Which workers hang."""
    stuck = watchdog.stuck()
    for worker in workers:
        said = "1 when the worker hangs."
        yield Fact("onehall_worker_stuck", said, worker in stuck, {"worker": worker})
