"""One hall and the center as real processes over real folders, ended at named points."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

import aggregator.center
import node.hall
from aggregator import commands as center_commands
from aggregator.center import Center, CenterSettings
from deploy.casework import until
from node import commands as hall_commands
from node.hall import Hall, HallSettings
from standards.cases import PROJECTIONS
from standards.records import RECORDS, CaseReceived, Finding, NumberScheme
from sync import failpoints
from sync.client import HttpLine
from sync.clock import Clock, system_clock
from sync.storage.tables import Tables
from tests.journeys.town import free_ports
from tests.releases.content import GUIDES, NAME, Town, make
from tests.releases.test_releases import WeatherSeen

OWN, ORDERS, STANDARDS = (f"{NAME}/{log}/1" for log in ("T01", "orders-T01", "standards"))
DATABASES = {"hall": "node.db", "center": "center.db"}
# Processes are forked from one that has loaded both programs and done nothing else.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["node.commands", "aggregator.commands"])


# A person does not wait here: a line that is silent is given up soon.
PATIENCE_S = 2.0


@dataclass(frozen=True)
class Circumstances:
    """Under which a program runs: the armed point, how long it bears a silent line, and how far
    the wall clock of its machine is off.
    """

    armed: str = ""
    patience_s: float = PATIENCE_S
    clock_off_s: float = 0.0


def clock_off_by(seconds: float) -> Clock:
    """A machine's own clocks, with another time on the wall."""
    right = system_clock()
    return replace(right, now=lambda: right.now() + timedelta(seconds=seconds))


def run_program(program: str, told: list[str], log: Path, given: Circumstances) -> None:
    """What runs in a process of its own: one of the two programs."""
    HttpLine.connect_s = HttpLine.read_s = given.patience_s
    clock = clock_off_by(given.clock_off_s)
    for module in (node.hall, aggregator.center):
        vars(module)["system_clock"] = lambda: clock
    _begin_here(log, given.armed)
    commands = {"node": hall_commands, "aggregator": center_commands}
    commands[program].main(told)


def run_task(task: Callable[[Path], object], folder: Path, log: Path, armed: str) -> None:
    """What runs in a process of its own: something that a program does beside its commands."""
    _begin_here(log, armed)
    task(folder)


def _begin_here(log: Path, armed: str) -> None:
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    failpoints._armed = armed


@dataclass(frozen=True)
class Program:
    """A process that was begun, the point armed in it, and where it writes."""

    process: Any
    armed: str
    log: Path

    def ended(self) -> bool:
        """Whether it has ended."""
        return not self.process.is_alive()

    def ended_at_its_point(self) -> bool:
        """Wait for its end; whether that was at its point. Any other trouble is an error."""
        self.process.join(60)
        told = self.log.read_bytes()
        if self.process.exitcode == -signal.SIGKILL:
            assert told.endswith(f"ended at {self.armed}\n".encode()), told
            return True
        assert self.process.exitcode in (0, 1), told.decode()
        return False


