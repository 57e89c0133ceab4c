"""The center's database: SQLAlchemy Core over SQLite, or PostgreSQL by one setting.

The only file that touches SQLAlchemy. Statements are the portable SQL of ``sync`` and ``web``;
what differs between the two engines (BLOB and BYTEA, how a write transaction begins) is here.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, TextClause, event, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import StaticPool

from sync.errors import DiskFull, RowRefused
from sync.store import Row

MEMORY = "sqlite://"


@lru_cache(maxsize=512)
def _statement(sql: str) -> TextClause:
    return text(sql)


class CenterStore:
    """``sync.store.Database`` over SQLAlchemy.

    Args:
        url: ``sqlite:////path/to/center.db`` or ``postgresql+psycopg://…``.
    """

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {}
        if self.is_sqlite:
            options["connect_args"] = {"check_same_thread": False, "timeout": 30}
            if url == MEMORY:
                options["poolclass"] = StaticPool
        self._engine = sqlalchemy.create_engine(url, **options)
        self._memory = url == MEMORY
        self._write_lock = threading.RLock()
        self._current = threading.local()
        if self.is_sqlite:
            event.listen(self._engine, "connect", _prepare_sqlite)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See ``sync.store.Database``."""
        if getattr(self._current, "connection", None) is not None:
            with _disk():
                yield
            return
        with self._turn(), _disk(), self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._current.connection = connection
            try:
                yield
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                self._current.connection = None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """SQLite has one writer: wait for the turn here rather than in the file's busy loop."""
        if not self.is_sqlite:
            yield
            return
        with self._write_lock:
            yield

    def execute(self, sql: str, /, **params: object) -> int:
        """See ``sync.store.Database``."""
        with self.transaction():
            return self._held().execute(_statement(sql), params).rowcount

    def executemany(self, sql: str, rows: Sequence[Mapping[str, object]], /) -> None:
        """See ``sync.store.Database``."""
        if not rows:
            return
        with self.transaction():
            connection = self._held()
            if self.is_sqlite:
                # sqlite3 reads :named parameters itself; SQLAlchemy's layer doubles the cost.
                connection.exec_driver_sql(sql, list(rows))
            else:
                connection.execute(_statement(sql), list(rows))

    def query(self, sql: str, /, **params: object) -> list[Row]:
        """See ``sync.store.Database``."""
        held = getattr(self._current, "connection", None)
        if held is not None:
            return _rows(held, sql, params)
        if self._memory:
            with self.transaction():
                return _rows(self._held(), sql, params)
        with self._engine.connect() as connection:
            return _rows(connection, sql, params)

    def create(self, statements: Sequence[str], /) -> None:
        """See ``sync.store.Database``."""
        with self.transaction():
            for statement in statements:
                self._held().exec_driver_sql(self._dialect(statement))

    def _dialect(self, statement: str) -> str:
        if self.is_sqlite:
            table = statement.lstrip().upper().startswith("CREATE TABLE")
            return statement + " STRICT" if table else statement
        return re.sub(r"\bINTEGER\b", "BIGINT", re.sub(r"\bBLOB\b", "BYTEA", statement))

    def _held(self) -> Connection:
        connection: Connection = self._current.connection
        return connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _rows(connection: Connection, sql: str, params: Mapping[str, object]) -> list[Row]:
    return [dict(row) for row in connection.execute(_statement(sql), params).mappings()]


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        name = str(getattr(error.orig, "sqlite_errorname", ""))
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")) or "No space left" in str(error.orig):
            raise DiskFull("the center's disk is full or cannot be written") from error
        raise
    except IntegrityError as error:
        raise RowRefused(str(error.orig)) from error
