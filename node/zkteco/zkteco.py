"""ZKTeco 终端: the port that terminals call, and nothing else; ``/iclock/*`` behind a secret path.

A raw WSGI application: no page, no cookie, no redirect, no HTML. Every answer says one thing: may
the terminal forget what it sent? It also carries the time by which the terminal sets its clock, so
a node whose own clock is in doubt answers nothing that the terminal would believe.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from attendance.local_time import zone_of
from attendance.terminals.clocks import Contact
from attendance.terminals.zkteco_orders import replies
from attendance.terminals.zkteco_speech import SERIAL, gauge, greeting, introduction
from node.hall import Hall
from node.presence import raw_punches
from node.terminals.clock_health import clock_trouble
from node.zkteco import zkteco_orders, zkteco_uploads
from node.zkteco.zkteco_calls import (
    note_call,
    note_gauge,
    note_itself,
    note_visitor,
    stamps_of,
    was_asked_for_all,
)
from node.zkteco.zkteco_notes import alarm
from node.zkteco.zkteco_terminals import ZkTerminal, knows_secret, terminal_of
from node.zkteco.zkteco_uploads import EVIDENCE_BYTES, Safe, Upload
from sync.errors import DiskFull
from web import logs
from web.listener import NO_DATE

MOST_BYTES = 16 * 1024 * 1024
SEEN_EVERY = timedelta(seconds=30)
"""Each note of "last seen" is a write to the disk."""
TWO_ADDRESSES = timedelta(minutes=10)
_PATH = re.compile(r"(?:/([a-z0-9]{8,32}))?/iclock/([a-z]{2,20})\Z")
_DOORS = frozenset({"registry", "push", "querydata", "rtdata"})

StartResponse = Callable[[str, list[tuple[str, str]]], object]
Environ = dict[str, Any]

_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True)
class Call:
    """One request, read as far as its first line."""

    method: str
    secret: str
    word: str
    query: dict[str, str]
    peer: str

    @property
    def serial(self) -> str:
        """The serial number it gives."""
        return self.query.get("sn", "")


class TurnedAway(Exception):
    """The terminal must keep what it has; ``rule`` says why, for logs."""

    def __init__(self, status: int, rule: str) -> None:
        super().__init__(rule)
        self.status, self.rule = status, rule


@dataclass
class Heard:
    """How terminals were heard from since this program began; forgotten when it ends."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    contacts: dict[str, Contact] = field(default_factory=dict)
    planned: dict[str, str] = field(default_factory=dict)

    def contact(self, serial: str) -> Contact:
        with self.lock:
            return self.contacts.get(serial, Contact())

    def note(self, serial: str, contact: Contact) -> None:
        with self.lock:
            self.contacts[serial] = contact


