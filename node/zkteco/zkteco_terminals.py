"""ZKTeco 终端: which serial numbers may send, from where, and how each one stands.

An administrator takes a terminal in by the serial number on its label, types the address with its
secret into it, and approves it when it has called. A serial number is printed on the machine and
is no secret; nothing that it says is signed. Knows no request.
"""

from __future__ import annotations

import hmac
import ipaddress
from base64 import b32encode
from dataclasses import dataclass, replace

from attendance.local_time import BEIJING, zone_of
from attendance.terminals.clocks import Doubts, drift
from attendance.terminals.zkteco_speech import DIALECTS, SERIAL, Dialect
from node.hall import Hall
from node.presence import raw_punches
from standards.errors import Invalid
from sync.storage.store import Row

TABLES = (
    """CREATE TABLE IF NOT EXISTS zkteco_terminal (
        serial TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        location TEXT NOT NULL,
        sources TEXT NOT NULL,
        secret_no INTEGER NOT NULL,
        bare_path INTEGER NOT NULL,
        dialect TEXT NOT NULL,
        always_ok INTEGER NOT NULL,
        zone TEXT NOT NULL,
        made_at TEXT NOT NULL,
        made_by TEXT NOT NULL,
        approved_at TEXT,
        approved_by TEXT,
        disabled_at TEXT,
        version TEXT NOT NULL DEFAULT '',
        kind TEXT NOT NULL DEFAULT '',
        firmware TEXT NOT NULL DEFAULT '',
        doors_at TEXT,
        peer TEXT NOT NULL DEFAULT '',
        seen_at TEXT,
        sent_at TEXT,
        holds INTEGER NOT NULL DEFAULT -1,
        estimates TEXT NOT NULL DEFAULT '',
        set_by_hand_at TEXT,
        asked_for_all INTEGER NOT NULL DEFAULT 0,
        dropped INTEGER NOT NULL DEFAULT 0
    )""",
)
_LONGEST_NAME = 40
_SECRET_CHARACTERS = 12


@dataclass(frozen=True)
class ZkTerminal:
    """One terminal as the program sees it."""

    serial: str
    name: str
    location: str
    sources: str
    secret_no: int
    bare_path: bool
    dialect: Dialect
    dialect_name: str
    always_ok: bool
    zone: str
    approved_at: str | None
    disabled_at: str | None
    version: str
    kind: str
    firmware: str
    doors_at: str | None
    peer: str
    seen_at: str | None
    sent_at: str | None
    holds: int
    estimates: tuple[int, ...]
    set_by_hand_at: str | None
    asked_for_all: bool
    dropped: int

    @property
    def may_send(self) -> bool:
        """Approved, and neither disabled nor speaking of doors."""
        return bool(self.approved_at) and not self.disabled_at and not self.doors_at

    @property
    def drift(self) -> int | None:
        """Seconds its clock is behind; None before a punch came as it happened."""
        return drift(self.estimates)

    @property
    def doubts(self) -> Doubts:
        """Why its times may be wrong just now."""
        return Doubts(self.drift, self.set_by_hand_at is not None)

    def allows(self, peer: str) -> bool:
        """Whether it may call from this address."""
        if not self.sources:
            return True
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in networks(self.sources))


