"""The fake disk: a database that forgets what was not committed when the power goes.

`sync.storage.store.Database` over one SQLite connection in memory, so that a run is fast and the
same each time. It passes the contract of the real stores (tests/sync/test_store_contract.py). A
*fuse* burns at each touch of the disk; when it is burnt down the power is gone, or the disk is
full.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from sync.errors import DiskFull, HalfDone, RowRefused
from sync.storage.store import Answer, Row, insert_rows, sqlite_ddl

Fuse = Literal["crash", "full"]


class Crash(BaseException):
    """The power of one machine is gone. No `except Exception` can keep a machine running."""

    def __init__(self, disk: Disk) -> None:
        super().__init__("the power is gone")
        self.disk = disk


class Disk:
    """One machine's disk.

    Args:
        image: committed content to start from.
    """

    is_sqlite = True

    def __init__(self, image: sqlite3.Connection | None = None) -> None:
        self.owner = ""
        self._connection = _connection()
        self._depth, self._failed = 0, False
        self._left: int | None = None
        self._fuse: Fuse = "crash"
        self.burnt: Fuse | None = None
        self.changes = 0
        if image is not None:
            image.backup(self._connection)

    # --- what a machine sees: sync.storage.store.Database ----------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See ``sync.storage.store.Database``."""
        if self._depth:
            try:
                yield
            except BaseException:
                self._failed = True
                raise
            return
        with _mapped():
            self._begin()
            self._depth, self._failed = 1, False
            self.changes += 1
            try:
                yield
                if self._failed:
                    raise HalfDone("a step failed, and the transaction went on")
                self._touch(writes=True)
                self.commit()
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0
        self._touch(writes=False)

    def together(self, work: Callable[[], Answer]) -> Answer:
        """See ``sync.storage.store.Database``."""
        with self.transaction():
            return work()

    def soon(self, work: Callable[[], Answer]) -> Answer:
        """See ``sync.storage.store.Database``."""
        return self.together(work)

    def execute(self, sql: str, /, **params: object) -> int:
        """See ``sync.storage.store.Database``."""
        with self.transaction(), _mapped():
            self._touch(writes=True)
            return self._connection.execute(sql, params).rowcount

    def executemany(self, sql: str, rows: Sequence[Mapping[str, object]], /) -> None:
        """See ``sync.storage.store.Database``."""
        with self.transaction(), _mapped():
            self._touch(writes=True)
            self._connection.executemany(sql, rows)

    def insert(self, table: str, names: Sequence[str], rows: Sequence[Sequence[object]], /) -> None:
        """See ``sync.storage.store.Database``."""
        with self.transaction(), _mapped():
            self._touch(writes=True)
            insert_rows(self._connection.cursor(), table, tuple(names), rows)

    def query(self, sql: str, /, **params: object) -> list[Row]:
        """See ``sync.storage.store.Database``."""
        self._touch(writes=False)
        with _mapped():
            return [dict(row) for row in self._connection.execute(sql, params)]

    def cells(self, sql: str, /, **params: object) -> list[tuple[Any, ...]]:
        """See ``sync.storage.store.Database``."""
        self._touch(writes=False)
        with _mapped():
            return [tuple(row) for row in self._connection.execute(sql, params)]

    def tables(self) -> set[str]:
        """See ``sync.storage.store.Database``."""
        rows = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {row["name"] for row in rows}

    def create(self, statements: Sequence[str], /) -> None:
        """See ``sync.storage.store.Database``; every table is STRICT."""
        with self.transaction():
            for statement in statements:
                self._connection.execute(sqlite_ddl(statement))

    def close(self) -> None:
        """Close the connection; the content is gone."""
        self._connection.close()

    # --- what the world does to it -----------------------------------------------------------

    def commit(self) -> None:
        """Make the transaction durable: the one moment that a mutant of the disk may miss."""
        self._connection.execute("COMMIT")

    def _flush(self) -> None:
        """Only a disk that commits late (a mutant) has something left to write."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")

    def _begin(self) -> None:
        self._flush()
        self._connection.execute("BEGIN IMMEDIATE")

    @property
    def in_transaction(self) -> bool:
        """Is a transaction of the machine open now?"""
        return self._depth > 0

    def arm(self, touches: int, fuse: Fuse = "crash") -> None:
        """From now on, fail at this many touches of the disk."""
        self._left, self._fuse, self.burnt = touches, fuse, None

    def touch_file(self) -> None:
        """A file beside the database is about to be written or removed."""
        if self._fuse == "crash":
            self._touch(writes=True)

    def disarm(self) -> None:
        """Take the fuse away."""
        self._left = None

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """The world looks at the disk: its touches burn no fuse."""
        left, self._left = self._left, None
        try:
            yield
        finally:
            self._left = left

    def _touch(self, *, writes: bool) -> None:
        if self._left is None:
            return
        self._left -= 1
        if self._left > 0 or (self._fuse == "full" and not writes):
            return
        self._left, self.burnt = None, self._fuse
        if self._fuse == "full":
            raise DiskFull("the disk is full")
        raise Crash(self)

    def lose_power(self) -> None:
        """Forget what was not committed."""
        self.disarm()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def copy(self) -> sqlite3.Connection:
        """A backup of the committed content."""
        self._flush()
        kept = _connection()
        self._connection.backup(kept)
        return kept

    def restore(self, image: sqlite3.Connection) -> None:
        """Put an old copy in place of the content."""
        self._flush()
        image.backup(self._connection)


def _connection() -> sqlite3.Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    return connection


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except (sqlite3.IntegrityError, OverflowError) as error:
        raise RowRefused(str(error)) from error
    except sqlite3.OperationalError as error:
        if str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_FULL"):
            raise DiskFull("the disk is full") from error
        raise
