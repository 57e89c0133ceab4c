"""A hall sees itself what a clock that jumped means for its own entries (T21)."""

from __future__ import annotations

from datetime import date, timedelta

from node.app import create_app
from node.cases.casebook import StepTaken, case_file
from node.hall import Hall
from standards.records import CaseStep
from tests.independent.center import Listening, office
from tests.node.contacts import clock_off, hall, meet
from tests.node.hall import Browser
from tests.simulation.machines import guide_published
from tests.sync.pairs import case

__all__ = ["hall", "office"]


def accepted(hall: Hall, day: date, step: str = "accepted") -> str:
    entry = hall.write(case(1), actor="T01-001")
    hall.write(CaseStep(case_id=entry.leaf.id, step=step, day=day), actor="T01-001")
    return entry.leaf.id


def step_of(hall: Hall, case_id: str) -> StepTaken:
    found = case_file(hall, case_id)
    assert found is not None
    return found.steps[-1]


def test_what_was_written_while_the_clock_was_behind_is_in_doubt_at_once(
    hall: Hall, office: Listening
):
    right = accepted(hall, hall.clock.today())
    meet(hall, office)
    with clock_off(hall, timedelta(days=-3)):
        wrong = accepted(hall, hall.clock.today())
        lapsed = accepted(hall, hall.clock.today(), "deemed_accepted")
    seen = step_of(hall, wrong).doubt
    assert seen is not None and seen.after is not None and seen.before is None
    assert step_of(hall, right).doubt is None and step_of(hall, lapsed).doubt is None
    meet(hall, office)
    seen = step_of(hall, wrong).doubt
    assert seen is not None and seen.before is not None
    clerk = Browser(create_app(hall).test_client()).sign_in("li")
    assert "时间存疑" in clerk.get(f"/cases/{wrong}").text
    assert "时间存疑" not in clerk.get(f"/cases/{right}").text


def test_what_was_written_while_the_clock_was_ahead_is_in_doubt_from_its_receipt_on(
    hall: Hall, office: Listening
):
    with clock_off(hall, timedelta(days=3 * 365)):
        wrong = accepted(hall, hall.clock.today())
        assert step_of(hall, wrong).doubt is None, "nobody else saw it yet"
    meet(hall, office)
    assert step_of(hall, wrong).doubt is not None


def test_a_time_that_no_receipt_proved_right_puts_nothing_in_doubt(hall: Hall, office: Listening):
    with clock_off(hall, timedelta(days=40)):
        accepted(hall, hall.clock.today())
    meet(hall, office)
    today = accepted(hall, hall.clock.today())
    assert step_of(hall, today).doubt is None
    meet(hall, office)
    assert step_of(hall, today).doubt is None


def test_whoever_knew_a_standard_wrote_after_it_was_published(hall: Hall, office: Listening):
    office.center.publish(guide_published(1, office.center.clock.today()), actor="C-1")
    meet(hall, office)
    with clock_off(hall, timedelta(days=-20)):
        early = accepted(hall, hall.clock.today())
    seen = step_of(hall, early).doubt
    assert seen is not None and seen.after is not None
