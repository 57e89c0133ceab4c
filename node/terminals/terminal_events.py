"""签到机事件簿: every event of every kiosk once, in order, with what became of it.

An event is stored with its hash before it is acknowledged, and its punch in the same transaction. A
number that comes again with the same hash is the same event; with another hash a second machine
uses the key, and the terminal is put in quarantine. Knows no HTTP.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Final

from msgspec.structs import replace as with_line

from attendance.errors import FaceError
from attendance.punches import SignIn
from attendance.terminals.anchors import time_of
from attendance.terminals.kiosk import (
    FURTHEST,
    GAP_ALARM_HOURS,
    Event,
    Link,
    advance,
    event_hash,
    place,
    read_event,
)
from node.hall import Hall
from node.presence import sign_ins
from node.presence.sign_ins import Capture
from node.staff import face_frames, members
from node.staff.face_gallery import Faces
from node.terminals import terminal_blobs, terminal_keys, terminals
from node.terminals.kiosk_judging import Judged, Sent, judge
from node.terminals.terminal_keys import DeviceKey
from node.terminals.terminal_reports import anchors_of
from standards.records.presence import PUNCH_WAYS
from sync.clock import BEIJING
from sync.storage.store import Row

TABLES = (
    """CREATE TABLE IF NOT EXISTS terminal_event (
        terminal TEXT NOT NULL,
        key_epoch INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        hash TEXT NOT NULL,
        prev_hash TEXT NOT NULL,
        kind TEXT NOT NULL,
        wall TEXT NOT NULL,
        at TEXT NOT NULL,
        error_ms INTEGER,
        clock TEXT NOT NULL,
        offline INTEGER NOT NULL,
        status TEXT NOT NULL,
        reason TEXT NOT NULL,
        staff_no TEXT NOT NULL,
        match_id TEXT UNIQUE,
        received_at TEXT NOT NULL,
        PRIMARY KEY (terminal, key_epoch, seq)
    )""",
    "CREATE INDEX IF NOT EXISTS terminal_event_received ON terminal_event (terminal, received_at)",
)

MOST_EVENTS: Final = 200
PATIENCE_S: Final = 8.0
"""A PIN takes a tenth of a second to check; what is left over comes with the next request."""


class Cloned(Exception):
    """Two machines use this key; it is in quarantine now."""


@dataclass(frozen=True)
class Result:
    """What became of one event, as the kiosk is told."""

    seq: int
    status: str
    reason: str = ""
    message: str = ""
    name: str = ""
    at: str = ""
    way: str = ""
    grade: str = ""
    was: str = ""
    """of a duplicate: what became of it the first time"""


@dataclass(frozen=True)
class Ack:
    """Through where everything has arrived, what became of these events, what is missing."""

    acked_through: int
    results: list[Result]
    missing: list[list[int]]


def take(here: Hall, faces: Faces, key: DeviceKey, texts: list[str]) -> Ack:
    """Store what has come and tell how far the kiosk may forget.

    Raises:
        ValueError: something that is no event, or that is too far ahead; nothing after it is read.
        Cloned: a second machine uses the key.
    """
    until = time.monotonic() + PATIENCE_S
    results: list[Result] = []
    for text in texts:
        if time.monotonic() > until:
            break
        try:
            results.append(_taken(here, faces, key, text))
        except FaceError:
            # The engine is busy: this one and what follows comes again.
            break
    acked, missing = standing(here, key)
    return Ack(acked, results, missing)


def _taken(here: Hall, faces: Faces, key: DeviceKey, text: str) -> Result:
    event, hashed = read_event(text), event_hash(text)
    if event.seq > last_seq(here, key) + FURTHEST:
        raise ValueError("an event is too far ahead")
    known = _placed(here, key, event, hashed)
    if known is not None:
        return known
    received = here.clock.now()
    told = time_of(
        event.mono_ms, event.wall_time, anchors_of(here, key.terminal, event.boot_id), received
    )
    pictures = terminal_blobs.opened(here, key.terminal, event.blobs)
    sent = Sent(key.terminal, event, told, pictures)
    judged = judge(here, faces, sent)
    with here.db.transaction():
        # The same event may have come on another connection meanwhile.
        known = _placed(here, key, event, hashed)
        if known is not None:
            return known
        return _kept(here, key, (event, hashed), sent, judged)


def _placed(here: Hall, key: DeviceKey, event: Event, hashed: str) -> Result | None:
    rows = here.db.query(
        "SELECT * FROM terminal_event WHERE terminal = :terminal AND key_epoch = :epoch "
        "AND seq BETWEEN :first AND :last",
        terminal=key.terminal,
        epoch=key.key_epoch,
        first=event.seq - 1,
        last=event.seq + 1,
    )
    near = {int(row["seq"]): Link(row["hash"], row["prev_hash"]) for row in rows}
    placed = place(event, hashed, key.key_id, near)
    if placed == "clone":
        terminal_keys.quarantine(here, key, f"key epoch {key.key_epoch}, seq {event.seq}")
        raise Cloned()
    if placed == "new":
        return None
    row = next(row for row in rows if row["seq"] == event.seq)
    first = Judged(str(row["status"]), str(row["reason"]))
    name = _name(here, str(row["staff_no"])) if first.status == "stored" else ""
    return Result(
        event.seq, "duplicate", first.reason, first.message, name, str(row["at"]), was=first.status
    )


def _name(here: Hall, staff_no: str) -> str:
    who = members.member(here, staff_no)
    return who.masked_name if who else "—"


def _kept(
    here: Hall, key: DeviceKey, named: tuple[Event, str], sent: Sent, judged: Judged
) -> Result:
    event, hashed = named
    if judged.match_id is not None and _is_used(here, judged.match_id):
        judged = Judged("rejected", "ticket")
    if judged.sign_in is not None:
        made = judged.sign_in
        judged = replace(
            judged, sign_in=SignIn(with_line(made.punch, line_sha=hashed), made.decision)
        )
    here.db.execute(
        "INSERT INTO terminal_event (terminal, key_epoch, seq, hash, prev_hash, kind, wall, at, "
        "error_ms, clock, offline, status, reason, staff_no, match_id, received_at) VALUES "
        "(:terminal, :epoch, :seq, :hash, :prev, :kind, :wall, :at, :error, :clock, :offline, "
        ":status, :reason, :staff_no, :match, :received)",
        terminal=key.terminal,
        epoch=key.key_epoch,
        seq=event.seq,
        hash=hashed,
        prev=event.prev_hash,
        kind=event.kind,
        wall=event.wall,
        at=sent.told.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        error=None
        if sent.told.error is None
        else round(sent.told.error / timedelta(milliseconds=1)),
        clock=sent.told.clock,
        offline=int(event.offline),
        status=judged.status,
        reason=judged.reason,
        staff_no=judged.sign_in.punch.staff_no if judged.sign_in else event.staff_no[:20],
        match=judged.match_id,
        received=here.clock.stamp(),
    )
    terminal_blobs.drop(here, key.terminal, event.blobs)
    return _told(here, key, event, judged)


def _is_used(here: Hall, match_id: str) -> bool:
    return bool(
        here.db.query("SELECT 1 AS one FROM terminal_event WHERE match_id = :id", id=match_id)
    )


def _told(here: Hall, key: DeviceKey, event: Event, judged: Judged) -> Result:
    if judged.sign_in is None:
        return Result(event.seq, judged.status, judged.reason, judged.message)
    capture = Capture(key.terminal, f"{key.key_epoch}/{event.seq}")
    # A restored node gets events again whose punches came back from the center already.
    punch = sign_ins.punch_of_line(here, judged.sign_in.punch) or sign_ins.keep_punch(
        here, judged.sign_in, capture
    )
    if judged.match_id is not None:
        face_frames.settle(here, judged.match_id, punch.staff_no, punch.way)
    return Result(
        event.seq,
        "stored",
        judged.reason,
        message=PUNCH_WAYS[punch.way],
        name=_name(here, punch.staff_no),
        at=punch.punched_at,
        way=punch.way,
        grade=punch.grade,
    )


def last_seq(here: Hall, key: DeviceKey) -> int:
    """The highest number that has arrived in this key epoch."""
    rows = here.db.query(
        "SELECT MAX(seq) AS last FROM terminal_event WHERE terminal = :terminal "
        "AND key_epoch = :epoch",
        terminal=key.terminal,
        epoch=key.key_epoch,
    )
    return int(rows[0]["last"] or 0)


def last_hash(here: Hall, key: DeviceKey, seq: int) -> str:
    """The hash of one event; of none the key's own name, which the first event names."""
    rows = here.db.query(
        "SELECT hash FROM terminal_event WHERE terminal = :terminal AND key_epoch = :epoch "
        "AND seq = :seq",
        terminal=key.terminal,
        epoch=key.key_epoch,
        seq=seq,
    )
    return str(rows[0]["hash"]) if rows else key.key_id


