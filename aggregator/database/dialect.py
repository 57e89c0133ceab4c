"""What PostgreSQL wants said differently: types, order of texts, tables split by hall. Pure.

Takes the portable statements of ``sync``, ``web`` and the pages and answers PostgreSQL's. A table
that is split has one of the columns ``hall`` or ``origin`` as its partition key; which one is
declared in :data:`SPLIT_BY` and derived for record types. Knows no connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from standards.records.declare import Projection, Record, fields_of

PARTITIONS = 8

# The tables of logs: everything of one log stands in one partition of each.
SPLIT_BY = {
    "log": "origin",
    "entry": "origin",
    "batch": "origin",
    "personal": "origin",
    "personal_pack": "origin",
    "personal_term": "origin",
    "personal_index": "origin",
    "receipt": "origin",
    "quarantine": "origin",
    "erased": "family",
    "file_named": "origin",
    "file_held": "hall",
    "file_delivered": "hall",
    "file_absent": "hall",
}


def split_by(
    records: Iterable[type[Record]], projections: Iterable[Projection]
) -> Mapping[str, str]:
    """Table -> partition key, of every table that grows with the halls.

    What a hall writes is split by hall. What the center writes for one hall is split by its origin
    (each hall has an orders log of its own; the writer is the center for all of them). Standards
    are the same for every hall and stay whole.
    """
    found = dict(SPLIT_BY)
    for record in records:
        if record.owner == "hall":
            found[record.kind] = "hall"
        elif any(field.name == "for_hall" for field in fields_of(record)):
            found[record.kind] = "origin"
    return found | {projection.state.kind: "hall" for projection in projections}


@dataclass(frozen=True)
class Table:
    """One ``CREATE TABLE`` in PostgreSQL's words, taken apart.

    Args:
        columns: the columns with their types.
        key: columns of the primary key, or empty when it stands at its column.
    """

    name: str
    columns: str
    key: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The columns by name."""
        return [column.split()[0] for column in self.columns.split(",")]

    @property
    def body(self) -> str:
        """Columns and primary key."""
        named = ", ".join(self.key)
        return f"{self.columns}, PRIMARY KEY ({named})" if self.key else self.columns


_TABLE = re.compile(
    r"\s*CREATE TABLE IF NOT EXISTS (\w+) \((.*?)(?:,\s*PRIMARY KEY \(([^)]*)\))?\s*\)"
    r"(?: WITHOUT ROWID)?\s*",
    re.DOTALL,
)
_NAME = re.compile(r"\s*CREATE (?:UNIQUE )?(?:TABLE|INDEX) IF NOT EXISTS (\w+)")
# Texts are ordered by their bytes, as SQLite does it: an index of a log or a list of ids must not
# be in another order than the same list at a hall.
_TYPES = {"TEXT": 'TEXT COLLATE "C"', "INTEGER": "BIGINT", "BLOB": "BYTEA"}
_TYPE = re.compile(r"\b(?:TEXT|INTEGER|BLOB)\b")


def name_of(statement: str) -> str:
    """The table or index that a portable statement creates."""
    found = _NAME.match(statement)
    if found is None:
        raise ValueError(f"not a portable statement: {statement[:60]}")
    return found.group(1)


def table_of(statement: str) -> Table | None:
    """A portable ``CREATE TABLE`` in PostgreSQL's types; None for an index."""
    found = _TABLE.fullmatch(statement)
    if found is None:
        return None
    name, columns, key = found.groups()
    typed = _TYPE.sub(lambda kind: _TYPES[kind.group()], columns.strip())
    return Table(name, typed, tuple(part.strip() for part in key.split(",")) if key else ())


def postgres_ddl(statement: str, split: Mapping[str, str], partitions: int) -> list[str]:
    """The statements that create what a portable statement creates.

    Args:
        partitions: of a table that is split; 1 leaves every table whole.
    """
    table = table_of(statement)
    if table is None:
        return [statement]
    key = split.get(table.name) if partitions > 1 else None
    if key is None:
        return [f"CREATE TABLE {table.name} ({table.body})"]
    return [
        f"CREATE TABLE {table.name} ({with_key(table, key).body}) PARTITION BY HASH ({key})",
        *(
            f"CREATE TABLE {part_name(table.name, number)} PARTITION OF {table.name} "
            f"FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number})"
            for number in range(partitions)
        ),
    ]


def part_name(table: str, number: int) -> str:
    """Name of one partition."""
    return f"{table}_p{number}"


def with_key(table: Table, key: str) -> Table:
    """The table with the partition key in its primary key, which PostgreSQL asks for."""
    if not table.key or key in table.key:
        return table
    return Table(table.name, table.columns, (*table.key, key))


# --- statements ---------------------------------------------------------------------------------

_MARK = re.compile(r"(?<![:\w]):([a-z_]\w*)")
_INSERT = re.compile(r'INSERT INTO (\w+)(?: \(([\w", ]+)\))? VALUES \(((?::\w+(?:, )?)+)\)\s*')


@lru_cache(maxsize=512)
def driver_marks(sql: str) -> str:
    """A portable statement with psycopg's marks for its parameters."""
    return _MARK.sub(r"%(\1)s", sql.replace("%", "%%"))


@lru_cache(maxsize=512)
def copy_sql(table: str, names: tuple[str, ...]) -> str:
    """New rows with these columns as PostgreSQL takes them fastest."""
    columns = ", ".join(f'"{name}"' for name in names)
    return f"COPY {table} ({columns}) FROM STDIN"


@lru_cache(maxsize=512)
def marked_insert(table: str, names: tuple[str, ...]) -> str:
    """The same for a few rows."""
    columns = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(names))})"


@dataclass(frozen=True)
class Copy:
    """A plain insert of many rows as PostgreSQL takes it fastest."""

    sql: str
    names: tuple[str, ...]

    def values(self, rows: Sequence[Mapping[str, object]]) -> Iterator[tuple[object, ...]]:
        """The rows in the order of the columns."""
        for row in rows:
            yield tuple(row[name] for name in self.names)


@lru_cache(maxsize=512)
def copy_of(sql: str) -> Copy | None:
    """A statement that only inserts its parameters, as ``COPY``; None for any other."""
    found = _INSERT.fullmatch(sql)
    if found is None:
        return None
    table, columns, marks = found.groups()
    into = f"{table} ({columns})" if columns else table
    return Copy(f"COPY {into} FROM STDIN", tuple(_MARK.findall(marks)))
