"""The rows of projections: read at once, advanced in memory, written at once.

Whoever folds holds the turn of the writer's log, so that a row that did not stand when they were
read does not stand when they are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from standards.records.declare import (
    Happening,
    Projection,
    Record,
    cells_of,
    columns_of,
    record_of,
    row_of,
)
from sync.store import Database

# Table, hall, key.
Place = tuple[str, str, str]
_KEYS_AT_ONCE = 200


class Fold:
    """Where everything stands that these happenings are about.

    Args:
        projections: kind of entry -> the projections that follow it.
    """

    def __init__(
        self,
        db: Database,
        projections: Mapping[str, Sequence[Projection]],
        happenings: Sequence[Happening],
    ) -> None:
        self._projections = projections
        self._types: dict[str, type[Record]] = {}
        keys: dict[tuple[str, str], set[str]] = {}
        for happening in happenings:
            for projection in projections.get(happening.kind, ()):
                table = projection.state.kind
                self._types[table] = projection.state
                keys.setdefault((table, happening.writer), set()).add(projection.key_of(happening))
        self._standing: dict[Place, Any] = {}
        for (table, hall), some in keys.items():
            self._standing |= _standings(db, self._types[table], hall, sorted(some))
        self._states = dict(self._standing)

    def advance(self, happening: Happening) -> list[tuple[Any, Any]]:
        """Each row before and after this happening.

        Raises:
            ValueError: it cannot follow what stands; nothing was advanced.
        """
        steps: list[tuple[Place, Any, Any]] = []
        for projection in self._projections.get(happening.kind, ()):
            place = projection.state.kind, happening.writer, projection.key_of(happening)
            before = self._states.get(place)
            steps.append((place, before, projection.advance(before, happening)))
        for place, _, after in steps:
            self._states[place] = after
        return [(before, after) for _, before, after in steps]

    def write(self, db: Database) -> None:
        """Add the new rows and change those that stood."""
        new: dict[str, list[list[Any]]] = {}
        changed: dict[str, list[dict[str, Any]]] = {}
        for place, state in self._states.items():
            table, hall, _ = place
            before = self._standing.get(place)
            if before is None:
                new.setdefault(table, []).append([hall, *cells_of(self._types[table])(state)])
            elif before is not state:
                row = {"hall": hall, **row_of(self._types[table], state)}
                changed.setdefault(table, []).append(row)
        for table, cells in new.items():
            db.insert(table, _names(self._types[table]), cells)
        for table, rows in changed.items():
            db.executemany(_update_sql(table, _names(self._types[table])), rows)


def _names(state: type[Record]) -> list[str]:
    return ["hall", *(column.name for column in columns_of(state))]


def _update_sql(table: str, names: Sequence[str]) -> str:
    sets = ", ".join(f'"{name}" = :{name}' for name in names if name not in ("hall", "id"))
    return f"UPDATE {table} SET {sets} WHERE hall = :hall AND id = :id"


def _standings(
    db: Database, state: type[Record], hall: str, keys: Sequence[str]
) -> dict[Place, Any]:
    found: dict[Place, Any] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = {f"k{i}": key for i, key in enumerate(keys[start : start + _KEYS_AT_ONCE])}
        marks = ", ".join(f":{name}" for name in some)
        sql = f"SELECT * FROM {state.kind} WHERE hall = :hall AND id IN ({marks})"
        for row in db.query(sql, hall=hall, **some):
            found[state.kind, hall, row["id"]] = record_of(state, row)
    return found
