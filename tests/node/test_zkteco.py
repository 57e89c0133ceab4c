"""The port for ZKTeco terminals: what a terminal may forget, what it may not, and who may call."""

from __future__ import annotations

from datetime import date
from itertools import chain, cycle

import pytest

from attendance.holders import Holding
from node.hall import Hall
from node.presence import holders, raw_punches
from node.zkteco import zkteco_notes
from node.zkteco.zkteco import MOST_BYTES
from node.zkteco.zkteco_calls import stamps_of, visitors
from node.zkteco.zkteco_terminals import (
    Wish,
    approve,
    disable,
    secret_of,
    take_terminal_in,
    terminal_of,
)
from standards.errors import Invalid
from tests.node.hall import TurnableClock, fill_disk, how_many
from tests.node.zkteco import LOST, PEER, SERIAL, Wire, approved, taken_in, trial

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


# --- one terminal, from its box to the first punch ------------------------------------------------


def test_a_terminal_is_silent_until_it_is_approved_and_then_sends_everything_it_held(
    here: Hall, wire: Wire, clock: TurnableClock
):
    terminal, box = taken_in(here), trial()
    for minute in range(300):
        box.scan("37", wire.now(minutes=minute - 300))
    request = box.next_request(wire.now())
    assert request is not None
    answer = wire.carry(terminal, request)
    assert answer is not None and (answer.status, answer.text) == (200, "OK")
    box.take(answer, wire.now())
    assert not box.registered and how_many(here, "raw_punch") == 0
    assert approve(here, SERIAL, "T01-006")
    box.restart()
    wire.run(box, terminal)
    assert box.waiting == 0
    assert how_many(here, "raw_punch") == how_many(here, "punch") == 300


@pytest.mark.parametrize("spelling", ["", ".aspx", "/", ".ASPX/"])
def test_every_spelling_of_the_path_is_understood(here: Hall, wire: Wire, spelling: str):
    terminal = approved(here)
    path = f"/{secret_of(here, terminal).upper()}//iClock/cdata{spelling}?SN={SERIAL}&table=ATTLOG"
    assert wire.ask(path, ROW).text == "OK: 1"


def test_lost_answers_and_errors_in_between_lose_no_punch_and_double_none(
    here: Hall, wire: Wire, clock: TurnableClock
):
    terminal, box = approved(here), trial()
    for n in range(1000):
        box.scan("37", wire.now(seconds=40 * n - 50_000))
    wire.faults = chain(cycle([LOST, 503, None, 500]))
    wire.run(box, terminal)
    assert box.waiting == 0 and 503 in box.refusals and 0 in box.refusals
    assert how_many(here, "raw_punch") == how_many(here, "punch") == 1000


def test_a_number_counts_stored_known_and_set_aside_so_that_no_terminal_sends_for_ever(
    here: Hall, wire: Wire
):
    path = wire.path_of(approved(here)) + f"/iclock/cdata?SN={SERIAL}&table=ATTLOG&Stamp=7"
    body = ROW + b"\n" + ROW + b"no time here\r\n99\t2026-11-24 09:01:00\t0\t1\n"
    assert wire.ask(path, body).text == "OK: 4"
    assert wire.ask(path, body).text == "OK: 4"
    assert how_many(here, "raw_punch") == 2 and how_many(here, "punch") == 1
    (line,) = zkteco_notes.lines_aside(here)
    assert (line.why, line.shown) == ("没有可读的时间", "no time here")
    assert wire.ask(path, b"").text == "OK: 0"


def test_a_stamp_is_told_again_only_when_its_punches_are_safe(here: Hall, wire: Wire):
    before = wire.path_of(approved(here)) + f"/iclock/cdata?SN={SERIAL}"
    asked = before + "&options=all"
    assert "ATTLOGStamp=0\n" in wire.ask(asked).text
    # Never twice: it would send all it ever held at every start.
    assert "ATTLOGStamp=None\n" in wire.ask(asked).text
    wire.ask(before + "&table=ATTLOG&Stamp=1795441170", ROW)
    assert "ATTLOGStamp=1795441170\n" in wire.ask(asked).text
    fill_disk(here)
    big = b"".join(b"%d\t2026-11-24 09:00:05\t0\t15\n" % n for n in range(3000))
    assert wire.ask(before + "&table=ATTLOG&Stamp=99", big).status == 503
    assert stamps_of(here, SERIAL)["ATTLOG"] == "1795441170"
    here.db.limit_pages(1 << 30)
    assert wire.ask(before + "&table=ATTLOG&Stamp=99", big).text == "OK: 3000"


