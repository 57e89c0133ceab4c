"""How the center's two kinds of database are opened, and how their transactions begin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import StaticPool

from sync.storage.sqlite import check_within, writes_only

MEMORY = "sqlite://"
# One connection for each thread of the listener, the worker, and some to spare.
_CONNECTIONS, _MORE_CONNECTIONS = 20, 10
# Of PostgreSQL's sessions. A statement or a wait that takes longer ends with StoreBusy: a stuck
# session must not hold a hall's turn for ever. ``options`` in the URL stand instead of these.
_SESSION = {
    "default_transaction_isolation": r"read\ committed",
    "lock_timeout": "20s",
    "statement_timeout": "120s",
    "idle_in_transaction_session_timeout": "120s",
}


# --- SQLite -------------------------------------------------------------------------------------


def sqlite_engine(url: str, pages_kib: int = 8_000) -> Engine:
    """SQLite; every thread may use a connection, one at a time.

    Args:
        pages_kib: how many pages of the file a connection remembers.
    """
    options: dict[str, Any] = {"connect_args": {"check_same_thread": False, "timeout": 30}}
    if url == MEMORY:
        options["poolclass"] = StaticPool
    engine = sqlalchemy.create_engine(url, **options)
    event.listen(engine, "connect", partial(_prepare_sqlite, pages_kib))
    return engine


# What is deleted is overwritten with zeroes at once: an erased part is gone from the file.
_PRAGMAS = (*("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"),)


def _prepare_sqlite(pages_kib: int, connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA cache_size={-pages_kib}")
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def begin_sqlite(connection: Connection) -> None:
    """A transaction of SQLite that may write from its first statement on."""
    _run(connection, "BEGIN IMMEDIATE")


def begin_sqlite_soon(connection: Connection) -> None:
    """A transaction whose commit does not wait for the disk. The next one that does, syncs the
    whole log of the database, and this one with it.
    """
    _run(connection, "PRAGMA synchronous=NORMAL")
    begin_sqlite(connection)


def end_sqlite_soon(connection: Connection) -> None:
    """After such a one: those that follow on this connection wait for the disk again."""
    if not connection.invalidated:
        _run(connection, "PRAGMA synchronous=FULL")


def _run(connection: Connection, sql: str) -> None:
    connection.connection.cursor().execute(sql)


def look_within(engine: Engine, seconds: float) -> str:
    """See ``sync.storage.sqlite.check_within``."""
    lent = engine.raw_connection()
    try:
        return check_within(lent.driver_connection, seconds)
    finally:
        lent.close()


def guard(engines: Iterable[Engine], but: Mapping[str, Collection[str]]) -> None:
    """No connection writes anything from now on but these columns of these tables (none: all)."""
    allow = writes_only(but)
    for engine in engines:
        event.listen(engine, "connect", lambda found, _record: found.set_authorizer(allow))
        engine.dispose()


# --- PostgreSQL ---------------------------------------------------------------------------------


def postgres_engine(url: str) -> Engine:
    """PostgreSQL, with a pool of sessions."""
    given = sqlalchemy.make_url(url)
    told = {"connect_timeout": "10", "application_name": "onehall-aggregator"}
    told["options"] = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    engine = sqlalchemy.create_engine(
        url,
        connect_args={name: value for name, value in told.items() if name not in given.query},
        pool_size=_CONNECTIONS,
        max_overflow=_MORE_CONNECTIONS,
        pool_timeout=20,
        # A connection that died while it lay idle is exchanged before anybody notices.
        pool_pre_ping=True,
    )
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _prepare_postgres(connection: Any, _record: Any) -> None:
    from psycopg.adapt import Loader

    class Number(Loader):
        """A sum of whole numbers is a whole number, as in SQLite."""

        def load(self, data: Any) -> int | float:
            shown = bytes(data)
            return int(shown) if shown.lstrip(b"-").isdigit() else float(shown)

    connection.adapters.register_loader("numeric", Number)


def begin_postgres_soon(connection: Connection) -> None:
    """A transaction whose commit does not wait for the disk; those after it wait for it as well."""
    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def rewrite(engine: Engine, tables: Iterable[str]) -> None:
    """Write tables anew, without what was deleted from them. Needs a line without transactions."""
    with engine.connect() as connection:
        run = connection.exec_driver_sql
        try:
            run("SET statement_timeout = 0")
            run("SET lock_timeout = 5000")
            for table in tables:
                run(f"VACUUM FULL {table}")
        finally:
            # The next user of this line gets one with the usual limits.
            connection.invalidate()
