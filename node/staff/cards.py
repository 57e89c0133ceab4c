"""员工卡: the card by which a colleague signs in at a reader, one for each person.

A card number is short and stands readable on many cards, so it is kept as a keyed hash alone, and
unknown numbers are counted by card and by place, like wrong PINs. A card counts from when it was
registered: what a terminal brings after an outage signs in nobody who got the card later. Local to
the hall; knows no page.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from node.hall import Hall
from standards.errors import Invalid
from web.attempts import Attempts

TABLES = (
    """CREATE TABLE IF NOT EXISTS staff_card (
        card TEXT PRIMARY KEY,
        staff_no TEXT NOT NULL UNIQUE,
        since TEXT NOT NULL
    )""",
)

SLACK: Final = timedelta(seconds=10)
"""So far may a sign-in lie before the registering; clocks do not agree better."""
_NUMBER = re.compile(r"[0-9A-F]{8,20}")


class Locked(Exception):
    """Too many unknown cards at this place."""


def check_card(read: str) -> str:
    """A card number as a reader types it, in capital letters.

    Raises:
        Invalid: with the field ``card``.
    """
    number = read.strip().upper()
    if not _NUMBER.fullmatch(number):
        raise Invalid({"card": "没有读到卡号（8 至 20 位数字或字母 A—F），请再刷一次"})
    return number


def register(hall: Hall, staff_no: str, read: str) -> None:
    """Make this the person's card; it replaces an earlier one.

    Raises:
        Invalid: no card number, or the card of somebody else.
    """
    card = _keyed(hall, check_card(read))
    with hall.db.transaction():
        rows = hall.db.query("SELECT staff_no FROM staff_card WHERE card = :card", card=card)
        owner = str(rows[0]["staff_no"]) if rows else ""
        if owner and owner != staff_no:
            raise Invalid({"card": f"这张卡已登记给 {owner}，请先在那里删除"})
        if not owner:
            forget_card(hall, staff_no)
            hall.db.execute(
                "INSERT INTO staff_card VALUES (:card, :staff_no, :since)",
                card=card,
                staff_no=staff_no,
                since=hall.clock.stamp(),
            )
            _attempts(hall).forgive(_subject(card))


def forget_card(hall: Hall, staff_no: str) -> None:
    """The card is lost, or its owner has left the post."""
    hall.db.execute("DELETE FROM staff_card WHERE staff_no = :staff_no", staff_no=staff_no)


def staff_with_card(hall: Hall) -> set[str]:
    """Numbers of everybody who has a card."""
    return {str(row["staff_no"]) for row in hall.db.query("SELECT staff_no FROM staff_card")}


def owner_of(hall: Hall, read: str, at: datetime, place: str) -> str | None:
    """Whose card this was at that moment; None when it was nobody's.

    Args:
        place: where it is read, e.g. the terminal's id; unknown cards are counted there too.

    Raises:
        Locked: too many unknown cards here.
    """
    card, attempts = _keyed(hall, read.strip().upper()), _attempts(hall)
    if attempts.locked_until(_subject(card), place) is not None:
        raise Locked()
    rows = hall.db.query("SELECT staff_no, since FROM staff_card WHERE card = :card", card=card)
    if rows and datetime.fromisoformat(rows[0]["since"]) <= at + SLACK:
        return str(rows[0]["staff_no"])
    attempts.failed(_subject(card), place)
    return None


def _keyed(hall: Hall, number: str) -> str:
    return hall.vault.blind("staff card", number).hex()


def _attempts(hall: Hall) -> Attempts:
    return Attempts(hall.db, hall.clock.now)


def _subject(card: str) -> str:
    # A login has no colon, so that a card and a password never share a count.
    return f"card:{card}"
