"""What every store promises to the sync engine, on each store there is."""

import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from aggregator.database.store import CenterStore
from sync.errors import DiskFull, HalfDone, RowRefused
from tests.postgres import postgres
from tests.sync.stores import FILES, STORES, Opened

TABLE = "CREATE TABLE IF NOT EXISTS thing (id TEXT PRIMARY KEY, number INTEGER, raw BLOB)"
INSERT = "INSERT INTO thing VALUES (:id, :number, :raw)"


class Undo(Exception):
    """Leaves a transaction."""


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    opened = STORES[request.param](tmp_path)
    opened.create([TABLE])
    yield opened
    opened.close()


@pytest.fixture(params=FILES)
def file_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    opened = STORES[request.param](tmp_path)
    opened.create([TABLE])
    yield opened
    opened.close()


def put(store: Opened, name: str, number: int = 0, raw: bytes = b"") -> None:
    store.execute(INSERT, id=name, number=number, raw=raw)


def names(store: Opened) -> list[str]:
    return [row["id"] for row in store.query("SELECT id FROM thing ORDER BY id")]


def test_what_a_transaction_wrote_stands_after_it(store: Opened):
    with store.transaction():
        put(store, "a")
        put(store, "b")
    assert names(store) == ["a", "b"]


def test_the_tables_there_are_can_be_named(store: Opened):
    assert "thing" in store.tables()
    assert "nothing" not in store.tables()


def test_a_statement_outside_a_transaction_is_one_of_its_own(store: Opened):
    put(store, "a")
    with pytest.raises(Undo), store.transaction():
        put(store, "b")
        raise Undo
    assert names(store) == ["a"]


@pytest.mark.parametrize("count", [1, 100])
def test_new_rows_are_added_in_the_order_of_their_columns(store: Opened, count: int):
    rows = [(i, f"{i:03d}") for i in range(count)]
    with store.transaction():
        store.insert("thing", ("number", "id"), rows)
    found = store.query("SELECT id, number, raw FROM thing ORDER BY id")
    assert [(r["number"], r["id"], r["raw"]) for r in found] == [(*row, None) for row in rows]


def test_what_need_not_last_at_once_is_seen_at_once_and_undone_when_it_fails(store: Opened):
    def fail() -> None:
        put(store, "b")
        raise Undo

    store.soon(lambda: put(store, "a"))
    assert names(store) == ["a"]
    with pytest.raises(Undo):
        store.soon(fail)
    assert names(store) == ["a"]
    with pytest.raises(Undo), store.transaction():
        store.soon(lambda: put(store, "c"))
        raise Undo
    assert names(store) == ["a"]


def test_cells_are_the_values_of_a_row_in_the_order_of_the_columns(store: Opened):
    put(store, "b", 2, b"\0two")
    put(store, "a", 1, b"one")
    sql = "SELECT raw, number, id FROM thing WHERE number >= :least ORDER BY id"
    assert store.cells(sql, least=1) == [(b"one", 1, "a"), (b"\0two", 2, "b")]
    assert {type(cell) for row in store.cells(sql, least=2) for cell in row} == {bytes, int, str}
    with store.transaction():
        put(store, "c", 3)
        assert [row[2] for row in store.cells(sql, least=3)] == ["c"]


def test_a_row_that_stands_already_is_refused_among_new_ones(store: Opened):
    put(store, "b")
    with pytest.raises(RowRefused), store.transaction():
        store.insert("thing", ("id",), [("a",), ("b",)])
    assert names(store) == ["b"]


def test_an_exception_undoes_everything(store: Opened):
    with pytest.raises(Undo), store.transaction():
        put(store, "a")
        store.executemany(INSERT, [{"id": "b", "number": 1, "raw": b""}])
        raise Undo
    assert names(store) == []


def test_a_nested_transaction_is_part_of_the_outer_one(store: Opened):
    with pytest.raises(Undo), store.transaction():
        with store.transaction():
            put(store, "a")
            with store.transaction():
                put(store, "b")
        raise Undo
    assert names(store) == []
    with store.transaction(), store.transaction():
        put(store, "c")
    assert names(store) == ["c"]


def test_an_exception_through_a_nested_transaction_undoes_the_outer_one(store: Opened):
    with pytest.raises(Undo), store.transaction():
        put(store, "a")
        with store.transaction():
            put(store, "b")
            raise Undo
    assert names(store) == []
    put(store, "c")
    assert names(store) == ["c"]


