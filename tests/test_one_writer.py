"""A record is written by appending it to the log; no other statement touches its table."""

import ast
import re
from collections.abc import Iterator

import pytest

from standards.cases import PROJECTIONS
from standards.records import RECORDS
from tests.source import Source, product_sources

# What follows from entries. sync/storage/tables.py writes them all, from the declarations.
TABLES = {record.kind for record in RECORDS} | {one.state.kind for one in PROJECTIONS}
CHANGES = re.compile(
    r"\b(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|REPLACE\s+INTO|UPDATE|DELETE\s+FROM)\s+\"?(\w+)", re.I
)


def changed_tables(source: Source) -> Iterator[tuple[int, str]]:
    """(line, table) of each statement in the source that changes a table."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((node.lineno, table) for table in CHANGES.findall(node.value))


def test_no_statement_changes_the_table_of_a_record():
    beside_the_log = [
        f"{source.path}:{line} changes {table}"
        for source in product_sources()
        for line, table in changed_tables(source)
        if table in TABLES
    ]
    assert beside_the_log == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {0} (id) VALUES (:id)",
        "insert or replace into {0} values (1)",
        "UPDATE {0} SET stage = :stage",
        "WITH old AS (SELECT 1) DELETE FROM {0} WHERE id = :id",
    ],
)
@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_search_finds_every_way_to_change_a_table(statement: str, table: str):
    text = f"db.execute({statement.format(table)!r})"
    assert [found for _, found in changed_tables(Source("made up", text, ast.parse(text)))] == [
        table
    ]
