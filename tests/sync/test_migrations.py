"""A database of an earlier program becomes today's, wholly or not at all, and never backwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.errors import NewerDatabase
from sync.storage.migrations import STEPS, Step, migrate
from sync.storage.store import Database
from tests.simulation.disk import Crash, Disk
from tests.sync.stores import STORES, Opened, log_store

AT = "2026-11-24T00:00:00.000Z"
THING = "CREATE TABLE IF NOT EXISTS thing (id TEXT PRIMARY KEY)"


def widen(db: Database) -> None:
    db.execute("ALTER TABLE thing ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")


def paint(db: Database) -> None:
    db.execute("UPDATE thing SET colour = colour || '!'")


BOTH = (Step("a thing has a colour", widen), Step("a colour is said aloud", paint))
NAMES = [step.name for step in BOTH]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


def used(store: Opened) -> Opened:
    """A database of an earlier program, with one row."""
    log_store(store)
    # That one knew none of the steps there are today.
    store.execute("DELETE FROM migration")
    store.create([THING])
    store.execute("INSERT INTO thing (id) VALUES ('x')")
    return store


def colours(store: Opened) -> list[str]:
    return [row["colour"] for row in store.query("SELECT colour FROM thing")]


def test_the_steps_run_in_order_and_once(store: Opened):
    used(store)
    assert migrate(store, AT, BOTH) == NAMES
    assert colours(store) == ["red!"]
    assert migrate(store, AT, BOTH) == []
    assert colours(store) == ["red!"]


def test_a_later_step_runs_on_what_the_earlier_ones_left(store: Opened):
    used(store)
    assert migrate(store, AT, BOTH[:1]) == NAMES[:1]
    assert migrate(store, AT, BOTH) == NAMES[1:]
    assert colours(store) == ["red!"]


def test_a_database_that_was_never_used_has_every_step_behind_it(store: Opened):
    assert migrate(store, AT, BOTH) == []
    recorded = {row["name"] for row in store.query("SELECT name FROM migration")}
    assert recorded == set(NAMES)


def test_a_step_that_fails_leaves_nothing_and_runs_again(store: Opened):
    used(store)

    def half(db: Database) -> None:
        widen(db)
        raise RuntimeError("broke")

    with pytest.raises(RuntimeError, match="broke"):
        migrate(store, AT, (Step(NAMES[0], half),))
    assert migrate(store, AT, BOTH) == NAMES
    assert colours(store) == ["red!"]


def test_a_database_of_a_newer_program_is_refused_and_not_changed(store: Opened):
    used(store)
    migrate(store, AT, BOTH)
    with pytest.raises(NewerDatabase, match="a newer program"):
        migrate(store, AT, BOTH[:1])
    assert colours(store) == ["red!"]


def test_the_program_itself_refuses_a_newer_database(store: Opened):
    logs = log_store(store)
    store.execute("INSERT INTO migration VALUES ('from the future', 999, :at)", at=AT)
    with pytest.raises(NewerDatabase, match="from the future"):
        logs.create()


@pytest.mark.parametrize("touches", range(1, 30))
def test_a_power_cut_at_any_touch_of_the_disk_loses_no_step_and_doubles_none(touches: int):
    disk = Disk()
    used(disk)
    disk.arm(touches)
    try:
        migrate(disk, AT, BOTH)
    except Crash:
        disk.lose_power()
        disk._depth = 0
    disk.disarm()
    migrate(disk, AT, BOTH)
    assert colours(disk) == ["red!"]


def test_the_steps_of_this_program_have_names_of_their_own():
    assert len({step.name for step in STEPS}) == len(STEPS)


def test_an_older_punch_has_a_clock_that_nobody_doubts(store: Opened):
    store.create(["CREATE TABLE IF NOT EXISTS log (origin TEXT PRIMARY KEY)"])
    store.create(["CREATE TABLE IF NOT EXISTS punch (hall TEXT PRIMARY KEY, way TEXT)"])
    store.execute("INSERT INTO punch VALUES ('T01', 'pin')")
    migrate(store, AT)
    (row,) = store.query("SELECT * FROM punch")
    assert (row["clock"], row["line_sha"]) == ("", "")
