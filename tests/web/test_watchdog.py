"""Workers that hang are found and said; a program that cannot be mended from inside ends."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from web.watchdog import ENDED_S, LOOK_S, STUCK_S, Heart, Turn, Watchdog, tell_systemd

ROOT = Path(__file__).resolve().parents[2]


class Hand:
    """A monotonic clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_what_hangs_is_said_within_a_minute():
    assert STUCK_S + 2 * LOOK_S <= 60


def test_a_step_without_a_sign_of_life_is_overdue_and_a_beat_gives_it_time_anew(hand: Hand):
    heart = Heart(hand)
    with heart.step("a contact"):
        hand.now = STUCK_S
        assert heart.overdue() == ""
        hand.now += 1
        assert heart.overdue() == "stuck in a contact"
        heart.beat()
        assert heart.overdue() == ""
    hand.now += 10 * STUCK_S
    assert heart.overdue() == "", "a worker that rests does not hang"


def test_a_longer_step_inside_another_counts_by_its_own_time(hand: Hand):
    heart = Heart(hand)
    with heart.step("a contact", 10):
        with heart.step("a comparison", 100):
            hand.now = 99
            assert heart.overdue() == ""
            hand.now = 101
            assert heart.overdue() == "stuck in a comparison"
        assert heart.overdue() == "", "the outer step has its whole time again"
        hand.now += 11
        assert heart.overdue() == "stuck in a contact"


def test_a_worker_that_hangs_is_said_until_it_gets_on(hand: Hand):
    heart = Heart(hand)
    dog = Watchdog({"sync": heart.overdue}, monotonic=hand)
    with heart.step("a contact"):
        hand.now = STUCK_S + 1
        dog.look()
        assert dog.health() == (False, "sync: stuck in a contact")
        assert dog.stuck() == {"sync": "stuck in a contact"}
        heart.beat()
        dog.look()
    assert dog.health() == (True, "no worker hangs")


def test_the_program_ends_only_when_a_worker_hangs_for_long(hand: Hand):
    ended: list[float] = []
    heart = Heart(hand)
    dog = Watchdog({"sync": heart.overdue}, monotonic=hand, end=lambda: ended.append(hand.now))
    with heart.step("a contact"):
        hand.now = first = STUCK_S + 1
        dog.look()
        hand.now = first + ENDED_S
        dog.look()
        assert ended == []
        hand.now += 1
        dog.look()
    assert ended == [first + ENDED_S + 1]


def test_a_program_that_was_stopped_and_goes_on_is_not_ended_for_the_time_it_slept(hand: Hand):
    ended: list[float] = []
    heart = Heart(hand)
    dog = Watchdog({"sync": heart.overdue}, monotonic=hand, end=lambda: ended.append(hand.now))
    with heart.step("a contact"):
        hand.now = 100 * ENDED_S
        dog.look()
        heart.beat()
        dog.look()
    assert ended == []


def test_a_probe_that_breaks_is_said_as_a_worker_that_hangs(hand: Hand):
    def broken() -> str:
        raise KeyError("13800138000")

    dog = Watchdog({"faces": broken}, monotonic=hand)
    dog.look()
    assert dog.health() == (False, "faces: cannot be asked (KeyError)")


def test_who_keeps_the_writers_turn_for_too_long_is_found(hand: Hand):
    lock = threading.Lock()

    def is_free() -> bool:
        return not lock.locked()

    turn = Turn(is_free, hand)
    with lock:
        assert turn.kept() == ""
        hand.now = STUCK_S
        assert turn.kept() == ""
        hand.now += 1
        assert turn.kept() == "kept by somebody who hangs"
    assert turn.kept() == ""
    with lock:
        assert turn.kept() == "", "a new owner has time of its own"


HANGS = """
import threading
from web.watchdog import Heart, Watchdog
import web.watchdog
web.watchdog.ENDED_S = 0.2
heart, never = Heart(), threading.Event()
dog = Watchdog({"sync": heart.overdue}, look_s=0.05)
dog.start()
with heart.step("a contact", 0.1):
    never.wait()
"""


def test_a_process_whose_worker_hangs_for_good_ends_by_itself():
    ended = subprocess.run([sys.executable, "-c", HANGS], cwd=ROOT, timeout=60, check=False)
    assert ended.returncode == 70


def test_systemd_hears_that_the_program_is_ready_and_alive(tmp_path: Path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        dog = Watchdog({}, look_s=0.01)
        dog.start()
        assert systemd.recv(100) == b"READY=1"
        assert systemd.recv(100) == b"WATCHDOG=1"
        dog.stop()


def test_without_systemd_nothing_is_said_and_nothing_breaks(tmp_path: Path, monkeypatch, capfd):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell_systemd("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    tell_systemd("READY=1")
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "gone").exists()
