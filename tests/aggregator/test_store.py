"""What the center's store does beyond the contract: PostgreSQL under several processes at once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aggregator.commands import main
from aggregator.database.dialect import copy_of, postgres_ddl, split_by
from aggregator.database.faults import UnfitDatabase
from aggregator.database.store import CenterStore
from standards.cases import PROJECTIONS
from standards.records import RECORDS
from sync.errors import RowRefused, StoreBusy, TurnLost
from sync.storage.store import again
from tests.postgres import postgres
from tests.source import ROOT
from tests.sync.pairs import Pair, case
from tests.sync.stores import log_store

TABLE = "CREATE TABLE IF NOT EXISTS thing (id TEXT PRIMARY KEY, number INTEGER NOT NULL)"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return postgres().database_of(tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[CenterStore]:
    opened = CenterStore(url)
    opened.create([TABLE])
    opened.executemany(
        "INSERT INTO thing VALUES (:id, :number)", [{"id": n, "number": 0} for n in "ab"]
    )
    yield opened
    opened.close()


def add(store: CenterStore, name: str) -> None:
    store.execute("UPDATE thing SET number = number + 1 WHERE id = :id", id=name)


def numbers(store: CenterStore) -> list[int]:
    return [row["number"] for row in store.query("SELECT number FROM thing ORDER BY id")]


def at_once(*tasks: Callable[[], None]) -> list[Exception]:
    """Run these side by side; what they raised."""
    raised: list[Exception] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=[task]) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def crosswise(store: CenterStore) -> list[Callable[[], None]]:
    """Two transactions that touch two rows, each in the other's order; they wait for each other."""
    both_hold_one = threading.Barrier(2)
    tried = {"a": 0, "b": 0}

    def take(first: str, second: str) -> None:
        with store.transaction():
            add(store, first)
            tried[first] += 1
            if tried[first] == 1:
                both_hold_one.wait(20)
            add(store, second)

    return [lambda: take("a", "b"), lambda: take("b", "a")]


def test_of_two_transactions_in_each_others_way_one_is_undone_and_told_so(store: CenterStore):
    (lost,) = at_once(*crosswise(store))
    assert isinstance(lost, TurnLost)
    assert numbers(store) == [1, 1]


def test_a_transaction_that_was_in_the_way_of_another_is_done_again(store: CenterStore):
    first, second = crosswise(store)
    assert at_once(lambda: again(first), lambda: again(second)) == []
    assert numbers(store) == [2, 2]


def test_a_turn_that_others_get_every_time_is_given_up():
    tries = []

    def never() -> None:
        tries.append(1)
        raise TurnLost

    with pytest.raises(TurnLost):
        again(never)
    assert len(tries) == 5


def test_a_wait_that_takes_too_long_ends(url: str, store: CenterStore):
    hasty = CenterStore(url + "&options=-c%20lock_timeout%3D100ms")
    with store.transaction():
        add(store, "a")
        with pytest.raises(StoreBusy):
            add(hasty, "a")
        add(hasty, "b")
    assert numbers(hasty) == [1, 1]
    hasty.close()


def test_a_statement_that_takes_too_long_ends(url: str):
    hasty = CenterStore(url + "&options=-c%20statement_timeout%3D100ms")
    with pytest.raises(StoreBusy):
        hasty.query("SELECT pg_sleep(60)")
    hasty.close()


def end_sessions(url: str) -> None:
    """What a restart of the server does to those who are connected."""
    name = url.split("/@/")[-1].split("@/")[-1].split("?")[0]
    with postgres().connect() as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )


def test_a_transaction_whose_line_breaks_is_undone_and_the_next_one_goes_on(
    url: str, store: CenterStore
):
    with pytest.raises(StoreBusy), store.transaction():
        add(store, "a")
        end_sessions(url)
        add(store, "b")
    assert numbers(store) == [0, 0]
    with pytest.raises(StoreBusy), store.transaction():
        add(store, "a")
        end_sessions(url)
    assert numbers(store) == [0, 0]
    with pytest.raises(StoreBusy), store.transaction():
        end_sessions(url)
        store.executemany(
            "INSERT INTO thing VALUES (:id, 1)", [{"id": f"m{n}"} for n in range(100)]
        )
    add(store, "a")
    assert numbers(store) == [1, 0]