def networks(sources: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The addresses of a text such as ``192.168.7.21, 192.168.8.0/24``.

    Raises:
        ValueError: not that.
    """
    found = sources.replace("，", ",").replace(" ", ",").split(",")
    return [ipaddress.ip_network(one, strict=False) for one in found if one]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What an administrator says of a terminal that is to be taken in."""

    serial: str
    name: str
    location: str = ""
    sources: str = ""
    dialect: str = "standard"
    bare_path: bool = False
    always_ok: bool = False
    zone: str = BEIJING


def take_terminal_in(hall: Hall, wish: Wish, by: str) -> ZkTerminal:
    """Take a terminal in; it may send only after it is approved.

    Raises:
        Invalid: what is wrong, by field.
    """
    checked = _checked(wish)
    with hall.db.transaction():
        if terminal_of(hall, checked.serial) is not None:
            raise Invalid({"serial": "这个序列号已经登记过"})
        hall.db.execute(
            "INSERT INTO zkteco_terminal (serial, name, location, sources, secret_no, bare_path, "
            "dialect, always_ok, zone, made_at, made_by) VALUES (:serial, :name, :location, "
            ":sources, 1, :bare, :dialect, :always_ok, :zone, :at, :by)",
            serial=checked.serial,
            name=checked.name,
            location=checked.location,
            sources=checked.sources,
            bare=int(checked.bare_path),
            dialect=checked.dialect,
            always_ok=int(checked.always_ok),
            zone=checked.zone,
            at=hall.clock.stamp(),
            by=by,
        )
        hall.db.execute("DELETE FROM zkteco_visitor WHERE serial = :s", s=checked.serial)
    made = terminal_of(hall, checked.serial)
    assert made is not None
    return made


def _checked(wish: Wish) -> Wish:
    wrong = _wrong_texts(wish)
    try:
        sources = ", ".join(str(one) for one in networks(wish.sources)).replace("/32", "")
        if wish.bare_path and not sources:
            wrong["sources"] = "不用密码路径时，必须写明终端的 IP 地址"
    except ValueError:
        sources, wrong["sources"] = "", "请填写 IP 地址或网段，如 192.168.7.21"
    try:
        zone_of(wish.zone)
    except ValueError:
        wrong["zone"] = "没有这个时区"
    if wrong:
        raise Invalid(wrong)
    return replace(wish, sources=sources)


def _wrong_texts(wish: Wish) -> dict[str, str]:
    wrong = {}
    if not SERIAL.match(wish.serial):
        wrong["serial"] = "请照终端标签填写序列号，4至40个字母或数字"
    if not wish.name or len(wish.name) > _LONGEST_NAME or not wish.name.isprintable():
        wrong["name"] = f"请填写名称，最多 {_LONGEST_NAME} 个字"
    if len(wish.location) > _LONGEST_NAME or not wish.location.isprintable():
        wrong["location"] = f"位置最多 {_LONGEST_NAME} 个字"
    if wish.dialect not in DIALECTS:
        wrong["dialect"] = "请选择固件类型"
    return wrong


def terminal_of(hall: Hall, serial: str) -> ZkTerminal | None:
    """The terminal of a serial number, or None."""
    rows = hall.db.query("SELECT * FROM zkteco_terminal WHERE serial = :s", s=serial)
    return _terminal(rows[0]) if rows else None


def zkteco_terminals(hall: Hall) -> list[ZkTerminal]:
    """Every terminal, those in use first."""
    rows = hall.db.query(
        "SELECT * FROM zkteco_terminal ORDER BY disabled_at IS NOT NULL, name, serial"
    )
    return [_terminal(row) for row in rows]


def _terminal(row: Row) -> ZkTerminal:
    read = {
        "dialect": DIALECTS[row["dialect"]],
        "dialect_name": row["dialect"],
        "estimates": tuple(int(one) for one in row["estimates"].split(",") if one),
        **{name: bool(row[name]) for name in ("bare_path", "always_ok", "asked_for_all")},
    }
    names = ZkTerminal.__dataclass_fields__
    return ZkTerminal(**{name: row[name] for name in names if name not in read}, **read)


def secret_of(hall: Hall, terminal: ZkTerminal) -> str:
    """The part of the address that only this terminal knows; it is worked out, not kept."""
    said = f"{terminal.serial}/{terminal.secret_no}"
    return b32encode(hall.vault.blind("zkteco path", said)).decode().lower()[:_SECRET_CHARACTERS]


def knows_secret(hall: Hall, terminal: ZkTerminal, said: str) -> bool:
    """Whether a request came by the terminal's own path, or by the bare one where it may."""
    if not said:
        return terminal.bare_path
    return hmac.compare_digest(secret_of(hall, terminal).encode(), said.lower().encode())


# --- what an administrator decides ---------------------------------------------------------------


def approve(hall: Hall, serial: str, by: str) -> bool:
    """Let a terminal send. False: no such, or approved already."""
    with hall.db.transaction():
        changed = hall.db.execute(
            "UPDATE zkteco_terminal SET approved_at = :at, approved_by = :by, disabled_at = NULL "
            "WHERE serial = :s AND (approved_at IS NULL OR disabled_at IS NOT NULL)",
            at=hall.clock.stamp(),
            by=by,
            s=serial,
        )
        if changed:
            # From here on it is waited for, so that nobody is absent because of its silence.
            raw_punches.report(hall, serial, hall.clock.now())
    return changed > 0


def disable(hall: Hall, serial: str) -> bool:
    """Let a terminal send no more, and end its secret. What it sent stays."""
    with hall.db.transaction():
        changed = hall.db.execute(
            "UPDATE zkteco_terminal SET disabled_at = :at, secret_no = secret_no + 1 "
            "WHERE serial = :s AND disabled_at IS NULL",
            at=hall.clock.stamp(),
            s=serial,
        )
        raw_punches.withdraw_report(hall, serial)
    return changed > 0


def is_attendance_again(hall: Hall, serial: str) -> None:
    """It was switched from doors to attendance."""
    hall.db.execute("UPDATE zkteco_terminal SET doors_at = NULL WHERE serial = :s", s=serial)
