"""While the line is stalled in the middle of a batch, the window answers as ever."""

from __future__ import annotations

from contextlib import closing

import requests

from deploy.applications import Application
from deploy.browser import Person
from deploy.casework import take_in, until
from tests.failpoints.machines import OWN, Machines, machines
from tests.journeys.town import free_ports
from tests.line.proxy import Fault, FaultProxy
from tests.node.hall import PASSWORD
from tests.releases.content import GUIDES

__all__ = ["machines"]

CASES = 5


def mark_of(machines: Machines) -> int:
    return int(machines.rows("hall", "SELECT mark FROM log WHERE origin = :o", o=OWN)[0][0])


def test_cases_are_taken_in_while_a_contact_hangs_in_the_middle_of_a_batch(machines: Machines):
    with closing(FaultProxy(machines.port)) as proxy:
        # Behind the round's request and in the middle of what follows.
        proxy.renewed(Fault("stall", after=2_400))
        port = free_ports()
        machines.hall_settings(
            center_url=proxy.url,
            sync_seconds=1,
            listen=f"127.0.0.1:{port}",
            terminal_listen=f"127.0.0.1:{port + 1}",
        )
        with machines.hall_serves(f"http://127.0.0.1:{port}", patience_s=600.0):
            assert proxy.stalled.wait(60), "no contact came that far"
            before = mark_of(machines)
            clerk = Person(f"http://127.0.0.1:{port}")
            clerk.sign_in("li", PASSWORD)
            taken = [
                take_in(clerk, Application(item=GUIDES[0].item, name=f"排队{n}", serial=n,
                                           born="19900101"))
                for n in range(CASES)
            ]  # fmt: skip
            assert len({one.case_id for one in taken}) == CASES
            # All of it happened while that one request was hanging.
            assert proxy.stalled.is_set() and mark_of(machines) == before
            assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=30).ok
            proxy.renewed(Fault("none"))
            proxy.let_go()
            until("the backlog", lambda: mark_of(machines) >= before + 2 * CASES, 60)
