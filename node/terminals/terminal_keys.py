"""终端密钥: the key of each terminal's browser, from its pairing to its end.

A key counts only after the administrator has compared six words on both screens. Each new key
opens a new key epoch, in which the terminal numbers its events anew; what an ended key signs is
refused. The private halves never leave the browsers that made them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from attendance.terminals.kiosk import key_name, pairing_text, rotation_text
from attendance.terminals.words import words_of
from node.hall import Hall
from node.terminals.device_keys import HallKeys, is_signed, new_device_key
from node.terminals.terminals import end_terminal, raise_alarm, terminal_of_code
from sync.keys.keyfiles import key_file
from sync.storage.store import Row

TABLES = (
    """CREATE TABLE IF NOT EXISTS terminal_key (
        terminal TEXT NOT NULL,
        key_epoch INTEGER NOT NULL,
        key_id TEXT NOT NULL UNIQUE,
        public BLOB NOT NULL,
        model TEXT NOT NULL,
        state TEXT NOT NULL,
        posted_at TEXT NOT NULL,
        approved_at TEXT,
        approved_by TEXT,
        ended_at TEXT,
        acked_through INTEGER NOT NULL,
        PRIMARY KEY (terminal, key_epoch)
    )""",
)

STATES: Final = {
    "pending": "待核对",
    "approved": "在用",
    "retired": "已更换",
    "refused": "未批准",
    "revoked": "已停用",
    "quarantined": "已隔离",
}
_LONGEST_MODEL = 80


@dataclass(frozen=True)
class DeviceKey:
    """One key of one terminal."""

    terminal: str
    key_epoch: int
    key_id: str
    public: bytes
    model: str
    state: str
    posted_at: str
    approved_at: str | None
    ended_at: str | None
    acked_through: int


@dataclass(frozen=True)
class Offered:
    """What a browser brings to its pairing: the code as typed, its key, proof that it holds it."""

    code: str
    public: bytes
    proof: bytes
    model: str = ""


@lru_cache(maxsize=8)
def _keys_in(folder: Path) -> HallKeys:
    return HallKeys(key_file(folder, "kiosk"))


def hall_keys(here: Hall) -> HallKeys:
    """What this hall's terminals know it by; made when it is first needed."""
    return _keys_in(here.data / "keys")


def words(here: Hall, key: DeviceKey) -> list[str]:
    """The six words that must stand on both screens."""
    ours = hall_keys(here)
    return words_of(key.public, ours.signing, ours.sealing)


def pair(here: Hall, offered: Offered) -> DeviceKey | None:
    """Take a key in against a one-time code; it waits for approval.

    Returns:
        None for a wrong, used or old code, and for a key that its sender does not hold.
    """
    text = pairing_text(offered.code, offered.public.hex())
    if not is_signed(offered.public, offered.proof, text):
        return None
    with here.db.transaction():
        if _key(here, key_name(offered.public)) is not None:
            return None
        terminal = terminal_of_code(here, offered.code)
        if terminal is None:
            return None
        here.db.execute(
            "UPDATE terminal_key SET state = 'refused', ended_at = :now "
            "WHERE terminal = :terminal AND state = 'pending'",
            now=here.clock.stamp(),
            terminal=terminal,
        )
        return _keep(here, terminal, offered.public, offered.model[:_LONGEST_MODEL])


def _keep(here: Hall, terminal: str, public: bytes, model: str) -> DeviceKey:
    here.db.execute(
        "INSERT INTO terminal_key (terminal, key_epoch, key_id, public, model, state, posted_at, "
        "acked_through) SELECT :terminal, COALESCE(MAX(key_epoch), 0) + 1, :key_id, :public, "
        ":model, 'pending', :now, 0 FROM terminal_key WHERE terminal = :terminal",
        terminal=terminal,
        key_id=key_name(public),
        public=public,
        model=model if model.isprintable() else "",
        now=here.clock.stamp(),
    )
    kept = _key(here, key_name(public))
    assert kept is not None
    return kept


def prepare(here: Hall, terminal: str, by: str) -> bytes:
    """A key made here and approved at once, for a machine that is set up on this host's own word.

    Returns:
        The private key (PKCS #8), which is kept nowhere here.
    """
    private, public = new_device_key()
    with here.db.transaction():
        key = _keep(here, terminal, public, "prepared")
        approve(here, terminal, key.key_id, by)
    return private


