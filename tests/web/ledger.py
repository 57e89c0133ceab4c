"""A small real SQLite database behind the storage seam, for tests of the shell."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sync.errors import DiskFull
from sync.storage.store import Answer, insert_rows


class MemoryDatabase:
    """One SQLite database in memory, one connection, one lock, as `sync.storage.store` asks."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.isolation_level = None
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.RLock()
        self._depth = 0
        self.statements = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def execute(self, sql: str, /, **params: object) -> int:
        with self._lock:
            assert self._depth, "writing outside a transaction"
            try:
                return self._connection.execute(sql, params).rowcount
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname == "SQLITE_FULL":
                    raise DiskFull() from error
                raise

    def together(self, work: Callable[[], Answer]) -> Answer:
        with self.transaction():
            return work()

    def soon(self, work: Callable[[], Answer]) -> Answer:
        return self.together(work)

    def executemany(self, sql: str, rows: Sequence[Mapping[str, object]], /) -> None:
        with self._lock:
            self._connection.executemany(sql, rows)

    def insert(self, table: str, names: Sequence[str], rows: Sequence[Sequence[object]], /) -> None:
        with self._lock:
            insert_rows(self._connection.cursor(), table, tuple(names), rows)

    def tables(self) -> set[str]:
        return {r["name"] for r in self.query("SELECT name FROM sqlite_master")}

    def query(self, sql: str, /, **params: object) -> list[Mapping[str, Any]]:
        with self._lock:
            return [dict(row) for row in self._connection.execute(sql, params)]

    def cells(self, sql: str, /, **params: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return [tuple(row) for row in self._connection.execute(sql, params)]

    def create(self, statements: Sequence[str], /) -> None:
        with self._lock:
            for statement in statements:
                self._connection.execute(statement)

    def fill_disk(self) -> None:
        """Let no page be added any more, as on a full disk."""
        pages = self.query("PRAGMA page_count")[0]["page_count"]
        self._connection.execute(f"PRAGMA max_page_count = {pages}")
        self._connection.execute("DROP TABLE IF EXISTS filler")

    def free_disk(self) -> None:
        self._connection.execute("PRAGMA max_page_count = 1000000")

    def close(self) -> None:
        self._connection.close()