def test_connections_that_died_idle_are_exchanged_unnoticed(url: str, store: CenterStore):
    assert numbers(store) == [0, 0]
    end_sessions(url)
    assert numbers(store) == [0, 0]
    end_sessions(url)
    add(store, "a")
    assert numbers(store) == [1, 0]


def test_a_server_that_is_not_there_is_told_as_such():
    away = CenterStore("postgresql+psycopg://nobody@/none?host=/nowhere")
    with pytest.raises(StoreBusy):
        away.query("SELECT 1")
    away.close()


@pytest.mark.parametrize("text", ["\0", "a\0b"])
def test_a_text_that_postgresql_cannot_keep_is_refused_as_a_row(store: CenterStore, text: str):
    with pytest.raises(RowRefused):
        store.query("SELECT * FROM thing WHERE id = :id", id=text)
    with pytest.raises(RowRefused):
        store.execute("INSERT INTO thing VALUES (:id, 1)", id=text)
    with pytest.raises(RowRefused):
        rows = [{"id": f"{n}{text}", "number": 1} for n in range(30)]
        store.executemany("INSERT INTO thing VALUES (:id, :number)", rows)
    assert numbers(store) == [0, 0]


def test_a_server_that_forgets_what_it_acknowledged_is_refused(url: str):
    careless = CenterStore(url + "&options=-c%20synchronous_commit%3Doff")
    with pytest.raises(UnfitDatabase, match="synchronous_commit = off"):
        careless.create([TABLE])
    careless.close()


def test_a_database_that_cannot_keep_every_character_is_refused():
    with postgres().connect() as admin:
        admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    latin = CenterStore(postgres().url("latin"))
    with pytest.raises(UnfitDatabase, match="server_encoding = LATIN1"):
        latin.create([TABLE])
    latin.close()


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_the_commands_of_the_center_work_on_postgresql(url: str, tmp_path: Path):
    data = ("--data", str(tmp_path / "center"))
    given = ("--center", "c.example", "--name", "市政务公开办公室", "--database", url)
    assert "is set up" in run("init", *data, *given).output
    assert run("register", *data, "T01", "--name", "公安分厅").exit_code == 0
    assert len(run("code", *data, "T01").output.strip()) == 10
    assert "records published" in run("starter", *data).output
    assert "holds" in run("verify", *data).output
    assert "entries applied anew" in run("rebuild", *data).output
    (standards,) = json.loads(run("status", "--json", *data).output)
    assert standards["size"] == standards["applied"] > 0


