"""What an error of the database's driver means to the caller, for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from sync.errors import DatabaseDamaged, DiskFull, RowRefused, StoreBusy, TurnLost, Unwritable


class UnfitDatabase(Exception):
    """A database that cannot hold a center, or loses what it acknowledged; the text says why."""


class _Written(Protocol):
    damaged: str
    unwritable: str
    sealed: str


@contextmanager
def noted(store: _Written) -> Iterator[None]:
    """A disk that takes no writes is said until a transaction ends well; a damaged file for good.

    Raises:
        DatabaseDamaged: nothing is written any more.
    """
    if store.damaged and not store.sealed:
        raise DatabaseDamaged(store.damaged)
    try:
        yield
        store.unwritable = store.sealed
    except Unwritable as fails:
        store.unwritable = store.sealed or str(fails)
        if store.damaged:
            raise DatabaseDamaged(store.damaged) from fails
        raise


# SQLSTATE classes and codes (PostgreSQL documentation, appendix A).
_REFUSED = ("22", "23")
_FULL = ("53100", "58030")
_LOST_TURN = ("40001", "40P01")
_NOT_ALLOWED = "42501"
_DAMAGED = ("XX001", "XX002")
_BUSY = ("08", "25006", "25P03", "53", "55P03", "57014", "57P", "HV00")


def meaning(error: object) -> Exception | None:
    """What a driver's error means to the caller; None when it is a fault of ours."""
    name = getattr(error, "sqlite_errorname", None)
    if name is not None:
        return _of_sqlite(str(name), error)
    return _of_postgres(getattr(error, "sqlstate", ""), error)


def _of_sqlite(name: str, error: object) -> Exception | None:
    if name.startswith("SQLITE_FULL"):
        return DiskFull("the center's disk is full")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return DatabaseDamaged(str(error))
    if name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_AUTH")):
        return Unwritable(f"the center's disk cannot be written ({name})")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreBusy("another program holds the database")
    refused = type(error).__name__ in ("IntegrityError", "DataError")
    return RowRefused(str(error)) if refused else None


def _of_postgres(state: str | None, error: object) -> Exception | None:
    if state is None:
        # Refused before it was sent (a NUL in a text), or the line broke.
        refused = type(error).__name__ == "DataError"
        return (RowRefused if refused else StoreBusy)(_first(error) or "no line to the database")
    if state.startswith(_REFUSED):
        return RowRefused(_first(error))
    if state in _FULL:
        return DiskFull("the database server's disk is full or cannot be written")
    if state in _DAMAGED:
        return DatabaseDamaged(f"PostgreSQL: {_first(error)}")
    if state == _NOT_ALLOWED:
        return UnfitDatabase(f"PostgreSQL: {_first(error)}")
    if state in _LOST_TURN:
        return TurnLost("another process was quicker; the whole transaction may run again")
    return StoreBusy(_first(error)) if state.startswith(_BUSY) else None


def _first(error: object) -> str:
    """What is wrong, without the lines that repeat the row."""
    return str(error).partition("\n")[0]


def refuse_unsafe(shown: Callable[[str], object]) -> None:
    """Refuse a PostgreSQL that is set up so that a receipt could be lost.

    Args:
        shown: the value of a setting.

    Raises:
        UnfitDatabase: names the setting.
    """
    wanted = {
        "fsync": ("on", "a power cut could lose what was acknowledged"),
        "full_page_writes": ("on", "a power cut could break the database"),
        "synchronous_commit": ("", "a power cut could lose what was acknowledged"),
        "server_encoding": ("UTF8", "it could not keep every character"),
    }
    for name, (right, harm) in wanted.items():
        found = shown(name)
        if found == "off" or (right and found != right):
            raise UnfitDatabase(f"PostgreSQL has {name} = {found}: {harm}")
