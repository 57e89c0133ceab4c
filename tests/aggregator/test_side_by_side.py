"""Several aggregators work on one database at once and die at any moment: nothing is lost, nothing
is done twice, and no receipt is given for what does not stand (F2, F12).
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aggregator.center import Center
from node.hall import Hall
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
from tests.postgres import postgres

HALLS = ("T01", "T02", "T03")
ACCIDENTS = 7


@pytest.fixture
def center(tmp_path: Path) -> Iterator[Center]:
    made = new_center(tmp_path / "center", postgres().database_of(tmp_path))
    yield made
    made.close()


@pytest.fixture
def aggregators(center: Center) -> Iterator[list[Aggregator]]:
    made = new_aggregators(center, 3)
    for one in made:
        one.start()
    for one in made:
        wait_for(one.answers, f"{one.url} answers")
    yield made
    for one in made:
        one.end()


@pytest.fixture
def halls(center: Center, aggregators: list[Aggregator], tmp_path: Path) -> Iterator[list[Hall]]:
    with ExitStack() as opened:
        yield [
            opened.enter_context(admitted_hall(tmp_path / name, name, center, aggregators[0].url))
            for name in HALLS
        ]


def cut_a_session(center: Center) -> None:
    """Cut one of the sessions that are in the middle of a transaction."""
    with postgres().connect() as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s "
            "AND xact_start IS NOT NULL ORDER BY random() LIMIT 1",
            [center.settings.database.split("@/")[1].split("?")[0]],
        )


def test_processes_killed_at_random_lose_nothing_and_do_nothing_twice(
    center: Center, aggregators: list[Aggregator], halls: list[Hall], tmp_path: Path
):
    load = Load(center, halls, aggregators)
    with load.running():
        for number in range(ACCIDENTS):
            for _ in range(random.randint(10, 30)):
                time.sleep(0.03)
                cut_a_session(center)
            victims = random.sample(aggregators, 1 + number % 2)
            for one in victims:
                one.end(signal.SIGKILL)
            for one in victims:
                one.start()
    assert load.wrong == []
    for one in aggregators:
        wait_for(one.answers, f"{one.url} answers")
    for hall in halls:
        bring_home(hall, aggregators)
    wait_for(lambda: applied_in_full(center, halls), "everything is applied")
    for one in aggregators:
        one.end()
    check_everything(center, halls, tmp_path / "alone")


def test_a_database_that_crashes_under_load_has_kept_what_it_acknowledged(
    center: Center, aggregators: list[Aggregator], halls: list[Hall], tmp_path: Path
):
    """The server dies with every process at work and comes back; nobody starts anything anew."""
    load = Load(center, halls, aggregators)
    with load.running():
        time.sleep(3.0)
        postgres().stop(signal.SIGQUIT)
    postgres().start()
    for hall in halls:
        load.check_receipts(hall)
    assert load.wrong == []
    for hall in halls:
        bring_home(hall, aggregators)
    wait_for(lambda: applied_in_full(center, halls), "everything is applied")
    check_everything(center, halls, tmp_path / "alone")
