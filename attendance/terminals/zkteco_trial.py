"""A ZKTeco terminal that does not exist: what a real one would send next, and what it does on each
answer. For tests, and for an administrator who wants to try the way to the hall's machine.

It keeps a punch until the answer says so, tries again after ``ErrorDelay``, polls, obeys orders,
sets its clock by the answer's ``Date``, and can have the faults that real ones have. It knows no
network and no clock: whoever drives it gives it the time and carries what it says. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

BATCH: Final = 128


@dataclass(frozen=True)
class Faults:
    """How this one differs from a good one.

    Args:
        behind: seconds by which its clock is behind, as long as it is not set.
        ignores_date: it never sets its clock by an answer.
        ignores_stamps: after a start it goes on where it was, whatever it is told.
        bare_ok: it takes ``OK`` without a number for the whole batch; others send it again.
        gb2312: names in the encoding of Chinese terminals.
        photographs: it sends pictures unasked.
        spelling: what it appends to every path, e.g. ``.aspx``.
    """

    behind: int = 0
    ignores_date: bool = False
    ignores_stamps: bool = False
    bare_ok: bool = False
    gb2312: bool = True
    photographs: bool = False
    spelling: str = ""


@dataclass(frozen=True)
class Request:
    """What it sends: path and query behind the server's address, and a body for a POST."""

    path: str
    body: bytes | None = None

    @property
    def method(self) -> str:
        """GET without a body."""
        return "GET" if self.body is None else "POST"


@dataclass(frozen=True)
class Answer:
    """What came back; no answer at all is None in its place."""

    status: int
    text: str
    date: str = ""


@dataclass(frozen=True)
class _Row:
    pin: str
    shown: str
    status: str = "0"
    verify: str = "15"
    raw: bytes = b""

    def line(self) -> bytes:
        row = "\t".join((self.pin, self.shown, self.status, self.verify, "0", "0", "0"))
        return self.raw or row.encode()


@dataclass
class _Settings:
    error_delay: int = 30
    poll: int = 10