def standing(here: Hall, key: DeviceKey) -> tuple[int, list[list[int]]]:
    """Through where everything of this key epoch has arrived, and what is missing above."""
    rows = here.db.query(
        "SELECT k.acked_through AS acked, e.seq FROM terminal_key k LEFT JOIN terminal_event e "
        "ON e.terminal = k.terminal AND e.key_epoch = k.key_epoch AND e.seq > k.acked_through "
        "WHERE k.key_id = :key ORDER BY e.seq",
        key=key.key_id,
    )
    before = int(rows[0]["acked"])
    acked, missing = advance(before, (int(row["seq"]) for row in rows if row["seq"] is not None))
    if acked != before:
        terminal_keys.note_acked(here, key, acked)
    return acked, missing


def accept_gaps(here: Hall, key: DeviceKey) -> int:
    """The administrator knows that what is missing is lost: go on after it; how many are lost."""
    with here.db.transaction():
        _, missing = standing(here, key)
        terminal_keys.note_acked(here, key, max([last_seq(here, key), 0]))
    return sum(last - first + 1 for first, last in missing)


def check_gaps(here: Hall) -> None:
    """Raise an alarm where something has been missing for a day."""
    old = terminals.stamp_in(here, -timedelta(hours=GAP_ALARM_HOURS))
    rows: list[Row] = here.db.query(
        "SELECT k.terminal, MIN(e.seq) AS seq FROM terminal_key k JOIN terminal_event e "
        "ON e.terminal = k.terminal AND e.key_epoch = k.key_epoch AND e.seq > k.acked_through + 1 "
        "WHERE e.received_at < :old GROUP BY k.terminal, k.key_epoch, k.acked_through "
        "HAVING COUNT(*) > 0",
        old=old,
    )
    for row in rows:
        terminals.raise_alarm(here, str(row["terminal"]), "gap", f"seq {row['seq']}")


def recent(here: Hall, terminal: str, count: int = 50) -> list[Row]:
    """The last events of one terminal, latest first."""
    return here.db.query(
        "SELECT * FROM terminal_event WHERE terminal = :terminal "
        "ORDER BY key_epoch DESC, seq DESC LIMIT :count",
        terminal=terminal,
        count=count,
    )


def needing_a_person(here: Hall, day: date) -> list[Row]:
    """Sign-ins of a day that are held, were refused while the node was away, or look replayed."""
    return here.db.query(
        "SELECT e.*, t.name FROM terminal_event e JOIN terminal t ON t.id = e.terminal "
        "WHERE e.at >= :start AND e.at < :end AND (e.status = 'held' OR e.reason = 'repeated' "
        "OR (e.status = 'rejected' AND e.offline = 1)) ORDER BY e.at",
        start=_begin(day),
        end=_begin(day + timedelta(days=1)),
    )


def _begin(day: date) -> str:
    """When a day of the hall begins, as events tell it."""
    return datetime.combine(day, clock_time(), BEIJING).astimezone(UTC).isoformat()