def approve(here: Hall, terminal: str, key_id: str, by: str) -> bool:
    """The administrator saw the same words on both screens: this key counts, earlier ones end."""
    with here.db.transaction():
        changed = here.db.execute(
            "UPDATE terminal_key SET state = 'approved', approved_at = :now, approved_by = :by "
            "WHERE terminal = :terminal AND key_id = :key AND state = 'pending'",
            now=here.clock.stamp(),
            by=by,
            terminal=terminal,
            key=key_id,
        )
        if changed:
            here.db.execute(
                "UPDATE terminal_key SET state = 'retired', ended_at = :now "
                "WHERE terminal = :terminal AND key_id <> :key "
                "AND state IN ('approved', 'quarantined')",
                now=here.clock.stamp(),
                terminal=terminal,
                key=key_id,
            )
    return changed > 0


def refuse(here: Hall, terminal: str, key_id: str) -> bool:
    """The words differ: somebody else's key."""
    return _end(here, terminal, key_id, "refused", "pending")


def quarantine(here: Hall, key: DeviceKey, detail: str) -> None:
    """Two machines use one key: neither is believed until the terminal is paired anew."""
    with here.db.transaction():
        _end(here, key.terminal, key.key_id, "quarantined", "approved")
        raise_alarm(here, key.terminal, "clone", detail)


def _end(here: Hall, terminal: str, key_id: str, state: str, before: str) -> bool:
    changed = here.db.execute(
        "UPDATE terminal_key SET state = :state, ended_at = :now "
        "WHERE terminal = :terminal AND key_id = :key AND state = :before",
        state=state,
        now=here.clock.stamp(),
        terminal=terminal,
        key=key_id,
        before=before,
    )
    return changed > 0


def revoke(here: Hall, terminal: str) -> bool:
    """End a terminal and every key it has or had; whether it was in use."""
    with here.db.transaction():
        here.db.execute(
            "UPDATE terminal_key SET state = 'revoked', ended_at = :now WHERE terminal = :terminal "
            "AND state IN ('pending', 'approved', 'quarantined', 'retired')",
            now=here.clock.stamp(),
            terminal=terminal,
        )
        return end_terminal(here, terminal)


def rotate(here: Hall, old: DeviceKey, public: bytes, proof: bytes) -> DeviceKey | None:
    """Go over to a new key that both keys have signed for; None when the new one has not."""
    text = rotation_text(old.terminal, old.key_id, key_name(public))
    if not is_signed(public, proof, text):
        return None
    with here.db.transaction():
        if _key(here, key_name(public)) is not None:
            return None
        new = _keep(here, old.terminal, public, old.model)
        approve(here, old.terminal, new.key_id, f"rotation of {old.key_id}")
        return _key(here, new.key_id)


def device_key(here: Hall, terminal: str, key_id: str) -> DeviceKey | None:
    """The key a request names, whatever its state; None when it is not this terminal's."""
    found = _key(here, key_id)
    return found if found is not None and found.terminal == terminal else None


def keys_of(here: Hall) -> dict[str, list[DeviceKey]]:
    """Terminal -> its keys, the latest first."""
    found: dict[str, list[DeviceKey]] = {}
    for row in here.db.query("SELECT * FROM terminal_key ORDER BY terminal, key_epoch DESC"):
        found.setdefault(str(row["terminal"]), []).append(_read(row))
    return found


def admitted(here: Hall) -> dict[str, datetime]:
    """Terminal in use -> since when its present key counts; before that nothing can be missing."""
    rows = here.db.query(
        "SELECT terminal, approved_at FROM terminal_key "
        "WHERE state IN ('approved', 'quarantined') AND approved_at IS NOT NULL"
    )
    return {str(row["terminal"]): datetime.fromisoformat(row["approved_at"]) for row in rows}


def note_acked(here: Hall, key: DeviceKey, through: int) -> None:
    """Everything up to here has arrived."""
    here.db.execute(
        "UPDATE terminal_key SET acked_through = :through WHERE key_id = :key",
        through=through,
        key=key.key_id,
    )


def _key(here: Hall, key_id: str) -> DeviceKey | None:
    rows = here.db.query("SELECT * FROM terminal_key WHERE key_id = :key", key=key_id)
    return _read(rows[0]) if rows else None


def _read(row: Row) -> DeviceKey:
    names = ("terminal", "key_epoch", "key_id", "model", "state", "posted_at", "approved_at")
    return DeviceKey(
        **{name: row[name] for name in names},
        public=bytes(row["public"]),
        ended_at=row["ended_at"],
        acked_through=int(row["acked_through"]),
    )
