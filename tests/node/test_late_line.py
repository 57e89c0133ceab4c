"""Where answers come late, pieces of several files are on their way at once, and no entry waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.outbox.syncing import FIRST_BACKOFF_S
from sync.client import Answer, HttpLine
from sync.contact.signed_requests import Asked
from sync.errors import Unreachable
from sync.files.pacing import Pace
from tests.independent.center import Listening, office
from tests.node.contacts import line_of
from tests.node.filed import Filed, filed, scan

__all__ = ["office"]

LATE_S, AT_ONCE, PATIENCE_S = 1.0, 3, 10.0


@pytest.fixture
def town(tmp_path: Path, office: Listening) -> Iterator[Filed]:
    with filed(tmp_path / "hall", office) as made:
        made.filing.pace = Pace(0, 32_000.0, LATE_S)
        yield made


class Crowd:
    """What is on all lines together: no piece is answered before several were on their way."""

    def __init__(self, town: Filed) -> None:
        self.town = town
        self.turn = threading.Condition()
        self.now = self.most = self.bytes = self.most_bytes = self.begun = 0
        self.met: Callable[[], None] = lambda: None
        town.filing._line_to = lambda url: Lane(self, line_of(town.hall, url))

    def enter(self, size: int) -> None:
        with self.turn:
            self.begun += 1
            self.now, self.bytes = self.now + 1, self.bytes + size
            self.most = max(self.most, self.now)
            self.most_bytes = max(self.most_bytes, self.bytes)
            self.turn.notify_all()
            self.turn.wait_for(lambda: self.most >= AT_ONCE, PATIENCE_S)

    def leave(self, size: int) -> None:
        with self.turn:
            self.now, self.bytes = self.now - 1, self.bytes - size


class Lane:
    """One line among them."""

    def __init__(self, crowd: Crowd, line: HttpLine) -> None:
        self.crowd, self.line = crowd, line

    def ask(self, asked: Asked) -> Answer:
        if asked.method != "PUT":
            return self.line.ask(asked)
        crowd, size = self.crowd, len(asked.body)
        crowd.enter(size)
        try:
            crowd.met()
            with crowd.turn:
                crowd.town.time.pass_on(LATE_S / 4)
            return self.line.ask(asked)
        finally:
            crowd.leave(size)


def test_several_files_are_on_their_way_at_once_within_what_the_line_carries(town: Filed) -> None:
    scans = [town.attach(scan(20_000, seed)) for seed in range(12)]
    town.sync()
    crowd = Crowd(town)
    town.move()
    assert [one for one in scans if town.at_center(one.name) != town.here(one.name)] == []
    assert crowd.most >= AT_ONCE and crowd.begun == len(scans)
    # Three seconds of the line, and the piece that is still allowed.
    assert crowd.most_bytes <= 4 * 32_000


def test_an_entry_lets_no_other_piece_set_out_and_those_on_their_way_arrive(town: Filed) -> None:
    scans = [town.attach(scan(20_000, seed)) for seed in range(12)]
    town.sync()
    crowd, written = Crowd(town), threading.Event()

    def write() -> None:
        with crowd.turn:
            if not written.is_set():
                town.write_case()
                written.set()

    crowd.met = write
    while not written.is_set() or crowd.now:
        town.time.pass_on(town.filing.turn())
    begun = crowd.begun
    assert town.filing.turn() < 1.0 and town.filing.status().state == "log"
    assert crowd.begun == begun
    assert [one for one in scans if town.at_center(one.name) != town.here(one.name)]
    town.sync()
    town.move()
    assert [one for one in scans if town.at_center(one.name) != town.here(one.name)] == []


def test_a_large_file_goes_on_piece_by_piece_beside_small_ones(town: Filed) -> None:
    large = town.attach(scan(150_000, 1))
    small = [town.attach(scan(9_000, seed)) for seed in range(2, 8)]
    town.sync()
    Crowd(town)
    town.move()
    for one in (large, *small):
        assert town.at_center(one.name) == town.here(one.name)


def test_a_line_that_breaks_under_several_pieces_is_one_failure_and_all_arrive_later(
    town: Filed,
) -> None:
    scans = [town.attach(scan(20_000, seed)) for seed in range(8)]
    town.sync()
    crowd, broken = Crowd(town), [True]

    def breaks() -> None:
        if broken:
            raise Unreachable("cut")

    crowd.met = breaks
    pauses, states = [], []
    while "idle" not in states:
        pauses.append(town.filing.turn())
        states.append(town.filing.status().state)
        if states[-1] == "offline":
            broken.clear()
    assert states.count("offline") == 1 and max(pauses) <= FIRST_BACKOFF_S
    assert [one for one in scans if town.at_center(one.name) != town.here(one.name)] == []


def test_the_threads_end_when_they_are_sent_home(town: Filed) -> None:
    before = set(threading.enumerate())
    for seed in range(6):
        town.attach(scan(20_000, seed))
    town.sync()
    crowd = Crowd(town)
    town.move()
    assert crowd.most >= AT_ONCE
    hired = [one for one in threading.enumerate() if one not in before and one.name == "courier"]
    assert len(hired) >= AT_ONCE
    town.filing._couriers.end(PATIENCE_S)
    for one in hired:
        one.join(PATIENCE_S)
    assert not any(one.is_alive() for one in hired)
