"""One effect for one form, however often it is sent (double click, reload, replay).

A form carries a random key (`once_field`). The effect and the answer's address are written in the
same transaction under that key; whoever comes later with the key gets the same address and causes
nothing. Keys are kept for a week.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

from flask import redirect, request
from markupsafe import Markup
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from sync.storage.store import again
from web import access
from web.moments import stamp
from web.shell import shell

TABLES = (
    """CREATE TABLE IF NOT EXISTS web_answer (
        form_key TEXT PRIMARY KEY,
        location TEXT NOT NULL,
        answered_at TEXT NOT NULL
    )""",
)

KEPT = timedelta(days=7)
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


class AlreadyAnswered(Exception):
    """Another request with the same form key was quicker; the transaction must be undone."""


def once_field(key: str = "") -> Markup:
    """The hidden field; a form shown again after a mistake keeps its key."""
    key = key if _KEY.fullmatch(key) else secrets.token_urlsafe(16)
    return Markup('<input type="hidden" name="once" value="{}">').format(key)


def form_key() -> str:
    """The key of the current form, bound to person and view, as it stands in the table.

    Raises:
        werkzeug.exceptions.BadRequest: the form has none; it does not come from one of our pages.
    """
    key = request.form.get("once") or request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise BadRequest()
    staff = access.staff_or_none()
    owner = staff.login if staff else ""
    return sha256(f"{owner}\n{request.endpoint}\n{key}".encode()).hexdigest()


def earlier_answer() -> str | None:
    """Where the form with this key led the first time; None when this is the first time."""
    rows = shell().database.query(
        "SELECT location FROM web_answer WHERE form_key = :key", key=form_key()
    )
    return str(rows[0]["location"]) if rows else None


def remember_answer(location: str) -> None:
    """Write down where this form leads; call it in the transaction of the effect.

    Raises:
        AlreadyAnswered: the same form was answered meanwhile (two writers on PostgreSQL).
    """
    app = shell()
    now = app.clock()
    app.database.execute("DELETE FROM web_answer WHERE answered_at < :old", old=stamp(now - KEPT))
    added = app.database.execute(
        "INSERT INTO web_answer (form_key, location, answered_at)"
        " VALUES (:key, :location, :now) ON CONFLICT (form_key) DO NOTHING",
        key=form_key(),
        location=location,
        now=stamp(now),
    )
    if not added:
        raise AlreadyAnswered()


def answer_once(effect: Callable[[], str]) -> Response:
    """Run an effect in one transaction and redirect (303) to the address it answers.

    A second request with the same form key causes nothing and gets the same address.

    Args:
        effect: writes to the database only; it runs again when another request was in its way.
    """

    def transaction() -> str:
        with shell().database.transaction():
            location = earlier_answer()
            if location is None:
                location = effect()
                remember_answer(location)
            return location

    try:
        location = again(transaction)
    except AlreadyAnswered:
        location = earlier_answer() or "/"
    return redirect(location, 303)