@pytest.mark.parametrize(
    ("database", "told"),
    [
        ("postgresql+psycopg://nobody@/none?host=/nowhere", "see that the server runs"),
        ("mysql://nobody@/none", "must begin with sqlite: or postgresql"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_sentence(
    tmp_path: Path, database: str, told: str
):
    given = ("--center", "c.example", "--name", "x", "--database", database)
    answer = run("init", "--data", str(tmp_path / "center"), *given)
    assert answer.exit_code == 1
    assert told in answer.output and "Traceback" not in answer.output


MAKE = """
import sys
from aggregator.database.store import CenterStore
from standards.cases import PROJECTIONS
from standards.records import RECORDS
from sync.storage.schema import DDL
from sync.storage.tables import Tables
store = CenterStore(sys.argv[1])
store.create([*DDL, *Tables(RECORDS, PROJECTIONS).ddl()])
"""


def test_processes_that_start_at_once_create_the_tables_once(url: str):
    words = [sys.executable, "-c", MAKE, url]
    started = [subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)]
    told = [one.communicate(timeout=60)[1] for one in started]
    assert [(one.returncode, text) for one, text in zip(started, told, strict=True)] == [
        (0, b"")
    ] * 3


# --- tables split by hall -----------------------------------------------------------------------


def test_what_halls_write_is_split_by_hall_and_what_they_are_told_by_their_orders_log():
    split = split_by(RECORDS, PROJECTIONS)
    assert split["case_received"] == split["punch"] == split["case_standing"] == "hall"
    assert split["batch"] == split["personal"] == split["finding"] == split["recheck"] == "origin"
    assert "guide_published" not in split and "hall" not in split and "web_account" not in split


def test_a_split_table_has_its_partition_key_in_its_primary_key():
    made = postgres_ddl(
        "CREATE TABLE IF NOT EXISTS finding (\"hall\" TEXT NOT NULL, \"origin\" TEXT NOT NULL, "
        "\"raw\" BLOB, PRIMARY KEY (hall, id))",
        {"finding": "origin"},
        2,
    )  # fmt: skip
    assert made == [
        'CREATE TABLE finding ("hall" TEXT COLLATE "C" NOT NULL, "origin" TEXT COLLATE "C" NOT '
        'NULL, "raw" BYTEA, PRIMARY KEY (hall, id, origin)) PARTITION BY HASH (origin)',
        "CREATE TABLE finding_p0 PARTITION OF finding FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE finding_p1 PARTITION OF finding FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    ]


def test_with_one_partition_every_table_stays_whole():
    assert postgres_ddl(TABLE, {"thing": "id"}, 1) == [
        'CREATE TABLE thing (id TEXT COLLATE "C" PRIMARY KEY, number BIGINT NOT NULL)'
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO thing VALUES (:id, :number) ON CONFLICT DO NOTHING",
        "INSERT INTO thing VALUES (:id, 0)",
        "UPDATE thing SET number = :number WHERE id = :id",
        "DELETE FROM thing WHERE id = :id",
    ],
)
def test_only_a_plain_insert_is_copied(sql: str):
    assert copy_of(sql) is None


def test_a_plain_insert_is_copied_in_the_order_of_its_columns():
    copy = copy_of('INSERT INTO thing ("number", "id") VALUES (:number, :id)')
    assert copy is not None
    assert copy.sql == 'COPY thing ("number", "id") FROM STDIN'
    assert list(copy.values([{"id": "a", "number": 1}])) == [(1, "a")]


def test_only_what_is_said_again_anyway_does_not_wait_for_the_disk(url: str):
    store = CenterStore(url)

    def mode() -> object:
        ((found,),) = store.cells("SHOW synchronous_commit")
        return found

    for _ in range(2):
        assert store.soon(mode) == "off"
        assert store.together(mode) == "on"
        with store.transaction():
            assert mode() == "on"
    store.close()


def test_each_hall_stands_in_one_partition_of_each_table(url: str):
    store = CenterStore(url, partitions=4)
    logs = log_store(store)
    pair = Pair(center=logs)
    pair.write(*(case(n) for n in range(9)))
    pair.send_all()
    used = store.query(
        "SELECT DISTINCT tableoid::regclass::text AS part FROM personal_pack UNION "
        "SELECT DISTINCT tableoid::regclass::text AS part FROM batch ORDER BY part"
    )
    places = [row["part"].rpartition("_p") for row in used]
    assert [name for name, _, _ in places] == ["batch", "personal_pack"]
    assert len({number for _, _, number in places}) == 1
    plan = store.query("EXPLAIN SELECT * FROM batch WHERE origin = 'c.example/T01/1'")
    assert "batch_p" in str(plan) and "Append" not in str(plan)
    store.close()


def test_a_start_with_another_number_of_partitions_leaves_the_tables_as_they_are(url: str):
    for partitions in (4, 8, 1):
        store = CenterStore(url, partitions)
        logs = log_store(store)
        logs.open("c.example/T01/1", "T01", own=True)
        store.close()
    assert [s.origin for s in logs.states()] == ["c.example/T01/1"]
    parts = store.query("SELECT relname FROM pg_class WHERE relname LIKE 'log!_p_' ESCAPE '!'")
    assert len(parts) == 4
    store.close()
