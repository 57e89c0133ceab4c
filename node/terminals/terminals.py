"""签到终端: which machines of ours may send sign-ins, their one-time codes, and what is wrong.

The administrator makes a terminal and reads its code to whoever stands there; the browser there
makes a key, and the administrator compares six words before that key counts (``terminal_keys``).
Knows no face, no punch and no page.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from node.hall import Hall
from standards.errors import Invalid
from sync.storage.store import Row

TABLES = (
    """CREATE TABLE IF NOT EXISTS terminal (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        location TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        code BLOB,
        code_until TEXT,
        seen_at TEXT,
        revoked_at TEXT
    )""",
    """CREATE TABLE IF NOT EXISTS terminal_alarm (
        id INTEGER PRIMARY KEY,
        terminal TEXT NOT NULL,
        at TEXT NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL,
        closed_at TEXT,
        closed_by TEXT
    )""",
    """CREATE TABLE IF NOT EXISTS terminal_theft (
        terminal TEXT PRIMARY KEY,
        since TEXT NOT NULL,
        reported_at TEXT NOT NULL,
        reported_by TEXT NOT NULL
    )""",
)

CODE_LENGTH: Final = 10
CODE_VALID: Final = timedelta(minutes=15)
SEEN_EVERY: Final = timedelta(minutes=1)
"""Each note of "last seen" is a write to the disk."""
LOST_AFTER: Final = timedelta(minutes=5)
# No 0/O, 1/I: the code is read aloud and typed.
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LONGEST_NAME = 40

ALARMS: Final = {
    "clone": "同一序号出现两份不同的记录，这台终端的数据可能被复制到了另一台机器，已隔离",
    "revoked_used": "已停用的终端仍在使用旧密钥",
    "gap": "有记录缺号超过24小时，可能丢失",
}
"""Kind -> what the administrator reads."""


@dataclass(frozen=True)
class Terminal:
    """One terminal as pages see it; no code and no key."""

    id: str
    name: str
    location: str
    created_at: str
    seen_at: str | None
    revoked_at: str | None
    code_until: str | None
    lost: bool


@dataclass(frozen=True)
class Theft:
    """When a terminal was gone, and until when its key still worked."""

    terminal: str
    since: datetime
    reported_at: datetime

    def covers(self, punched_at: str) -> bool:
        """Whether a punch of this terminal was made when it was gone."""
        return datetime.fromisoformat(punched_at) >= self.since


def create_terminal(here: Hall, name: str, location: str, by: str) -> tuple[str, str]:
    """A new terminal; its id, and the code that pairs it within 15 minutes.

    Raises:
        Invalid: no name, or a text too long.
    """
    name, location = _text("name", "名称", name), _text("location", "位置", location, must=False)
    terminal_id = f"K-{secrets.token_hex(3).upper()}"
    with here.db.transaction():
        here.db.execute(
            "INSERT INTO terminal (id, name, location, created_at, created_by) "
            "VALUES (:id, :name, :location, :at, :by)",
            id=terminal_id,
            name=name,
            location=location,
            at=here.clock.stamp(),
            by=by,
        )
        return terminal_id, give_code(here, terminal_id)


def _text(field: str, label: str, text: str, *, must: bool = True) -> str:
    text = text.strip()
    if must and not text:
        raise Invalid({field: f"请填写终端{label}"})
    if len(text) > _LONGEST_NAME or not text.isprintable():
        raise Invalid({field: f"终端{label}最多 {_LONGEST_NAME} 个字"})
    return text


def give_code(here: Hall, terminal_id: str) -> str:
    """A new one-time code; an earlier one ends. A paired terminal works on meanwhile."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))
    here.db.execute(
        "UPDATE terminal SET code = :code, code_until = :until "
        "WHERE id = :id AND revoked_at IS NULL",
        id=terminal_id,
        code=here.vault.blind("pairing code", code),
        until=stamp_in(here, CODE_VALID),
    )
    return code


def terminal_of_code(here: Hall, code: str) -> str | None:
    """Use a code up; None for a code that is wrong, used or too old. Call it in a transaction."""
    rows = here.db.query(
        "SELECT id FROM terminal WHERE code = :code AND code_until > :now "
        "AND code_until <= :latest AND revoked_at IS NULL",
        code=here.vault.blind("pairing code", code.strip().upper()),
        now=here.clock.stamp(),
        # A code made while the clock ran ahead must not outlive the clock's repair.
        latest=stamp_in(here, CODE_VALID),
    )
    if not rows:
        return None
    here.db.execute(
        "UPDATE terminal SET code = NULL, code_until = NULL WHERE id = :id", id=rows[0]["id"]
    )
    return str(rows[0]["id"])


