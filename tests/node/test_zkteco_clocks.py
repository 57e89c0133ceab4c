"""A terminal's time, what it is told to do, and whether everything it holds is here."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import repeat

import pytest

from attendance.holders import Holding
from attendance.terminals.zkteco_orders import Order
from node.hall import Hall
from node.presence import holders, raw_punches
from node.terminals.clock_health import confirm_clock
from node.zkteco import zkteco_notes, zkteco_orders
from node.zkteco.zkteco_terminals import terminal_of
from tests.node.hall import TurnableClock, how_many
from tests.node.zkteco import SERIAL, Wire, approved, trial

ROW = b"37\t2026-11-24 09:00:05\t0\t15\t0\t0\t0\n"


@pytest.fixture
def here(bare_hall: Hall) -> Hall:
    """A hall whose tables exist, and where number 37 is somebody's."""
    holders.say(bare_hall, Holding("37", "T01-031", "", date(2026, 1, 1), None), "T01-006")
    return bare_hall


@pytest.fixture
def wire(here: Hall, clock: TurnableClock) -> Wire:
    return Wire(here, clock)


def alarms(hall: Hall) -> list[str]:
    return [one.kind for one in zkteco_notes.open_alarms(hall)]


def test_a_node_whose_clock_went_back_tells_no_time_and_takes_nothing_until_somebody_looked(
    here: Hall, wire: Wire, clock: TurnableClock
):
    path = wire.path_of(approved(here)) + f"/iclock/cdata?SN={SERIAL}&table=ATTLOG"
    assert wire.ask(path, ROW).date == "Tue, 24 Nov 2026 01:00:00 GMT"
    clock.turn(hours=-1)
    answer = wire.ask(path, ROW)
    assert (answer.status, answer.date) == (503, "-")
    confirm_clock(here, "T01-006")
    assert wire.ask(path, ROW).status == 200


def test_a_node_whose_clock_is_not_the_centers_takes_nothing(here: Hall, wire: Wire):
    wire.port = type(wire.port)(here, lambda: -300.0)
    path = wire.path_of(approved(here)) + f"/iclock/cdata?SN={SERIAL}&table=ATTLOG"
    assert wire.ask(path, ROW).status == 503


def test_a_clock_that_is_off_shows_in_its_punches_and_these_are_marked(
    here: Hall, wire: Wire, clock: TurnableClock
):
    terminal, box = approved(here), trial(behind=400, ignores_date=True)
    for _ in range(4):
        wire.run(box, terminal, minutes=3)
        box.scan("37", wire.now())
    wire.run(box, terminal)
    found = terminal_of(here, SERIAL)
    assert found is not None and found.drift is not None and 395 <= found.drift <= 411
    assert "drift" in alarms(here)
    marks = [row["clock"] for row in here.db.query("SELECT clock FROM punch ORDER BY idx")]
    assert marks == ["suspect"] * 4


def test_a_terminal_sets_its_clock_by_the_answers(here: Hall, wire: Wire, clock: TurnableClock):
    terminal, box = approved(here), trial(behind=400)
    wire.run(box, terminal, minutes=3)
    box.scan("37", wire.now())
    wire.run(box, terminal)
    found = terminal_of(here, SERIAL)
    assert found is not None and found.drift is not None and abs(found.drift) <= 11
    assert alarms(here) == []


def test_after_somebody_set_its_clock_punches_are_doubted_until_one_shows_that_it_is_right(
    here: Hall, wire: Wire, clock: TurnableClock
):
    terminal, box = approved(here), trial(ignores_date=True)
    wire.run(box, terminal)
    box.set_clock(wire.now(), behind=0)
    wire.run(box, terminal)
    assert alarms(here) == ["op21"]
    for _ in range(2):
        box.scan("37", wire.now())
        wire.run(box, terminal)
    marks = [row["clock"] for row in here.db.query("SELECT clock FROM punch ORDER BY idx")]
    assert marks == ["suspect", ""]


