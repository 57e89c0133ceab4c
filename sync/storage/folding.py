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
from sync.errors import RowRefused
from sync.storage.store import Database

_KEYS_AT_ONCE = 200
# So many rows are worth a statement of their own that begins them all.
_MANY_BIRTHS = 8


class _Rows:
    """The rows of one projection and one hall that these happenings are about."""

    def __init__(self, projection: Projection, hall: str) -> None:
        self.projection, self.hall = projection, hall
        # Keys of happenings that may begin a row, and of the others.
        self.first: set[str] = set()
        self.later: set[str] = set()
        self.standing: dict[str, Any] = {}
        self.states: dict[str, Any] = {}
        self.born: dict[str, Any] = {}
        self._apart = False
        self._begun_by = projection.birth.record.kind if projection.birth else ""

    def load(self, db: Database) -> None:
        """Read what stands."""
        table, fresh = self.projection.state.kind, sorted(self.first)
        # Ids rise with the time: as a rule nothing stands yet between the first and the last.
        self._apart = bool(fresh) and not _stands_between(db, table, self.hall, fresh)
        wanted = self.later - self.first if self._apart else self.first | self.later
        self.standing = _standings(db, self.projection.state, self.hall, sorted(wanted))
        self.states = dict(self.standing)

    def put(self, kind: str, key: str, before: Any, after: Any) -> None:
        """The row after a happening of this kind."""
        self.states[key] = after
        if before is None and kind == self._begun_by:
            self.born[key] = after

    def write(self, db: Database) -> None:
        """Add the new rows and change those that stood."""
        state, stood = self.projection.state, dict(self.standing)
        birth = self.projection.birth
        if birth is not None and self._apart and len(self.born) >= _MANY_BIRTHS:
            _begin(db, self.projection, self.hall, self.born)
            stood |= self.born
        names, cells = ["hall", *(column.name for column in columns_of(state))], cells_of(state)
        new = [[self.hall, *cells(row)] for key, row in self.states.items() if key not in stood]
        if new:
            db.insert(state.kind, names, new)
        changed = [
            {"hall": self.hall, **row_of(state, row)}
            for key, row in self.states.items()
            if stood.get(key, row) is not row
        ]
        if changed:
            db.executemany(_update_sql(state.kind, names), changed)


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
        self._rows: dict[tuple[str, str], _Rows] = {}
        # Kind and hall -> the rows that follow.
        self._following: dict[tuple[str, str], list[_Rows]] = {}
        for happening in happenings:
            for rows in self._of(happening.kind, happening.writer):
                key = rows.projection.key_of(happening)
                (rows.first if key == happening.id else rows.later).add(key)
        for rows in self._rows.values():
            rows.load(db)

    def _of(self, kind: str, hall: str) -> list[_Rows]:
        found = self._following.get((kind, hall))
        if found is None:
            found = self._following[kind, hall] = []
            for projection in self._projections.get(kind, ()):
                place = projection.state.kind, hall
                found.append(self._rows.setdefault(place, _Rows(projection, hall)))
        return found

    def advance(self, happening: Happening) -> list[tuple[Any, Any]]:
        """Each row before and after this happening.

        Raises:
            ValueError: it cannot follow what stands; nothing was advanced.
        """
        kind, steps = happening.kind, []
        for rows in self._of(kind, happening.writer):
            projection = rows.projection
            key = projection.key_of(happening)
            before = rows.states.get(key)
            steps.append((rows, key, before, projection.advance(before, happening)))
        for rows, key, before, after in steps:
            rows.put(kind, key, before, after)
        return [(before, after) for _, _, before, after in steps]

    def write(self, db: Database) -> None:
        """Add the new rows and change those that stood. The records themselves are kept already."""
        for rows in self._rows.values():
            rows.write(db)


def _update_sql(table: str, names: Sequence[str]) -> str:
    sets = ", ".join(f'"{name}" = :{name}' for name in names if name not in ("hall", "id"))
    return f"UPDATE {table} SET {sets} WHERE hall = :hall AND id = :id"


def _stands_between(db: Database, table: str, hall: str, keys: Sequence[str]) -> bool:
    sql = f"SELECT id FROM {table} WHERE hall = :hall AND id >= :first AND id <= :last LIMIT 1"
    return bool(db.query(sql, hall=hall, first=keys[0], last=keys[-1]))


def _begin(db: Database, projection: Projection, hall: str, born: Mapping[str, Any]) -> None:
    """Begin these rows from the records that were kept in the same transaction.

    No row stood between the first and the last, so no record did, but those that begin one.
    """
    birth, keys = projection.birth, sorted(born)
    assert birth is not None
    given = row_of(birth.state, born[keys[0]])
    copied = {"hall": "hall", "id": "id", **birth.copied}
    # A column that is not named is empty.
    names = [n for n in given if n not in copied and given[n] is not None]
    into = ", ".join(f'"{name}"' for name in (*copied, *names))
    source = ", ".join([f'"{name}"' for name in copied.values()] + [f":{name}" for name in names])
    count = db.execute(
        f"INSERT INTO {birth.state.kind} ({into}) SELECT {source} FROM {birth.record.kind} "
        "WHERE hall = :hall AND id >= :first_key AND id <= :last_key",
        hall=hall,
        first_key=keys[0],
        last_key=keys[-1],
        **{name: given[name] for name in names},
    )
    if count != len(born):
        raise RowRefused("records stand whose rows were never begun")


def _standings(db: Database, state: type[Record], hall: str, keys: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = {f"k{i}": key for i, key in enumerate(keys[start : start + _KEYS_AT_ONCE])}
        marks = ", ".join(f":{name}" for name in some)
        sql = f"SELECT * FROM {state.kind} WHERE hall = :hall AND id IN ({marks})"
        for row in db.query(sql, hall=hall, **some):
            found[row["id"]] = record_of(state, row)
    return found
