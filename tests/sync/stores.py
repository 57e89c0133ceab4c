"""Every implementation of the storage seam, for the tests that must hold on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aggregator.database.store import CenterStore
from node.store import NodeStore
from standards.cases import PROJECTIONS
from standards.records import RECORDS
from sync.clock import Clock
from sync.log import LogStore
from sync.private.vault import Vault
from sync.storage.store import Answer, Database, Row
from sync.storage.tables import Tables
from tests.postgres import postgres
from tests.simulation.clocks import MachineClock, Time
from tests.simulation.disk import Disk

Opened = NodeStore | CenterStore | Disk


def on_postgres(folder: Path) -> CenterStore:
    """A center's store on the real PostgreSQL of this run; large tables in two partitions."""
    return CenterStore(postgres().database_of(folder), partitions=2)


STORES: dict[str, Callable[[Path], Opened]] = {
    "node, file": lambda folder: NodeStore(folder / "node.db"),
    "node, memory": lambda folder: NodeStore(None),
    "center, file": lambda folder: CenterStore(f"sqlite:///{folder / 'center.db'}"),
    "center, PostgreSQL": on_postgres,
    "simulated disk": lambda folder: Disk(),
}
FILES = ("node, file", "center, file", "center, PostgreSQL")


def clock() -> Clock:
    """A clock that stands still."""
    return MachineClock(Time()).boot()


def log_store(store: Database) -> LogStore:
    """Logs and tables over this store, created."""
    logs = LogStore(store, Vault(b"v" * 32), Tables(RECORDS, PROJECTIONS), clock())
    logs.create()
    return logs


class Outage(Exception):
    """The store broke at a statement."""


class Failing:
    """A store that breaks at its n-th statement from now; 0 for never."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self.left = 0

    def _touch(self) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                raise Outage

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See ``sync.storage.store.Database``."""
        with self._store.transaction():
            yield
            self._touch()

    def together(self, work: Callable[[], Answer]) -> Answer:
        """See ``sync.storage.store.Database``."""
        return self._store.together(work)

    def soon(self, work: Callable[[], Answer]) -> Answer:
        """See ``sync.storage.store.Database``."""
        return self._store.soon(work)

    def execute(self, sql: str, /, **params: object) -> int:
        """See ``sync.storage.store.Database``."""
        self._touch()
        return self._store.execute(sql, **params)

    def executemany(self, sql: str, rows: Sequence[Mapping[str, object]], /) -> None:
        """See ``sync.storage.store.Database``."""
        self._touch()
        self._store.executemany(sql, rows)

    def insert(self, table: str, names: Sequence[str], rows: Sequence[Sequence[object]], /) -> None:
        """See ``sync.storage.store.Database``."""
        self._touch()
        self._store.insert(table, names, rows)

    def query(self, sql: str, /, **params: object) -> list[Row]:
        """See ``sync.storage.store.Database``."""
        self._touch()
        return self._store.query(sql, **params)

    def cells(self, sql: str, /, **params: object) -> list[tuple[Any, ...]]:
        """See ``sync.storage.store.Database``."""
        self._touch()
        return self._store.cells(sql, **params)

    def tables(self) -> set[str]:
        """See ``sync.storage.store.Database``."""
        return self._store.tables()

    def create(self, statements: Sequence[str], /) -> None:
        """See ``sync.storage.store.Database``."""
        self._store.create(statements)


def content(store: Database, tables: Sequence[str]) -> dict[str, list[dict[str, object]]]:
    """Every row of these tables."""
    return {name: [dict(r) for r in store.query(f"SELECT * FROM {name}")] for name in tables}