def test_a_punch_of_the_future_is_taken_and_marked_and_hides_no_later_one(here: Hall, wire: Wire):
    path = wire.path_of(approved(here)) + f"/iclock/cdata?SN={SERIAL}&table=ATTLOG"
    assert wire.ask(path, b"37\t2031-01-01 08:00:00\t0\t15\n").text == "OK: 1"
    assert wire.ask(path, ROW).text == "OK: 1"
    assert alarms(here) == ["ahead"]
    rows = here.db.query("SELECT clock FROM punch ORDER BY idx")
    assert [row["clock"] for row in rows] == ["suspect", ""]


def test_a_day_of_which_the_terminal_holds_more_is_sent_again_and_then_equal(
    here: Hall, wire: Wire, clock: TurnableClock
):
    terminal, box = approved(here), trial(ignores_stamps=True)
    clock.turn(days=-2)
    for n in range(40):
        box.scan("37", wire.now(minutes=n))
    clock.turn(days=2)
    # It believes that the server has ten which never came: its stamps are defective.
    box.sent = 10
    wire.run(box, terminal)
    clock.turn(days=1)
    wire.run(box, terminal)
    assert how_many(here, "punch") == 40
    counted = {one.day: one for one in zkteco_orders.counts(here, SERIAL)}
    assert counted[date(2026, 11, 22)].state == "equal"
    assert counted[date(2026, 11, 22)].theirs == 40


def test_a_day_that_stays_short_is_asked_for_three_times_and_then_shown(
    here: Hall, wire: Wire, clock: TurnableClock
):
    terminal, box = approved(here), trial()
    clock.turn(days=-1)
    for _ in range(2):
        box.scan("37", wire.now())
    clock.turn(days=1)
    wire.run(box, terminal)
    clock.turn(days=1)
    wire.run(box, terminal, minutes=40)
    # Two equal rows: the terminal counts both, and here they are one.
    (short,) = [one for one in zkteco_orders.counts(here, SERIAL) if one.state == "short"]
    assert (short.day, short.theirs, short.ours) == (date(2026, 11, 23), 2, 1)
    assert "short" in alarms(here)
    held = raw_punches.last_reported(here)[SERIAL]
    assert held.date() == date(2026, 11, 22)
    assert zkteco_orders.accept_count(here, SERIAL, short.day)
    wire.run(box, terminal)
    assert raw_punches.last_reported(here)[SERIAL].date() >= date(2026, 11, 25)


def test_a_terminal_has_reported_once_it_was_in_contact_for_a_while_without_a_backlog(
    here: Hall, wire: Wire, clock: TurnableClock
):
    terminal, box = approved(here), trial()
    start = clock.moment
    for n in range(500):
        box.scan("37", wire.now(seconds=60 * n - 40_000))
    wire.faults = repeat(503, 20)
    wire.run(box, terminal, minutes=1)
    assert raw_punches.last_reported(here)[SERIAL] == start
    wire.run(box, terminal, minutes=5)
    assert raw_punches.last_reported(here)[SERIAL] > start + timedelta(minutes=10)


def test_an_order_is_offered_again_after_five_minutes_and_five_times_at_most(
    here: Hall, wire: Wire, clock: TurnableClock
):
    terminal = approved(here)
    zkteco_orders.give(here, terminal, Order.INFO)
    zkteco_orders.give(here, terminal, Order.INFO)
    poll = wire.path_of(terminal) + f"/iclock/getrequest?SN={SERIAL}"
    first = wire.ask(poll).text.splitlines()[0]
    assert first == "C:1:INFO"
    offers = 1
    for _ in range(40):
        clock.turn(minutes=1)
        offers += first in wire.ask(poll).text.splitlines()
    assert offers == 5
    assert zkteco_orders.waiting(here, SERIAL)[1] >= 1


def test_only_the_terminal_that_was_told_can_say_that_it_is_done(here: Hall, wire: Wire):
    terminal, other = approved(here), approved(here, "SN-OTHER")
    zkteco_orders.give(here, terminal, Order.INFO)
    done = b"ID=1&Return=0&CMD=INFO"
    wire.ask(f"{wire.path_of(other)}/iclock/devicecmd?SN=SN-OTHER", done)
    assert zkteco_orders.waiting(here, SERIAL) == (1, 0)
    wire.ask(f"{wire.path_of(terminal)}/iclock/devicecmd?SN={SERIAL}", done)
    assert zkteco_orders.waiting(here, SERIAL) == (0, 0)
