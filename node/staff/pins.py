"""口令: the six digits by which a colleague signs in without a face, and signs on a screen.

Kept as Argon2id over a keyed value, so that a stolen database file cannot be searched through a
million PINs. Wrong tries are counted by person and by place, like sign-ins. Local to the hall;
knows no page.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache

from node.hall import Hall
from standards.errors import Invalid
from web.attempts import Attempts
from web.passwords import hash_password, initial_password, matches

TABLES = (
    """CREATE TABLE IF NOT EXISTS staff_pin (
        staff_no TEXT PRIMARY KEY,
        pin TEXT NOT NULL,
        set_at TEXT NOT NULL
    )""",
)

DIGITS = 6
_PIN = re.compile(r"[0-9]{6}")
# Every run up and every run down that six digits can hold, over the wheel 0123456789.
_RUNS = "01234567890123456789"


class Locked(Exception):
    """Too many wrong PINs; ``until`` says when this person may try again here."""

    def __init__(self, until: datetime) -> None:
        super().__init__("too many wrong PINs")
        self.until = until


def check_new_pin(pin: str, again: str) -> str:
    """A PIN that is not guessed first.

    Raises:
        Invalid: with the field ``pin`` or ``again``.
    """
    if not _PIN.fullmatch(pin):
        raise Invalid({"pin": f"口令是 {DIGITS} 位数字"})
    if len(set(pin)) < 3 or pin in _RUNS or pin[::-1] in _RUNS:
        raise Invalid({"pin": "这个口令太容易被猜到，请换一个（不要连号、重复）"})
    if pin != again:
        raise Invalid({"again": "两次输入的口令不一样"})
    return pin


def set_pin(hall: Hall, staff_no: str, pin: str) -> None:
    """Keep a PIN that has passed :func:`check_new_pin`; it replaces an earlier one."""
    hashed = hash_password(_keyed(hall, staff_no, pin))
    with hall.db.transaction():
        hall.db.execute(
            "INSERT INTO staff_pin VALUES (:staff_no, :pin, :at) "
            "ON CONFLICT (staff_no) DO UPDATE SET pin = excluded.pin, set_at = excluded.set_at",
            staff_no=staff_no,
            pin=hashed,
            at=hall.clock.stamp(),
        )
        _attempts(hall).forgive(_subject(staff_no))


def forget_pin(hall: Hall, staff_no: str) -> None:
    """Delete a PIN: its owner has left the post."""
    hall.db.execute("DELETE FROM staff_pin WHERE staff_no = :staff_no", staff_no=staff_no)


def staff_with_pin(hall: Hall) -> set[str]:
    """Numbers of everybody who has a PIN."""
    return {str(row["staff_no"]) for row in hall.db.query("SELECT staff_no FROM staff_pin")}


def pin_is(hall: Hall, staff_no: str, pin: str, place: str) -> bool:
    """Whether this is the person's PIN; as slow for a number that is nobody's.

    Args:
        place: where it is typed, e.g. the terminal's id; tries are counted there too.

    Raises:
        Locked: too many wrong tries, by this person or at this place.
    """
    attempts = _attempts(hall)
    until = attempts.locked_until(_subject(staff_no), place)
    if until is not None:
        raise Locked(until)
    rows = hall.db.query("SELECT pin FROM staff_pin WHERE staff_no = :no", no=staff_no)
    stored = str(rows[0]["pin"]) if rows else _nobodys()
    if matches(stored, _keyed(hall, staff_no, pin)) and rows:
        attempts.forgive(_subject(staff_no))
        return True
    attempts.failed(_subject(staff_no), place)
    return False


def _keyed(hall: Hall, staff_no: str, pin: str) -> str:
    return hall.vault.blind("staff pin", f"{staff_no}\0{pin}").hex()


@cache
def _nobodys() -> str:
    return hash_password(initial_password())


def _attempts(hall: Hall) -> Attempts:
    return Attempts(hall.db, hall.clock.now)


def _subject(staff_no: str) -> str:
    # A login has no colon, so that a PIN and a password never share a count.
    return f"pin:{staff_no}"
