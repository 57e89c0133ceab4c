"""Record tables and projections, made from the declarations; the same at hall and center.

Everything in these tables follows from entries, so it can be dropped and rebuilt from the kept
leaves. Table and column names come from declared Python identifiers only, never from input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from standards.records.declare import (
    Happening,
    Projection,
    Record,
    columns_of,
    fields_of,
    record_of,
    row_of,
)
from sync.entries import Entry
from sync.store import Database, Row

# Sees (entry, row before, row after) of every projected entry, in the transaction.
Observer = Callable[[Entry, Any, Any], None]


def nobody(entry: Entry, before: Any, after: Any) -> None:
    """An observer that looks away."""


_ENVELOPE = {
    "hall": "TEXT NOT NULL",
    "id": "TEXT NOT NULL",
    "origin": "TEXT NOT NULL",
    "idx": "INTEGER NOT NULL",
    "actor": "TEXT NOT NULL",
    "at": "TEXT NOT NULL",
}


def happening_of(entry: Entry) -> Happening:
    """An entry as a projection sees it."""
    leaf = entry.leaf
    return Happening(leaf.kind, leaf.id, entry.writer, leaf.actor, leaf.at, entry.logged)


class Tables:
    """One table for each record type and each projection."""

    def __init__(
        self, records: Iterable[type[Record]], projections: Sequence[Projection] = ()
    ) -> None:
        self.kinds: dict[str, type[Record]] = {r.kind: r for r in records}
        self.projections = tuple(projections)
        self._insert = {
            kind: _insert_sql(kind, [*_ENVELOPE, *(c.name for c in columns_of(r))])
            for kind, r in self.kinds.items()
        }

    def ddl(self) -> list[str]:
        """The portable statements that create every table."""
        found = []
        for record_type in self.kinds.values():
            found.append(_create_sql(record_type.kind, record_type, _ENVELOPE))
        for p in self.projections:
            found.append(_create_sql(p.state.kind, p.state, {"hall": "TEXT NOT NULL"}))
        return found

    def names(self) -> list[str]:
        """Every table that follows from entries."""
        return [*self.kinds, *(p.state.kind for p in self.projections)]

    def keep(self, db: Database, entries: Sequence[Entry], observe: Observer = nobody) -> None:
        """Write the rows of these entries and fold them into the projections.

        Raises:
            ValueError: an entry cannot follow what stands (the caller quarantines it).
        """
        by_kind: dict[str, list[dict[str, Any]]] = {}
        for entry in entries:
            by_kind.setdefault(entry.leaf.kind, []).append(_row(entry))
        for kind, rows in by_kind.items():
            db.executemany(self._insert[kind], rows)
        if files := [row for entry in entries for row in _files(entry)]:
            db.executemany("INSERT INTO file_named VALUES (:origin, :idx, :hash)", files)
        for projection in self.projections:
            touched = [e for e in entries if e.leaf.kind in projection.kinds]
            if touched:
                _fold(db, projection, touched, observe)

    def entity_of(self, entry: Entry) -> str:
        """What this entry is about: a quarantined entry holds back only its own entity."""
        return self.entity_of_happening(happening_of(entry))

    def entity_of_happening(self, happening: Happening) -> str:
        """As :meth:`entity_of`.

        Raises:
            AttributeError: the body lacks the field that names the entity.
        """
        for p in self.projections:
            if happening.kind in p.kinds:
                return f"{p.state.kind}:{p.key_of(happening)}"
        return f"{happening.kind}:{happening.id}"

    def row(self, db: Database, record_type: type[Record], record_id: str) -> Row | None:
        """One row of a record table by the record's id, or None."""
        rows = db.query(f"SELECT * FROM {record_type.kind} WHERE id = :id", id=record_id)
        return rows[0] if rows else None

    def rows_of(self, db: Database, origin: str) -> dict[int, tuple[str, dict[str, Any]]]:
        """Every row of the record tables that a log wrote: index -> kind and row."""
        found: dict[int, tuple[str, dict[str, Any]]] = {}
        for kind in self.kinds:
            for row in db.query(f"SELECT * FROM {kind} WHERE origin = :origin", origin=origin):
                found[row["idx"]] = kind, dict(row)
        return found

    def row_of_entry(self, entry: Entry) -> dict[str, Any]:
        """The row of the record table that an entry writes."""
        return _row(entry)

    def clear(self, db: Database) -> None:
        """Empty every table that follows from entries, before a rebuild."""
        for name in self.names():
            db.execute(f"DELETE FROM {name}")
        db.execute("DELETE FROM file_named")


