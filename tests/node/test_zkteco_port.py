"""The port as terminals reach it: a real listener, real sockets, and the command that tries it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from attendance.terminals.zkteco_trial import TrialTerminal
from node.commands import main
from node.hall import Hall
from node.presence import raw_punches
from node.serving import zkteco_listener
from node.zkteco.trial_commands import call
from node.zkteco.zkteco import TerminalPort
from node.zkteco.zkteco_terminals import approve, secret_of
from sync.clock import BEIJING
from tests.node.hall import TurnableClock, how_many
from tests.node.zkteco import SERIAL, approved, taken_in
from web.listener import Running

ROW = b"37\t2026-11-24 08:59:05\t0\t15\t0\t0\t0\n"


@pytest.fixture
def port(bare_hall: Hall) -> Iterator[int]:
    hall = bare_hall
    hall.settings = replace(hall.settings, zkteco_listen="127.0.0.1:0")
    running = Running(zkteco_listener(hall, TerminalPort(hall)))
    running.start()
    yield running.port
    running.stop()


def raw(port: int, request: bytes) -> tuple[str, str]:
    """Head and body of the answer to these bytes."""
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        told = b""
        while piece := line.recv(65536):
            told += piece
    head, _, body = told.partition(b"\r\n\r\n")
    return head.decode(), body.decode()


def post(path: str, headers: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: starting\r\n{headers}\r\n"
    return head.encode() + body


def path_of(hall: Hall) -> str:
    terminal = approved(hall, sources="127.0.0.1")
    return f"/{secret_of(hall, terminal)}/iclock/cdata.aspx?SN={SERIAL}&table=ATTLOG&Stamp=1"


def test_a_punch_is_acknowledged_in_plain_text_with_length_and_time(bare_hall: Hall, port: int):
    length = f"Content-Length: {len(ROW)}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    head, body = raw(port, post(path_of(bare_hall), length, ROW))
    assert head.startswith("HTTP/1.1 200 OK") and body == "OK: 1"
    assert "Content-Type: text/plain" in head and "Content-Length: 5" in head
    assert head.count("Date: Tue, 24 Nov 2026 01:00:00 GMT") == 1
    assert how_many(bare_hall, "raw_punch") == 1


def test_a_body_in_chunks_is_read_to_its_end(bare_hall: Hall, port: int):
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(ROW), ROW)
    _, body = raw(port, post(path_of(bare_hall), "Transfer-Encoding: chunked\r\n", chunked))
    assert body == "OK: 1"


@pytest.mark.parametrize(
    ("headers", "status"), [("", "411"), (f"Content-Length: {len(ROW) + 40}\r\n", "")]
)
def test_a_body_of_no_length_or_cut_off_is_not_acknowledged(
    bare_hall: Hall, port: int, headers: str, status: str
):
    head, body = raw(port, post(path_of(bare_hall), headers, ROW))
    assert head[9:12] == status and "OK" not in body
    assert how_many(bare_hall, "raw_punch") == 0


def test_what_never_reaches_the_port_is_refused_in_one_word_and_tells_no_time(port: int):
    head, body = raw(port, b"GET /iclock/ping?SN=x HTTP/1.1\r\n\r\n")
    assert head[9:12] == "400" and "<" not in body
    assert "Date:" not in head and "Content-Type: text/plain" in head


def test_a_node_whose_clock_is_in_doubt_sends_no_time_at_all(
    bare_hall: Hall, port: int, clock: TurnableClock
):
    path = path_of(bare_hall)
    clock.moment = clock.moment.replace(year=2020)
    head, _ = raw(port, post(path, f"Content-Length: {len(ROW)}\r\n", ROW))
    assert head.startswith("HTTP/1.1 503") and "Date:" not in head


def try_it(port: int, secret: str, *more: str) -> Result:
    url = f"http://127.0.0.1:{port}/{secret}"
    return CliRunner().invoke(main, ["try-terminal", url, "--serial", SERIAL, *more])


def test_an_administrator_tries_the_way_with_a_terminal_that_does_not_exist(
    bare_hall: Hall, port: int
):
    terminal = taken_in(bare_hall, sources="")
    secret = secret_of(bare_hall, terminal)
    before = try_it(port, secret, "--wait", "1")
    assert before.exit_code == 1 and "known but not approved" in before.output
    assert approve(bare_hall, SERIAL, "T01-006")
    done = try_it(port, secret, "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.output)
    assert (facts["registered"], facts["taken"], facts["left"]) == (True, 3, 0)
    assert how_many(bare_hall, "raw_punch") == 3
    wrong = try_it(port, "abcdefghijkl", "--wait", "1")
    assert wrong.exit_code == 1 and "403" in wrong.output and "secret path" in wrong.output


def test_a_trial_terminal_that_goes_on_calling_lets_the_days_become_final(
    bare_hall: Hall, port: int, clock: TurnableClock
):
    terminal = approved(bare_hall, sources="")
    url = f"http://127.0.0.1:{port}/{secret_of(bare_hall, terminal)}"
    box, now = TrialTerminal(SERIAL), datetime.now(BEIJING)
    # Nobody answers: it waits as a real one does, and goes on.
    assert call(box, f"http://127.0.0.1:{free_port()}/x", now) == 30
    for _ in range(40):
        now += timedelta(seconds=10)
        clock.turn(seconds=10)
        call(box, url, now)
    assert clock.moment - raw_punches.last_reported(bare_hall)[SERIAL] < timedelta(minutes=1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_where_nothing_answers_the_trial_says_so():
    told = try_it(free_port(), "x")
    assert told.exit_code == 1 and "Nothing answers" in told.output
