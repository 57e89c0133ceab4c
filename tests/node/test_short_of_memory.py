"""A hall's machine that gets no more memory refuses, lives, and keeps no half case (F19)."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.applications import Application
from deploy.browser import Person, Refused
from deploy.casework import Taken, take_in
from node.app import create_app
from standards.guides import Guide
from standards.workdays import published_years
from tests.memory import FOREVER, MIB, writes_to
from tests.node.hall import (
    PASSWORD,
    Browser,
    TurnableClock,
    calendar,
    few,
    open_hall,
    publish,
    published,
)
from tests.served import ROOT, eventually, free_port, get

BROUGHT = Application(item="", name="欧阳测试", serial=7, born="19900101", subject="开办便利店")


@pytest.fixture
def port(tmp_path: Path, catalogue: tuple[Guide, ...]) -> int:
    """A hall that follows three guides and knows its clerk, with the address of its pages."""
    data, found = tmp_path / "hall", free_port()
    with closing(open_hall(data, TurnableClock())) as hall:
        Browser(create_app(hall).test_client()).sign_in("li")
        publish(hall, *map(calendar, published_years()), *map(published, few(catalogue)))
        replace(
            hall.settings,
            listen=f"127.0.0.1:{found}",
            terminal_listen=f"127.0.0.1:{free_port()}",
        ).save(data)
    return found


def cases(data: Path) -> tuple[int, int]:
    """Cases that stand, and entries that stand without one."""
    with closing(open_hall(data, TurnableClock())) as hall:
        (row,) = hall.db.query(
            "SELECT COUNT(*) AS n, COUNT(DISTINCT case_no) AS numbers FROM case_received"
        )
        assert row["n"] == row["numbers"]
        assert hall.logs.verify(hall.origin) is None
        return int(row["n"]), hall.state().size


def test_a_hall_without_memory_refuses_and_goes_on_as_soon_as_it_has_some(
    port: int, tmp_path: Path, catalogue: tuple[Guide, ...]
):
    data, item = tmp_path / "hall", few(catalogue)[0].item
    command = [sys.executable, "-m", "node.commands", "serve", "--data", str(data)]
    with (tmp_path / "log").open("wb") as log, ExitStack() as stack:
        node = subprocess.Popen(command, cwd=ROOT, stderr=log)
        stack.callback(node.wait)
        stack.callback(node.kill)
        assert eventually(lambda: get(port, "/sign-in").status_code == 200)
        clerk = Person(f"http://127.0.0.1:{port}")
        no_more(node.pid)
        for _ in range(7):
            with pytest.raises(Refused, match="503"):
                clerk.sign_in("li", PASSWORD)
        resource.prlimit(node.pid, resource.RLIMIT_DATA, FOREVER)
        clerk.sign_in("li", PASSWORD)
        done = [take_in(clerk, replace(BROUGHT, item=item))]
        no_more(node.pid)
        done += filter(None, (tried(clerk, item) for _ in range(10)))
        assert node.poll() is None, "busy, not dead"
        resource.prlimit(node.pid, resource.RLIMIT_DATA, FOREVER)
        done.append(take_in(clerk, replace(BROUGHT, item=item)))
        assert node.poll() is None
    assert cases(data)[0] == len(done)


def no_more(pid: int) -> None:
    """The machine gives this process hardly more memory than it has. Its threads have address space
    in reserve, so that only a limit of what is written to is felt.
    """
    most = writes_to(pid) + MIB
    resource.prlimit(pid, resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))


def tried(clerk: Person, item: str) -> Taken | None:
    """A case, or a refusal that says to come again."""
    try:
        return take_in(clerk, replace(BROUGHT, item=item))
    except Refused as refused:
        assert str(refused).startswith("503"), refused
        return None
