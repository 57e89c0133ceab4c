"""Real processes on machines whose clock is years ahead, a day behind, or back at 1970."""

from __future__ import annotations

import json
import time

import pytest

from aggregator.app import create_app as center_app
from node.app import create_app as hall_app
from node.cases import casebook
from tests.aggregator.office import Hands, Office
from tests.failpoints.machines import OWN, Machines, machines
from tests.failpoints.promises import check_at_once, check_at_the_end
from tests.node.hall import Browser, take_in
from tests.releases.content import GUIDES

__all__ = ["machines"]

DAY = 86_400.0
# One hour after the epoch: a machine whose battery is dead.
CLOCKS = {"right": 0.0, "three years on": 3 * 365 * DAY, "a day back": -DAY, "1970": None}


def off(name: str) -> float:
    seconds = CLOCKS[name]
    return 3_600.0 - time.time() if seconds is None else seconds


def a_case_at_the_window(machines: Machines) -> tuple[str, bool]:
    """Take a case in at the page; its id, and whether its due date is marked as provisional."""
    with machines.hall() as hall:
        case_id = take_in(Browser(hall_app(hall).test_client()).sign_in("li"), GUIDES[0])
        file = casebook.standing_of(hall, case_id)
        assert file is not None and file.legal_due is not None
        return case_id, file.provisional


def skew_at_the_center(machines: Machines) -> int:
    rows = machines.rows("center", "SELECT clock_skew_s FROM hall_contact WHERE hall = 'T01'")
    return int(rows[0][0])


def test_a_hall_with_a_wrong_clock_is_told_flagged_and_never_refused(machines: Machines):
    cases, flagged = [], {}
    for name in (*CLOCKS, "right"):
        machines.clocks_off_s["node"] = off(name)
        case_id, flagged[name] = a_case_at_the_window(machines)
        cases.append(case_id)
        status = machines.synced()
        assert (status["error_code"], status["sent"] > 0) == ("", True), (name, status)
        machines.rest()
        check_at_once(machines)
        for skew in (skew_at_the_center(machines), status["center_clock_skew_s"]):
            assert abs(skew - off(name)) < 300, name
        shown = "时钟" in signs(machines)
        assert shown is (name != "right"), name
    # No official calendar reaches that far: the dates are marked, and reckoned anew with one.
    assert flagged == {"right": False, "three years on": True, "a day back": False, "1970": True}
    leaves = [json.loads(row[0]) for row in machines.rows("hall", BY_INDEX, own=OWN)]
    written = [leaf["id"] for leaf in leaves if leaf["kind"] == "case_received"][-len(cases) :]
    assert written == cases, "the order is that of the log"
    stamps = [leaf["at"] for leaf in leaves]
    assert stamps != sorted(stamps), "no clock was wrong"
    machines.work(newer=False)
    for _ in range(2):
        assert machines.synced()["error_code"] == ""
        machines.rest()
    check_at_the_end(machines)


BY_INDEX = "SELECT leaf FROM entry WHERE origin = :own ORDER BY idx"


def signs(machines: Machines) -> str:
    """What the center's page of halls says beside this hall."""
    with machines.center() as center:
        page = Office(center, center_app(center), Hands()).person("duizhang").text("/halls")
    return page.split("公安分厅<")[1].split("</tr>")[0]


@pytest.mark.parametrize("name", [name for name in CLOCKS if name != "right"])
def test_a_center_with_a_wrong_clock_still_takes_receipts_and_is_believed(
    machines: Machines, name: str
):
    machines.stop_center()
    machines.clocks_off_s["aggregator"] = off(name)
    machines.work(newer=False)
    machines.start_center()
    for _ in range(2):
        status = machines.synced()
        assert status["error_code"] == ""
        machines.rest()
    assert abs(status["center_clock_skew_s"] + off(name)) < 300
    machines.stop_center()
    machines.clocks_off_s["aggregator"] = 0.0
    machines.start_center()
    machines.work(newer=False)
    for _ in range(2):
        assert machines.synced()["error_code"] == ""
        machines.rest()
    check_at_the_end(machines)
