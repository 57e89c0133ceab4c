"""The center says how it and its halls are: figures, and an applying worker that hangs."""

from __future__ import annotations

import threading
from datetime import date

from aggregator.intake import Worker
from standards.records import CaseReceived
from tests.aggregator.intake_desk import LEAVES, Desk
from tests.aggregator.office import Office
from tests.web.test_metrics import figures
from web.watchdog import Watchdog

CASE = CaseReceived(
    case_no="T01-1",
    item="GA001",
    guide_version=1,
    received_on=date(2026, 11, 24),
    applicant_name="欧阳测试",
    paper_no="11010519491231002X",
    mobile="13812345678",
)


def read(office: Office) -> tuple[dict, str]:
    text = office.app.test_client().get("/metrics", base_url="http://localhost").text
    return figures(text), text


def test_each_hall_has_its_figures_and_nobody_is_named(office: Office):
    office.hall_writes("T01", CASE)
    found, text = read(office)
    assert found["onehall_hall_received", (("hall", "T01"),)] == 1
    assert found["onehall_hall_applied", (("hall", "T01"),)] == 1
    assert found["onehall_hall_quarantined", (("hall", "T01"),)] == 0
    assert found["onehall_sources_failed", ()] == 0
    assert found["onehall_disk_free_bytes", ()] > 0
    for personal in (CASE.applicant_name, CASE.paper_no, CASE.mobile, "分厅"):
        assert personal not in text


def test_batches_their_bytes_and_refusals_are_counted(desk: Desk):
    hall = desk.halls["T01"]
    raw = desk.packed(hall, 0, 5)
    assert desk.push(raw).status_code == 200
    assert desk.push(raw).status_code == 200
    assert desk.push(desk.packed(hall, 9, 12)).status_code == 409
    found = figures(desk.app.test_client().get("/metrics", base_url="http://localhost").text)
    label = (("hall", "T01"),)
    assert found["onehall_batches_total", label] == 1, "a replay is no second batch"
    assert found["onehall_batch_bytes_total", label] >= sum(map(len, LEAVES[:5]))
    assert found["onehall_hall_received", label] == 5
    assert found["onehall_refusals_total", (("rule", "gap"),)] == 1
    assert found["onehall_sources_failed", ()] == 0


def test_an_applying_worker_that_hangs_is_said_and_one_that_gets_on_is_not(office: Office):
    held, hangs, let_go = office.center, threading.Event(), threading.Event()
    worker = Worker(held)

    def turn() -> None:
        hangs.set()
        let_go.wait()

    worker._turn = turn  # type: ignore[method-assign]
    dog = Watchdog({"applying": worker.heart.overdue})
    worker.start()
    assert hangs.wait(60)
    dog.look()
    assert dog.health()[0] and worker.alive() == (True, "applying")
    worker.heart._monotonic = lambda: 10.0**9  # as if a minute had passed
    dog.look()
    assert dog.health() == (False, "applying: stuck in applying")
    assert worker.alive() == (False, "stuck in applying")
    let_go.set()
    worker.stop()