def test_a_stamp_that_would_be_a_line_of_its_own_is_not_told(here: Hall, wire: Wire):
    before = wire.path_of(approved(here)) + f"/iclock/cdata?SN={SERIAL}"
    wire.ask(before + "&table=ATTLOG&Stamp=1%0ARealtime=0", ROW)
    assert "Realtime=0" not in wire.ask(before + "&options=all").text


# --- may the terminal forget it? ------------------------------------------------------------------


def test_whoever_is_not_known_or_not_approved_or_disabled_keeps_what_he_has(here: Hall, wire: Wire):
    path = f"/iclock/cdata?SN={SERIAL}&table=ATTLOG"
    assert wire.ask(path, ROW).status == 503
    assert [one.serial for one in visitors(here)] == [SERIAL]
    terminal = taken_in(here)
    assert visitors(here) == []
    assert wire.ask(wire.path_of(terminal) + path, ROW).status == 503
    assert approve(here, SERIAL, "T01-006")
    assert wire.ask(wire.path_of(terminal) + path, ROW).status == 200
    assert disable(here, SERIAL)
    assert wire.ask(wire.path_of(terminal) + path, ROW).status == 403
    ended = terminal_of(here, SERIAL)
    assert ended is not None
    assert wire.ask(wire.path_of(ended) + path, ROW).status == 503
    assert how_many(here, "raw_punch") == 1
    assert SERIAL not in raw_punches.last_reported(here)


def test_a_wrong_secret_and_a_foreign_address_are_refused_and_heard_of(here: Hall, wire: Wire):
    terminal = approved(here)
    path = f"/iclock/cdata?SN={SERIAL}&table=ATTLOG"
    assert wire.ask(path, ROW).status == wire.ask("/abcdefghijkl" + path, ROW).status == 403
    wire.peer = "192.168.7.22"
    assert wire.ask(wire.path_of(terminal) + path, ROW).status == 403
    assert sorted(alarms(here)) == ["secret", "source"]
    assert how_many(here, "raw_punch") == 0


def test_a_terminal_that_takes_no_path_may_come_without_only_from_its_own_address(
    here: Hall, wire: Wire
):
    with pytest.raises(Invalid):
        take_terminal_in(here, Wish(serial="SN-77", name="后门", bare_path=True), "T01-006")
    approved(here, "SN-77", bare_path=True)
    assert wire.ask("/iclock/cdata?SN=SN-77&table=ATTLOG", ROW).status == 200
    wire.peer = "10.0.0.9"
    assert wire.ask("/iclock/cdata?SN=SN-77&table=ATTLOG", ROW).status == 403


def test_one_serial_number_from_two_addresses_is_heard_of(here: Hall, wire: Wire):
    path = wire.path_of(approved(here, sources="192.168.7.0/24")) + f"/iclock/ping?SN={SERIAL}"
    wire.ask(path)
    wire.peer = "192.168.7.99"
    assert wire.ask(path).text == "OK"
    assert alarms(here) == ["address"]


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"CONTENT_LENGTH": ""}, 411),
        ({"CONTENT_LENGTH": "9999"}, 400),
        ({"REQUEST_METHOD": "PUT"}, 405),
        ({"QUERY_STRING": "table=ATTLOG"}, 400),
        ({"QUERY_STRING": "SN=../../etc&table=ATTLOG"}, 400),
    ],
)
def test_a_body_without_an_end_or_cut_short_is_never_acknowledged(
    here: Hall, wire: Wire, environ: dict[str, str], status: int
):
    path = wire.path_of(approved(here)) + f"/iclock/cdata?SN={SERIAL}&table=ATTLOG"
    assert wire.ask(path, ROW, **environ).status == status
    assert how_many(here, "raw_punch") == 0


@pytest.mark.parametrize("path", ["/", "/iclock/file", "/iclock/exchange", "/staff", "/iclock/x/y"])
def test_nothing_else_answers_on_this_port(here: Hall, wire: Wire, path: str):
    assert (
        wire.ask(f"{wire.path_of(approved(here))}{path}?SN={SERIAL}&url=/etc/passwd").status == 404
    )


