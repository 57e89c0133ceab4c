"""A hall whose disk is full, fails, or is read-only: pages are read and say so (F4, F5)."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from node.app import create_app
from node.hall import Hall, HallSettings
from node.safekeeping import disk
from node.serving import address
from sync.errors import DiskFull, Unwritable
from sync.safekeeping.reserve import MIB
from tests.modes import modes, without_power_over_modes
from tests.node.hall import Browser, TurnableClock, open_hall
from tests.node.test_damage import case
from tests.node.test_serving import settings
from tests.served import ROOT, eventually, get
from web.reading import READ_ONLY

__all__ = ["settings"]


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with closing(open_hall(tmp_path / "hall", TurnableClock())) as made:
        made.write(case(1), actor="T01-001")
        yield made


class Failing:
    """A connection whose commits fail as on a disk that was made read-only."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self.real, self.fails = real, False

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if self.fails and sql == "COMMIT":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_WRITE"
            raise error
        return self.real.execute(sql, *values)

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


def test_while_writes_fail_pages_are_read_and_say_so_and_the_first_that_succeeds_ends_it(
    hall: Hall,
):
    app = create_app(hall)
    browser = Browser(app.test_client()).sign_in("li")
    failing = Failing(hall.db._writer)
    hall.db._writer = failing  # type: ignore[assignment]
    failing.fails = True
    with pytest.raises(Unwritable):
        hall.write(case(2), actor="T01-001")
    page, told = browser.get("/cases"), browser.get("/healthz")
    assert page.status_code == 200 and "处于只读状态" in page.text
    assert told.status_code == 503
    assert (
        told.json is not None and "cannot be written" in told.json["checks"]["database"]["reason"]
    )
    assert browser.post("/large-type", {}).status_code in (302, 303)
    disk.look(hall)
    assert hall.db.unwritable, "it was tried, and fails still"
    failing.fails = False
    disk.look(hall)
    assert not hall.db.unwritable and "处于只读状态" not in browser.get("/cases").text
    assert hall.state().size == 1
    hall.write(case(2), actor="T01-001")


def test_with_only_the_space_kept_aside_nothing_is_taken_in_and_receipts_are(hall: Hall):
    reserve = hall.keep_room()
    app = create_app(hall)
    browser = Browser(app.test_client()).sign_in("li")
    free = 500 * MIB
    reserve._free = lambda _folder: free
    disk.look(hall)
    assert reserve.is_held
    free = MIB
    disk.look(hall)
    assert not (hall.data / "reserve").exists()
    with pytest.raises(DiskFull):
        hall.write(case(2), actor="T01-001")
    page, told = browser.get("/cases"), browser.get("/healthz")
    assert page.status_code == 200 and "只剩预留空间" in page.text
    assert told.json is not None and not told.json["checks"]["disk"]["ok"]
    hall.logs.move_mark(hall.origin, 1)
    assert hall.state().mark.size == 1, "what the center answers is still kept"
    free = 500 * MIB
    disk.look(hall)
    hall.write(case(2), actor="T01-001")


def test_a_hall_starts_over_a_read_only_folder_to_be_read_and_ends_when_it_can_be_written(
    settings: HallSettings, tmp_path: Path
):
    data = tmp_path / "hall"
    with closing(open_hall(data, TurnableClock())) as hall:
        hall.write(case(1), actor="T01-001")
        Browser(create_app(hall).test_client()).sign_in("li")
    before = (data / "node.db").read_bytes()
    modes(data, 0o500, 0o400)
    port = address(settings.listen)[1]
    command = [sys.executable, "-m", "node.commands", "serve", "--data", str(data)]
    with (tmp_path / "log").open("wb") as log, ExitStack() as stack:
        node = subprocess.Popen(command, cwd=ROOT, stderr=log, preexec_fn=without_power_over_modes)
        stack.callback(node.wait)
        stack.callback(node.kill)
        stack.callback(modes, data, 0o700, 0o600)
        assert eventually(lambda: get(port, "/sign-in").status_code == 200)
        told = get(port, "/healthz")
        assert told.status_code == 503
        assert "read-only since the start" in told.json()["checks"]["database"]["reason"]
        assert (data / "node.db").read_bytes() == before
        modes(data, 0o700, 0o600)
        assert node.wait(30) == 0, "its supervisor starts it as usual then"


def test_over_a_read_only_folder_somebody_may_sign_in_and_change_nothing(
    hall: Hall, tmp_path: Path
):
    Browser(create_app(hall).test_client()).sign_in("li")
    hall.settings.save(hall.data)
    with disk.reading(hall.data, READ_ONLY) as copy:
        app = create_app(copy)
        disk.seal(copy)
        assert copy.state().size == 1 and copy.origin == hall.origin
        browser = Browser(app.test_client()).sign_in("li")
        page = browser.get("/cases")
        assert page.status_code == 200 and "处于只读状态" in page.text
        with pytest.raises(Unwritable):
            copy.write(case(3), actor="T01-001")
        assert browser.post("/password", {"current": "x", "new": "y"}).status_code in (422, 503)
        with pytest.raises(Unwritable):
            copy.db.execute("UPDATE web_account SET password = 'x'")
    assert hall.state().size == 1
