"""How far heads of the center's own logs were signed, as its database knows it.

Stands in the database, so that every process sees it, and goes back with it: what lies beyond it in
a log was shown to nobody since. The file beside the database (``sync.recovery.highwater``) does not
go back; where it knows less than the database, it was lost or put back itself. Knows no Flask.
"""

from __future__ import annotations

from aggregator.database.store import CenterStore

DDL = (
    """CREATE TABLE IF NOT EXISTS offered (
        origin TEXT PRIMARY KEY, size INTEGER NOT NULL)""",
)


class Offered:
    """The largest size of each own log of which a head was signed."""

    def __init__(self, db: CenterStore) -> None:
        self._db = db
        # Never lowered, so that what was read once still holds.
        self._known: dict[str, int] = {}

    def create(self) -> bool:
        """Create the table; whether it was. Where a program before this one, which kept none, left
        logs, all that stands in them counts as shown.
        """
        self._db.create(DDL)
        if self._db.query("SELECT size FROM offered WHERE origin = ''"):
            return False
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO offered SELECT origin, size FROM log WHERE own = 1 "
                "ON CONFLICT DO NOTHING"
            )
            self.note("", 0)
        return True

    def reached(self, origin: str) -> int:
        """Up to where heads of this log were signed; 0 when none was."""
        rows = self._db.query("SELECT size FROM offered WHERE origin = :origin", origin=origin)
        return int(rows[0]["size"]) if rows else 0

    def sizes(self) -> dict[str, int]:
        """As :meth:`reached`, of every own log."""
        rows = self._db.query("SELECT origin, size FROM offered WHERE origin <> ''")
        return {row["origin"]: int(row["size"]) for row in rows}

    def covers(self, origin: str, size: int) -> bool:
        """Whether a head of this size was signed before, as far as this process remembers."""
        return size <= self._known.get(origin, 0)

    def note(self, origin: str, size: int) -> None:
        """A head of this size is about to be signed; inside the caller's transaction."""
        self._db.execute(
            "INSERT INTO offered VALUES (:origin, :size) ON CONFLICT (origin) DO UPDATE "
            "SET size = excluded.size WHERE offered.size < excluded.size",
            origin=origin,
            size=size,
        )

    def remember(self, origin: str, size: int) -> None:
        """What was noted is durable now."""
        self._known[origin] = max(size, self._known.get(origin, 0))
