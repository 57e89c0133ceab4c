"""Every way in stands the same trials: replay, gap, poison, restore, a wrong clock, a backlog."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from attendance.holders import Holding
from node.app import LOCAL_TABLES, create_app
from node.hall import Hall
from node.presence import holders, raw_punches
from sync.clock import BEIJING
from tests.attendance.terminals.kit import WayIn, put_back
from tests.node.attendance import PIN, ZHANG, Kiosk, add_member, set_pin
from tests.node.hall import Browser, TurnableClock, how_many, open_hall
from tests.node.zkteco import LOST, Wire, approved, trial

BACKLOG = int(os.environ.get("ONEHALL_BACKLOG", "3000"))


class ZktecoWay:
    """A ZKTeco terminal at its port."""

    name, backlog = "zkteco", BACKLOG

    def __init__(self, hall: Hall, clock: TurnableClock) -> None:
        holders.say(hall, Holding("37", ZHANG, "", date(2026, 1, 1), None), "T01-006")
        self.clock, self.terminal = clock, approved(hall)
        self.box = trial(ignores_date=True)
        self.go_on_with(hall)

    def go_on_with(self, hall: Hall) -> None:
        self.hall, self.wire = hall, Wire(hall, self.clock)

    def scan(self) -> datetime:
        self.box.scan("37", self.wire.now())
        return self.wire.now()

    def spoil(self) -> None:
        self.box.spoil(b"\x00\x00 no time")

    def deliver(self, lost: int = 0) -> None:
        self.wire.faults = iter([LOST] * lost)
        self.stay(1)

    def send_again(self) -> None:
        self.box.sent = 0
        self.deliver()

    def stay(self, minutes: int) -> None:
        self.wire.run(self.box, self.terminal, minutes)

    def set_clock_back(self, seconds: int) -> None:
        self.box.set_clock(self.wire.now(), seconds)
        # Nobody set it: it went wrong by itself.
        self.box._log.clear()


class KioskWay:
    """A kiosk that was away, with a PIN for each sign-in."""

    # Each of its sign-ins brings a PIN, whose check is slow on purpose.
    name, backlog = "kiosk", 40

    def __init__(self, hall: Hall, clock: TurnableClock) -> None:
        self.hall, self.clock = hall, clock
        self.kiosk = Kiosk(hall, None)
        self.sent: list[tuple[int, str]] = []
        self.behind = 0
        self.stay(1)

    def go_on_with(self, hall: Hall) -> None:
        old, self.hall = self.kiosk, hall
        self.kiosk = Kiosk(hall, None)
        for name in ("key", "public", "key_id", "terminal", "hall_sealing", "seq", "last_hash"):
            setattr(self.kiosk, name, getattr(old, name))
        self.kiosk.boot_id, self.kiosk.mono, self.kiosk.now = old.boot_id, old.mono, old.now

    def scan(self) -> datetime:
        right = self.kiosk.now
        self.kiosk.now = lambda: right() - timedelta(seconds=self.behind)
        self.kiosk.note("manual", staff_no="021", pin=PIN, offline=True)
        # What it signs it dates by the node's time, which it is told.
        self.kiosk.now = right
        return self.clock.moment.astimezone(BEIJING)

    def spoil(self) -> None:
        # It is read before it is signed; what is left is somebody whom nobody knows.
        self.kiosk.note("manual", staff_no="no such number", pin="000000", offline=True)

    def deliver(self, lost: int = 0) -> None:
        while self.kiosk.queue:
            waiting = list(self.kiosk.queue)
            status, told = self.kiosk.deliver()
            assert status == 200, told
            if lost:
                self.kiosk.queue, lost = waiting, lost - 1
                continue
            self.sent += waiting

    def send_again(self) -> None:
        last = self.kiosk.seq, self.kiosk.last_hash
        self.kiosk.queue, self.sent = self.sent, []
        self.deliver()
        self.kiosk.seq, self.kiosk.last_hash = last

    def stay(self, minutes: int) -> None:
        for _ in range(minutes):
            body = {"clocks": self.kiosk.clocks(), "queue": len(self.kiosk.queue)}
            assert self.kiosk.ask("POST", "/t/v1/heartbeat", body)[0] == 200
            self.clock.turn(minutes=1)

    def set_clock_back(self, seconds: int) -> None:
        self.behind = seconds


WAYS: dict[str, Callable[[Hall, TurnableClock], WayIn]] = {
    "zkteco": ZktecoWay,
    "kiosk": KioskWay,
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[WayIn]:
    hall = open_hall(tmp_path / "hall", clock)
    hall.db.create(LOCAL_TABLES)
    office = Browser(create_app(hall).test_client()).sign_in("chen")
    add_member(office)
    set_pin(office)
    made = WAYS[request.param](hall, clock)
    yield made
    made.hall.close()


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


def times(way: WayIn) -> list[str]:
    rows = way.hall.db.query("SELECT punched_at FROM punch ORDER BY punched_at")
    return [row["punched_at"] for row in rows]


def is_right(told: str, right: datetime) -> bool:
    return abs(datetime.fromisoformat(told) - right) <= timedelta(seconds=15)


def test_replay_whatever_is_sent_again_is_one_sign_in(way: WayIn, clock: TurnableClock):
    for _ in range(5):
        way.scan()
        clock.turn(minutes=3)
    way.deliver(lost=2)
    way.send_again()
    assert len(times(way)) == how_many(way.hall, "raw_punch") == 5


def test_gap_what_was_held_while_the_node_was_away_keeps_its_own_times(
    way: WayIn, clock: TurnableClock
):
    way.stay(5)
    right = []
    for _ in range(4):
        clock.turn(minutes=47)
        right.append(way.scan())
    before = max(raw_punches.last_reported(way.hall).values())
    # Nobody may be counted as absent for a time of which the terminal has not told.
    assert before.astimezone(BEIJING) < right[0]
    way.deliver()
    way.stay(10)
    assert all(is_right(*pair) for pair in zip(times(way), right, strict=True))
    assert max(raw_punches.last_reported(way.hall).values()).astimezone(BEIJING) > right[-1]


def test_poison_what_nobody_can_read_holds_nothing_up(way: WayIn, clock: TurnableClock):
    way.scan()
    way.spoil()
    clock.turn(minutes=1)
    way.scan()
    way.deliver()
    assert len(times(way)) == 2


def test_restore_a_node_that_was_put_back_gets_again_what_it_had_lost(
    way: WayIn, clock: TurnableClock, tmp_path: Path
):
    way.scan()
    way.deliver()
    way.hall.db.copy_to(tmp_path / "copy.db")
    for _ in range(3):
        clock.turn(minutes=7)
        way.scan()
    way.deliver()
    assert len(times(way)) == 4
    way.go_on_with(put_back(way.hall, tmp_path / "copy.db", clock))
    way.send_again()
    way.stay(15)
    assert len(times(way)) == how_many(way.hall, "raw_punch") == 4


def test_drift_no_wrong_time_passes_for_a_right_one(way: WayIn, clock: TurnableClock):
    way.stay(5)
    way.set_clock_back(600)
    right = []
    for _ in range(4):
        right.append(way.scan())
        way.deliver()
        way.stay(3)
    rows = way.hall.db.query("SELECT punched_at, clock FROM punch ORDER BY punched_at")
    assert len(rows) == 4
    for row, at in zip(rows, right, strict=True):
        assert row["clock"] or is_right(row["punched_at"], at)


def test_backlog_of_any_length_comes_whole_through_lost_answers(way: WayIn, clock: TurnableClock):
    for _ in range(way.backlog):
        clock.turn(seconds=20)
        way.scan()
    way.deliver(lost=3)
    assert len(times(way)) == len(set(times(way))) == way.backlog
    assert how_many(way.hall, "raw_punch") == way.backlog
