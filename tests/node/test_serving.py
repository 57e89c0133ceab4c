"""One process for one hall: two listeners, a face engine beside them, and an orderly end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.app import create_app
from node.hall import Hall, HallSettings
from node.serving import address, staff_listener, terminal_listener
from node.terminals.kiosk import create_terminal_app
from tests.served import ROOT, eventually, free_port, get
from web.listener import Running


@pytest.fixture
def settings(tmp_path: Path) -> HallSettings:
    made = HallSettings(
        hall="T01",
        name="公安分厅",
        center="c.example",
        listen=f"127.0.0.1:{free_port()}",
        terminal_listen=f"127.0.0.1:{free_port()}",
    )
    made.save(tmp_path / "hall")
    Hall(tmp_path / "hall", made).close()
    return made


def started(data: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "node.commands", "serve", "--data", str(data)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)


@pytest.fixture
def running(tmp_path: Path, settings: HallSettings) -> Iterator[subprocess.Popen[bytes]]:
    node = started(tmp_path / "hall")
    try:
        yield node
    finally:
        node.kill()
        node.wait()


def children(pid: int) -> list[int]:
    """Processes below this one."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def engine_is(state: bool, port: int) -> bool:
    said = get(port, "/healthz").json()["checks"]["faces"]["reason"]
    return ("answers" in said) is state


def test_staff_and_terminals_have_a_listener_each_and_both_end_with_the_process(
    settings: HallSettings, running: subprocess.Popen[bytes]
):
    staff, terminals = address(settings.listen)[1], address(settings.terminal_listen)[1]
    assert eventually(lambda: engine_is(True, staff))
    assert get(staff, "/sign-in").status_code == 200
    assert get(terminals, "/kiosk").status_code == 200
    assert get(staff, "/kiosk").status_code == 404
    assert get(terminals, "/sign-in").status_code == 404

    (engine,) = children(running.pid)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0
    assert not Path(f"/proc/{engine}").exists()


def answers_from(address_here: str, port: int) -> bool:
    """Whether a request from this address of the machine is answered."""
    with socket.create_connection(("127.0.0.1", port), 10, (address_here, 0)) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return line.recv(65_536).startswith(b"HTTP/1.1 ")


def test_one_machine_that_takes_every_connection_keeps_no_other_from_the_hall(hall: Hall):
    hall.settings = replace(hall.settings, listen="127.0.0.1:0", terminal_listen="127.0.0.1:0")
    pages, kiosks = create_app(hall), create_terminal_app(hall)
    for listener in (staff_listener(hall, pages), terminal_listener(hall, kiosks)):
        running = Running(listener)
        running.start()
        idle = [
            socket.create_connection(("127.0.0.1", running.port), 10)
            for _ in range(listener.connections + 20)
        ]
        try:
            assert answers_from("127.0.0.2", running.port)
        finally:
            for line in idle:
                line.close()
            running.stop(grace=0)


def test_pages_answer_while_the_face_engine_is_killed_again_and_again(
    settings: HallSettings, running: subprocess.Popen[bytes]
):
    staff, terminals = address(settings.listen)[1], address(settings.terminal_listen)[1]
    assert eventually(lambda: engine_is(True, staff))
    for _ in range(3):
        for child in children(running.pid):
            os.kill(child, signal.SIGKILL)
        assert get(staff, "/sign-in").status_code == 200
        assert get(terminals, "/kiosk").status_code == 200
    assert eventually(lambda: engine_is(True, staff))
    assert running.poll() is None
