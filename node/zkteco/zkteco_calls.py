"""ZKTeco 终端: what terminals say of themselves, and who calls without having been taken in.

Knows no request; whoever answers one writes here what it brought.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from attendance.terminals.clocks import KEPT_ESTIMATES, Doubts
from node.hall import Hall
from node.zkteco.zkteco_terminals import ZkTerminal

TABLES = (
    """CREATE TABLE IF NOT EXISTS zkteco_stamp (
        serial TEXT NOT NULL,
        kind TEXT NOT NULL,
        stamp TEXT NOT NULL,
        PRIMARY KEY (serial, kind)
    )""",
    # Who called without being known; a few, so that nobody fills the disk by inventing numbers.
    """CREATE TABLE IF NOT EXISTS zkteco_visitor (
        serial TEXT PRIMARY KEY,
        peer TEXT NOT NULL,
        first_at TEXT NOT NULL,
        last_at TEXT NOT NULL,
        times INTEGER NOT NULL
    )""",
)
MOST_VISITORS = 50


def note_call(hall: Hall, terminal: ZkTerminal, peer: str) -> None:
    """It called from there, now."""
    hall.db.execute(
        "UPDATE zkteco_terminal SET peer = :peer, seen_at = :at WHERE serial = :s",
        peer=peer,
        at=hall.clock.stamp(),
        s=terminal.serial,
    )


def note_itself(hall: Hall, serial: str, version: str, kind: str, *, doors: bool) -> None:
    """What it said of itself when it asked for its settings."""
    hall.db.execute(
        "UPDATE zkteco_terminal SET version = :version, kind = :kind, "
        "doors_at = CASE WHEN :doors = 1 THEN COALESCE(doors_at, :at) ELSE NULL END "
        "WHERE serial = :s",
        version=version,
        kind=kind,
        doors=int(doors),
        at=hall.clock.stamp(),
        s=serial,
    )


def note_gauge(hall: Hall, serial: str, firmware: str, holds: int) -> None:
    """How many punches it holds, and its firmware."""
    hall.db.execute(
        "UPDATE zkteco_terminal SET firmware = :firmware, holds = :holds WHERE serial = :s",
        firmware=firmware,
        holds=holds,
        s=serial,
    )


def note_upload(hall: Hall, terminal: ZkTerminal, estimate: int | None, dropped: int = 0) -> None:
    """An upload is safe; a punch that came as it happened shows how its clock stands."""
    estimates = terminal.estimates
    if estimate is not None:
        estimates = (*estimates, estimate)[-KEPT_ESTIMATES:]
    right = estimate is not None and not Doubts(estimate).is_off
    hall.db.execute(
        "UPDATE zkteco_terminal SET sent_at = :at, estimates = :estimates, "
        "dropped = dropped + :dropped, "
        "set_by_hand_at = CASE WHEN :right = 1 THEN NULL ELSE set_by_hand_at END WHERE serial = :s",
        at=hall.clock.stamp(),
        estimates=",".join(map(str, estimates)),
        dropped=dropped,
        right=int(right),
        s=terminal.serial,
    )


def note_clock_set(hall: Hall, serial: str, at: datetime) -> None:
    """Somebody set its clock: its times are doubted until a punch shows that they are right."""
    hall.db.execute(
        "UPDATE zkteco_terminal SET set_by_hand_at = :at, estimates = '' WHERE serial = :s",
        at=at.isoformat(timespec="seconds"),
        s=serial,
    )


def stamps_of(hall: Hall, serial: str) -> Mapping[str, str]:
    """By table, the stamp of the last upload that is safe here."""
    rows = hall.db.query("SELECT kind, stamp FROM zkteco_stamp WHERE serial = :s", s=serial)
    return {row["kind"]: row["stamp"] for row in rows}


def keep_stamp(hall: Hall, serial: str, kind: str, stamp: str) -> None:
    """In the upload's transaction: up to this stamp everything is safe."""
    hall.db.execute(
        "INSERT INTO zkteco_stamp VALUES (:s, :kind, :stamp) "
        "ON CONFLICT (serial, kind) DO UPDATE SET stamp = excluded.stamp",
        s=serial,
        kind=kind,
        stamp=stamp,
    )


def was_asked_for_all(hall: Hall, serial: str) -> None:
    """It was told once to send everything it holds."""
    hall.db.execute("UPDATE zkteco_terminal SET asked_for_all = 1 WHERE serial = :s", s=serial)


@dataclass(frozen=True)
class Visitor:
    """A serial number that called and was never taken in."""

    serial: str
    peer: str
    first_at: str
    last_at: str
    times: int


def note_visitor(hall: Hall, serial: str, peer: str) -> None:
    """Somebody called whom nobody knows; noted once a minute, and only of so many numbers."""
    rows = hall.db.query("SELECT last_at FROM zkteco_visitor WHERE serial = :s", s=serial)
    now = hall.clock.stamp()
    if rows and rows[0]["last_at"][:16] == now[:16]:
        return
    with hall.db.transaction():
        count = hall.db.query("SELECT COUNT(*) AS n FROM zkteco_visitor")[0]["n"]
        if not rows and count >= MOST_VISITORS:
            return
        hall.db.execute(
            "INSERT INTO zkteco_visitor VALUES (:s, :peer, :now, :now, 1) "
            "ON CONFLICT (serial) DO UPDATE SET peer = excluded.peer, "
            "last_at = excluded.last_at, times = zkteco_visitor.times + 1",
            s=serial,
            peer=peer,
            now=now,
        )


def visitors(hall: Hall) -> list[Visitor]:
    """Who called without being known, the latest first."""
    rows = hall.db.query("SELECT * FROM zkteco_visitor ORDER BY last_at DESC")
    return [Visitor(**row) for row in rows]


def forget_visitors(hall: Hall) -> None:
    """Somebody has looked at them."""
    hall.db.execute("DELETE FROM zkteco_visitor")
