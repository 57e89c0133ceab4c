"""The node's database: one SQLite file, one writing connection that also checkpoints.

WAL with ``synchronous=FULL``, STRICT tables. Readers have a connection each per thread and never
wait for the writer. The only file that touches sqlite_utils. Debian 12's SQLite 3.40.1 is in the
range of a WAL-reset bug that needs two writing or checkpointing connections: there is only one.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlite_utils

from sync.errors import DatabaseDamaged, DiskFull, HalfDone, RowRefused, Unwritable
from sync.storage.sqlite import check_within, writes_only
from sync.storage.store import Answer, Row, insert_rows, sqlite_ddl

# What is deleted is overwritten with zeroes at once (secure_delete): an erased part is gone from
# the file, not only from its tables.
_PRAGMAS = (
    *("synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON"),
    "secure_delete=ON",
)
_FULL, _FAILS = ("SQLITE_FULL",), ("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_AUTH")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class NodeStore:
    """``sync.storage.store.Database`` over SQLite; ``path`` None keeps all in memory (tests)."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._depth, self._failed, self._sealed = 0, False, ""
        self.damaged = self.unwritable = ""
        self._readers = threading.local()
        # Of its own: a thread's first reader must not wait until the writer has finished.
        self._readers_lock = threading.Lock()
        self._open_readers: list[sqlite3.Connection] = []
        with _disk():
            self._writer = self._connect()
            self.schema = sqlite_utils.Database(self._writer)
            if path is not None:
                self._writer.execute("PRAGMA journal_mode=WAL")

    def _connect(self, *, reader: bool = False) -> sqlite3.Connection:
        target = ":memory:" if self._path is None else f"file:{self._path}"
        connection = sqlite3.connect(
            target if not reader else f"{target}?mode=ro",
            uri=self._path is not None,
            isolation_level=None,
            check_same_thread=False,
            timeout=10,
        )
        connection.row_factory = sqlite3.Row
        if reader:
            connection.execute("PRAGMA query_only=ON")
            # A reader must never be the one that checkpoints.
            connection.execute("PRAGMA wal_autocheckpoint=0")
            return connection
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See ``sync.storage.store.Database``."""
        if self.damaged and not self._sealed:
            raise DatabaseDamaged(self.damaged)
        with self._lock, self._noted(), _disk():
            if self._depth:
                with self._step():
                    yield
                return
            self._writer.execute("BEGIN IMMEDIATE")
            self._depth, self._failed = 1, False
            try:
                yield
                if self._failed:
                    raise HalfDone("a step failed, and the transaction went on")
                self._writer.execute("COMMIT")
                self.unwritable = self._sealed
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    @contextmanager
    def _step(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._failed = True
            raise

    def together(self, work: Callable[[], Answer]) -> Answer:
        """See ``sync.storage.store.Database``."""
        with self.transaction():
            return work()

    def soon(self, work: Callable[[], Answer]) -> Answer:
        """See ``sync.storage.store.Database``."""
        return self.together(work)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except DatabaseDamaged as damaged:
            # Reading goes on where the file is sound; a write could spoil what can be saved.
            self.damaged = str(damaged)
            raise
        except Unwritable as fails:
            # Until a write succeeds again.
            self.unwritable = self._sealed or str(fails)
            if self.damaged:
                raise DatabaseDamaged(self.damaged) from fails
            raise

    def execute(self, sql: str, /, **params: object) -> int:
        """See ``sync.storage.store.Database``."""
        with self.transaction(), _disk():
            return self._writer.execute(sql, params).rowcount

    def executemany(self, sql: str, rows: Sequence[Mapping[str, object]], /) -> None:
        """See ``sync.storage.store.Database``."""
        with self.transaction(), _disk():
            self._writer.executemany(sql, rows)

    def insert(self, table: str, names: Sequence[str], rows: Sequence[Sequence[object]], /) -> None:
        """See ``sync.storage.store.Database``."""
        with self.transaction(), _disk():
            insert_rows(self._writer.cursor(), table, tuple(names), rows)

    def query(self, sql: str, /, **params: object) -> list[Row]:
        """See ``sync.storage.store.Database``."""
        if self._path is None or self._holds_transaction():
            with self._lock, self._noted(), _disk():
                return _rows(self._writer.execute(sql, params))
        with self._noted(), _disk():
            return _rows(self._reader().execute(sql, params))

    def cells(self, sql: str, /, **params: object) -> list[tuple[Any, ...]]:
        """See ``sync.storage.store.Database``."""
        if self._path is None or self._holds_transaction():
            with self._lock, self._noted(), _disk():
                return _cells(self._writer, sql, params)
        with self._noted(), _disk():
            return _cells(self._reader(), sql, params)

    def tables(self) -> set[str]:
        """See ``sync.storage.store.Database``."""
        rows = self.query("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {row["name"] for row in rows}

    def create(self, statements: Sequence[str], /) -> None:
        """See ``sync.storage.store.Database``; every table is STRICT."""
        with self.transaction():
            for statement in statements:
                self.schema.conn.execute(sqlite_ddl(statement))

    def _holds_transaction(self) -> bool:
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._depth > 0
        finally:
            self._lock.release()

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = self._readers.connection = self._connect(reader=True)
            with self._readers_lock:
                self._open_readers.append(connection)
        return connection

    def is_writable_within(self, seconds: float) -> bool:
        """Whether the writer's turn comes that soon: for who watches that nobody keeps it."""
        if not self._lock.acquire(timeout=seconds):
            return False
        self._lock.release()
        return True

    def try_writing(self) -> bool:
        """Whether a write succeeds now; leaves the database as it is."""
        with suppress(DiskFull):
            with self.transaction():
                # Writes the first page, with what stands there.
                self._writer.execute("PRAGMA user_version = 0")
            return True
        return False

    def seal(self, reason: str, but: Mapping[str, Collection[str]]) -> None:
        """From now on nothing is written but these tables, of which only these columns are
        updated (none named: all).
        """
        self._sealed = self.unwritable = reason
        with self._lock:
            self._writer.set_authorizer(writes_only(but))

    def limit_pages(self, pages: int) -> None:
        """Cap the file's size in pages: a full disk for tests and for quotas."""
        with self._lock:
            self._writer.execute(f"PRAGMA max_page_count={int(pages)}")

    def page_count(self) -> int:
        """Pages in the file now."""
        with self._lock:
            return int(self._writer.execute("PRAGMA page_count").fetchone()[0])

    def scrub(self) -> bool:
        """After an erasure: write the log back into the file and cut it off, so that no earlier
        state of a page stays beside it. False while a reader needs that state: try again later.
        """
        with self._lock, _disk():
            (busy, _, _) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    def integrity(self) -> str:
        """SQLite's own full check: ``ok`` or what is wrong."""
        with self._lock, _disk():
            return str(self._writer.execute("PRAGMA integrity_check(3)").fetchone()[0])

    def look_within(self, seconds: float) -> str:
        """The same within a budget: ``ok``, what is wrong, or nothing when there is more to see."""
        with self._lock:
            return check_within(self._writer, seconds)

    def copy_to(self, target: Path) -> None:
        """A copy of one moment, without free pages; what is written meanwhile waits for nothing."""
        assert self._path is not None
        copy_database(self._path, target)

    def close(self) -> None:
        """Close every connection; the last one checkpoints."""
        with self._lock, self._readers_lock:
            for connection in self._open_readers:
                connection.close()
            self._open_readers.clear()
            self._writer.close()


