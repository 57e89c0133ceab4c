"""Several threads' works share a commit; each is durable when answered, and fails for itself."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from aggregator.database.store import CenterStore
from sync.errors import DiskFull, RowRefused

TABLE = "CREATE TABLE IF NOT EXISTS thing (id TEXT PRIMARY KEY, raw BLOB)"
INSERT = "INSERT INTO thing VALUES (:id, :raw)"
MANY = 24


class Counted(CenterStore):
    """Counts its commits; the first transaction waits at a gate, so that others queue up."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"sqlite:///{path / 'center.db'}")
        self.create([TABLE])
        self.commits, self.gate = 0, threading.Event()
        self._commits._transaction = self._counted

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.commits += 1
        self.gate.wait(10)
        with self.transaction():
            yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Counted]:
    opened = Counted(tmp_path)
    yield opened
    opened.gate.set()
    opened.close()


def put(store: CenterStore, name: str, raw: bytes = b"") -> str:
    store.execute(INSERT, id=name, raw=raw)
    return name


def names(store: CenterStore) -> list[str]:
    return [row["id"] for row in store.query("SELECT id FROM thing ORDER BY id")]


def at_once(store: Counted, wanted: list[str]) -> list[object]:
    """Every name put by a thread of its own, all waiting before the first commit."""

    def one(name: str) -> object:
        try:
            return store.together(lambda: put(store, name))
        except (RowRefused, DiskFull) as error:
            return type(error)

    with ThreadPoolExecutor(len(wanted)) as pool:
        found = [pool.submit(one, name) for name in wanted]
        while len(store._commits._waiting) < len(wanted) - 1:
            threading.Event().wait(0.01)
        store.gate.set()
        return [future.result() for future in found]


def test_what_waits_at_the_same_time_shares_a_commit(store: Counted):
    wanted = [f"{i:03d}" for i in range(MANY)]
    assert at_once(store, wanted) == wanted
    assert names(store) == wanted
    assert store.commits <= 3


def test_one_that_fails_undoes_itself_only(store: Counted):
    with store.transaction():
        put(store, "007")
    wanted = [f"{i:03d}" for i in range(MANY)]
    answers = at_once(store, wanted)
    assert answers == [RowRefused if name == "007" else name for name in wanted]
    assert names(store) == wanted


def test_half_of_a_failed_work_does_not_stand(store: Counted):
    store.gate.set()

    def half() -> None:
        put(store, "half")
        raise RuntimeError("broke")

    with pytest.raises(RuntimeError, match="broke"):
        store.together(half)
    assert names(store) == []


def test_nobody_is_told_that_it_stands_when_the_disk_was_full(store: Counted):
    store.gate.set()
    pages = store.query("PRAGMA page_count")[0]["page_count"]
    with store.transaction():
        store.query(f"PRAGMA max_page_count={pages + 2}")
    answers = []
    for name in "abcdef":
        with suppress(DiskFull):
            answers.append(store.together(partial(put, store, name, bytes(3_000))))
    assert 0 < len(answers) < 6
    assert names(store) == answers


def test_a_work_inside_a_transaction_is_part_of_it(store: Counted):
    store.gate.set()
    with pytest.raises(RuntimeError), store.transaction():
        store.together(lambda: put(store, "a"))
        raise RuntimeError
    assert names(store) == []