def test_a_body_beyond_every_limit_leaves_its_beginning_and_an_alarm(here: Hall, wire: Wire):
    path = wire.path_of(approved(here)) + f"/iclock/cdata?SN={SERIAL}&table=ATTLOG"
    body = ROW * (MOST_BYTES // len(ROW) + 1)
    assert wire.ask(path, body).text == f"OK: {body.count(ROW)}"
    assert alarms(here) == ["large"]
    (line,) = zkteco_notes.lines_aside(here)
    assert (line.why, line.size) == ("上传过大", 64 * 1024)


def test_whatever_breaks_inside_the_terminal_keeps_its_punches(
    here: Hall, wire: Wire, monkeypatch: pytest.MonkeyPatch
):
    path = f"/iclock/cdata?SN={SERIAL}&table=ATTLOG&Stamp=7"
    terminal = approved(here)
    monkeypatch.setattr("node.zkteco.zkteco_uploads.note_upload", lambda *args: 1 // 0)
    assert wire.ask(wire.path_of(terminal) + path, ROW).status == 500
    assert how_many(here, "raw_punch") == how_many(here, "punch") == 0
    assert "ATTLOG" not in stamps_of(here, SERIAL)


def test_firmware_that_cannot_bear_errors_is_told_fail_and_still_keeps_them(here: Hall, wire: Wire):
    terminal = approved(here, always_ok=True)
    disable(here, SERIAL)
    ended = terminal_of(here, SERIAL)
    assert ended is not None and terminal.always_ok
    answer = wire.ask(wire.path_of(ended) + f"/iclock/cdata?SN={SERIAL}&table=ATTLOG", ROW)
    assert (answer.status, answer.text) == (200, "FAIL")
    assert how_many(here, "raw_punch") == 0


# --- what else it sends ---------------------------------------------------------------------------


def test_pictures_templates_and_passwords_are_thrown_away_and_names_help_to_find_people(
    here: Hall, wire: Wire, clock: TurnableClock
):
    terminal, box = approved(here), trial(photographs=True)
    box.enrol("41", "宋小梅")
    box.scan("41", wire.now())
    wire.run(box, terminal)
    found = terminal_of(here, SERIAL)
    assert found is not None and found.dropped == 2
    assert zkteco_notes.name_at(here, SERIAL, "41") == "宋小梅"
    kept = b"".join(path.read_bytes() for path in here.data.glob("node.db*"))
    for trace in ("c2VjcmV0", "a-face", "739182640", "7788990011"):
        assert trace.encode() not in kept
    for encoding in ("utf-8", "gb2312", "utf-16-le"):
        assert "宋小梅".encode(encoding) not in kept


def test_a_terminal_of_doors_is_told_apart_and_its_events_stay_with_it(here: Hall, wire: Wire):
    before = wire.path_of(approved(here)) + "/iclock"
    assert wire.ask(f"{before}/cdata?SN={SERIAL}&options=all&DeviceType=acc").status == 503
    found = terminal_of(here, SERIAL)
    assert found is not None and not found.may_send
    assert wire.ask(f"{before}/registry?SN={SERIAL}", b"x=1").status == 503
    assert alarms(here) == ["doors"]
    # Switched over to attendance it says so itself.
    wire.ask(f"{before}/cdata?SN={SERIAL}&options=all&DeviceType=att&pushver=2.4.1")
    assert wire.ask(f"{before}/cdata?SN={SERIAL}&table=ATTLOG", ROW).text == "OK: 1"


def test_too_many_punches_in_one_minute_are_taken_and_heard_of(here: Hall, wire: Wire):
    path = wire.path_of(approved(here)) + f"/iclock/cdata?SN={SERIAL}&table=ATTLOG"
    body = b"".join(b"%d\t2026-11-24 08:30:%02d\t0\t15\n" % (n, n % 60) for n in range(61))
    assert wire.ask(path, body).text == "OK: 61"
    assert alarms(here) == ["rate"]


def test_a_terminal_may_come_from_its_network(here: Hall):
    terminal = approved(here, sources="192.168.7.21, 192.168.8.0/24")
    assert [terminal.allows(one) for one in (PEER, "192.168.8.77", "192.168.9.1", "x")] == [
        *(True, True, False, False)
    ]
