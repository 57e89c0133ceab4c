"""A hall's machine says how it is: figures, and workers that hang while it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

from attendance.engine import EngineSettings, FaceEngine
from node.files.filing import Filing
from node.hall import Hall, HallSettings
from node.home import WORKERS
from node.outbox.syncing import Syncing
from node.serving import address, staff_app
from standards.guides import Guide
from tests.node.hall import Browser, take_in
from tests.node.test_serving import engine_is, running, settings
from tests.served import eventually, get
from tests.web.test_metrics import figures
from web.watchdog import Watchdog

__all__ = ["running", "settings"]


def scraped(port: int) -> dict[str, float]:
    """Figures without labels, by name."""
    found = figures(get(port, "/metrics").text)
    return {name: value for (name, labels), value in found.items() if not labels}


def test_a_hall_tells_its_figures_of_both_listeners_and_of_its_workers(
    settings: HallSettings, running: subprocess.Popen[bytes]
):
    staff, terminals = address(settings.listen)[1], address(settings.terminal_listen)[1]
    assert eventually(lambda: engine_is(True, staff))
    get(terminals, "/kiosk")
    found = figures(get(staff, "/metrics").text)
    plain = {name: value for (name, labels), value in found.items() if not labels}
    assert plain["onehall_face_engine_up"] == 1
    assert plain["onehall_sources_failed"] == 0
    assert plain["onehall_disk_free_bytes"] > 0
    assert plain["onehall_database_writable"] == 1
    assert found["onehall_sync_state", (("state", "unenrolled"),)] == 1
    assert {dict(labels).get("listener") for _, labels in found} >= {"staff", "terminals"}
    stuck = {
        dict(labels)["worker"]: v for (n, labels), v in found.items() if n == "onehall_worker_stuck"
    }
    assert stuck == dict.fromkeys(WORKERS, 0)
    assert get(terminals, "/healthz").status_code == 200


def test_a_stopped_face_engine_is_found_without_anybody_at_the_terminal_and_replaced():
    with FaceEngine(EngineSettings(timeout=0.5)) as engine:
        assert engine.ready.wait(60)
        first = engine.pid
        assert first is not None and engine.probe() == ""
        os.kill(first, signal.SIGSTOP)
        assert "hung" in engine.probe()
        assert eventually(lambda: engine.alive and engine.pid != first)
        assert engine.probe() == ""


def test_a_killed_face_engine_comes_back_and_the_watchdog_has_nothing_to_say():
    with FaceEngine() as engine:
        assert engine.ready.wait(60)
        first = engine.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: engine.alive and engine.pid != first)
        assert engine.probe() == ""


def test_figures_follow_what_the_hall_writes(hall: Hall, window: Browser, guide: Guide):
    take_in(window, guide)
    shown = figures(window.get("/metrics").text)
    assert shown["onehall_log_entries", ()] == hall.state().size > 0
    assert shown["onehall_log_unsent", ()] == hall.state().size
    assert shown["onehall_log_receipted", ()] == 0


def test_a_sync_thread_that_hangs_is_said_on_every_page_and_by_healthz(hall: Hall):
    """Failure 33: a worker hangs while the page says that all is well."""
    hangs, let_go = threading.Event(), threading.Event()

    def chore() -> None:
        hangs.set()
        let_go.wait()

    syncing = Syncing(hall, chores=[chore])
    dog = Watchdog({"sync": syncing.heart.overdue})
    with FaceEngine() as engine:
        app = staff_app(hall, engine, syncing, Filing(hall, syncing))
        app.extensions["watchdog"] = dog
        app.health.register("workers", dog.health)
        browser = Browser(app.test_client()).sign_in("li")
        syncing.start()
        assert hangs.wait(60)
        dog.look()
        assert "卡住" not in browser.get("/").text
        syncing.heart._monotonic = lambda: 10.0**9  # as if five minutes had passed
        dog.look()
        page = browser.get("/").text
        told = browser.get("/healthz")
    let_go.set()
    syncing.stop()
    assert "上报程序卡住了" in page
    assert told.status_code == 503
    assert told.json is not None
    checks = told.json["checks"]
    assert checks["workers"]["reason"] == "sync: stuck in work after a contact"
    assert checks["sync"] == {"ok": False, "reason": "stuck in work after a contact"}


def test_a_kept_writing_turn_is_noticed_without_waiting_for_it(hall: Hall):
    held, let_go = threading.Event(), threading.Event()

    def keep() -> None:
        with hall.db.transaction():
            held.set()
            let_go.wait()

    keeper = threading.Thread(target=keep)
    keeper.start()
    held.wait()
    assert not hall.db.is_writable_within(0.01)
    let_go.set()
    keeper.join()
    assert hall.db.is_writable_within(30)
