"""The files of one hall on this machine: what entries name, what is here, what the other side has.

Beside the cabinet (the bytes) stand three small tables. A file counts as named only while the
personal part of an entry that names it stands: without the key in there nobody could open it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO

from sync.clock import Clock
from sync.failpoints import fp
from sync.files.cabinet import Cabinet, Piece
from sync.files.sealed_files import content_key, digest_of, opened, sealed
from sync.storage.store import Database

LIST_LENGTH = 500


@dataclass(frozen=True)
class Kept:
    """A file that was sealed here: its name, its key, and how long the plain one is."""

    name: str
    key: str
    size: int


class Archive:
    """The files of one hall.

    Args:
        hall: whose files these are; nothing is shared with the files of another hall.
    """

    def __init__(self, db: Database, cabinet: Cabinet, clock: Clock, hall: str) -> None:
        self.db, self.cabinet, self.clock, self.hall = db, cabinet, clock, hall

    def keep(self, plain: IO[bytes], secret: bytes) -> Kept:
        """Seal a file and keep it; the same content again is the same file.

        Args:
            plain: read twice, from where it stands.
            secret: keys of files follow from it.

        Raises:
            OSError: disk full or not writable.
        """
        start = plain.tell()
        key = content_key(secret, self.hall, digest_of(plain))
        size = plain.tell() - start
        plain.seek(start)
        name, sealed_bytes = self.cabinet.keep(sealed(plain, key))
        # Of an earlier intake nobody may be left to name it; the time begins anew.
        self.note_lost(name)
        self.note_held(name, sealed_bytes)
        return Kept(name, key.hex(), size)

    def take(self, name: str, piece: Piece) -> int:
        """Add a piece that came over the line; how many bytes are kept now.

        Raises:
            Gap, Malformed, TooLarge, OSError: see ``Cabinet.take``.
        """
        held = self.cabinet.take(name, piece)
        if held == piece.total:
            self.note_held(name, held)
            fp("file.noted")
        return held

    def note_held(self, name: str, size: int) -> None:
        """This file is whole here."""
        self.db.execute(
            "INSERT INTO file_held VALUES (:hall, :hash, :size, :at) ON CONFLICT DO NOTHING",
            **self._of(name),
            size=size,
            at=self.clock.stamp(),
        )

    def note_lost(self, name: str) -> None:
        """This file is not here any more, whatever the table said."""
        self.db.execute(
            "DELETE FROM file_held WHERE hall = :hall AND hash = :hash", **self._of(name)
        )

    def note_delivered(self, name: str) -> None:
        """The other side has this file whole."""
        self.db.execute(
            "INSERT INTO file_delivered VALUES (:hall, :hash, :at) ON CONFLICT DO NOTHING",
            **self._of(name),
            at=self.clock.stamp(),
        )

    def note_wanted(self, names: Iterable[str]) -> None:
        """The other side lacks these files, whatever it said before (it was restored, say)."""
        self.db.executemany(
            "DELETE FROM file_delivered WHERE hall = :hall AND hash = :hash",
            [self._of(name) for name in names],
        )

    def note_absent(self, name: str) -> None:
        """The source says that it has not got this file."""
        self.db.execute(
            "INSERT INTO file_absent VALUES (:hall, :hash, :at) "
            "ON CONFLICT (hall, hash) DO UPDATE SET at = excluded.at",
            **self._of(name),
            at=self.clock.stamp(),
        )

    def forget_absent(self) -> None:
        """Ask the source again for everything that it had not got."""
        self.db.execute("DELETE FROM file_absent WHERE hall = :hall", hall=self.hall)

    def _of(self, name: str) -> dict[str, object]:
        return {"hall": self.hall, "hash": name}

    def naming(self, name: str) -> dict[str, str]:
        """Log -> its writer, of each log in which a file is named and its key still stands."""
        rows = self.db.query(
            "SELECT n.origin, l.writer FROM file_named n JOIN log l ON l.origin = n.origin "
            "JOIN personal p ON p.origin = n.origin AND p.idx = n.idx WHERE n.hash = :hash",
            hash=name,
        )
        return {str(row["origin"]): str(row["writer"]) for row in rows}

    def read(self, name: str, key: str) -> Iterator[bytes]:
        """The plain chunks of a file.

        Raises:
            FileNotFoundError: not here. Malformed: altered, or another key.
        """
        with self.cabinet.open(name) as file:
            yield from opened(file, bytes.fromhex(key))

    def wanted(self, writer: str, after: str = "") -> list[str]:
        """Files that this writer's logs name and that are not here, in the order of their names.

        Args:
            after: go on behind this name; at most ``LIST_LENGTH`` are answered.
        """
        rows = self.db.query(
            "SELECT DISTINCT n.hash FROM file_named n "
            "JOIN log l ON l.origin = n.origin "
            "JOIN personal p ON p.origin = n.origin AND p.idx = n.idx "
            "WHERE l.writer = :writer AND n.hash > :after AND NOT EXISTS "
            "(SELECT 1 FROM file_held h WHERE h.hall = :hall AND h.hash = n.hash) "
            "ORDER BY n.hash LIMIT :most",
            writer=writer,
            hall=self.hall,
            after=after,
            most=LIST_LENGTH,
        )
        return [str(row["hash"]) for row in rows]

    def look_through(self) -> int:
        """Set the table right by the disk, and delete what nobody can use.

        Run it at the start and now and then. Answers how many files had gone from the disk.
        """
        an_hour_ago = self.clock.now() - timedelta(hours=1)
        self.cabinet.tidy(an_hour_ago.timestamp())
        on_disk = set(self.cabinet.names())
        rows = self.db.query("SELECT hash FROM file_held WHERE hall = :hall", hall=self.hall)
        noted = {str(row["hash"]) for row in rows}
        for name in noted - on_disk:
            self.note_lost(name)
        for name in on_disk - noted:
            # Its name was given, and the power went before the table was written.
            self.note_held(name, self.cabinet.size(name) or 0)
        self.drop_useless(an_hour_ago)
        return len(noted - on_disk)

    def drop_useless(self, before: datetime) -> int:
        """Delete files that no key opens any more, and those that no entry ever named.

        The first lost their last name by an erasure (however it came, a crash in the middle
        included). The second were left by an intake that was cut off before its entry was
        written; only those from before a moment, for an entry may be written just now.
        """
        stamp = before.astimezone(UTC).isoformat(timespec="milliseconds")
        rows = self.db.query(
            "SELECT h.hash FROM file_held h WHERE h.hall = :hall AND NOT EXISTS "
            "(SELECT 1 FROM file_named n JOIN personal p "
            "ON p.origin = n.origin AND p.idx = n.idx WHERE n.hash = h.hash) "
            "AND (h.at < :before OR EXISTS (SELECT 1 FROM file_named o WHERE o.hash = h.hash))",
            hall=self.hall,
            before=stamp,
        )
        for row in rows:
            self._drop(str(row["hash"]))
        return len(rows)

    def _drop(self, name: str) -> None:
        self.cabinet.drop(name)
        fp("file.dropped")
        with self.db.transaction():
            self.note_lost(name)
            self.note_wanted([name])

    def drop_unnamed(self, origin: str, index: int) -> list[str]:
        """After the personal part of an entry was erased: delete its files that nobody names now.

        Answers the names of the files that were deleted. Runs again without harm, also after a
        power cut in the middle.
        """
        rows = self.db.query(
            "SELECT n.hash FROM file_named n JOIN log l ON l.origin = n.origin "
            "WHERE n.origin = :origin AND n.idx = :idx AND NOT EXISTS "
            "(SELECT 1 FROM file_named o JOIN log m ON m.origin = o.origin "
            "JOIN personal p ON p.origin = o.origin AND p.idx = o.idx "
            "WHERE o.hash = n.hash AND m.writer = l.writer)",
            origin=origin,
            idx=index,
        )
        names = [str(row["hash"]) for row in rows]
        for name in names:
            self._drop(name)
        return names
