"""Real processes ended at every point of files, sticks, backups, upgrades, erasures and epochs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.failpoints.machines import Machines
from tests.failpoints.points import beside_the_exchange
from tests.failpoints.promises import check_at_once
from tests.failpoints.work import Work
from tests.failpoints.works import WORKS


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    made = Machines(tmp_path_factory.mktemp("machines"))
    made.start_center()
    yield made
    made.close()


def test_every_point_beside_the_exchange_is_met_by_some_work():
    met = [point for work in WORKS for point in work.points]
    assert set(beside_the_exchange()) - set(met) == set(), "never met"
    assert set(met) - set(beside_the_exchange()) == set(), "no such point"


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_a_process_may_end_at_each_of_its_points_and_starts_over_what_is_left(
    machines: Machines, work: Work
):
    work.prepare(machines)
    for point in (*work.points, ""):
        assert work.run(machines, point) == bool(point), (point, machines.told.log.read_text())
        work.check(machines)
    work.finish(machines)
    assert machines.synced()["error_code"] == ""
    machines.rest()
    check_at_once(machines)
