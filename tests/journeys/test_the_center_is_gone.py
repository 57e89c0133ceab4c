"""With the center dead or the line cut the halls do all of theirs, and catch up when it is back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy import casework, sign_ins
from deploy.browser import Person
from deploy.casework import Taken
from tests.journeys.town import Town, doubled, somebody

PIN = "840275"


@contextmanager
def center_killed(town: Town) -> Iterator[None]:
    """The center's process dies at once, as in a power cut, and is started again."""
    town.demo.stop_process("center", signal.SIGKILL)
    try:
        yield
    finally:
        town.restart("center")


@contextmanager
def both_cables_pulled(town: Town) -> Iterator[None]:
    with town.pulled(town.first), town.pulled(town.second):
        yield


@pytest.mark.parametrize("without", [center_killed, both_cables_pulled])
def test_intake_decision_and_punch_go_on_without_the_center_and_arrive_when_it_is_back(
    town: Town, without
):
    clerks = [town.at_hall("chuangkou", plan) for plan in town.demo.halls]
    kiosk, staff_no = a_colleague_with_pin(town, without.__name__)
    for clerk in clerks:
        casework.wait_for_receipt(clerk)
    with without(town):
        taken = a_day_at_the_window(town, clerks)
        told = sign_ins.punch(kiosk, [], staff_no, PIN)
        assert told["status"] == "stored"
        for clerk in clerks:
            assert_outbox_tells_the_truth(clerk)
    reconciler = town.at_center("duizhang")
    for clerk in clerks:
        sizes = casework.wait_for_receipt(clerk)
        assert sizes.receipted == sizes.local
    assert_everything_arrived(town, reconciler, taken)
    casework.until(
        "the punch at the center", lambda: casework.punches_at_center(reconciler, staff_no) == 1
    )


def a_colleague_with_pin(town: Town, name: str):
    supervisor = town.at_hall("dudao")
    staff_no = f"T01-{'K' if name == 'center_killed' else 'C'}01"
    sign_ins.add_member(supervisor, staff_no, "口令测试", {"department": "公安局"})
    sign_ins.set_pin(supervisor, staff_no, PIN)
    return town.kiosk(), staff_no


def a_day_at_the_window(town: Town, clerks: list[Person]) -> list[tuple[str, Taken]]:
    """Three cases at each hall, one of them notified, one decided."""
    taken = []
    for plan, clerk in zip(town.demo.halls, clerks, strict=True):
        cases = [
            casework.take_in(clerk, somebody(item="GA001")),
            casework.take_in(clerk, somebody(item="GA005", wish="notify")),
            casework.take_in(clerk, somebody(item="BD003", wish="receive")),
        ]
        decided = casework.decide(town.at_hall("shenpi", plan), cases[0], "denied")
        assert "审批决定" in decided.words
        taken += [(plan.hall, case) for case in cases]
    return taken


def assert_outbox_tells_the_truth(clerk: Person) -> None:
    sizes = casework.outbox(clerk)
    assert sizes.local > sizes.receipted
    page = clerk.open("/outbox")
    assert f"待上报 {sizes.local - sizes.receipted}" in page.words
    now = next(form for form in page.forms if form.action.endswith("/outbox/now"))
    clerk.submit(page, now, {})
    words = casework.until(
        "the outbox to say so",
        lambda: words if "连不上中心" in (words := clerk.open("/outbox").words) else None,
    )
    assert "本厅业务不受影响" in words


def assert_everything_arrived(
    town: Town, reconciler: Person, taken: list[tuple[str, Taken]]
) -> None:
    for hall, case in taken:
        assert case.case_no in casework.arrived(reconciler, hall, case).words
    numbers = [row["case_no"] for row in town.rows("center", "SELECT case_no FROM case_received")]
    assert doubled(numbers) == []
    for plan in town.demo.halls:
        ours = town.rows(plan.hall, "SELECT id FROM case_received WHERE hall = :h", h=plan.hall)
        theirs = town.rows("center", "SELECT id FROM case_received WHERE hall = :h", h=plan.hall)
        assert {row["id"] for row in ours} == {row["id"] for row in theirs}
    assert town.rows("center", "SELECT * FROM quarantine") == []