class TerminalPort:
    """The WSGI application of the port.

    Args:
        clock_skew: seconds by which this clock is ahead of the center's, when that is known.
    """

    def __init__(self, hall: Hall, clock_skew: Callable[[], float | None] = lambda: None) -> None:
        self._hall, self._clock_skew = hall, clock_skew
        self._heard = Heard()
        self.refused: Callable[[str], None] = lambda rule: None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        rule, status, text = "answered", 200, ""
        try:
            text = self._answer(environ)
        except TurnedAway as away:
            rule, status = away.rule, away.status
            if away.rule not in ("unknown", "pending"):
                logs.event("zkteco.turned_away", rule=rule, status=status)
        except DiskFull as full:
            rule, status = "disk_full", 503
            logs.failure("zkteco.failed", full)
        except Exception as broken:
            # Whatever it was, nothing was committed: the terminal keeps its batch.
            rule, status = "broken", 500
            logs.failure("zkteco.failed", broken)
        if status != 200:
            self.refused(rule)
        if status in (500, 503) and environ.get("onehall.always_ok"):
            # Firmware that gives up after an error takes this for "not now", too.
            status, text = 200, "FAIL"
        return self._send(start_response, status, text or _REASONS[status])

    def _send(self, start_response: StartResponse, status: int, text: str) -> list[bytes]:
        body = text.encode()
        headers = [
            ("Content-Type", "text/plain"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        now = self._hall.clock.now().astimezone(UTC)
        told = NO_DATE if self._clock_trouble() else format_datetime(now, usegmt=True)
        headers.append(("Date", told))
        start_response(f"{status} {_REASONS[status]}", headers)
        return [body]

    def _clock_trouble(self) -> str:
        return clock_trouble(self._hall, self._clock_skew())

    def _answer(self, environ: Environ) -> str:
        call = _call(environ)
        if self._clock_trouble():
            raise TurnedAway(503, "clock")
        terminal = self._let_in(call)
        environ["onehall.always_ok"] = terminal is not None and terminal.always_ok
        if terminal is None or not terminal.may_send:
            return self._answer_stranger(call, terminal)
        return self._answer_known(call, terminal, environ)

    # --- who calls ------------------------------------------------------------------------------

    def _let_in(self, call: Call) -> ZkTerminal | None:
        """The terminal of this serial number; None for one that was never taken in."""
        if not SERIAL.match(call.serial):
            raise TurnedAway(400, "serial")
        terminal = terminal_of(self._hall, call.serial)
        if terminal is None:
            if not call.secret:
                note_visitor(self._hall, call.serial, call.peer)
            return None
        if not knows_secret(self._hall, terminal, call.secret):
            alarm(self._hall, terminal.serial, "secret", f"来自 {call.peer}")
            raise TurnedAway(403, "secret")
        if not terminal.allows(call.peer):
            alarm(self._hall, terminal.serial, "source", f"来自 {call.peer}")
            raise TurnedAway(403, "source")
        self._note_call(call, terminal)
        return terminal

    def _note_call(self, call: Call, terminal: ZkTerminal) -> None:
        now, seen = self._hall.clock.now(), terminal.seen_at
        last = datetime.fromisoformat(seen) if seen else None
        moved = terminal.peer not in ("", call.peer)
        if moved and last is not None and now - last < TWO_ADDRESSES:
            detail = f"{terminal.peer} 与 {call.peer}"
            alarm(self._hall, terminal.serial, "address", detail)
        if last is None or moved or not timedelta() <= now - last < SEEN_EVERY:
            note_call(self._hall, terminal, call.peer)

    def _answer_stranger(self, call: Call, terminal: ZkTerminal | None) -> str:
        """It may ask, and is told nothing that would make it send."""
        if terminal is not None and _speaks_of_doors(call):
            self._note_doors(call, terminal)
        if call.method == "POST":
            # Whatever were taken now would be lost for good.
            raise TurnedAway(503, "unknown" if terminal is None else "pending")
        if terminal is not None and call.word == "cdata" and "options" in call.query:
            self._note_itself(call, terminal)
        return "OK"

    # --- what a terminal asks and sends -----------------------------------------------------------

    def _answer_known(self, call: Call, terminal: ZkTerminal, environ: Environ) -> str:
        if _speaks_of_doors(call):
            self._note_doors(call, terminal)
            raise TurnedAway(503, "doors")
        answers: dict[tuple[str, str], Callable[[], str]] = {
            ("GET", "ping"): lambda: "OK",
            ("GET", "cdata"): lambda: self._greet(call, terminal),
            ("GET", "getrequest"): lambda: self._poll(call, terminal),
            ("POST", "cdata"): lambda: self._upload(call, terminal, environ),
            ("POST", "devicecmd"): lambda: self._replies(terminal, environ),
        }
        answer = answers.get((call.method, call.word))
        if answer is None:
            raise TurnedAway(404, "no_such")
        try:
            text = answer()
        except Exception:
            self._occupied(terminal)
            raise
        now = self._hall.clock.now()
        self._heard.note(terminal.serial, self._heard.contact(terminal.serial).heard(now))
        return text

    def _occupied(self, terminal: ZkTerminal) -> None:
        contact = self._heard.contact(terminal.serial)
        self._heard.note(terminal.serial, contact.occupied(self._hall.clock.now()))

    def _note_itself(self, call: Call, terminal: ZkTerminal) -> None:
        who = introduction(call.query)
        note_itself(self._hall, terminal.serial, who.version, who.kind, doors=who.access_control)

    def _note_doors(self, call: Call, terminal: ZkTerminal) -> None:
        who = introduction(call.query)
        note_itself(self._hall, terminal.serial, who.version, who.kind, doors=True)
        alarm(self._hall, terminal.serial, "doors")

    def _greet(self, call: Call, terminal: ZkTerminal) -> str:
        if "options" not in call.query:
            return "OK"
        self._note_itself(call, terminal)
        stamps = dict(stamps_of(self._hall, terminal.serial))
        if "ATTLOG" not in stamps and not terminal.asked_for_all:
            # Everything, once; at every start it would send all it ever held, for ever.
            stamps["ATTLOG"] = "0"
            was_asked_for_all(self._hall, terminal.serial)
        who, now = introduction(call.query), self._hall.clock.now()
        return greeting(who, terminal.dialect, stamps, zone_of(terminal.zone), now)

    def _poll(self, call: Call, terminal: ZkTerminal) -> str:
        if info := call.query.get("info", ""):
            seen = gauge(info)
            if (seen.firmware, seen.punches) != (terminal.firmware, terminal.holds):
                note_gauge(self._hall, terminal.serial, seen.firmware, seen.punches)
        self._plan(terminal)
        self._report(terminal)
        return "\n".join(zkteco_orders.offered(self._hall, terminal)) or "OK"

    def _plan(self, terminal: ZkTerminal) -> None:
        """Once after this program began, and every night, have days counted on both sides."""
        local = self._hall.clock.now().astimezone(zone_of(terminal.zone))
        planned, today = self._heard.planned.get(terminal.serial), local.date().isoformat()
        if planned == today or (planned and local.time() < zkteco_orders.NIGHT):
            return
        zkteco_orders.plan_counts(self._hall, terminal, today_too=not planned)
        self._heard.planned[terminal.serial] = today

    def _report(self, terminal: ZkTerminal) -> None:
        now = self._hall.clock.now()
        if not self._heard.contact(terminal.serial).is_complete(now):
            return
        if zkteco_orders.is_comparing(self._hall, terminal.serial):
            return
        known = raw_punches.last_reported(self._hall).get(terminal.serial)
        if known is None or now - known >= SEEN_EVERY:
            raw_punches.report(self._hall, terminal.serial, now)

    def _upload(self, call: Call, terminal: ZkTerminal, environ: Environ) -> str:
        kind = call.query.get("table", "").upper()
        size = _length(environ)
        body = _body(environ, min(size, EVIDENCE_BYTES if size > MOST_BYTES else MOST_BYTES))
        now = self._hall.clock.now()
        unbroken = self._heard.contact(terminal.serial).is_unbroken(now)
        stamp = call.query.get("stamp", "")
        upload = Upload(terminal, call.peer, now, unbroken, stamp, body)
        if size > MOST_BYTES:
            zkteco_uploads.keep_evidence(self._hall, upload, kind[:20], size)
            return _acknowledged(Safe(_count_rest(environ, body, size)))
        take = zkteco_uploads.TABLES.get(kind, zkteco_uploads.take_nothing)
        safe = take(self._hall, upload)
        if safe.backlog:
            self._occupied(terminal)
        return _acknowledged(safe)

    def _replies(self, terminal: ZkTerminal, environ: Environ) -> str:
        size = _length(environ)
        said = replies(_body(environ, min(size, EVIDENCE_BYTES)))
        zkteco_orders.take_replies(self._hall, terminal, said)
        return "OK"


def _acknowledged(safe: Safe) -> str:
    return "OK" if safe.lines is None else f"OK: {safe.lines}"


def _call(environ: Environ) -> Call:
    path = re.sub(r"/{2,}", "/", environ.get("PATH_INFO", "").lower()).rstrip("/")
    found = _PATH.match(path.removesuffix(".aspx"))
    if found is None:
        raise TurnedAway(404, "no_such")
    method = environ.get("REQUEST_METHOD", "")
    if method not in ("GET", "POST"):
        raise TurnedAway(405, "method")
    told = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, max_num_fields=100)
    query = {name.lower(): value for name, value in told}
    return Call(method, found[1] or "", found[2], query, environ.get("REMOTE_ADDR", ""))


def _speaks_of_doors(call: Call) -> bool:
    asks = call.word == "cdata" and "options" in call.query
    return (
        call.word in _DOORS
        or call.query.get("table", "").lower() in ("rtlog", "rtstate")
        or (asks and introduction(call.query).access_control)
    )


def _length(environ: Environ) -> int:
    """Of a body whose end nobody knows nothing would be read, and nothing must be acknowledged."""
    told = environ.get("CONTENT_LENGTH") or ""
    if not told.isdigit():
        raise TurnedAway(411, "length")
    return int(told)


def _body(environ: Environ, size: int) -> bytes:
    body: bytes = environ["wsgi.input"].read(size)
    if len(body) != size:
        raise TurnedAway(400, "cut_short")
    return body


def _count_rest(environ: Environ, begun: bytes, size: int) -> int:
    """How many lines a body beyond every limit has, in pieces."""
    lines, left, last = begun.count(b"\n"), size - len(begun), begun[-1:]
    while left > 0:
        piece = environ["wsgi.input"].read(min(left, 1024 * 1024))
        if not piece:
            raise TurnedAway(400, "cut_short")
        lines, left, last = lines + piece.count(b"\n"), left - len(piece), piece[-1:]
    return lines + (last != b"\n")
