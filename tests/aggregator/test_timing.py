"""A decision that is dated outside what the center itself saw is shown as disputed (T21)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from aggregator.app import create_app
from aggregator.receiving.apply import apply_all
from aggregator.reconciling import timing
from node.hall import Hall
from node.outbox.syncing import contact
from standards.records import CaseStep
from sync.evidence.timing import Bounds
from tests.aggregator.office import Hands, Office
from tests.independent.center import Listening, office
from tests.node.contacts import clock_off, hall, line_of
from tests.sync.pairs import case

__all__ = ["hall", "office"]


def decided(hall: Hall, day: date) -> None:
    entry = hall.write(case(1), actor="T01-001")
    for step in ("accepted", "decided"):
        outcome = "granted" if step == "decided" else ""
        record = CaseStep(case_id=entry.leaf.id, step=step, day=day, outcome=outcome)
        hall.write(record, actor="T01-002")


def disputed(office: Listening) -> dict[str, Bounds]:
    apply_all(office.center)
    rows = office.center.db.query("SELECT * FROM case_step WHERE step = 'decided'")
    return timing.disputed(office.center, rows)


def test_a_decision_of_today_is_not_disputed_however_late_it_arrives(hall: Hall, office: Listening):
    with clock_off(hall, timedelta(days=-9)):
        decided(hall, hall.clock.today())
    contact(hall, line_of(hall, office.url))
    assert disputed(office) == {}
    decided(hall, hall.clock.today())
    contact(hall, line_of(hall, office.url))
    assert disputed(office) == {}


def test_a_decision_dated_before_what_was_received_already_is_disputed(
    hall: Hall, office: Listening
):
    decided(hall, hall.clock.today())
    contact(hall, line_of(hall, office.url))
    with clock_off(hall, timedelta(days=-3)):
        decided(hall, hall.clock.today())
    contact(hall, line_of(hall, office.url))
    (bounds,) = disputed(office).values()
    assert bounds.after is not None and bounds.before is not None
    hands = Hands(moment=office.center.clock.now())
    pages = Office(office.center, create_app(office.center), hands)
    rows = office.center.db.query("SELECT case_id FROM case_step ORDER BY idx DESC LIMIT 1")
    shown = pages.person("ducha").text(f"/cases/T01/{rows[0]['case_id']}")
    assert shown.count("时间存疑") == 2, "it was accepted on that day, too"


def test_a_decision_dated_after_its_own_receipt_is_disputed(hall: Hall, office: Listening):
    with clock_off(hall, timedelta(days=40)):
        decided(hall, hall.clock.today())
    contact(hall, line_of(hall, office.url))
    assert len(disputed(office)) == 1


NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "allowed"), [(22, False), (23, True), (24, True), (25, False), (1, False)]
)
def test_a_day_is_allowed_between_its_bounds(day: int, allowed: bool):
    bounds = Bounds(NOW - timedelta(days=1), NOW)
    assert bounds.allow(date(2026, 11, day)) is allowed
    assert Bounds().allow(date(2026, 11, day))