class Machines:
    """The data folders, the center's process, and what both sides were told is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_ports()
        self.url = f"http://127.0.0.1:{self.port}"
        make(Town(folder))
        center = folder / "center"
        self.hall_settings(center_url=self.url)
        replace(CenterSettings.load(center), listen=f"127.0.0.1:{self.port}").save(center)
        self._serials = count(1)
        self._center: Program | None = None
        self.clocks_off_s = {"node": 0.0, "aggregator": 0.0}
        self.acknowledged: list[str] = []
        self.numbers: list[str] = []

    # --- work ---------------------------------------------------------------------------------

    @contextmanager
    def hall(self) -> Iterator[Hall]:
        """The hall's data, opened here."""
        data = self.folder / "hall"
        clock = clock_off_by(self.clocks_off_s["node"])
        hall = Hall(data, HallSettings.load(data), clock)
        try:
            yield hall
        finally:
            hall.close()

    @contextmanager
    def center(self) -> Iterator[Center]:
        """The center's data, opened here beside its process."""
        data = self.folder / "center"
        clock = clock_off_by(self.clocks_off_s["aggregator"])
        center = Center(data, CenterSettings.load(data), clock)
        try:
            yield center
        finally:
            center.close()

    def work(self, newer: bool) -> None:
        """New entries on either side that the other has not got; what was answered is noted.

        Args:
            newer: with a kind that the center does not know yet.
        """
        serial = next(self._serials)
        with self.hall() as hall:
            hall.logs.tables = Tables((*RECORDS, WeatherSeen), PROJECTIONS)
            hall.logs.create()
            kinds = [_case(serial), *([WeatherSeen(sky=f"雪{serial}", who="李四")] * newer)]
            for record in kinds:
                entry = hall.logs.write(hall.origin, record, actor="T01-001")
                self.acknowledged.append(entry.leaf.id)
        with self.center() as center:
            scheme = NumberScheme(version=serial + 2, template="{hall}-{serial:04d}")
            for entry in (
                center.publish(scheme, actor="Z-03"),
                center.order("T01", Finding(for_hall="T01", source="inspected"), actor="Z-07"),
            ):
                self.acknowledged.append(entry.leaf.id)

    # --- processes ----------------------------------------------------------------------------

    def hall_runs(self, *command: str, armed: str = "") -> bool:
        """Run a command of the hall to its end; whether it ended at the armed point."""
        self.told = self._begin(
            "node", [*command, "--data", str(self.folder / "hall")], Circumstances(armed)
        )
        return self.told.ended_at_its_point()

    def synced(self) -> dict[str, Any]:
        """One contact by the hall's command; what it says about it."""
        self.hall_runs("sync", "--json")
        said = self.told.log.read_text(encoding="utf-8").splitlines()
        status: dict[str, Any] = json.loads(said[-1])
        return status

    @contextmanager
    def hall_serves(self, url: str, patience_s: float) -> Iterator[None]:
        """The hall's program serves there until the block ends; how long it bears a silent line."""
        told = ["serve", "--data", str(self.folder / "hall")]
        begun = self._begin("node", told, Circumstances(patience_s=patience_s))
        try:
            until("the hall", lambda: begun.ended() or _answers(url), 60)
            yield
        finally:
            begun.process.terminate()
            begun.ended_at_its_point()

    def hall_settings(self, **changed: object) -> None:
        """Write other values into node.toml."""
        data = self.folder / "hall"
        replace(HallSettings.load(data), **changed).save(data)  # type: ignore[arg-type]

    def runs(self, program: str, *words: object, armed: str = "") -> bool:
        """Run a command of either program to its end; whether it ended at the armed point."""
        self.told = self._begin(program, [str(word) for word in words], Circumstances(armed))
        return self.told.ended_at_its_point()

    def does(self, task: Callable[[Path], object], armed: str = "") -> bool:
        """Let a process of its own do what a program does in a thread; whether it ended there."""
        log = self.folder / f"{next(self._serials)}.log"
        process = FORKS.Process(target=run_task, args=(task, self.folder, log, armed))
        process.start()
        self.told = Program(process, armed, log)
        return self.told.ended_at_its_point()

    def start_center(self, armed: str = "") -> None:
        """Start the center's process."""
        told = ["serve", "--data", str(self.folder / "center")]
        self._center = begun = self._begin("aggregator", told, Circumstances(armed))
        until("the center", lambda: begun.ended() or _answers(self.url), 60)

    def _begin(self, program: str, told: list[str], given: Circumstances) -> Program:
        log = self.folder / f"{next(self._serials)}.log"
        given = replace(given, clock_off_s=self.clocks_off_s[program])
        process = FORKS.Process(target=run_program, args=(program, told, log, given))
        process.start()
        return Program(process, given.armed, log)

    def rest(self) -> None:
        """Wait until the center has ended, or has applied all that it received."""
        until("the center at rest", lambda: self._begun().ended() or self.is_applied(), 60)

    def stop_center(self) -> bool:
        """End the center's process unless it has ended; whether it ended at its armed point."""
        if not self._begun().ended():
            self._begun().process.terminate()
        return self._begun().ended_at_its_point()

    def _begun(self) -> Program:
        assert self._center is not None
        return self._center

    def close(self) -> None:
        """Leave nothing behind."""
        if self._center is not None:
            self._center.process.kill()
            self._center.process.join()

    # --- what stands --------------------------------------------------------------------------

    def rows(self, machine: str, sql: str, **params: object) -> list[Any]:
        """What a database holds now; SQLite brings back what its log has, as a start would."""
        path = self.folder / machine / DATABASES[machine]
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            return connection.execute(sql, params).fetchall()

    def is_applied(self) -> bool:
        """Whether the center has applied all that it received."""
        return not self.rows("center", "SELECT 1 FROM log WHERE own = 0 AND applied < size")


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


def _case(serial: int) -> CaseReceived:
    """A case under a guide that nobody published, so that the center finds something."""
    return CaseReceived(
        case_no=f"T01-{serial:04}",
        item=GUIDES[0].item,
        guide_version=99,
        received_on=date(2026, 11, 24),
        applicant_name="赵小明",
        paper_no="11010519491231002X",
        mobile="13812345678",
    )


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """A hall and a center that serves, for a test that imports this."""
    made = Machines(tmp_path)
    made.start_center()
    yield made
    made.close()
