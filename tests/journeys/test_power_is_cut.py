"""kill -9 of the node at random moments under intake: what was answered is there, and whole."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import requests

from deploy.applications import Application
from deploy.browser import Person
from deploy.casework import take_in, until
from node.hall import Hall, HallSettings
from node.keys.enrolment import DDL
from node.lock import exclusive
from standards.catalogue import starter_guides
from standards.workdays import published_years
from tests.journeys.town import doubled, free_ports
from tests.node.hall import calendar, publish, published
from web.accounts import Accounts, NewAccount
from web.app import TABLES

CUTS = 20
CLERKS = 3
PASSWORD = "停电-十点-茶-一杯-热"
ITEM = "GA001"
# The power goes after so many answers at most, and a moment later at most.
MOST_ANSWERS, LATEST_S = 20, 0.1


class Node:
    """One hall's real process over one data folder, without a center."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.url = data, f"http://127.0.0.1:{port}"
        self.settings = HallSettings(
            hall="T01",
            name="公安分厅",
            center="tonghua.example",
            listen=f"127.0.0.1:{port}",
            terminal_listen=f"127.0.0.1:{port + 1}",
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._cut: list[int] = []
        self.log = open(data.parent / "server.log", "ab")  # noqa: SIM115

    def furnish(self) -> None:
        """Standards and clerks, as after enrolment."""
        self.settings.save(self.data)
        with exclusive(self.data):
            hall = Hall(self.data, self.settings)
            hall.db.create([*TABLES, *DDL])
            guides = [guide for guide in starter_guides() if guide.item == ITEM]
            with hall.db.transaction():
                publish(hall, *map(calendar, published_years()), *map(published, guides))
            accounts = Accounts(hall.db, hall.clock.now)
            for number in range(CLERKS):
                new = NewAccount(
                    login=f"clerk{number}",
                    staff_no=f"T01-{number:03}",
                    display_name="窗口",
                    roles=("clerk",),
                )
                accounts.create(new, PASSWORD, must_change=False)
            hall.close()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(Path(sys.executable).parent / "onehall-node"), "serve", "--data", str(self.data)],
            stdout=self.log,
            stderr=self.log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        until("the node", self._answers, 30)

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, "the node has ended"
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    def cut(self) -> None:
        """The process is gone from one instruction to the next."""
        assert self._process is not None
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._cut.append(self._process.pid)

    def nothing_is_left(self) -> bool:
        """Whether every child of the processes that were cut has ended by itself."""
        self._cut = [group for group in self._cut if group_exists(group)]
        return not self._cut

    def rows(self, sql: str) -> list[sqlite3.Row]:
        """What the database holds; SQLite brings back what its log has, as a start would."""
        with closing(sqlite3.connect(self.data / "node.db")) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql).fetchall()


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "T01", free_ports())
    made.furnish()
    made.start()
    yield made
    made.cut()
    made.log.close()
    until("the children to end", made.nothing_is_left)


def test_every_answered_case_survives_twenty_power_cuts_and_none_is_ever_half(node: Node):
    chance = random.Random(20261124)
    answered: list[str] = []
    clerks = [signed_in(node, number, answered) for number in range(CLERKS)]
    for _ in range(CUTS):
        answers = len(answered) + chance.randint(0, MOST_ANSWERS)
        intake_until_cut(
            node,
            clerks,
            partial(has, answered, answers),
            chance.uniform(0, LATEST_S),
        )
        assert_whole(node, answered)
        node.start()
    assert len(answered) > 5 * CUTS
    for case_id in chance.sample(answered, 20):
        assert "审批中" in clerks[0].open(f"/cases/{case_id}").words
    numbers = [str(row["case_no"]) for row in node.rows("SELECT case_no FROM case_received")]
    assert doubled(numbers) == []
    node.cut()
    assert verified(node) == 0
    node.start()


def has(answered: list[str], count: int) -> bool:
    return len(answered) >= count


def signed_in(node: Node, number: int, answered: list[str]) -> Person:
    """A clerk; the id of every case that the node answers with 303 is noted at once."""

    def note(answer: requests.Response, **given: object) -> None:
        found = re.match(r"/cases/([0-9a-f-]{36})\?done=accept", answer.headers.get("Location", ""))
        if answer.status_code == 303 and found:
            answered.append(found.group(1))

    person = Person(node.url)
    person.session.hooks["response"].append(note)
    person.sign_in(f"clerk{number}", PASSWORD)
    return person


def intake_until_cut(
    node: Node, clerks: list[Person], enough: Callable[[], bool], seconds: float
) -> None:
    """Every clerk takes in one case after the other until the power goes."""

    def work(clerk: Person, first: int) -> None:
        for serial in range(first, first + 300):
            brought = Application(item=ITEM, name=f"停电{serial}", serial=serial, born="19900101")
            try:
                take_in(clerk, brought)
            except requests.RequestException:
                return

    hands = [
        threading.Thread(target=work, args=(clerk, 100 + 300 * number))
        for number, clerk in enumerate(clerks)
    ]
    for hand in hands:
        hand.start()
    until("the answers", enough)
    time.sleep(seconds)
    node.cut()
    for hand in hands:
        hand.join()


def assert_whole(node: Node, answered: list[str]) -> None:
    """Answered cases are there; every case has its step, its code and its two entries; all hold."""
    received = {row["id"] for row in node.rows("SELECT id FROM case_received")}
    assert set(answered) <= received
    for sql in (
        "SELECT case_id FROM case_step WHERE step = 'accepted'",
        "SELECT case_id FROM case_code",
        "SELECT id FROM case_standing WHERE stage = 'accepted'",
    ):
        assert {row[0] for row in node.rows(sql)} == received
    assert node.rows("PRAGMA integrity_check(3)")[0][0] == "ok"
    with exclusive(node.data):
        hall = Hall(node.data, node.settings)
        try:
            assert hall.state().size == 2 * len(received)
            assert hall.logs.verify(hall.origin) is None
        finally:
            hall.close()


def verified(node: Node) -> int:
    """Exit status of the command an administrator would use."""
    command = Path(sys.executable).parent / "onehall-node"
    return subprocess.run(
        [str(command), "verify", "--data", str(node.data)], capture_output=True, check=False
    ).returncode
