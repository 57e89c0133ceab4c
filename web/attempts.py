"""Failed sign-ins: counted by name and by address, with a lock that ends by itself.

A name is counted whether or not it is anybody's, so that the lock tells nothing about who exists.
Where a name has signed in before, it is counted for that address alone: whoever guesses from
elsewhere on the network locks himself out, and never the clerk at her own window.
The table is bounded: an address is locked long before it can fill it, and old rows go.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from sync.storage.store import Database
from web.moments import Clock, read_stamp, stamp

TABLES = (
    """CREATE TABLE IF NOT EXISTS web_attempt (
        subject TEXT PRIMARY KEY,
        failures INTEGER NOT NULL,
        until TEXT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS web_place (
        place TEXT PRIMARY KEY,
        at TEXT NOT NULL
    )""",
)

LOCK_AFTER_NAME = 5
LOCK_AFTER_ADDRESS = 40
LOCK = timedelta(minutes=10)
PLACE_KEPT = timedelta(days=60)
"""How long an address counts as a name's own after it last signed in there."""


class Attempts:
    """Counts of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def locked_until(self, login: str, address: str) -> datetime | None:
        """When this name may try again from this address; None: at once."""
        now = self._clock()
        rows = self._database.query(
            "SELECT until FROM web_attempt WHERE until > :now AND until <= :latest AND"
            " ((subject = :name AND failures >= :by_name)"
            " OR (subject = :address AND failures >= :by_address))",
            now=stamp(now),
            # A lock written while the clock ran years ahead must not outlive the clock's repair.
            latest=stamp(now + LOCK),
            name=self._subject(login, address),
            address=_address(address),
            by_name=LOCK_AFTER_NAME,
            by_address=LOCK_AFTER_ADDRESS,
        )
        return max((read_stamp(row["until"]) for row in rows), default=None)

    def failed(self, login: str, address: str) -> None:
        """Count one failure of this name and of this address."""
        now = self._clock()
        with self._database.transaction():
            self._database.execute("DELETE FROM web_attempt WHERE until <= :now", now=stamp(now))
            for subject in (self._subject(login, address), _address(address)):
                self._database.execute(
                    "INSERT INTO web_attempt (subject, failures, until)"
                    " VALUES (:subject, 1, :until)"
                    " ON CONFLICT (subject) DO UPDATE SET"
                    " failures = web_attempt.failures + 1, until = excluded.until",
                    subject=subject,
                    until=stamp(now + LOCK),
                )

    def succeeded(self, login: str, address: str) -> None:
        """This name signed in here: forget its failures, and know the place from now on."""
        now = self._clock()
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM web_attempt WHERE subject = :subject",
                subject=self._subject(login, address),
            )
            self._database.execute(
                "DELETE FROM web_place WHERE at < :old", old=stamp(now - PLACE_KEPT)
            )
            self._database.execute(
                "INSERT INTO web_place (place, at) VALUES (:place, :now)"
                " ON CONFLICT (place) DO UPDATE SET at = excluded.at",
                place=_place(login, address),
                now=stamp(now),
            )

    def forgive(self, login: str) -> None:
        """Forget every failure of a name: the administrator unlocked it."""
        name = _name(login)
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM web_attempt WHERE subject = :name OR subject LIKE :places",
                name=name,
                places=f"{name}@%",
            )

    def _subject(self, login: str, address: str) -> str:
        """What a failure of this name at this address counts against."""
        place = _place(login, address)
        known = self._database.query("SELECT at FROM web_place WHERE place = :place", place=place)
        return place if known else _name(login)

    def locked_logins(self, logins: list[str]) -> set[str]:
        """Those of these names that are locked now."""
        now = self._clock()
        rows = self._database.query(
            "SELECT subject FROM web_attempt"
            " WHERE until > :now AND until <= :latest AND failures >= :limit",
            now=stamp(now),
            latest=stamp(now + LOCK),
            limit=LOCK_AFTER_NAME,
        )
        locked = {str(row["subject"]).partition("@")[0] for row in rows}
        return {login for login in logins if _name(login) in locked}


def _name(login: str) -> str:
    # People type passwords into the name field; the table must not keep them.
    return "name:" + sha256(login.encode()).hexdigest()


def _place(login: str, address: str) -> str:
    return f"{_name(login)}@{address}"


def _address(address: str) -> str:
    return "address:" + address