@dataclass
class TrialTerminal:
    """One terminal.

    ``sent`` is how many of its punches the server took; ``log`` what it holds beside punches.
    """

    serial: str
    faults: Faults = field(default_factory=Faults)
    rows: list[_Row] = field(default_factory=list)
    sent: int = 0
    registered: bool = False
    next_at: datetime | None = None
    refusals: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._settings = _Settings()
        self._correction = timedelta(seconds=-self.faults.behind)
        self._log: list[bytes] = []
        self._again: list[_Row] = []
        self._replies: list[str] = []
        self._photos: list[str] = []
        self._asked: Request | None = None
        self._count = 0
        self._polled = False

    # --- what happens in front of it ------------------------------------------------------------

    def shows(self, now: datetime) -> str:
        """Its own time, as it would write it."""
        return (now + self._correction).strftime("%Y-%m-%d %H:%M:%S")

    def scan(self, pin: str, now: datetime, verify: str = "15", status: str = "0") -> None:
        """Somebody stands before it; ``now`` is the right local time."""
        self.rows.append(_Row(pin, self.shows(now), status, verify))
        if self.faults.photographs:
            self._photos.append(f"{self.shows(now)}-{pin}")

    def spoil(self, line: bytes) -> None:
        """One of its punches cannot be read any more."""
        self.rows.append(_Row("", "", raw=line))

    def enrol(self, pin: str, name: str) -> None:
        """Somebody was enrolled at it."""
        shown = name.encode("gb2312" if self.faults.gb2312 else "utf-8")
        row = (
            b"USER PIN="
            + pin.encode()
            + b"\tName="
            + shown
            + b"\tPri=0\tPasswd=739182640\tCard=7788990011"
        )
        self._log += [row, b"FACE PIN=" + pin.encode() + b"\tFID=0\tSIZE=3\tVALID=1\tTMP=c2VjcmV0"]

    def set_clock(self, now: datetime, behind: int) -> None:
        """Somebody sets its clock by hand."""
        self._correction = timedelta(seconds=-behind)
        self._log.append(f"OPLOG 21\t0\t{self.shows(now)}\t0\t0\t0\t0".encode())

    def restart(self) -> None:
        """It was switched off and on."""
        self.registered, self._asked, self.next_at = False, None, None

    # --- what it sends --------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Punches that the server has not taken."""
        return len(self.rows) - self.sent

    @property
    def idle(self) -> bool:
        """It has nothing left to say but that it is there."""
        return not (self.waiting or self._log or self._again or self._replies or self._photos)

    def next_request(self, now: datetime) -> Request | None:
        """What it sends now; None while it waits until ``next_at``."""
        if self.next_at is not None and now < self.next_at:
            return None
        self._asked = self._chosen()
        return self._asked

    def _chosen(self) -> Request:
        if not self.registered:
            return self._get("cdata", "options=all&pushver=2.4.1&DeviceType=att&language=83")
        if self._replies:
            return self._post("devicecmd", "", "\n".join(self._replies).encode())
        if self._again:
            return self._rows(self._again[:BATCH], "9999")
        if self.waiting:
            batch = self.rows[self.sent : self.sent + BATCH]
            return self._rows(batch, str(self.sent + len(batch)))
        if self._log:
            body = b"\r\n".join(self._log) + b"\r\n"
            return self._post("cdata", f"table=OPERLOG&OpStamp={len(self._log)}", body)
        if self._photos:
            return self._photograph(self._photos[0])
        info = "" if self._polled else f"INFO=Ver%202.4,1,0,{len(self.rows)},10.0.0.1"
        return self._get("getrequest", info)

    def _get(self, word: str, query: str) -> Request:
        more = f"&{query}" if query else ""
        return Request(f"/iclock/{word}{self.faults.spelling}?SN={self.serial}{more}")

    def _post(self, word: str, query: str, body: bytes) -> Request:
        return replace(self._get(word, query), body=body)

    def _rows(self, batch: Sequence[_Row], stamp: str) -> Request:
        self._count = len(batch)
        body = b"".join(row.line() + b"\n" for row in batch)
        return self._post("cdata", f"table=ATTLOG&Stamp={stamp}", body)

    def _photograph(self, name: str) -> Request:
        picture = b"\xff\xd8\xff\xe0a-face\xff\xd9"
        heading = f"PIN={name}.jpg\nSN={self.serial}\nsize={len(picture)}\nCMD=uploadphoto\0"
        return self._post("cdata", "table=ATTPHOTO&Stamp=1", heading.encode() + picture)

    # --- what it does on an answer ----------------------------------------------------------------

    def take(self, answer: Answer | None, now: datetime) -> None:
        """What came back; None when nothing did. ``now`` is the right local time."""
        asked, self._asked = self._asked, None
        assert asked is not None
        if answer is not None and answer.date and not self.faults.ignores_date:
            self._set_by(answer.date, now)
        if answer is None or answer.status != 200 or answer.text.startswith("FAIL"):
            self.refusals.append(answer.status if answer is not None else 0)
            self.next_at = now + timedelta(seconds=self._settings.error_delay)
            return
        self.next_at = None
        self._understood(asked, answer.text, now)

    def _set_by(self, date: str, now: datetime) -> None:
        told = parsedate_to_datetime(date).astimezone(now.tzinfo)
        self._correction = told - now.replace(microsecond=0)

    def _understood(self, asked: Request, text: str, now: datetime) -> None:
        path = asked.path
        if asked.body is None:
            self._heard(path, text, now)
        elif "table=ATTLOG" in path:
            self._taken(text, again="Stamp=9999" in path, now=now)
        elif "/devicecmd" in path:
            self._replies.clear()
        elif "table=OPERLOG" in path:
            self._log.clear()
        else:
            self._photos.pop(0)

    def _taken(self, text: str, *, again: bool, now: datetime) -> None:
        counted = re.match(r"OK: ?([0-9]+)", text)
        if counted is None and not (text.startswith("OK") and self.faults.bare_ok):
            self.next_at = now + timedelta(seconds=self._settings.error_delay)
            return
        if counted is not None and int(counted[1]) != self._count:
            self.next_at = now + timedelta(seconds=self._settings.error_delay)
        elif again:
            del self._again[: self._count]
        else:
            self.sent += self._count

    def _heard(self, path: str, text: str, now: datetime) -> None:
        if "/cdata" in path and text.startswith("GET OPTION FROM"):
            self._begin(dict(line.partition("=")[::2] for line in text.splitlines()))
        elif "/cdata" in path:
            self.next_at = now + timedelta(seconds=self._settings.error_delay)
        else:
            self._polled = True
            for line in text.splitlines():
                if line.startswith("C:"):
                    self._obey(*line.split(":", 2)[1:])
            if not self._replies:
                self.next_at = now + timedelta(seconds=self._settings.poll)

    def _begin(self, told: Mapping[str, str]) -> None:
        self.registered = True
        self._settings = _Settings(int(told.get("ErrorDelay", 30)), int(told.get("Delay", 10)))
        stamp = told.get("ATTLOGStamp", told.get("Stamp", "None"))
        if stamp.isdigit() and not self.faults.ignores_stamps:
            self.sent = min(int(stamp), len(self.rows))

    def _obey(self, number: str, order: str) -> None:
        span = re.search(r"StartTime=([0-9-]{10}) .*EndTime=([0-9-]{10}) ", order)
        if span is not None:
            some = [row for row in self.rows if span[1] <= row.shown[:10] <= span[2]]
            if order.startswith("VERIFY SUM"):
                self._replies.append(f"ID={number}&Return=0&CMD=VERIFY SUM&AttlogSum={len(some)}")
                return
            self._again += some
        known = order.startswith(("DATA ", "INFO", "CHECK", "LOG", "REBOOT"))
        if order == "CHECK":
            self.sent = 0
        if order == "REBOOT":
            self.registered = False
        word = order.split(" ", 1)[0]
        self._replies.append(f"ID={number}&Return={0 if known else -1002}&CMD={word}")