def copy_database(source: Path, target: Path) -> None:
    """A copy of one moment of a database that another process may be writing, without free pages.

    Reads only: it neither writes nor checkpoints, and nobody waits for it.
    """
    reader = sqlite3.connect(f"file:{source}?mode=ro", uri=True, isolation_level=None, timeout=10)
    try:
        with _disk():
            reader.execute("PRAGMA wal_autocheckpoint=0")
            reader.execute("VACUUM INTO :target", {"target": str(target)})
    finally:
        reader.close()


def _rows(cursor: sqlite3.Cursor) -> list[Row]:
    return [dict(row) for row in cursor]


def _cells(
    connection: sqlite3.Connection, sql: str, params: Mapping[str, object]
) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.row_factory = None
    return cursor.execute(sql, params).fetchall()


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        name: Any = getattr(error, "sqlite_errorname", "")
        if str(name).startswith(_FULL):
            raise DiskFull("the node's disk is full") from error
        if str(name).startswith(_FAILS):
            raise Unwritable(f"the node's disk cannot be written ({name})") from error
        raise
    except (sqlite3.IntegrityError, OverflowError) as error:
        # The second is a whole number that no column takes, from an address say.
        raise RowRefused(str(error)) from error
    except sqlite3.DatabaseError as error:
        name = str(getattr(error, "sqlite_errorname", ""))
        if name.startswith(_DAMAGED):
            raise DatabaseDamaged(str(error)) from error
        if name.startswith(_FAILS):
            raise Unwritable("nothing is written: the data folder is read-only") from error
        raise
