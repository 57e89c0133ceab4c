"""The storage seam: what a database must do for the sync engine and the pages.

Three verbs and a transaction, in SQL with ``:named`` parameters that SQLite and PostgreSQL both
read. ``node.store`` implements it over sqlite_utils, ``aggregator.database.store`` over SQLAlchemy;
one contract suite (tests/sync/test_store_contract.py) runs over each. See docs/decisions/0006.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from itertools import chain
from typing import Any, Protocol, TypeVar

from sync.errors import TurnLost

Row = Mapping[str, Any]
Answer = TypeVar("Answer")
_TRIES = 5
# More values in one statement gain nothing more.
_VALUES_AT_ONCE = 240
# Ends the DDL of a table with many short rows: SQLite then keeps one tree, by its key, instead of
# two. Says nothing to PostgreSQL. A table that was made without it stays as it is.
KEYED = " WITHOUT ROWID"


class Database(Protocol):
    """One database with one writer at a time.

    Raises:
        sync.errors.DiskFull: from any verb or at commit when the disk cannot take the write;
            the whole transaction is then undone.
        sync.errors.RowRefused: a row whose key stands already, or whose value breaks its column;
            the caller leaves the transaction, which is undone.
        sync.errors.HalfDone: the caller did not leave it after an error.
        sync.errors.StoreBusy: locked for too long, or the database is out of reach.
        sync.errors.TurnLost: as :func:`again` says.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """Take the write lock now (never a deferred BEGIN); commit and fsync at the outermost exit.

        A nested use joins the outer transaction. An exception undoes everything, also one that
        left a nested use only and was caught outside it.
        """

    def together(self, work: Callable[[], Answer]) -> Answer:
        """Run this in a transaction of its own, or in one that other threads' works share.

        It is durable when this returns. What one work raises undoes that work only.
        """

    def soon(self, work: Callable[[], Answer]) -> Answer:
        """Run this in a transaction of its own, seen by everybody when this returns, and durable
        before the next one that must be: for what is said again at the next occasion.
        """

    def execute(self, sql: str, /, **params: object) -> int:
        """Run one statement inside a transaction; answer the number of rows touched."""

    def executemany(self, sql: str, rows: Sequence[Mapping[str, object]], /) -> None:
        """Run one statement for each row, inside a transaction."""

    def insert(self, table: str, names: Sequence[str], rows: Sequence[Sequence[object]], /) -> None:
        """Add new rows, the values in the order of these columns, inside a transaction.

        The way for many rows at once; table and columns come from the program, never from input.
        """

    def query(self, sql: str, /, **params: object) -> list[Row]:
        """Read rows; sees the surrounding transaction's own writes."""

    def cells(self, sql: str, /, **params: object) -> list[tuple[Any, ...]]:
        """As :meth:`query`, the values of each row in the order of the columns.

        The way for many rows at once.
        """

    def tables(self) -> set[str]:
        """The names of the tables there are."""

    def create(self, statements: Sequence[str], /) -> None:
        """Create tables from portable DDL (TEXT, INTEGER, BLOB), each ``IF NOT EXISTS``."""


def again(transaction: Callable[[], Answer]) -> Answer:
    """Run a whole transaction, and once more when another process was in its way.

    Two processes on PostgreSQL may wait for each other; it then undoes one of them, which is done
    anew here. On SQLite it runs once.

    Args:
        transaction: has no effect outside the database, so that it may run again.

    Raises:
        TurnLost: in the way of others five times in a row.
    """
    for _ in range(_TRIES - 1):
        try:
            return transaction()
        except TurnLost:
            continue
    return transaction()


class Cursor(Protocol):
    """What :func:`insert_rows` asks of a cursor of SQLite."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> object:
        """Run one statement for each row of values."""


def insert_rows(
    cursor: Cursor, table: str, names: tuple[str, ...], rows: Sequence[Sequence[object]]
) -> None:
    """SQLite's way to :meth:`Database.insert`: many rows with one statement, then the rest."""
    at_once = max(1, _VALUES_AT_ONCE // len(names))
    whole = len(rows) - len(rows) % at_once if at_once > 1 else 0
    if whole:
        together = (
            [*chain.from_iterable(rows[at : at + at_once])] for at in range(0, whole, at_once)
        )
        cursor.executemany(_insert_sql(table, names, at_once), together)
    if whole < len(rows):
        cursor.executemany(_insert_sql(table, names, 1), rows[whole:])


@cache
def _insert_sql(table: str, names: tuple[str, ...], rows: int) -> str:
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({columns}) VALUES {', '.join([f'({marks})'] * rows)}"


def sqlite_ddl(statement: str) -> str:
    """A portable ``CREATE`` as SQLite shall run it: every table is STRICT."""
    if not statement.lstrip().upper().startswith("CREATE TABLE"):
        return statement
    return statement + (", STRICT" if statement.endswith(KEYED) else " STRICT")
