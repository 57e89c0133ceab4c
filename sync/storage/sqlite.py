"""What is SQLite's own, and the same at a hall and at the center: looking through a file, and
letting nothing be written but a few tables. Gets an open connection; imports no driver.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

# Codes of SQLite's authorizer (sqlite.org/c3ref/c_alter_table.html).
_ALLOW, _DENY, _UPDATE, _WRITES = 0, 1, 23, (9, 18, 23)


def writes_only(but: Mapping[str, Collection[str]]) -> Callable[..., int]:
    """An authorizer of SQLite that denies every write but into these tables, of which only these
    columns are updated (none named: all).
    """

    def allow(action: int, table: str | None, column: str | None, *_: str | None) -> int:
        columns = but.get(table or "")
        free = columns is not None and (not columns or action != _UPDATE or column in columns)
        return _ALLOW if free or action not in _WRITES else _DENY

    return allow


def check_within(connection: Any, seconds: float) -> str:
    """SQLite's own check of a file within a budget: ``ok``, what is wrong, or nothing when there is
    more to see.
    """
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: int(time.monotonic() > end), 10_000)
    try:
        return str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except Exception as error:
        name = getattr(error, "sqlite_errorname", "")
        if not name:
            raise
        return "" if name == "SQLITE_INTERRUPT" else str(error)
    finally:
        connection.set_progress_handler(None, 0)