def test_a_step_that_failed_undoes_the_whole_even_when_its_error_was_caught(store: Opened):
    """Else half of a step would be kept: the case without its entry, the number without a case."""
    with pytest.raises(HalfDone), store.transaction():
        put(store, "a")
        with suppress(Undo), store.transaction():
            put(store, "half")
            raise Undo
        put(store, "b")
    assert names(store) == []
    put(store, "c")
    assert names(store) == ["c"]


def test_a_query_sees_what_its_transaction_wrote(store: Opened):
    with store.transaction():
        put(store, "a", 1)
        store.execute("UPDATE thing SET number = :n WHERE id = :id", n=2, id="a")
        assert store.query("SELECT number FROM thing") == [{"number": 2}]


def test_values_come_back_as_they_were_given(store: Opened):
    every_byte = bytes(range(256))
    put(store, "欧阳娜娜 '\";--", 2**53 + 1, every_byte)
    put(store, "nothing", None, None)  # type: ignore[arg-type]
    (given,) = store.query("SELECT * FROM thing WHERE id = :id", id="欧阳娜娜 '\";--")
    assert (given["number"], bytes(given["raw"])) == (2**53 + 1, every_byte)
    (empty,) = store.query("SELECT * FROM thing WHERE id = :id", id="nothing")
    assert (empty["number"], empty["raw"]) == (None, None)


def test_a_row_is_a_mapping_of_column_names(store: Opened):
    put(store, "a", 7, b"x")
    (row,) = store.query("SELECT id, number AS n FROM thing")
    assert dict(row) == {"id": "a", "n": 7}


def test_a_statement_answers_how_many_rows_it_touched(store: Opened):
    rows = [{"id": str(n), "number": n % 2, "raw": b""} for n in range(5)]
    store.executemany(INSERT, rows)
    assert store.execute("UPDATE thing SET number = 9 WHERE number = :n", n=1) == 2
    assert store.execute("DELETE FROM thing WHERE number = :n", n=5) == 0
    assert store.execute("DELETE FROM thing WHERE number = :n", n=9) == 2


def test_many_rows_come_back_as_they_were_given(store: Opened):
    odd = ("", "\\N", "\\", "\t\n\r", "'\";--", "%s %(id)s :id", "{a,b}", "NULL", "欧阳 \U0001f600")
    given: list[dict[str, object]]
    given = [{"id": f"{n}{text}", "number": None, "raw": None} for n, text in enumerate(odd)]
    given += [{"id": str(n), "number": -n, "raw": bytes([n] * n)} for n in range(20, 40)]
    store.executemany(INSERT, given)
    kept = {row["id"]: dict(row) for row in store.query("SELECT * FROM thing")}
    assert kept == {row["id"]: row for row in given}


def test_many_rows_may_be_told_to_replace_those_that_stand(store: Opened):
    put(store, "7", -1)
    store.executemany(
        "INSERT INTO thing (id, number) VALUES (:id, :number) "
        "ON CONFLICT (id) DO UPDATE SET number = excluded.number",
        [{"id": str(n), "number": n} for n in range(30)],
    )
    rows = store.query("SELECT SUM(number) AS total, COUNT(*) AS n FROM thing")
    assert rows == [{"total": 435, "n": 30}]


def test_a_sum_of_whole_numbers_is_a_whole_number(store: Opened):
    for name in "ab":
        put(store, name, 2**53 + 1)
    (row,) = store.query("SELECT SUM(number) AS total, MAX(number) AS most FROM thing")
    assert (row["total"], type(row["total"])) == (2**54 + 2, int)
    assert row["most"] == 2**53 + 1


def test_texts_are_ordered_by_their_bytes(store: Opened):
    ordered = [
        "",
        "-",
        "A",
        "B",
        "T01",
        "T01-2",
        "T010",
        "_",
        "a",
        "b",
        "é",
        "办",
        "厅",
        "\U0001f600",
    ]
    for name in sorted(ordered, reverse=True):
        put(store, name)
    assert names(store) == sorted(ordered)
    (row,) = store.query("SELECT MIN(id) AS first, MAX(id) AS last FROM thing WHERE id > 'T'")
    assert (row["first"], row["last"]) == ("T01", "\U0001f600")
    assert store.query("SELECT id FROM thing WHERE id >= 'a' AND id < 'b'") == [{"id": "a"}]


def test_a_search_in_texts_takes_wild_cards_and_their_escape(store: Opened):
    for name in ("T01-5%", "T01-55", "T02-55"):
        put(store, name)
    found = store.query("SELECT id FROM thing WHERE id LIKE :part ESCAPE '!'", part="T01-5!%%")
    assert found == [{"id": "T01-5%"}]
    found = store.query("SELECT id FROM thing WHERE (:p = '' OR id LIKE :p) ORDER BY id", p="%-55")
    assert found == [{"id": "T01-55"}, {"id": "T02-55"}]


