"""签到终端: which machines may send sign-ins, how one is paired, and the pages where that is said.

The administrator makes a terminal and reads its one-time code to whoever stands there; the kiosk
page exchanges the code for a token, which only that browser keeps. Here stand hashes of both.
Knows no face and no punch.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from node.desk import actor, hall
from node.hall import Hall
from standards.errors import Invalid
from sync.store import Row
from web import access, logs, page

pages = Blueprint("terminals", __name__, url_prefix="/terminals")

TABLES = (
    """CREATE TABLE IF NOT EXISTS terminal (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        location TEXT NOT NULL,
        created_at TEXT NOT NULL,
        created_by TEXT NOT NULL,
        code BLOB,
        code_until TEXT,
        token TEXT,
        paired_at TEXT,
        seen_at TEXT,
        revoked_at TEXT
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


@dataclass(frozen=True)
class Terminal:
    """One terminal as pages see it; no code and no token."""

    id: str
    name: str
    location: str
    created_at: str
    paired_at: str | None
    seen_at: str | None
    revoked_at: str | None
    code_until: str | None
    lost: bool

    @property
    def state(self) -> tuple[str, str]:
        """How it stands: shape of the chip, and words."""
        if self.revoked_at:
            return "idle", "已停用"
        if not self.paired_at:
            return "warn", "待配对"
        return ("warn", "未联系") if self.lost else ("ok", "在用")


# --- what is known and written ------------------------------------------------------------------


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
    """A new one-time code; an earlier one ends. A paired terminal works on until it is used."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))
    here.db.execute(
        "UPDATE terminal SET code = :code, code_until = :until "
        "WHERE id = :id AND revoked_at IS NULL",
        id=terminal_id,
        code=here.vault.blind("pairing code", code),
        until=_stamp(here, CODE_VALID),
    )
    return code


def pair(here: Hall, code: str) -> tuple[Terminal, str] | None:
    """Exchange a code for a token, once; None for a code that is wrong, used or too old."""
    with here.db.transaction():
        rows = here.db.query(
            "SELECT id FROM terminal WHERE code = :code AND code_until > :now "
            "AND code_until <= :latest AND revoked_at IS NULL",
            code=here.vault.blind("pairing code", code.strip().upper()),
            now=here.clock.stamp(),
            # A code made while the clock ran ahead must not outlive the clock's repair.
            latest=_stamp(here, CODE_VALID),
        )
        return _give_token(here, str(rows[0]["id"])) if rows else None


def _give_token(here: Hall, terminal_id: str) -> tuple[Terminal, str]:
    token = secrets.token_urlsafe(32)
    here.db.execute(
        "UPDATE terminal SET code = NULL, code_until = NULL, token = :token, "
        "paired_at = :now, seen_at = :now WHERE id = :id",
        id=terminal_id,
        token=_hash(token),
        now=here.clock.stamp(),
    )
    rows = here.db.query("SELECT * FROM terminal WHERE id = :id", id=terminal_id)
    return _terminal(here, rows[0]), token


def terminal_of_token(here: Hall, token: str) -> Terminal | None:
    """The terminal that holds this token and was not revoked; notes that it was seen."""
    rows = here.db.query(
        "SELECT * FROM terminal WHERE token = :token AND revoked_at IS NULL", token=_hash(token)
    )
    if not rows:
        return None
    if str(rows[0]["seen_at"]) < _stamp(here, -SEEN_EVERY):
        here.db.execute(
            "UPDATE terminal SET seen_at = :now WHERE id = :id",
            now=here.clock.stamp(),
            id=rows[0]["id"],
        )
    return _terminal(here, rows[0])


def terminals(here: Hall) -> list[Terminal]:
    """Every terminal, those in use first."""
    rows = here.db.query("SELECT * FROM terminal ORDER BY revoked_at IS NOT NULL, name, created_at")
    return [_terminal(here, row) for row in rows]


def revoke_terminal(here: Hall, terminal_id: str) -> bool:
    """Take a terminal's token away; its next request is refused."""
    changed = here.db.execute(
        "UPDATE terminal SET token = NULL, code = NULL, code_until = NULL, revoked_at = :now "
        "WHERE id = :id AND revoked_at IS NULL",
        id=terminal_id,
        now=here.clock.stamp(),
    )
    return changed > 0


def kiosk_address(here: Hall, host: str = "") -> str:
    """Where the kiosk page answers.

    Args:
        host: by which name the reader reached this machine, for a listener on all addresses.
    """
    listening, _, port = here.settings.terminal_listen.rpartition(":")
    if listening in ("", "0.0.0.0", "[::]"):
        listening = host or "127.0.0.1"
    return f"http://{listening}:{port}/kiosk"


def _terminal(here: Hall, row: Row) -> Terminal:
    shown = ("id", "name", "location", "created_at", "paired_at", "seen_at", "revoked_at")
    return Terminal(
        **{name: row[name] for name in shown},
        code_until=row["code_until"] if str(row["code_until"]) > here.clock.stamp() else None,
        lost=bool(row["seen_at"]) and str(row["seen_at"]) < _stamp(here, -LOST_AFTER),
    )


def _stamp(here: Hall, ahead: timedelta) -> str:
    return (here.clock.now() + ahead).isoformat(timespec="milliseconds")[:23] + "Z"


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


# --- pages --------------------------------------------------------------------------------------


@pages.get("")
@access.roles("administrator")
def listing() -> str:
    """Every terminal, and the form for one more."""
    return _listing({})


def _listing(wrong: dict[str, str]) -> str:
    return render_template(
        "terminals/listing.html",
        terminals=terminals(hall()),
        errors=wrong,
        typed=request.form,
        address=kiosk_address(hall(), request.host.partition(":")[0]),
    )


@pages.post("")
@access.roles("administrator")
def create() -> tuple[str, int] | str | Response:
    """Make a terminal and show its code, once."""
    here = hall()
    try:
        with here.db.transaction():
            if page.earlier_answer() is not None:
                return redirect(url_for("terminals.listing"), 303)
            name, location = request.form.get("name", ""), request.form.get("location", "")
            terminal_id, code = create_terminal(here, name, location, actor())
            page.remember_answer(url_for("terminals.listing"))
    except Invalid as wrong:
        return _listing(wrong.fields), 422
    logs.event("terminal.created", terminal=terminal_id)
    return _code_page(code, name)


@pages.post("/<terminal_id>/code")
@access.roles("administrator")
def renew(terminal_id: str) -> str | Response:
    """Show a new code: the first was not used in time, or the machine was exchanged."""
    here = hall()
    known = {one.id: one for one in terminals(here)}.get(terminal_id)
    if known is None or known.revoked_at:
        raise NotFound()
    with here.db.transaction():
        if page.earlier_answer() is not None:
            return redirect(url_for("terminals.listing"), 303)
        code = give_code(here, terminal_id)
        page.remember_answer(url_for("terminals.listing"))
    logs.event("terminal.code", terminal=terminal_id)
    return _code_page(code, known.name)


def _code_page(code: str, name: str) -> str:
    address = kiosk_address(hall(), request.host.partition(":")[0])
    return render_template(
        "terminals/code.html",
        name=name,
        code=code,
        address=address,
        link=f"{address}#pair={code}",
        minutes=int(CODE_VALID.total_seconds() // 60),
    )


@pages.post("/<terminal_id>/revoke")
@access.roles("administrator")
def revoke(terminal_id: str) -> Response:
    """Stop a terminal."""
    if not revoke_terminal(hall(), terminal_id):
        raise NotFound()
    logs.event("terminal.revoked", terminal=terminal_id)
    return redirect(url_for("terminals.listing"), 303)
