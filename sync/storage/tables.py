"""Record tables and projections, made from the declarations; the same at hall and center.

Everything in these tables follows from entries, so it can be dropped and rebuilt from the kept
leaves. Table and column names come from declared Python identifiers only, never from input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

from standards.records.declare import (
    Happening,
    OddCell,
    Projection,
    Record,
    columns_of,
    fields_of,
    record_of,
    row_of,
    taken_of,
)
from sync.entries import Entry, Unreadable
from sync.storage.folding import Fold
from sync.storage.store import KEYED, Database, Row

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


# What is wrong with one entry, not with the store or the program.
MISFITS = (Unreadable, ValueError, ArithmeticError, LookupError)


@dataclass(frozen=True)
class Misfit:
    """An entry that cannot be applied as things stand."""

    entry: Entry
    reason: Exception


class Tables:
    """One table for each record type and each projection."""

    def __init__(
        self, records: Iterable[type[Record]], projections: Sequence[Projection] = ()
    ) -> None:
        self.kinds: dict[str, type[Record]] = {r.kind: r for r in records}
        self.projections = tuple(projections)
        self._names = {
            kind: [*_ENVELOPE, *(c.name for c in columns_of(r))] for kind, r in self.kinds.items()
        }
        self._followers = {
            kind: [p for p in self.projections if kind in p.kinds] for kind in self.kinds
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
            ValueError: an entry cannot follow what stands.
        """
        for misfit in self.keep_fitting(db, entries, observe):
            raise misfit.reason

    def keep_fitting(
        self,
        db: Database,
        entries: Sequence[Entry],
        observe: Observer = nobody,
        held: Mapping[str, int] | None = None,
    ) -> list[Misfit]:
        """As :meth:`keep`, without those that cannot follow what stands: these are answered.

        Args:
            held: entity -> index of the entry in quarantine that what comes after has to wait for.
        """
        happenings = [happening_of(entry) for entry in entries]
        fold = Fold(db, self._followers, happenings)
        waiting, misfits, fitting = dict(held or {}), [], []
        for entry, happening in zip(entries, happenings, strict=True):
            try:
                if waiting:
                    self._refuse_waiting(entry, happening, waiting)
                steps = fold.advance(happening)
            except MISFITS as reason:
                misfits.append(Misfit(entry, reason))
                entity = self.entity_of_happening(happening)
                # An entry further on may be unreadable already: what comes between waits too.
                waiting[entity] = min(waiting.get(entity, entry.index), entry.index)
                continue
            fitting.append(entry)
            for before, after in steps:
                observe(entry, before, after)
        self._insert(db, fitting)
        fold.write(db)
        return misfits

    def _refuse_waiting(
        self, entry: Entry, happening: Happening, waiting: Mapping[str, int]
    ) -> None:
        first = waiting.get(self.entity_of_happening(happening), entry.index)
        if first < entry.index:
            raise Unreadable(f"waits for entry {first} of the same matter")

    def _insert(self, db: Database, entries: Sequence[Entry]) -> None:
        by_kind: dict[str, list[Entry]] = {}
        for entry in entries:
            by_kind.setdefault(entry.leaf.kind, []).append(entry)
        for kind, some in by_kind.items():
            db.insert(kind, self._names[kind], _rows_of(self.kinds[kind], some))
        if files := [row for entry in entries if entry.leaf.files for row in _files(entry)]:
            db.insert("file_named", ("origin", "idx", "hash"), files)

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

    def places_of(self, db: Database, origin: str, ids: Sequence[str]) -> set[tuple[str, int]]:
        """Log and index of the records of one log that have one of these ids."""
        marks = {f"i{number}": some for number, some in enumerate(ids)}
        among = ", ".join(f":{name}" for name in marks)
        found = set()
        for kind in self.kinds:
            sql = f"SELECT idx FROM {kind} WHERE origin = :origin AND id IN ({among})"
            rows = db.query(sql, origin=origin, **marks)
            found |= {(origin, int(row["idx"])) for row in rows}
        return found

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

    def move(self, db: Database, source: tuple[str, int], into: tuple[str, int]) -> None:
        """The rows of the entries from a place on belong to another place of another log now."""
        for kind in self.kinds:
            db.execute(
                f"UPDATE {kind} SET origin = :into, idx = idx + :by "
                "WHERE origin = :origin AND idx >= :at",
                origin=source[0],
                at=source[1],
                into=into[0],
                by=into[1] - source[1],
            )
        db.execute(
            "UPDATE file_named SET origin = :into, idx = idx + :by "
            "WHERE origin = :origin AND idx >= :at",
            origin=source[0],
            at=source[1],
            into=into[0],
            by=into[1] - source[1],
        )

    def drop(self, db: Database, origin: str, at: int) -> None:
        """Delete the rows of the entries from a place on; of kinds that no projection follows."""
        for table in (*self.kinds, "file_named"):
            sql = f"DELETE FROM {table} WHERE origin = :origin AND idx >= :at"
            db.execute(sql, origin=origin, at=at)

    def standings_of(self, db: Database, projection: Projection, hall: str) -> dict[str, Row]:
        """Every row of a projection that one hall's entries led to, by its key."""
        rows = db.query(f"SELECT * FROM {projection.state.kind} WHERE hall = :hall", hall=hall)
        return {row["id"]: row for row in rows}

    def clear(self, db: Database, writer: str = "") -> None:
        """Empty every table that follows from entries, before a rebuild.

        Args:
            writer: only what this one's entries led to.
        """
        for name in self.names():
            if writer:
                db.execute(f"DELETE FROM {name} WHERE hall = :writer", writer=writer)
            else:
                db.execute(f"DELETE FROM {name}")
        db.execute(
            "DELETE FROM file_named WHERE :writer = '' "
            "OR origin IN (SELECT origin FROM log WHERE writer = :writer)",
            writer=writer,
        )


