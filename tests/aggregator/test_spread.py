"""A center that has outgrown one database server: its large tables spread by hall over two, with
PostgreSQL's own means. One stops and comes back: halls of the other go on, nothing is lost.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.center import Center
from aggregator.database.faults import UnfitDatabase
from aggregator.database.spread import BadServer, Server
from aggregator.database.spreading import spread
from node.hall import Hall
from standards.records import Recheck
from sync.entries import new_id
from sync.errors import StoreBusy
from tests.aggregator.side_by_side import (
    Aggregator,
    Load,
    admitted_hall,
    applied_in_full,
    bring_home,
    check_everything,
    new_aggregators,
    new_center,
    wait_for,
)
from tests.postgres import Postgres

OWNER = "onehall"
# Where the hash of a hall's id puts it, with four partitions over two servers.
AT_HOME, IN_THE_EAST = ("T06", "T07"), ("T01", "T05")


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Postgres, Postgres]]:
    """Home and east, each with a role and an empty database."""
    with ExitStack() as started:
        made = []
        for port in (5432, 5433):
            server = Postgres(port)
            started.callback(server.remove)
            with server.connect() as admin:
                admin.execute(f"CREATE ROLE {OWNER} LOGIN")
                admin.execute(f"CREATE DATABASE {OWNER} OWNER {OWNER}")
            made.append(server)
        yield made[0], made[1]


@pytest.fixture
def center(servers: tuple[Postgres, Postgres], tmp_path: Path) -> Iterator[Center]:
    """A center on the server at home alone."""
    home = servers[0]
    url = f"postgresql+psycopg://{OWNER}@/{OWNER}?host={home.folder}&port={home.port}"
    made = new_center(tmp_path / "center", url)
    yield made
    made.close()


def write_plan(east: Postgres, folder: Path, *more: str) -> None:
    """What the administrator types."""
    told = f"east=host={east.folder} port={east.port} dbname={OWNER}"
    words = ["--server", told, "--partitions", "4", "--into", str(folder), *more]
    answer = CliRunner().invoke(spread, words)
    assert answer.exit_code == 0, answer.output


def carry_out(servers: tuple[Postgres, Postgres], folder: Path) -> None:
    """What the administrator runs with psql on both machines."""
    home, east = servers
    with east.connect(OWNER) as admin:
        admin.execute((folder / "1-east.sql").read_bytes())
    with home.connect(OWNER) as admin:
        admin.execute((folder / "2-home.sql").read_bytes())


def places(center: Center, table: str) -> dict[str, set[str]]:
    """Hall -> partitions in which its rows stand, of a table that names the log."""
    rows = center.db.query(f"SELECT DISTINCT tableoid::regclass::text AS part, origin FROM {table}")
    found: dict[str, set[str]] = {}
    for row in rows:
        hall = row["origin"].split("/")[1].removeprefix("orders-")
        found.setdefault(hall, set()).add(row["part"].rpartition("_p")[2])
    return found


def start(aggregators: list[Aggregator]) -> None:
    for one in aggregators:
        one.start()
    for one in aggregators:
        wait_for(one.answers, f"{one.url} answers")


def stop(aggregators: list[Aggregator]) -> None:
    for one in aggregators:
        one.end()


def applied(center: Center, hall: Hall) -> int:
    return center.logs.state(hall.origin).applied


def test_a_center_grows_onto_a_second_server_which_stops_and_comes_back(
    center: Center, servers: tuple[Postgres, Postgres], tmp_path: Path
):
    _, east = servers
    aggregators = new_aggregators(center, 2)
    with ExitStack() as opened:
        opened.callback(stop, aggregators)
        start(aggregators)
        halls = {
            name: opened.enter_context(
                admitted_hall(tmp_path / name, name, center, aggregators[0].url)
            )
            for name in (*AT_HOME, *IN_THE_EAST)
        }
        every = list(halls.values())

        with Load(center, every, aggregators).running():
            time.sleep(1.0)
        stop(aggregators)
        write_plan(east, tmp_path / "sql")
        carry_out(servers, tmp_path / "sql")

        start(aggregators)
        load = Load(center, every, aggregators)
        with load.running():
            one_server_goes_and_comes_back(center, halls, aggregators, east)
        assert load.wrong == []
        for hall in every:
            bring_home(hall, aggregators)
        wait_for(lambda: applied_in_full(center, every), "everything is applied")
        stop(aggregators)
        check_places(center)
        check_everything(center, every, tmp_path / "alone")
        check_upgrade(center, servers, tmp_path / "added")


def one_server_goes_and_comes_back(
    center: Center, halls: dict[str, Hall], aggregators: list[Aggregator], east: Postgres
) -> None:
    """Under load; meanwhile one of the processes is killed and starts again."""
    time.sleep(1.5)
    east.stop(signal.SIGQUIT)
    before = {name: applied(center, halls[name]) for name in AT_HOME}
    with pytest.raises(StoreBusy):
        applied(center, halls["T01"])
    aggregators[0].end(signal.SIGKILL)
    aggregators[0].start()
    wait_for(aggregators[0].listens, "it has started with one server away")
    wait_for(
        lambda: all(applied(center, halls[n]) > before[n] + 20 for n in AT_HOME),
        "halls of the other server go on",
    )
    east.start()
    time.sleep(1.5)


def check_upgrade(center: Center, servers: tuple[Postgres, Postgres], folder: Path) -> None:
    """A table of a new version is not made on the wrong server, but by a plan of its own."""
    home, east = servers
    with home.connect(OWNER) as admin:
        admin.execute("DROP TABLE recheck")
    with east.connect(OWNER) as admin:
        admin.execute("DROP TABLE recheck_p1, recheck_p3")
    with pytest.raises(UnfitDatabase, match="--added recheck"):
        center.logs.create()
    write_plan(east, folder, "--added", "recheck")
    carry_out(servers, folder)
    center.logs.create()
    ids = {name: new_id(1) for name in ("finding_id", "answer_id")}
    record = Recheck(for_hall="T01", result="passed", day=date(2026, 11, 2), **ids)
    center.order("T01", record, actor="C-001")
    assert places(center, "recheck") == {"T01": places(center, "log")["T01"]}


def check_places(center: Center) -> None:
    """Everything of one hall stands in the partition of one number, standards at home."""
    for table in ("log", "batch", "personal", "receipt", "case_received", "finding"):
        found = places(center, table)
        assert all(len(parts) == 1 for parts in found.values()), (table, found)
        for name, (number,) in found.items():
            in_the_east = name in IN_THE_EAST
            assert int(number) % 2 == in_the_east, (table, name)
    assert places(center, "log")["standards"] == {"0"}


@pytest.mark.parametrize(
    "told", ["east", "=host=x", "East=host=x", "east=host", "east=host=", "ea'st=host=x", "east="]
)
def test_a_server_that_is_not_named_in_full_is_refused(told: str, tmp_path: Path):
    with pytest.raises(BadServer):
        Server.parse(told)
    answer = CliRunner().invoke(spread, ["--server", told, "--into", str(tmp_path)])
    assert answer.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_an_option_of_a_server_is_quoted(tmp_path: Path):
    words = ["--server", "east=host=x' dbname=y", "--into", str(tmp_path)]
    assert CliRunner().invoke(spread, words).exit_code == 0
    assert "host 'x''', dbname 'y'" in (tmp_path / "2-home.sql").read_text("utf-8")


@pytest.mark.parametrize(
    "more",
    [
        ("--server", "east=host=y"),
        ("--owner", "one hall"),
        ("--added", "punsh"),
        ("--server", "west=host=y", "--partitions", "2"),
    ],
)
def test_a_plan_that_cannot_work_is_not_written(more: tuple[str, ...], tmp_path: Path):
    answer = CliRunner().invoke(spread, ["--server", "east=host=x", *more, "--into", str(tmp_path)])
    assert answer.exit_code == 1
    assert list(tmp_path.iterdir()) == []