def terminals(here: Hall) -> list[Terminal]:
    """Every terminal, those in use first."""
    rows = here.db.query("SELECT * FROM terminal ORDER BY revoked_at IS NOT NULL, name, created_at")
    return [_terminal(here, row) for row in rows]


def terminal(here: Hall, terminal_id: str) -> Terminal | None:
    """One terminal, or None."""
    rows = here.db.query("SELECT * FROM terminal WHERE id = :id", id=terminal_id)
    return _terminal(here, rows[0]) if rows else None


def note_seen(here: Hall, known: Terminal) -> None:
    """A terminal has spoken; written at most once a minute."""
    if (known.seen_at or "") < stamp_in(here, -SEEN_EVERY):
        here.db.execute(
            "UPDATE terminal SET seen_at = :now WHERE id = :id",
            now=here.clock.stamp(),
            id=known.id,
        )


def end_terminal(here: Hall, terminal_id: str) -> bool:
    """Note that a terminal is not used any more; its keys are ended by ``terminal_keys.revoke``."""
    changed = here.db.execute(
        "UPDATE terminal SET code = NULL, code_until = NULL, revoked_at = :now "
        "WHERE id = :id AND revoked_at IS NULL",
        id=terminal_id,
        now=here.clock.stamp(),
    )
    return changed > 0


def report_stolen(here: Hall, terminal_id: str, since: datetime, by: str) -> None:
    """Note since when a terminal is gone: what it sent after that is flagged."""
    here.db.execute(
        "INSERT INTO terminal_theft VALUES (:terminal, :since, :at, :by) "
        "ON CONFLICT (terminal) DO UPDATE SET since = excluded.since",
        terminal=terminal_id,
        since=since.isoformat(),
        at=here.clock.stamp(),
        by=by,
    )


def thefts(here: Hall) -> dict[str, Theft]:
    """Terminal -> since when it was gone."""
    rows = here.db.query("SELECT terminal, since, reported_at FROM terminal_theft")
    return {
        str(row["terminal"]): Theft(
            str(row["terminal"]),
            datetime.fromisoformat(row["since"]),
            datetime.fromisoformat(row["reported_at"]),
        )
        for row in rows
    }


def raise_alarm(here: Hall, terminal_id: str, kind: str, detail: str = "") -> None:
    """Tell the administrator; an open alarm of the same kind stands already for what follows."""
    with here.db.transaction():
        known = here.db.query(
            "SELECT 1 AS one FROM terminal_alarm "
            "WHERE terminal = :terminal AND kind = :kind AND closed_at IS NULL",
            terminal=terminal_id,
            kind=kind,
        )
        if not known:
            here.db.execute(
                "INSERT INTO terminal_alarm (terminal, at, kind, detail) "
                "VALUES (:terminal, :at, :kind, :detail)",
                terminal=terminal_id,
                at=here.clock.stamp(),
                kind=kind,
                detail=detail,
            )


def open_alarms(here: Hall) -> list[Row]:
    """What the administrator has not closed, latest first."""
    return here.db.query(
        "SELECT a.id, a.terminal, a.at, a.kind, a.detail, t.name FROM terminal_alarm a "
        "JOIN terminal t ON t.id = a.terminal WHERE a.closed_at IS NULL ORDER BY a.id DESC"
    )


def close_alarm(here: Hall, alarm_id: int, by: str) -> bool:
    """The administrator has seen to it."""
    changed = here.db.execute(
        "UPDATE terminal_alarm SET closed_at = :now, closed_by = :by "
        "WHERE id = :id AND closed_at IS NULL",
        now=here.clock.stamp(),
        by=by,
        id=alarm_id,
    )
    return changed > 0


def kiosk_address(here: Hall, host: str = "", *, https: bool = False) -> str:
    """Where the kiosk page answers.

    Args:
        host: by which name the reader reached this machine, for a listener on all addresses.
    """
    listening, _, port = here.settings.terminal_listen.rpartition(":")
    if listening in ("", "0.0.0.0", "[::]"):
        listening = host or "127.0.0.1"
    return f"{'https' if https else 'http'}://{listening}:{port}/kiosk"


def stamp_in(here: Hall, ahead: timedelta) -> str:
    """A moment from now, as tables hold it."""
    return (here.clock.now() + ahead).isoformat(timespec="milliseconds")[:23] + "Z"


def _terminal(here: Hall, row: Row) -> Terminal:
    shown = ("id", "name", "location", "created_at", "seen_at", "revoked_at")
    return Terminal(
        **{name: row[name] for name in shown},
        code_until=row["code_until"] if str(row["code_until"]) > here.clock.stamp() else None,
        lost=bool(row["seen_at"]) and str(row["seen_at"]) < stamp_in(here, -LOST_AFTER),
    )