def test_many_rows_of_nothing_are_nothing(store: Opened):
    store.executemany(INSERT, [])
    assert names(store) == []


def test_creating_again_changes_nothing(store: Opened):
    put(store, "a")
    store.create([TABLE])
    assert names(store) == ["a"]


def test_a_key_that_stands_already_is_refused_and_its_transaction_undone(store: Opened):
    put(store, "a", 1)
    with pytest.raises(RowRefused), store.transaction():
        put(store, "b")
        put(store, "a", 2)
    assert store.query("SELECT id, number FROM thing") == [{"id": "a", "number": 1}]
    with pytest.raises(RowRefused):
        store.executemany(INSERT, [{"id": n, "number": 0, "raw": b""} for n in "cac"])
    assert names(store) == ["a"]


def test_a_value_that_breaks_its_column_is_refused(store: Opened):
    with pytest.raises(RowRefused):
        store.execute("INSERT INTO thing (id, number) VALUES ('a', 'many')")
    assert names(store) == []


def test_a_number_that_no_column_takes_is_refused_or_found_nowhere(store: Opened):
    put(store, "a", 1)
    with suppress(RowRefused):
        assert store.query("SELECT id FROM thing WHERE number = :n", n=10**30) == []
    assert names(store) == ["a"]


def fill_disk(store: Opened) -> None:
    """Let no file of the store grow beyond what it takes to hold a little."""
    if is_postgres(store):
        # Not a whole number of pages: a page is then written by half, as on a full disk.
        limit_files(store, 1024 * 1024 + 100)
    else:
        limit_pages(store, 30)


def free_disk(store: Opened) -> None:
    if is_postgres(store):
        limit_files(store, None)
    else:
        limit_pages(store, 100_000)


def is_postgres(store: Opened) -> bool:
    return isinstance(store, CenterStore) and not store.is_sqlite


def limit_pages(store: Opened, pages: int) -> None:
    with store.transaction():
        store.query(f"PRAGMA max_page_count = {pages}")


def limit_files(store: Opened, size: int | None) -> None:
    for session in store.query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend'"
    ):
        postgres().limit_files(session["pid"], size)


LARGE = random.Random(7).randbytes(1_500_000)


def test_a_full_disk_is_told_and_costs_the_whole_transaction_only(store: Opened):
    put(store, "before")
    fill_disk(store)
    with pytest.raises(DiskFull), store.transaction():
        put(store, "small")
        put(store, "large", 0, LARGE)
    assert names(store) == ["before"]
    with pytest.raises(DiskFull):
        store.executemany(INSERT, [{"id": "many", "number": 0, "raw": LARGE}])
    free_disk(store)
    put(store, "large", 0, LARGE)
    assert names(store) == ["before", "large"]


def test_two_writers_take_turns_at_one_row(file_store: Opened):
    put(file_store, "count", 0)

    def count() -> None:
        for _ in range(25):
            with file_store.transaction():
                # On PostgreSQL whoever touches the row first has the turn; SQLite has one for all.
                file_store.execute("UPDATE thing SET number = number")
                (row,) = file_store.query("SELECT number FROM thing")
                file_store.execute("UPDATE thing SET number = :n", n=row["number"] + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file_store.query("SELECT number FROM thing") == [{"number": 100}]


def test_a_reader_is_not_kept_waiting_by_a_writer_and_sees_only_what_stands(file_store: Opened):
    put(file_store, "a")
    seen: list[list[str]] = []

    def read() -> None:
        seen.append(names(file_store))

    with file_store.transaction():
        put(file_store, "b")
        reader = threading.Thread(target=read)
        reader.start()
        # A reader that waited for this transaction would wait for ever: it ends after the join.
        reader.join(20)
        assert seen == [["a"]]
    read()
    assert seen[-1] == ["a", "b"]


@pytest.mark.parametrize("name", FILES)
def test_what_was_not_committed_is_not_in_the_file(name: str, tmp_path: Path):
    first = STORES[name](tmp_path)
    first.create([TABLE])
    put(first, "a")
    with first.transaction():
        put(first, "b")
        second = STORES[name](tmp_path)
        assert names(second) == ["a"]
        second.close()
    third = STORES[name](tmp_path)
    assert names(third) == ["a", "b"]
    third.close()
    first.close()
