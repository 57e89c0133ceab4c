"""Several aggregator processes on one PostgreSQL database, halls that push to any of them, and
accidents: processes killed, database sessions cut, batches sent twice.
"""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import requests

from aggregator.app import create_tables
from aggregator.center import Center, CenterSettings
from aggregator.halls import roster
from aggregator.receiving.apply import apply_all
from aggregator.receiving.rounds import take_batch
from node.hall import Hall
from node.keys import enrolment
from node.outbox import syncing
from standards.catalogue import starter_guides
from standards.records import CaseReceived, CaseStep, GuidePublished
from sync.applied.applying import rebuild
from sync.batch import MEDIA_TYPE
from sync.client import PREFIX
from sync.contact.sending import next_batch
from sync.errors import StoreBusy, SyncError
from sync.log import LogStore, Portions
from tests.node.contacts import line_of, new_hall
from tests.source import ROOT

CENTER = "city.example"
DAY = date(2026, 11, 24)
GUIDE = starter_guides()[0]
_LONGEST_WAIT_S = 60


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def wait_for(happened: Callable[[], bool], what: str) -> None:
    """Wait until something happened."""
    latest = time.monotonic() + _LONGEST_WAIT_S
    while not happened():
        assert time.monotonic() < latest, f"waited in vain until {what}"
        time.sleep(0.05)


def new_center(data: Path, database: str, *, keys_of: Path | None = None) -> Center:
    """A center that has published one guide; with the keys of another one, if told."""
    if keys_of is not None:
        shutil.copytree(keys_of / "keys", data / "keys")
    settings = CenterSettings(center=CENTER, name="市政务公开办公室", database=database)
    settings.save(data)
    center = Center(data, settings)
    create_tables(center)
    published = GuidePublished(
        item=GUIDE.item,
        version=1,
        published_on=DAY,
        drafted_by="Z001",
        checked_by="Z002",
        published_by="Z003",
        guide=GUIDE,
    )
    center.publish(published, actor="Z003")
    return center


class Aggregator:
    """One aggregator process on the shared database."""

    def __init__(self, data: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._data = data
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it answers somewhat later."""
        words = [sys.executable, "-m", "aggregator.commands", "serve", "--data", str(self._data)]
        with (self._data / "log").open("ab") as log:
            self._running = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, by default cleanly."""
        if self._running is not None:
            self._running.send_signal(how)
            self._running.wait(60)
            self._running = None

    def answers(self) -> bool:
        """Whether it is up and all is well with it."""
        return self._health() == 200

    def listens(self) -> bool:
        """Whether it is up, though something may be amiss."""
        return self._health() in (200, 503)

    def _health(self) -> int:
        if self._running is not None and self._running.poll() is not None:
            # Its session was cut while it started: it said so and ended; systemd starts it anew.
            self.start()
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).status_code
        except requests.RequestException:
            return 0


def new_aggregators(center: Center, count: int) -> list[Aggregator]:
    """Processes for this center, each with its own folder and the center's keys."""
    made = []
    for number, port in enumerate(free_ports(count)):
        data = center.data.parent / f"aggregator{number}"
        shutil.copytree(center.data / "keys", data / "keys")
        replace(center.settings, listen=f"127.0.0.1:{port}").save(data)
        made.append(Aggregator(data, port))
    return made


@contextmanager
def admitted_hall(data: Path, name: str, center: Center, url: str) -> Iterator[Hall]:
    """A hall that two people have admitted; its batches are short."""
    with new_hall(data, name, CENTER) as hall:
        roster.register_hall(center, name, f"{name}分厅")
        code = roster.new_code(center, name)
        enrolment.ask(hall, line_of(hall, url), url, code)
        (asked,) = [e for e in roster.pending(center) if (e.hall, e.state) == (name, "pending")]
        roster.approve(center, asked.id, "Z006")
        enrolment.ask_again(hall, line_of(hall, url))
        hall.logs.portions = Portions(batch_entries=15)
        yield hall


def write_cases(hall: Hall, count: int) -> None:
    """New cases in one transaction; every second one is against a rule, and so gives a finding."""
    with hall.db.transaction():
        begun = hall.logs.state(hall.origin).size
        for number in range(begun, begun + count):
            case = CaseReceived(
                case_no=f"{hall.settings.hall}-{number}",
                item=GUIDE.item,
                guide_version=1 + number % 2,
                received_on=DAY,
                applicant_name="欧阳测试",
                paper_no="11010519491231002X",
                mobile="13812345678",
            )
            entry = hall.write(case, actor="T01-001")
            step = CaseStep(case_id=entry.leaf.id, step="accepted", day=DAY)
            hall.write(step, actor="T01-001" if number % 3 else "T01-002")


