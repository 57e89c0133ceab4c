"""The SQL with which an administrator spreads the large tables over several PostgreSQL servers.

The center's database keeps the small tables and its share of the large ones; the other shares are
partitions on other servers, which it reaches through ``postgres_fdw``. Everything of one hall
stands on one server, so that each transaction of the sync touches one server only. Pure: table
declarations in, SQL out; docs/postgresql.md says what to do with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aggregator.database.dialect import Table, name_of, part_name, table_of

PLACE, BEFORE = "onehall_place", "before"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_INDEXED = re.compile(r"\s*CREATE INDEX IF NOT EXISTS \w+ ON (\w+) (\(.*\))\s*")


class BadServer(ValueError):
    """A server was named in a way that cannot stand in SQL; the text says what is wrong."""


@dataclass(frozen=True)
class Server:
    """One of the other servers.

    Args:
        name: of the foreign server; small letters, digits and underscores.
        options: how libpq reaches it: ``host``, ``port``, ``dbname`` …
    """

    name: str
    options: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Server:
        """``east=host=10.1.0.12 port=5432 dbname=onehall``.

        Raises:
            BadServer: no name, or an option without a value.
        """
        name, _, rest = text.partition("=")
        if not _NAME.fullmatch(name):
            raise BadServer(f"{name!r} is no name for a server (small letters, digits, _)")
        pairs = [option.partition("=")[::2] for option in rest.split()]
        if not pairs or not all(_NAME.fullmatch(key) and value for key, value in pairs):
            raise BadServer(f"server {name}: write its options as host=… port=… dbname=…")
        return cls(name, dict(pairs))


@dataclass(frozen=True)
class Spread:
    """Which partition stands where.

    Args:
        statements: the portable DDL of the large tables and of their indexes.
        split: table -> partition key.
        servers: the others; partition 0 and every further n-th stand at home.
        owner: the role that owns the tables and as which the aggregator signs in, everywhere.
        added: only these tables, which an upgrade brought to a center that is spread already.
    """

    statements: Sequence[str]
    split: Mapping[str, str]
    partitions: int
    servers: tuple[Server, ...]
    owner: str
    added: frozenset[str] = frozenset()

    def tables(self) -> Iterator[Table]:
        """The tables that are spread."""
        for statement in self.statements:
            table = table_of(statement)
            if table is not None and self.spreads(table.name):
                yield table

    def spreads(self, table: str) -> bool:
        """Whether this plan spreads a table."""
        return table in (self.added or self.split)

    def server_of(self, number: int) -> Server | None:
        """Where a partition stands; None for at home."""
        return (None, *self.servers)[number % (len(self.servers) + 1)]

    def numbers_of(self, server: Server | None) -> list[int]:
        """The partitions of a server."""
        return [n for n in range(self.partitions) if self.server_of(n) == server]


def sql_of_other(spread: Spread, server: Server) -> str:
    """What is run on another server, in its own database."""
    lines = [f"SET ROLE {spread.owner};"]
    for table in spread.tables():
        lines += [
            f"CREATE TABLE {part_name(table.name, number)} ({table.body});"
            for number in spread.numbers_of(server)
        ]
    for statement in spread.statements:
        found = _INDEXED.fullmatch(statement)
        if found is not None and spread.spreads(found.group(1)):
            name, table_name, columns = name_of(statement), *found.groups()
            lines += [
                f"CREATE INDEX {part_name(name, number)} "
                f"ON {part_name(table_name, number)} {columns};"
                for number in spread.numbers_of(server)
            ]
    return _script(lines)


def sql_of_home(spread: Spread) -> str:
    """What a superuser runs in the center's database while no aggregator runs.

    A database that was made on one server keeps its large tables in the schema ``before``.
    """
    lines = [] if spread.added else [*_begun(spread)]
    lines.append(f"SET ROLE {spread.owner};")
    for table in spread.tables():
        lines += [_set_aside(table), *_spread_table(spread, table), _moved(table)]
    return _script([*lines, *_checked(spread)])


def _script(lines: Sequence[str]) -> str:
    return "\n".join(["BEGIN;", *lines, "COMMIT;", ""])


# The hall that a name belongs to decides the partition: `T01`, `tonghua.example/T01/1` and
# `tonghua.example/orders-T01/1` go to the same one. What is the same for every hall stays at home,
# in partition 0: PostgreSQL adds this very number to the hash before it divides.
_PREPARED = (
    "CREATE EXTENSION IF NOT EXISTS postgres_fdw;",
    f"""CREATE FUNCTION {PLACE}(name text, seed bigint) RETURNS bigint
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE
    WHEN name NOT LIKE '%/%' THEN hashtextextended(name COLLATE "C", seed)
    WHEN split_part(name, '/', -2) = 'standards' THEN -5305509591434766563
    ELSE hashtextextended(regexp_replace(split_part(name, '/', -2), '^orders-', '')
      COLLATE "C", seed)
  END $$;""",
    f"""CREATE OPERATOR CLASS {PLACE} FOR TYPE text USING hash AS
  OPERATOR 1 =, FUNCTION 2 {PLACE}(text, bigint);""",
    # A plan made for any hall would open a line to every server.
    """DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET plan_cache_mode = force_custom_plan', current_database());
