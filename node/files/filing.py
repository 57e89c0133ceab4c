"""传档: the files of a hall go up and come down, beside the log and always behind it.

One thread decides: the smallest rest first, as much at once as the line carries without making
anybody wait, and none while an entry is unsent. A file that is on neither side becomes a gap with a
name; no file holds up another.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from node.files.couriers import Couriers, Trip
from node.hall import Hall
from node.keys import enrolment
from node.outbox import center_line
from node.outbox.syncing import FIRST_BACKOFF_S, LONGEST_BACKOFF_S, WORDS, SyncStatus
from node.safekeeping import archives
from node.safekeeping.archives import DOWN, UP, Job
from sync.client import HttpLine
from sync.errors import (
    FileAbsent,
    Gap,
    Malformed,
    SyncError,
    TooLarge,
    UnknownFile,
    Unreachable,
)
from sync.files.archive import Archive
from sync.files.file_exchange import FileExchange, FileLine
from sync.files.pacing import Pace, check_windows, is_open
from web import logs
from web.watchdog import Heart

LOOK_S, ASK_AGAIN_S, LOG_FIRST_S, WINDOW_S = 5.0, 600.0, 0.3, 30.0
ABSENT_AGAIN_S = 6 * 3600.0
# Nothing moved for so long although it could: somebody must look.
STUCK_S = 600.0
# For how long nobody looks whether an entry was written, while pieces are on their way; and how
# long what arrived is counted before the rate is told.
_WAIT_S = _COUNTED_S = 1.0

# What one file alone can be at fault for; the others go on.
_OF_ONE_FILE = (UnknownFile, FileAbsent, Gap, Malformed, TooLarge)


@dataclass(frozen=True)
class FilingStatus:
    """What the file thread does.

    ``state``: unenrolled, closed (outside its hours), log (an entry goes first), moving, idle,
    offline, refused or stopped. ``moved``: bytes since the start. ``bytes_s``: measured rate.
    """

    state: str
    error_code: str = ""
    last_error: str = ""
    moved: int = 0
    bytes_s: float = 0.0
    last_piece: datetime | None = None
    is_stuck: bool = False


class LogSync(Protocol):
    """The exchange of the log, which goes first."""

    def status(self) -> SyncStatus:
        """What it did last and will do next."""

    def poke(self) -> None:
        """Send what is unsent now."""


@dataclass
class _Aside:
    """A file that was at fault, until when, and how often in a row."""

    until: float
    times: int


class Filing:
    """The thread.

    Args:
        sync: is asked to send new entries at once; None where nothing sends them here.
        line_to: makes the line to an address; tests give another one.
    """

    def __init__(
        self,
        hall: Hall,
        sync: LogSync | None = None,
        line_to: Callable[[str], FileLine] | None = None,
    ) -> None:
        check_windows(hall.settings.file_windows)
        self._hall, self._sync = hall, sync
        self._archive: Archive = archives.archive_of(hall)
        self._line_to = line_to
        self._whom: tuple[str, object] = "", None
        self._lines: list[FileLine] = []
        self.pace = Pace(hall.settings.file_kbit_s)
        self._status = FilingStatus("idle")
        self._couriers = Couriers(self._carry)
        # Files of which a part is over there, or here, and how much of each.
        self._begun: dict[str, tuple[Job, int]] = {}
        # When the budget allows the next piece; what arrived, and since when it is counted.
        self._free_at, self._arrived, self._since = 0.0, 0, 0.0
        self._aside: dict[str, _Aside] = {}
        self._altered: set[str] = set()
        self._failures, self._outages, self._fault = 0, 0, ""
        self._asked_at, self._absent_at = -ASK_AGAIN_S, -ABSENT_AGAIN_S
        self._moved_at = self._beat = self._now()
        self.heart = Heart(self._now)
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="filing", daemon=True)

    def _now(self) -> float:
        return self._hall.clock.mono_ms() / 1000

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def poke(self) -> None:
        """A file was attached: look now."""
        self._wake.set()

    def stop(self) -> None:
        """End after the running piece (its time-outs bound the wait)."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(HttpLine.read_s + HttpLine.connect_s)

    def status(self) -> FilingStatus:
        """What it does; ``is_stuck`` when nothing moved although it could."""
        now, status = self._now(), self._status
        could = status.state in ("moving", "refused") and now - self._moved_at > STUCK_S
        hangs = self._thread.is_alive() and now - self._beat > STUCK_S
        return replace(status, is_stuck=could or hangs, bytes_s=self.pace.bytes_s)

    def health(self) -> tuple[bool, str]:
        """For /healthz: a line that is away is no fault of the node; a stuck thread is."""
        if not self._thread.is_alive():
            return False, "the file thread has ended"
        status = self.status()
        return not status.is_stuck, "stuck" if status.is_stuck else status.state

    def _run(self) -> None:
        with self.heart.step("looking through the files", 600):
            self._archive.look_through()
        while not self._stop.is_set():
            with self.heart.step("a piece of a file"):
                pause = self.turn()
            self._wake.wait(pause)
            self._wake.clear()
        self._couriers.end(HttpLine.read_s)
        self._say("stopped")

    def turn(self) -> float:
        """Pieces that set out and arrive, or one look; never raises. Answers seconds until the
        next turn.
        """
        self._beat = self._now()
        try:
            pause = self._turn()
            if not self._couriers.names:
                self._failures = 0
            return pause
        except SyncError as error:
            if isinstance(error, Unreachable):
                self.pace = self.pace.slowed()
            state = "offline" if isinstance(error, Unreachable) else "refused"
            return self._failed(state, error.code, WORDS.get(error.code, WORDS["refused"]))
        except Exception as error:
            # A fault of our own must not end the thread; it is shown, with its kind.
            logs.failure("filing", error)
            said = f"本机程序故障({type(error).__name__}),请告诉管理员。文件都在,稍后再试。"
            return self._failed("refused", "broken", said)

    def _failed(self, state: str, code: str, said: str) -> float:
        self._failures, self._outages = self._failures + 1, self._outages + 1
        ceiling = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(self._failures - 1, 10))
        self._say(state, code, said)
        return random.uniform(1.0, ceiling)

    def _say(self, state: str, code: str = "", said: str = "") -> None:
        self._status = replace(self._status, state=state, error_code=code, last_error=said)

    def _turn(self) -> float:
        hall = self._hall
        self._take_in(0.0)
        if not self._knows_center():
            self._say("unenrolled")
            return LOOK_S
        if not is_open(hall.settings.file_windows, hall.clock.local()):
            self._say("closed")
            return WINDOW_S
        log = hall.state()
        if log.mark.size < log.size:
            return self._let_log_go_first()
        self._ask_what_is_wanted()
        pause = self._send_out()
        if not self._couriers.names:
            return pause or self._rest()
        self._say("moving")
        self._take_in(_WAIT_S)
        return 0.0

    def _rest(self) -> float:
        """Nothing can move now: nothing waits, or only files that are at fault."""
        if archives.to_send(self._hall, 1) or archives.to_fetch(self._hall, 1):
            code = self._fault
            self._say("refused", code, WORDS.get(code, WORDS["refused"]))
            return 1.0
        self._moved_at, self._fault = self._now(), ""
        self._say("idle")
        return LOOK_S

    def _knows_center(self) -> bool:
        hall = self._hall
        known = enrolment.trust(hall)
        if known is None or known.state != "approved":
            return False
        whom = hall.settings.center_url or known.url, hall.signer
        if whom != self._whom:
            self._whom, self._lines = whom, []
        return True

    @contextmanager
    def _exchange(self) -> Iterator[FileExchange]:
        """Over a line that nobody else uses meanwhile."""
        lines, (url, _) = self._lines, self._whom
        try:
            line = lines.pop()
        except IndexError:
            line = self._line_to(url) if self._line_to else self._http(url)
        try:
            yield FileExchange(line, self._archive)
        finally:
            lines.append(line)

    def _http(self, url: str) -> HttpLine:
        return center_line.line_to(self._hall, url, HttpLine, self.heart.beat)

    def _let_log_go_first(self) -> float:
        if self._sync is not None and self._sync.status().state == "waiting":
            self._sync.poke()
        self._say("log")
        return LOG_FIRST_S

    def _ask_what_is_wanted(self) -> None:
        now = self._now()
        if now - self._asked_at >= ASK_AGAIN_S:
            with self._exchange() as exchange:
                exchange.look_up_wanted()
            self._archive.drop_useless(self._hall.clock.now() - timedelta(hours=1))
            self._asked_at = now
        if now - self._absent_at >= ABSENT_AGAIN_S:
            self._archive.forget_absent()
            self._absent_at = now

    # --- pieces -------------------------------------------------------------------------------

    def _send_out(self) -> float:
        """Let pieces set out until enough is on its way; seconds until the budget allows more."""
        out = self._couriers
        while not out.names or (len(out.names) < self.pace.places and out.bytes < self.pace.flight):
            now = self._now()
            if now < self._free_at:
                return self._free_at - now
            job = self._next()
            if job is None:
                break
            if not out.names:
                self._arrived, self._since = 0, now
            trip = Trip(job, min(self.pace.piece, self._left(job)), now, self._outages)
            self._free_at = now + self.pace.rest(trip.length, 0.0)
            out.send(trip, alone=self.pace.places == 1)
        return 0.0

    def _next(self) -> Job | None:
        """The file with the smallest rest; one that was begun stays until a smaller one comes."""
        now = self._now()
        passed = {name for name, one in self._aside.items() if one.until > now}
        passed |= self._couriers.names
        most = len(passed) + len(self._begun) + 1
        waiting = archives.to_send(self._hall, most) + archives.to_fetch(self._hall, most)
        begun = [job for job, _ in self._begun.values()]
        ready = [job for job in (*begun, *waiting) if job.name not in passed]
        return min(ready, key=self._left, default=None)

    def _kept(self, job: Job) -> int | None:
        """How much of a file that was begun is where it goes."""
        begun, kept = self._begun.get(job.name, (None, 0))
        return kept if begun == job else None

    def _left(self, job: Job) -> int:
        return job.size - (self._kept(job) or 0)

    def _carry(self, trip: Trip) -> None:
        """In any thread: bring one piece over."""
        job, kept = trip.job, self._kept(trip.job)
        with self._exchange() as exchange:
            trip.start = self._begin(exchange, trip) if kept is None else kept
            trip.total = job.size
            if job.way == UP:
                trip.held = exchange.send(job.name, trip.start, trip.length)
            else:
                trip.held, trip.total = exchange.fetch(job.name, trip.length)

    def _begin(self, exchange: FileExchange, trip: Trip) -> int:
        cabinet, job = self._archive.cabinet, trip.job
        if job.way == DOWN:
            return cabinet.held(job.name)
        if not cabinet.is_sound(job.name):
            if cabinet.size(job.name) is not None:
                self._altered.add(job.name)
            raise FileAbsent("gone or altered at its source")
        return exchange.held_there(job.name) if job.size > trip.length else 0

    def _take_in(self, wait_s: float) -> None:
        """What came of the pieces that ended.

        Raises:
            Exception: what one of them met, unless the line was said to be at fault already when
                that piece was on its way.
        """
        fault: Exception | None = None
        for trip in self._couriers.back(wait_s):
            if trip.error is None:
                self._failures = 0
                self._note(trip)
            elif isinstance(trip.error, _OF_ONE_FILE):
                self._begun.pop(trip.job.name, None)
                self._set_aside(trip.job, trip.error)
            else:
                if trip.total:
                    self._begun[trip.job.name] = trip.job, trip.start
                fault = trip.error if trip.outages == self._outages else fault
        self._count()
        if fault is not None:
            raise fault

    def _note(self, trip: Trip) -> None:
        job, moved, now = trip.job, max(0, trip.held - trip.start), self._now()
        self.pace = self.pace.answered(now - trip.began)
        if moved:
            self._arrived, self._moved_at = self._arrived + moved, now
        total, last = self._status.moved + moved, self._hall.clock.now()
        self._status = replace(self._status, moved=total, last_piece=last)
        self._begun[job.name] = job, trip.held
        if trip.held >= trip.total:
            del self._begun[job.name]
            self._aside.pop(job.name, None)
            logs.event("file.moved", way=job.way, bytes=trip.total)

    def _count(self) -> None:
        """The rate of all pieces together, over a moment or until nothing is on its way."""
        took = self._now() - self._since
        if self._arrived and (took >= _COUNTED_S or not self._couriers.names):
            self.pace = self.pace.measured(self._arrived, took)
            self._arrived, self._since = 0, self._now()

    def _set_aside(self, job: Job, error: SyncError) -> None:
        """This file waits; what is at fault with it is told, and the others go on."""
        logs.event("file.aside", way=job.way, code=error.code)
        if isinstance(error, FileAbsent):
            self._note_gap(job)
            return
        self._fault = error.code
        times = self._aside[job.name].times + 1 if job.name in self._aside else 1
        longest = min(LONGEST_BACKOFF_S, 2.0**times)
        self._aside[job.name] = _Aside(self._now() + random.uniform(1.0, longest), times)

    def _note_gap(self, job: Job) -> None:
        if job.way == UP:
            # Not here: the center may have it whole. If not, its turn to come down tells so.
            self._archive.cabinet.drop(job.name)
            self._archive.note_lost(job.name)
            return
        self._archive.note_absent(job.name)
        if archives.is_own(self._hall, job.name):
            absence = "altered" if job.name in self._altered else "gone"
            archives.tell_missing(self._hall, job.name, absence)