class Load:
    """Halls that write and push, others that push the same, and more hands that apply.

    Everything meets: two processes get batches of one log that overlap, and several apply it.
    """

    def __init__(self, center: Center, halls: list[Hall], aggregators: list[Aggregator]) -> None:
        self._center, self._aggregators = center, aggregators
        self._over = threading.Event()
        self.wrong: list[str] = []
        work: list[Callable[[], None]]
        work = [partial(task, hall) for hall in halls for task in (self._day, self._echo)]
        work += [self._apply, self._apply]
        self._threads = [threading.Thread(target=self._guarded, args=[one]) for one in work]

    @contextmanager
    def running(self) -> Iterator[None]:
        """The load, until the block ends."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def _guarded(self, work: Callable[[], None]) -> None:
        while not self._over.wait(random.uniform(0, 0.05)):
            try:
                work()
            except (SyncError, StoreBusy):
                # Killed, restarting, busy, quicker: whoever it was tries again.
                pass
            except Exception as error:
                self.wrong.append(repr(error))

    def _any_url(self) -> str:
        return random.choice(self._aggregators).url

    def _apply(self) -> None:
        """What the processes do beside receiving, without waiting for a pause."""
        apply_all(self._center)

    def _day(self, hall: Hall) -> None:
        if not self._is_far_ahead(hall):
            write_cases(hall, 10)
        try:
            syncing.contact(hall, line_of(hall, self._any_url()))
        finally:
            self.check_receipts(hall)

    def _is_far_ahead(self, hall: Hall) -> bool:
        state = hall.logs.state(hall.origin)
        return state.size - state.mark.size > 500

    def check_receipts(self, hall: Hall) -> None:
        """What a hall has a receipt for stands in the database, that very moment."""
        proven = hall.logs.state(hall.origin).mark.size
        held = self._center.db.query(
            "SELECT SUM(stop - start) AS entries FROM batch WHERE origin = :o", o=hall.origin
        )
        if proven > (held[0]["entries"] or 0):
            self.wrong.append(f"{hall.origin}: a receipt for {proven}, but {held} stand")

    def _echo(self, hall: Hall) -> None:
        """The next entries, or earlier ones, cut otherwise, to another process: as by a stick."""
        cut = LogStore(hall.db, hall.vault, hall.logs.tables, hall.clock)
        cut.portions = Portions(batch_entries=random.randint(1, 40))
        start = self._center.logs.state(hall.origin).size - random.choice((0, 0, 0, 7))
        raw = next_batch(cut, hall.origin, max(0, start), hall.signer, self._center.sealing.public)
        if raw is not None:
            target = f"{PREFIX}/logs/{hall.settings.hall}/1"
            line_of(hall, self._any_url()).send("POST", target, raw, MEDIA_TYPE)


def bring_home(hall: Hall, aggregators: list[Aggregator]) -> None:
    """Push until the hall has a receipt for everything."""

    def in_step() -> bool:
        with suppress(SyncError):
            syncing.contact(hall, line_of(hall, random.choice(aggregators).url))
        state = hall.logs.state(hall.origin)
        return state.mark.size == state.size

    wait_for(in_step, f"{hall.origin} is in step")


def applied_in_full(center: Center, halls: list[Hall]) -> bool:
    """Whether the center has applied all that these halls wrote."""
    return all(
        center.logs.state(hall.origin).applied == hall.logs.state(hall.origin).size
        for hall in halls
    )


def what_follows(center: Center) -> dict[str, list[tuple[tuple[str, object], ...]]]:
    """Every row of every table that follows from entries."""
    return {
        name: sorted(
            (tuple(sorted(row.items())) for row in center.db.query(f"SELECT * FROM {name}")),
            key=repr,
        )
        for name in center.logs.tables.names()
    }


def found(center: Center) -> list[tuple[str, str, str]]:
    """Every finding: hall, what it is about, and the rule."""
    rows = center.db.query("SELECT for_hall, subject_id, rule FROM finding")
    return sorted((row["for_hall"], row["subject_id"], row["rule"]) for row in rows)


def one_after_the_other(center: Center, halls: list[Hall], data: Path) -> Center:
    """What one process makes of the same logs on SQLite, without any accident."""
    other = new_center(data, "", keys_of=center.data)
    for table in ("hall", "hall_key"):
        for row in center.db.query(f"SELECT * FROM {table}"):
            other.db.insert(table, [*row], [[*row.values()]])
    for hall in halls:
        start, size = 0, hall.logs.state(hall.origin).size
        while start < size:
            raw = next_batch(hall.logs, hall.origin, start, hall.signer, other.sealing.public)
            assert raw is not None
            take_batch(other, (hall.settings.hall, "1"), raw)
            start = other.logs.state(hall.origin).size
    apply_all(other)
    return other


def check_everything(center: Center, halls: list[Hall], alone: Path) -> None:
    """Nothing is lost and nothing is there twice: logs, tables, findings, and all of it anew."""
    for state in center.logs.states():
        assert center.logs.verify(state.origin) is None, state.origin
        assert state.applied == state.size
    for hall in halls:
        size = hall.logs.state(hall.origin).size
        assert size > 40
        assert center.logs.state(hall.origin).frontier == hall.logs.state(hall.origin).frontier
        rows = center.db.query(
            "SELECT SUM(stop - start) AS entries FROM batch WHERE origin = :o", o=hall.origin
        )
        assert rows == [{"entries": size}]
        assert center.logs.personal(hall.origin, 0, size) == hall.logs.personal(
            hall.origin, 0, size
        )
    assert center.db.query("SELECT * FROM quarantine") == []

    reference = one_after_the_other(center, halls, alone)
    assert found(center) == found(reference)
    assert len(found(center)) == len(set(found(center))) > 0
    mine, theirs = what_follows(center), what_follows(reference)
    for name in ("case_received", "case_step", "case_standing"):
        assert mine[name] == theirs[name], name
    reference.close()
    rebuild(center.logs)
    assert what_follows(center) == mine
