"""The whole product as real processes: a center, two halls, the cables between them."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count, cycle, islice

from deploy import casework, sign_ins
from deploy.applications import Application
from deploy.browser import Person
from deploy.cable import Cable
from deploy.run_demo import Demo, HallPlan
from deploy.sign_ins import Kiosk

# Tests that run side by side look for ports in spans of their own: what one has found free and not
# taken yet, another would find free, too.
_SPAN = 2_750
_beginning = 21_000 + _SPAN * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4)
_bases = cycle(range(_beginning, _beginning + _SPAN - 23, 23))
_serials = count(100)


def free_ports() -> int:
    """A first port such that every port the demo uses from there on is free."""
    for base in islice(_bases, _SPAN // 23):
        try:
            for port in range(base, base + 23):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return base
    raise RuntimeError("no 23 free ports in a row")


class Tapped(Cable):
    """A cable that keeps what went through it, each connection and direction for itself."""

    def __init__(self, label: str, port: int, target: int) -> None:
        self.passed: dict[int, bytearray] = {}
        super().__init__(label, port, target)

    def passes(self, source: socket.socket, data: bytes) -> None:
        self.passed.setdefault(id(source), bytearray()).extend(data)


class Town:
    """A running demo with hands for tests: who signs in where, what stands in which table."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.first, self.second = demo.halls

    def at_hall(self, login: str, plan: HallPlan | None = None) -> Person:
        """Somebody of a hall who is signed in."""
        found = Person(self.demo.hall_url(plan or self.first))
        found.sign_in(login, self.demo.password)
        return found

    def at_center(self, login: str) -> Person:
        """Somebody of the center who is signed in."""
        found = Person(self.demo.center_url)
        found.sign_in(login, self.demo.password)
        return found

    def cable(self, plan: HallPlan) -> Cable:
        """The cable between a hall and the center."""
        return self.demo.cables[self.demo.halls.index(plan)]

    def rows(self, label: str, sql: str, **params: object) -> list[sqlite3.Row]:
        """What a database holds now, read beside its process."""
        name = "center.db" if label == "center" else "node.db"
        path = self.demo.data / label / name
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, params).fetchall()

    def kiosk(self) -> Kiosk:
        """An approved kiosk at the first hall, without a browser."""
        return sign_ins.pair_kiosk(
            self.at_hall("admin"),
            f"http://127.0.0.1:{self.first.terminal_port}",
            f"签到机{next(_serials)}",
            "入口",
        )

    def wait_for_standards(self) -> None:
        """Wait until both halls follow everything that the center has published."""
        wanted = casework.standards_published(self.at_center("duizhang"))
        for plan in self.demo.halls:
            casework.wait_for_standards(self.at_hall("chuangkou", plan), wanted)

    def restart(self, label: str) -> None:
        """Start a server anew that was stopped or killed, and wait until it answers."""
        plans = {plan.hall: plan for plan in self.demo.halls}
        program = "onehall-node" if label in plans else "onehall-aggregator"
        data = plans[label].data if label in plans else self.demo.center
        port = plans[label].port if label in plans else self.demo.port
        self.demo.start_process(label, program, data)
        self.demo.wait(f"http://127.0.0.1:{port}/healthz", label)

    @contextmanager
    def pulled(self, plan: HallPlan) -> Iterator[None]:
        """The hall's line to the center is cut meanwhile."""
        self.cable(plan).pull()
        try:
            yield
        finally:
            self.cable(plan).plug()


def somebody(item: str = "GA001", **changed: str) -> Application:
    """An application by a person whom no other test uses."""
    serial = next(_serials)
    plain = Application(item=item, name=f"测试人{serial}", serial=serial, born="19900101")
    return replace(plain, **changed)  # type: ignore[arg-type]


def case_of(page_html: str) -> str:
    """The official number that a case page shows first."""
    found = re.search(r'class="big-code">([^<]+)<', page_html)
    assert found is not None
    return found.group(1)


def doubled(values: list[str]) -> list[str]:
    """What stands more than once."""
    return [value for value, times in Counter(values).items() if times > 1]
