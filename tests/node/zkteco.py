"""A terminal at the port of a hall, on one turnable clock: only the wire is made up."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from attendance.terminals.zkteco_trial import Answer, Faults, Request, TrialTerminal
from node.hall import Hall
from node.zkteco.zkteco import TerminalPort
from node.zkteco.zkteco_terminals import (
    Wish,
    ZkTerminal,
    approve,
    secret_of,
    take_terminal_in,
    terminal_of,
)
from sync.clock import BEIJING
from tests.node.hall import TurnableClock

SERIAL = "0316144680030"
PEER = "192.168.7.21"
LOST = "the answer is lost"


def taken_in(hall: Hall, serial: str = SERIAL, **wish: Any) -> ZkTerminal:
    """A terminal that was taken in and not approved."""
    said = {"name": "一楼考勤机", "sources": PEER, **wish}
    return take_terminal_in(hall, Wish(serial=serial, **said), "T01-006")


def approved(hall: Hall, serial: str = SERIAL, **wish: Any) -> ZkTerminal:
    """A terminal that may send."""
    taken_in(hall, serial, **wish)
    assert approve(hall, serial, "T01-006")
    found = terminal_of(hall, serial)
    assert found is not None
    return found


class Wire:
    """Carries what one terminal says to the port, and loses or breaks what it is told to.

    Args:
        faults: what happens to each request that brings punches: None, a status that is answered
            before the port sees it, or ``LOST`` after it has.
    """

    def __init__(
        self, hall: Hall, clock: TurnableClock, faults: Iterator[int | str | None] | None = None
    ) -> None:
        self.hall, self.clock = hall, clock
        self.port = TerminalPort(hall)
        self.faults = faults
        self.peer = PEER
        self.heard: list[tuple[str, Answer | None]] = []

    def ask(self, path: str, body: bytes | None = None, **environ: object) -> Answer:
        """One request as it is, whoever sends it."""
        before, _, query = path.partition("?")
        told = {
            "REQUEST_METHOD": "GET" if body is None else "POST",
            "PATH_INFO": before,
            "QUERY_STRING": query,
            "REMOTE_ADDR": self.peer,
            "wsgi.input": io.BytesIO(body or b""),
        }
        if body is not None:
            told["CONTENT_LENGTH"] = str(len(body))
        said: list[tuple[str, dict[str, str]]] = []

        def start(status: str, headers: list[tuple[str, str]]) -> None:
            said.append((status, dict(headers)))

        content = b"".join(self.port({**told, **environ}, start))
        (status, headers) = said[0]
        assert headers["Content-Length"] == str(len(content))
        assert headers["Content-Type"] == "text/plain"
        return Answer(int(status[:3]), content.decode(), headers["Date"])

    def now(self, **more: float) -> datetime:
        """The right time on the wall."""
        return self.clock.moment.astimezone(BEIJING) + timedelta(**more)

    def path_of(self, terminal: ZkTerminal) -> str:
        """What stands before ``/iclock`` for it."""
        return f"/{secret_of(self.hall, terminal)}"

    def carry(self, terminal: ZkTerminal, request: Request) -> Answer | None:
        """One request of a terminal, by its own path, with what happens to it on the way."""
        bad = None
        if self.faults is not None and "table=ATTLOG" in request.path:
            bad = next(self.faults, None)
        if isinstance(bad, int):
            return Answer(bad, "")
        path = self.path_of(terminal) + quote(request.path, safe="/?=&%:.-_")
        answer = self.ask(path, request.body)
        return None if bad == LOST else answer

    def run(self, trial: TrialTerminal, terminal: ZkTerminal, minutes: float = 5) -> None:
        """Let it do what it does until it has nothing to say, and for this long afterwards."""
        until = None
        for _ in range(200_000):
            now = self.now()
            request = trial.next_request(now)
            if request is None:
                assert trial.next_at is not None
                self.clock.moment = trial.next_at.astimezone(UTC)
                continue
            answer = self.carry(terminal, request)
            self.heard.append((request.path, answer))
            trial.take(answer, now)
            if not trial.idle:
                until = None
            elif until is None:
                until = self.clock.moment + timedelta(minutes=minutes)
            elif self.clock.moment >= until:
                return
        raise AssertionError("it never came to an end")


def trial(serial: str = SERIAL, **faults: Any) -> TrialTerminal:
    """A terminal that does not exist."""
    return TrialTerminal(serial, Faults(**faults))