END $$;""",
)


def _begun(spread: Spread) -> Iterator[str]:
    """What is done once, however many tables follow."""
    yield from _PREPARED
    yield f"CREATE SCHEMA {BEFORE} AUTHORIZATION {spread.owner};"
    for server in spread.servers:
        yield from _reached(server, spread.owner)


def _reached(server: Server, owner: str) -> list[str]:
    given = {"connect_timeout": "3", "batch_size": "200", "fetch_size": "1000", **server.options}
    options = ", ".join(f"{name} {_text(value)}" for name, value in given.items())
    return [
        f"CREATE SERVER {server.name} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({options});",
        f"GRANT USAGE ON FOREIGN SERVER {server.name} TO {owner};",
        f"CREATE USER MAPPING FOR {owner} SERVER {server.name} "
        f"OPTIONS (user {_text(owner)}, password_required 'false');",
    ]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _spread_table(spread: Spread, table: Table) -> Iterator[str]:
    """No key above the partitions: PostgreSQL keeps none over several servers. Each has its own."""
    columns = table.columns.replace(" PRIMARY KEY", " NOT NULL")
    key = table.key or (spread.split[table.name],)
    yield (
        f"CREATE TABLE {table.name} ({columns}) "
        f"PARTITION BY HASH ({spread.split[table.name]} {PLACE});"
    )
    for number in range(spread.partitions):
        server, part = spread.server_of(number), part_name(table.name, number)
        values = f"FOR VALUES WITH (MODULUS {spread.partitions}, REMAINDER {number})"
        if server is None:
            own = f"(PRIMARY KEY ({', '.join(key)}))"
            yield f"CREATE TABLE {part} PARTITION OF {table.name} {own} {values};"
        else:
            yield (
                f"CREATE FOREIGN TABLE {part} PARTITION OF {table.name} {values} "
                f"SERVER {server.name} OPTIONS (table_name '{part}');"
            )


def _set_aside(table: Table) -> str:
    """A table made on one server, with its partitions and indexes."""
    return f"""DO $$ DECLARE part regclass; BEGIN
  FOR part IN SELECT relid FROM pg_partition_tree(to_regclass('public.{table.name}')) LOOP
    EXECUTE format('ALTER TABLE %s SET SCHEMA {BEFORE}', part);
  END LOOP;
END $$;"""


def _moved(table: Table) -> str:
    """Its rows go to where each hall stands now."""
    names = ", ".join(table.names)
    # A column may be called as a variable of PL/pgSQL is: found.
    return f"""DO $$
#variable_conflict use_column
DECLARE moved bigint; BEGIN
  IF to_regclass('{BEFORE}.{table.name}') IS NOT NULL THEN
    INSERT INTO {table.name} ({names}) SELECT {names} FROM {BEFORE}.{table.name};
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> (SELECT count(*) FROM {table.name})
    THEN RAISE EXCEPTION '{table.name}: % rows were moved, others stand', moved; END IF;
  END IF;
END $$;"""


def _checked(spread: Spread) -> Iterator[str]:
    yield f"""DO $$ BEGIN
  IF NOT satisfies_hash_partition('log'::regclass, {spread.partitions}, 0, 'x/standards/1'::text)
  THEN RAISE EXCEPTION 'the standards log would not stand at home'; END IF;
END $$;"""