def _envelope(entry: Entry) -> tuple[Any, ...]:
    """The cells of ``_ENVELOPE``, in its order."""
    leaf = entry.leaf
    return entry.writer, leaf.id, entry.origin, entry.index, leaf.actor, leaf.at


_OF_ENTRY = ("writer", "leaf.id", "origin", "index", "leaf.actor", "leaf.at")


def _rows_of(record_type: type[Record], entries: Sequence[Entry]) -> list[list[Any]]:
    """The cells of these entries, those of ``_ENVELOPE`` first."""
    take, odd = _taker(record_type)
    rows = [[*take(entry)] for entry in entries]
    for place, as_cell in odd:
        for row in rows:
            if row[place] is not None:
                row[place] = as_cell(row[place])
    return rows


@cache
def _taker(record_type: type[Record]) -> tuple[Callable[[Entry], Any], list[OddCell]]:
    names, odd = taken_of(record_type)
    take = attrgetter(*_OF_ENTRY, *(f"logged.{name}" for name in names))
    return take, [(len(_OF_ENTRY) + place, as_cell) for place, as_cell in odd]


def _row(entry: Entry) -> dict[str, Any]:
    own = row_of(entry.record_type, entry.logged)
    return own | dict(zip(_ENVELOPE, _envelope(entry), strict=True))


def _files(entry: Entry) -> list[tuple[str, int, str]]:
    return [(entry.origin, entry.index, name) for name in dict.fromkeys(entry.leaf.files)]


def _create_sql(table: str, record_type: type[Record], envelope: Mapping[str, str]) -> str:
    own = {c.name: c.sql for c in columns_of(record_type)}
    # Quoted: a field of the halls' language may be a reserved word of one engine (`window`).
    parts = [f'"{name}" {sql}' for name, sql in {**envelope, **own}.items()]
    return f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(parts)}, PRIMARY KEY (hall, id)){KEYED}"


def standing(db: Database, state: type[Record], hall: str, key: str) -> Any:
    """One row of a projection as its declared type, or None."""
    sql = f"SELECT * FROM {state.kind} WHERE hall = :hall AND id = :id"
    rows = db.query(sql, hall=hall, id=key)
    return record_of(state, rows[0]) if rows else None


def as_record(
    record_type: type[Record], row: Row, personal: bytes | None = None, *, instead: str = ""
) -> Any:
    """A row of a record table as its declared type."""
    return record_of(record_type, row, personal, instead=instead)


@cache
def searchable(record_type: type[Record]) -> tuple[str, ...]:
    """The personal fields with a blind index."""
    return tuple(f.name for f in fields_of(record_type) if f.field.search)


def records(db: Database, record_type: type[Record]) -> list[Any]:
    """Every row of a record table as its declared type, without personal parts, in log order."""
    rows = db.query(f"SELECT * FROM {record_type.kind} ORDER BY origin, idx")
    return [record_of(record_type, row) for row in rows]