def _row(entry: Entry) -> dict[str, Any]:
    leaf = entry.leaf
    row = row_of(entry.record_type, entry.logged)
    row.update(
        hall=entry.writer,
        id=leaf.id,
        origin=entry.origin,
        idx=entry.index,
        actor=leaf.actor,
        at=leaf.at,
    )
    return row


def _files(entry: Entry) -> list[dict[str, object]]:
    names = dict.fromkeys(entry.leaf.files)
    return [{"origin": entry.origin, "idx": entry.index, "hash": name} for name in names]


def _create_sql(table: str, record_type: type[Record], envelope: Mapping[str, str]) -> str:
    own = {c.name: c.sql for c in columns_of(record_type)}
    # Quoted: a field of the halls' language may be a reserved word of one engine (`window`).
    parts = [f'"{name}" {sql}' for name, sql in {**envelope, **own}.items()]
    return f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(parts)}, PRIMARY KEY (hall, id))"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _insert_sql(table: str, names: Sequence[str]) -> str:
    marks = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table} ({_quoted(names)}) VALUES ({marks})"


def _update_sql(table: str, names: Sequence[str]) -> str:
    sets = ", ".join(f'"{name}" = :{name}' for name in names if name not in ("hall", "id"))
    return f"UPDATE {table} SET {sets} WHERE hall = :hall AND id = :id"


def _fold(
    db: Database, projection: Projection, entries: Sequence[Entry], observe: Observer
) -> None:
    """Advance the rows these entries belong to: all are read at once, and written at once.

    Whoever folds holds the turn of the writer's log, so that a row that did not stand when they
    were read does not stand when they are written.
    """
    happenings = [happening_of(entry) for entry in entries]
    places = [(h.writer, projection.key_of(h)) for h in happenings]
    standing = _standings(db, projection.state, places)
    states: dict[tuple[str, str], Any] = dict(standing)
    for entry, happening, place in zip(entries, happenings, places, strict=True):
        before = states.get(place)
        states[place] = projection.advance(before, happening)
        observe(entry, before, states[place])
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for (hall, key), state in states.items():
        if state is not None:
            row = {"hall": hall, **row_of(projection.state, state)}
            (changed if (hall, key) in standing else new).append(row)
    table = projection.state.kind
    names = ["hall", *(c.name for c in columns_of(projection.state))]
    db.executemany(_insert_sql(table, names), new)
    db.executemany(_update_sql(table, names), changed)


_KEYS_AT_ONCE = 200


def _standings(
    db: Database, state: type[Record], places: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for hall in {hall for hall, _ in places}:
        keys = sorted({key for other, key in places if other == hall})
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = {f"k{i}": key for i, key in enumerate(keys[start : start + _KEYS_AT_ONCE])}
            marks = ", ".join(f":{name}" for name in some)
            sql = f"SELECT * FROM {state.kind} WHERE hall = :hall AND id IN ({marks})"
            for row in db.query(sql, hall=hall, **some):
                found[hall, row["id"]] = record_of(state, row)
    return found


def standing(db: Database, state: type[Record], hall: str, key: str) -> Any:
    """One row of a projection as its declared type, or None."""
    sql = f"SELECT * FROM {state.kind} WHERE hall = :hall AND id = :id"
    rows = db.query(sql, hall=hall, id=key)
    return record_of(state, rows[0]) if rows else None


def as_record(record_type: type[Record], row: Row, personal: bytes | None = None) -> Any:
    """A row of a record table as its declared type."""
    return record_of(record_type, row, personal)


@cache
def searchable(record_type: type[Record]) -> tuple[str, ...]:
    """The personal fields with a blind index."""
    return tuple(f.name for f in fields_of(record_type) if f.field.search)


def records(db: Database, record_type: type[Record]) -> list[Any]:
    """Every row of a record table as its declared type, without personal parts, in log order."""
    rows = db.query(f"SELECT * FROM {record_type.kind} ORDER BY origin, idx")
    return [record_of(record_type, row) for row in rows]
