"""The center's database: SQLAlchemy Core over SQLite, or PostgreSQL by one setting.

The only file that touches SQLAlchemy and psycopg. Statements are the portable SQL of ``sync`` and
``web``; what differs between the two engines is here (how a write transaction begins, what an
error means) and in ``aggregator.database.dialect`` (types, partitions).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, PoolProxiedConnection, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from aggregator.database.commits import SharedCommits
from aggregator.database.copying import add_rows, run_for_each
from aggregator.database.dialect import (
    PARTITIONS,
    name_of,
    postgres_ddl,
    split_by,
)
from aggregator.database.engines import (
    MEMORY,
    begin_postgres_soon,
    begin_sqlite,
    begin_sqlite_soon,
    end_sqlite_soon,
    guard,
    look_within,
    postgres_engine,
    rewrite,
    sqlite_engine,
)
from aggregator.database.faults import UnfitDatabase, meaning, noted, refuse_unsafe
from standards.cases import PROJECTIONS
from standards.records import RECORDS
from sync.errors import DatabaseDamaged, HalfDone, RowRefused, StoreBusy
from sync.storage.store import Answer, Row, insert_rows, sqlite_ddl

_SCHEMA_TURN = 0x6F6E6568616C6C  # any number that is ours
_SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_POSTGRES_TABLES = (
    "SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid)"
)


# The names of the columns that a statement found, and its rows.
_Found = tuple[list[str], list[tuple[Any, ...]]]


@lru_cache(maxsize=512)
def _statement(sql: str) -> TextClause:
    return text(sql)


class CenterStore:
    """``sync.storage.store.Database`` over SQLAlchemy.

    Several processes, on several machines, may work on one PostgreSQL database.

    Args:
        url: ``sqlite:////path/to/center.db`` or ``postgresql+psycopg://…``.
        partitions: into how many each large table is split when it is created on PostgreSQL.

    Raises:
        UnfitDatabase: another kind of database.
    """

    def __init__(self, url: str, partitions: int = PARTITIONS) -> None:
        if not url.startswith(("sqlite:", "postgresql+psycopg:")):
            raise UnfitDatabase("the database must begin with sqlite: or postgresql+psycopg:")
        self.is_sqlite = url.startswith("sqlite")
        self.damaged = self.unwritable = self.sealed = ""
        self._partitions = partitions
        self._memory = url == MEMORY
        self._engine = sqlite_engine(url) if self.is_sqlite else postgres_engine(url)
        if self.is_sqlite:
            # There may be as many as threads: each remembers little.
            self._reads = sqlite_engine(url, pages_kib=2_000)
        else:
            # A single read needs no transaction: two round trips less.
            self._reads = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._driver_error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        self._write_lock = threading.RLock()
        self._readers: list[Any] = []
        self._current = threading.local()
        self._commits = SharedCommits(self.transaction, self._attempt)
        self._owed_since = 0.0

    def transaction(self) -> AbstractContextManager[None]:
        """See ``sync.storage.store.Database``."""
        return self._begun(begin_sqlite if self.is_sqlite else None)

    def soon(self, work: Callable[[], Answer]) -> Answer:
        """See ``sync.storage.store.Database``."""
        if not self.is_sqlite:
            with self._begun(begin_postgres_soon):
                return work()
        with self._begun(begin_sqlite_soon, end_sqlite_soon):
            answer = work()
        self._owed_since = self._owed_since or time.monotonic()
        return answer

    def settle(self, after_s: float = 0.0) -> None:
        """What came by :meth:`soon` so long ago is on the disk when this returns.

        PostgreSQL does it by itself in a second. SQLite would wait until somebody commits.
        """
        if self._owed_since and time.monotonic() - self._owed_since >= after_s:
            self._owed_since = 0.0
            with self.transaction():
                # Writes the first page, with what stands there.
                self.execute("PRAGMA user_version = 0")

    @contextmanager
    def _begun(
        self,
        begin: Callable[[Connection], None] | None,
        end: Callable[[Connection], None] = lambda _: None,
    ) -> Iterator[None]:
        if getattr(self._current, "connection", None) is not None:
            with self._faults(), self._step():
                yield
            return
        with self._turn(), self._faults(), self._engine.connect() as connection:
            connection.begin()
            try:
                if begin is not None:
                    begin(connection)
                self._current.connection, self._current.failed = connection, False
                yield
                if self._current.failed:
                    raise HalfDone("a step failed, and the transaction went on")
                connection.commit()
            except BaseException:
                self._undo(connection)
                raise
            finally:
                self._current.connection = None
                end(connection)

    def together(self, work: Callable[[], Answer]) -> Answer:
        """See ``sync.storage.store.Database``."""
        if self.is_sqlite and getattr(self._current, "connection", None) is None:
            answer: Answer = self._commits.run(work)
            return answer
        with self.transaction():
            return work()

    @contextmanager
    def _attempt(self) -> Iterator[None]:
        """A step of the running transaction that is undone alone."""
        if self._current.failed:
            raise HalfDone("an earlier step could not be undone alone")
        run = self._held().exec_driver_sql
        run("SAVEPOINT attempt")
        try:
            with self._faults():
                yield
        except BaseException:
            # A full disk may have undone the whole transaction: then nobody's step stands.
            self._current.failed = True
            with suppress(DBAPIError):
                run("ROLLBACK TO attempt")
                run("RELEASE attempt")
                self._current.failed = False
            raise
        run("RELEASE attempt")

    @contextmanager
    def _step(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._current.failed = True
            raise

    def _undo(self, connection: Connection) -> None:
        try:
            connection.rollback()
        except (DBAPIError, self._driver_error):
            # The line is gone, and the server has undone everything by itself.
            connection.invalidate()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """SQLite has one writer: wait for the turn here rather than in the file's busy loop."""
        if not self.is_sqlite:
            yield
            return
        with self._write_lock, noted(self):
            yield

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Name the driver's errors by what the caller can do."""
        try:
            yield
        except NoConnection as error:
            raise StoreBusy("all connections to the database are in use") from error
        except DBAPIError as error:
            raise self._named(error.orig) or error from error
        except self._driver_error as error:
            raise self._named(error) or error from error
        except OverflowError as error:
            raise RowRefused("a whole number that no column takes") from error

    def _named(self, error: object) -> Exception | None:
        found = meaning(error)
        if self.is_sqlite and isinstance(found, DatabaseDamaged):
            # Reading goes on where the file is sound; a write could spoil what can be saved.
            self.damaged = str(found)
        return found

    def execute(self, sql: str, /, **params: object) -> int:
        """See ``sync.storage.store.Database``."""
        with self.transaction():
            if self.is_sqlite:
                cursor = _cursor(self._held().connection)
                return int(cursor.execute(sql, params).rowcount)
            return self._held().execute(_statement(sql), params).rowcount

    def executemany(self, sql: str, rows: Sequence[Mapping[str, object]], /) -> None:
        """See ``sync.storage.store.Database``."""
        if not rows:
            return
        with self.transaction():
            connection = self._held()
            if self.is_sqlite:
                connection.exec_driver_sql(sql, list(rows))
            else:
                run_for_each(_cursor(connection.connection), sql, rows)

    def insert(self, table: str, names: Sequence[str], rows: Sequence[Sequence[object]], /) -> None:
        """See ``sync.storage.store.Database``."""
        if not rows:
            return
        with self.transaction():
            if self.is_sqlite:
                insert_rows(_cursor(self._held().connection), table, tuple(names), rows)
            else:
                add_rows(_cursor(self._held().connection), table, names, rows)

    def query(self, sql: str, /, **params: object) -> list[Row]:
        """See ``sync.storage.store.Database``."""
        names, found = self._read(sql, params)
        return [dict(zip(names, row, strict=True)) for row in found]

    def cells(self, sql: str, /, **params: object) -> list[tuple[Any, ...]]:
        """See ``sync.storage.store.Database``."""
        return self._read(sql, params)[1]

    def _read(self, sql: str, params: Mapping[str, object]) -> _Found:
        with self._faults():
            held = getattr(self._current, "connection", None)
            if held is not None:
                return self._found(held, sql, params)
            if self._memory:
                with self.transaction():
                    return self._found(self._held(), sql, params)
            if self.is_sqlite:
                return self._found_apart(sql, params)
            with self._reads.connect() as connection:
                return self._found(connection, sql, params)

    def _found_apart(self, sql: str, params: Mapping[str, object]) -> _Found:
        """On a connection of SQLite that only reads; as many as read at the same time."""
        try:
            one = self._readers.pop()
        except IndexError:
            lent = self._reads.raw_connection()
            one = lent.driver_connection
            lent.detach()
        try:
            return _found_by_sqlite(one.cursor(), sql, params)
        finally:
            self._readers.append(one)

    def _found(self, connection: Connection, sql: str, params: Mapping[str, object]) -> _Found:
        if self.is_sqlite:
            return _found_by_sqlite(_cursor(connection.connection), sql, params)
        done = connection.execute(_statement(sql), params)
        return list(done.keys()), [tuple(row) for row in done]

    def tables(self) -> set[str]:
        """See ``sync.storage.store.Database``."""
        rows = self.query(_SQLITE_TABLES if self.is_sqlite else _POSTGRES_TABLES)
        return {row["name"] for row in rows}

    def create(self, statements: Sequence[str], /) -> None:
        """See ``sync.storage.store.Database``.

        Raises:
            UnfitDatabase: PostgreSQL is set up so that a receipt could be lost.
        """
        with self.transaction():
            if self.is_sqlite:
                self._create(map(sqlite_ddl, statements))
                return
            known = self._begin_schema()
            split = split_by(RECORDS, PROJECTIONS)
            new = [statement for statement in statements if name_of(statement) not in known]
            self._refuse_spread([name_of(statement) for statement in new], split)
            for statement in new:
                self._create(postgres_ddl(statement, split, self._partitions))

    def _create(self, statements: Iterator[str] | Sequence[str]) -> None:
        for statement in statements:
            self._held().exec_driver_sql(statement)

    def _begin_schema(self) -> set[str]:
        """Take the turn of who creates tables; the names that stand already."""
        run = self._held().exec_driver_sql
        refuse_unsafe(lambda name: run(f"SHOW {name}").scalar_one())
        # An index on a large table takes its time.
        self._create(["SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = 0"])
        self.query("SELECT pg_advisory_xact_lock(:turn)", turn=_SCHEMA_TURN)
        rows = self.query("SELECT relname FROM pg_class WHERE pg_table_is_visible(oid)")
        return {row["relname"] for row in rows}

    def _refuse_spread(self, names: Sequence[str], split: Mapping[str, str]) -> None:
        """What belongs to one hall must stand on that hall's server: made here, it would not."""
        missing = [name for name in names if name in split]
        if missing and self.query("SELECT 1 FROM pg_proc WHERE proname = 'onehall_place'"):
            added = " ".join(f"--added {name}" for name in missing)
            raise UnfitDatabase(
                f"this database is spread over several servers and lacks tables of this version: "
                f"run onehall-aggregator spread {added} with the servers and partitions it has"
            )

    def _held(self) -> Connection:
        connection: Connection = self._current.connection
        return connection

    def scrub(self) -> bool:
        """After an erasure: leave no earlier state of a page in SQLite's log; False: try again."""
        is_file = self.is_sqlite and not self._memory
        with self._turn():
            return not (is_file and self.outside("PRAGMA wal_checkpoint(TRUNCATE)"))

    def write_anew(self) -> None:
        """PostgreSQL: write the tables of personal parts without what was deleted from them.

        Raises:
            StoreBusy: somebody holds one of them; what was not reached stays as it is.
        """
        with self._faults():
            rewrite(self._reads, ("personal", "personal_pack", "personal_term", "personal_index"))

    def look_within(self, seconds: float) -> str:
        """SQLite's check within a budget (``sync.storage.sqlite``); PostgreSQL has its own."""
        return look_within(self._engine, seconds) if self.is_sqlite else ""

    def seal(self, reason: str, but: Mapping[str, Collection[str]]) -> None:
        """SQLite: from now on nothing is written but these columns of these tables (none: all)."""
        self.sealed = self.unwritable = reason
        guard((self._engine, self._reads), but)

    def outside(self, sql: str, *values: object) -> object:
        """The first value of a statement of SQLite's own that stands in no transaction."""
        with self._faults(), self._engine.connect() as connection:
            done = connection.exec_driver_sql(sql, values)
            return done.scalar() if done.returns_rows else None

    def close(self) -> None:
        """Close every connection."""
        while self._readers:
            self._readers.pop().close()
        self._reads.dispose()
        self._engine.dispose()


# --- SQLite -------------------------------------------------------------------------------------


def _cursor(connection: PoolProxiedConnection) -> Any:
    """sqlite3 reads ``:named`` parameters itself; SQLAlchemy's layer costs five times as much as a
    short statement.
    """
    return connection.cursor()


def _found_by_sqlite(cursor: Any, sql: str, params: Mapping[str, object]) -> _Found:
    found = cursor.execute(sql, params).fetchall()
    return [column[0] for column in cursor.description or ()], found
