"""The center says how it and its halls are: figures, and an applying worker that hangs."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

from aggregator.halls import latency
from aggregator.receiving.apply import apply_all
from aggregator.receiving.intake import Worker
from aggregator.receiving.rounds import take_batch
from standards.records import CaseReceived
from sync.contact.sending import next_batch
from tests.aggregator.intake_desk import LEAVES, NAME, Desk
from tests.aggregator.office import Office
from tests.simulation.disk import Disk
from tests.sync.pairs import case
from tests.sync.stores import log_store
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


def test_the_time_to_receipt_and_to_applied_is_told_for_each_hall(desk: Desk):
    origin, written = f"{NAME}/T01/1", log_store(Disk())
    written.open(origin, "T01", own=True)
    for start in (0, 1):
        written.write(origin, case(start), actor="T01-001")
        signer, to = desk.halls["T01"].signer, desk.center.sealing.public
        raw = next_batch(written, origin, start, signer, to)
        assert raw is not None
        take_batch(desk.center, ("T01", "1"), raw)
    apply_all(desk.center)
    found = figures(desk.app.test_client().get("/metrics", base_url="http://localhost").text)
    label = (("hall", "T01"),)
    (told,) = latency.every(desk.center).values()
    assert found["onehall_hall_timed_entries_total", label] == told.entries == 2
    assert 0 <= told.last_receipt_s <= told.last_applied_s
    assert found["onehall_hall_to_applied_seconds", label] == told.last_applied_s
    assert told.receipt_s >= told.last_receipt_s and told.applied_s >= told.last_applied_s


def test_the_pages_of_halls_show_how_long_the_newest_entry_took(office: Office):
    office.center.db.execute(
        "INSERT INTO hall_latency VALUES ('T01', 4, 8000, 9000, 1500, 90000, '')"
    )
    reader = office.person("duizhang")
    assert "1.5秒" in reader.text("/halls")
    page = reader.text("/halls/T01")
    assert "最新 1.5秒，平均 2.0秒" in page and "最新 2分，平均 2.2秒" in page


def test_times_are_set_right_by_the_clock_of_the_last_contact_and_never_below_nothing():
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def after(seconds: float) -> datetime:
        return noon + timedelta(seconds=seconds)

    written = [(0, after(0)), (1, after(5)), (4, after(-2))]
    arrivals = [latency.Arrival(0, 1, after(1)), latency.Arrival(1, 9, after(4.5))]
    skew = timedelta(seconds=1)
    assert latency.measured(written, arrivals, after(6), skew) == [
        (2000, 7000),
        (500, 2000),
        (7500, 9000),
    ]
    fast = latency.measured(written[:1], arrivals, after(6), -timedelta(hours=1))
    assert fast == [(0, 0)]
    assert latency.measured([(9, noon)], arrivals, noon, skew) == []


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
