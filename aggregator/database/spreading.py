"""``onehall-aggregator spread``: writes the SQL of ``aggregator.database.spread`` into files."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import click

from aggregator.app import LOCAL_TABLES
from aggregator.database.dialect import PARTITIONS, split_by
from aggregator.database.spread import BadServer, Server, Spread, sql_of_home, sql_of_other
from aggregator.halls import roster
from standards.cases import PROJECTIONS
from standards.records import RECORDS
from sync.storage.schema import DDL
from sync.storage.tables import Tables

_ROLE = re.compile(r"[a-z][a-z0-9_]{0,30}")


def the_spread(partitions: int, servers: tuple[Server, ...], owner: str) -> Spread:
    """All large tables of a center over these servers."""
    statements = [*DDL, *Tables(RECORDS, PROJECTIONS).ddl(), *LOCAL_TABLES, *roster.DDL]
    return Spread(statements, split_by(RECORDS, PROJECTIONS), partitions, servers, owner)


def _checked(plan: Spread) -> Spread:
    names = {server.name for server in plan.servers}
    if not _ROLE.fullmatch(plan.owner) or len(names) < len(plan.servers):
        raise click.ClickException("Each server and the owner need a name of their own.")
    if plan.partitions <= len(plan.servers):
        raise click.ClickException("Each server needs a partition: give more --partitions.")
    if unknown := plan.added - set(plan.split):
        raise click.ClickException(f"Not a table that is spread: {', '.join(sorted(unknown))}.")
    return plan


@click.command()
@click.option(
    "--server",
    "told",
    multiple=True,
    required=True,
    help="Another server: NAME=host=... port=... dbname=...; may be given several times.",
)
@click.option("--owner", default="onehall", help="The role that owns the tables on every server.")
@click.option(
    "--partitions",
    type=click.IntRange(2, 1024),
    default=PARTITIONS,
    help="Into how many each large table is split.",
)
@click.option(
    "--added",
    multiple=True,
    help="Only this table, which an upgrade brought; may be given several times.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the SQL files.",
)
def spread(
    told: tuple[str, ...], owner: str, partitions: int, added: tuple[str, ...], into: Path
) -> None:
    """Write the SQL that spreads the large tables over several PostgreSQL servers."""
    try:
        servers = tuple(map(Server.parse, told))
    except BadServer as wrong:
        raise click.ClickException(f"{wrong}.") from None
    plan = _checked(replace(the_spread(partitions, servers, owner), added=frozenset(added)))
    into.mkdir(parents=True, exist_ok=True)
    for server in servers:
        (into / f"1-{server.name}.sql").write_text(sql_of_other(plan, server), encoding="utf-8")
    (into / "2-home.sql").write_text(sql_of_home(plan), encoding="utf-8")
    click.echo(f"Stop every aggregator. Run 1-*.sql on its server, then 2-home.sql: {into}")
