"""Many rows at once into PostgreSQL. Takes a cursor of its driver; knows no transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aggregator.database.dialect import copy_of, copy_sql, driver_marks, marked_insert

_FEW_ROWS = 8


def run_for_each(cursor: Any, sql: str, rows: Sequence[Mapping[str, object]]) -> None:
    """One statement for each row; a plain insert of many is copied."""
    copy = copy_of(sql)
    if copy is None or len(rows) < _FEW_ROWS:
        cursor.executemany(driver_marks(sql), rows)
        return
    with cursor.copy(copy.sql) as into:
        for values in copy.values(rows):
            into.write_row(values)


def add_rows(
    cursor: Any, table: str, names: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """New rows of one table, the values in the order of these columns."""
    if len(rows) < _FEW_ROWS:
        cursor.executemany(marked_insert(table, tuple(names)), rows)
        return
    with cursor.copy(copy_sql(table, tuple(names))) as into:
        for row in rows:
            into.write_row(row)
