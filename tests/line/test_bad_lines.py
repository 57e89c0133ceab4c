"""Real processes over lines that cut, stall, alter, drag, or answer in the center's place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from tests.failpoints.machines import OWN, Machines, machines
from tests.failpoints.promises import check_at_once, check_at_the_end
from tests.line.proxy import DOWN, DRAWN, UP, Fault, FaultProxy

__all__ = ["machines"]

SEED, CONTACTS = 20261125, 30


@pytest.fixture
def proxy(machines: Machines) -> Iterator[FaultProxy]:
    """The line, which the hall of ``machines`` now takes."""
    made = FaultProxy(machines.port)
    machines.hall_settings(center_url=made.url)
    yield made
    made.close()


def standing(machines: Machines) -> tuple[int, int]:
    """How far the hall has a receipt, and how far the center holds its log."""
    (mark,) = machines.rows("hall", "SELECT mark FROM log WHERE origin = :own", own=OWN)[0]
    (held,) = machines.rows("center", "SELECT size FROM log WHERE origin = :own", own=OWN)[0]
    return mark, held


def in_step(machines: Machines) -> None:
    """The line is well again: two contacts bring all into step."""
    machines.work(newer=False)
    for _ in range(2):
        assert machines.synced()["error_code"] == ""
        machines.rest()
    check_at_the_end(machines)


def test_whatever_the_line_does_nothing_is_lost_or_doubled_and_no_mark_is_ahead(
    machines: Machines, proxy: FaultProxy
):
    chance, unanswered, said = Random(SEED), 0, Counter[str]()
    for number in range(CONTACTS):
        machines.work(newer=False)
        proxy.renewed(fault := Fault.drawn(chance))
        said[machines.synced()["error_code"]] += 1
        proxy.let_go()
        machines.rest()
        check_at_once(machines)
        mark, held = standing(machines)
        assert mark <= held, (SEED, number, fault)
        # What is kept without its receipt having come through is what a replay must not double.
        unanswered += mark < held
    assert {fault.kind for fault in proxy.met} == set(DRAWN)
    assert {fault.way for fault in proxy.met if fault.kind in ("cut", "flip")} == {UP, DOWN}
    assert unanswered > 0 and said["unreachable"] and said["not_ours"]
    proxy.renewed(Fault("none"))
    in_step(machines)


@pytest.mark.parametrize("kind", ["page", "redirect"])
def test_a_captive_portal_is_told_from_the_center_and_nothing_counts_as_sent(
    machines: Machines, proxy: FaultProxy, kind: str
):
    before = standing(machines)
    proxy.renewed(Fault(kind))
    status = machines.synced()
    assert (status["state"], status["error_code"]) == ("refused", "not_ours")
    assert standing(machines) == before
    assert len(proxy.met) == 1, "a redirect was followed"
    proxy.let_go()
    proxy.renewed(Fault("none"))
    in_step(machines)


def test_a_half_open_connection_is_given_up_and_a_round_trip_of_a_second_is_borne(
    machines: Machines, proxy: FaultProxy
):
    proxy.renewed(Fault("silent"))
    assert machines.synced()["error_code"] == "unreachable"
    proxy.let_go()
    proxy.renewed(Fault("delay", DOWN))
    status = machines.synced()
    assert (status["error_code"], proxy.met[-1].kind) == ("", "delay")
    assert status["sent"] > 0
    proxy.renewed(Fault("none"))
    in_step(machines)


def test_a_name_that_is_gone_from_the_name_service_is_an_unreachable_center(machines: Machines):
    machines.hall_settings(center_url="http://center.invalid:8700")
    status = machines.synced()
    assert (status["state"], status["error_code"]) == ("offline", "unreachable")
    machines.hall_settings(center_url=machines.url)
    in_step(machines)
