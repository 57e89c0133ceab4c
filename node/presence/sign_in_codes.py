"""签到码: eight digits on a colleague's own signed-in page, good once and for a minute and a half.

At the terminal they stand in the place of the PIN, beside the number; the page shows them as a QR
code too, for terminals with a reader. Kept as a keyed hash. A code is judged by when it was used,
so that what a terminal brings after an outage still counts. Knows no page.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from node.hall import Hall

TABLES = (
    """CREATE TABLE IF NOT EXISTS sign_in_code (
        code TEXT PRIMARY KEY,
        staff_no TEXT NOT NULL,
        since TEXT NOT NULL,
        until TEXT NOT NULL,
        used TEXT NOT NULL
    )""",
)

DIGITS: Final = 8
LIFE: Final = timedelta(seconds=90)
KEPT: Final = timedelta(days=7)


@dataclass(frozen=True)
class SignInCode:
    """What the page shows."""

    staff_no: str
    digits: str
    until: datetime

    @property
    def scanned(self) -> str:
        """What the QR code says: number and code, as a reader types them."""
        return f"{self.staff_no} {self.digits}"


def give(hall: Hall, staff_no: str) -> SignInCode:
    """A new code; an earlier one that was not used is good no longer."""
    now = hall.clock.now()
    made = SignInCode(staff_no, f"{secrets.randbelow(10**DIGITS):0{DIGITS}}", now + LIFE)
    with hall.db.transaction():
        hall.db.execute(
            "DELETE FROM sign_in_code WHERE (staff_no = :no AND used = '') OR until < :old",
            no=staff_no,
            old=(now - KEPT).isoformat(),
        )
        hall.db.execute(
            "INSERT INTO sign_in_code VALUES (:code, :no, :since, :until, '')",
            code=_keyed(hall, staff_no, made.digits),
            no=staff_no,
            since=now.isoformat(),
            until=made.until.isoformat(),
        )
    return made


def is_code(typed: str) -> bool:
    """Whether what was typed for a PIN is meant as a code."""
    return len(typed) == DIGITS and typed.isascii() and typed.isdecimal()


def take(hall: Hall, staff_no: str, digits: str, use: tuple[str, datetime]) -> bool:
    """Use the code up: whether it was this person's, not used yet, and good at that moment.

    Args:
        use: a name of this sign-in, which may come again, and when it was.
    """
    name, at = use
    used = hall.db.execute(
        "UPDATE sign_in_code SET used = :use WHERE code = :code AND staff_no = :no "
        "AND used IN ('', :use) AND since <= :at AND until >= :at",
        use=name,
        code=_keyed(hall, staff_no, digits),
        no=staff_no,
        at=at.astimezone(hall.clock.now().tzinfo).isoformat(),
    )
    return used > 0


def _keyed(hall: Hall, staff_no: str, digits: str) -> str:
    return hall.vault.blind("sign-in code", f"{staff_no}/{digits}").hex()
