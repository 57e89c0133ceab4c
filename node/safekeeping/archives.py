"""档案: the hall's files and where each stands; what is still to go up and to come down.

Named questions over the records and the tables of ``sync.files.archive``. Knows no page and no
network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from node.hall import Hall
from standards.records import FileMissing
from sync.contact.messages import MOST_HELD
from sync.files.archive import Archive, Kept
from sync.files.cabinet import Cabinet
from sync.files.sealed_files import sealed_size
from sync.keys.keyfiles import key_file

UP, DOWN = "up", "down"
SYSTEM = "SYSTEM"


@dataclass(frozen=True)
class Job:
    """A file on its way; ``size`` counts its sealed bytes."""

    name: str
    size: int
    way: str


@dataclass(frozen=True)
class OnTheWay:
    """How much is still to go one way, in sealed bytes."""

    count: int
    size: int


def archive_of(hall: Hall) -> Archive:
    """The hall's files."""
    cabinet = Cabinet(hall.data / "files")
    return Archive(hall.db, cabinet, hall.clock, hall.settings.hall)


def keep(hall: Hall, plain: IO[bytes]) -> Kept:
    """Seal a file that was handed in and keep it; the same content again is the same file."""
    return archive_of(hall).keep(plain, file_secret(hall))


def file_secret(hall: Hall) -> bytes:
    """From which the keys of files follow. Lost, only de-duplication suffers."""
    return key_file(hall.data / "keys", "files")


# What goes up: whole here, not at the center, named by an entry that the center has receipted.
_UP = """
SELECT h.hash, h.size FROM file_held h
WHERE h.hall = :hall
AND NOT EXISTS (SELECT 1 FROM file_delivered d WHERE d.hall = h.hall AND d.hash = h.hash)
AND EXISTS (SELECT 1 FROM file_named n JOIN log l ON l.origin = n.origin
    JOIN personal p ON p.origin = n.origin AND p.idx = n.idx
    WHERE n.hash = h.hash AND l.own = 1 AND l.writer = h.hall AND n.idx < l.mark)
ORDER BY h.size, h.hash LIMIT :most
"""
# What comes down: handed over by the center, or one's own that is gone from this disk.
_DOWN = """
SELECT w.file AS hash, MIN(w.size) AS size FROM (
    SELECT f.file, f.size, f.origin, f.idx FROM file_handed f WHERE f.for_hall = :hall
    UNION ALL
    SELECT m.file, m.size, m.origin, m.idx FROM material_scanned m JOIN log l
    ON l.origin = m.origin WHERE m.hall = :hall AND (l.own = 0 OR m.idx < l.mark)
    UNION ALL
    SELECT v.file, v.size, v.origin, v.idx FROM leave_paper v JOIN log l
    ON l.origin = v.origin WHERE v.hall = :hall AND (l.own = 0 OR v.idx < l.mark)) w
JOIN personal p ON p.origin = w.origin AND p.idx = w.idx
WHERE NOT EXISTS (SELECT 1 FROM file_held h WHERE h.hall = :hall AND h.hash = w.file)
AND NOT EXISTS (SELECT 1 FROM file_absent a WHERE a.hall = :hall AND a.hash = w.file)
GROUP BY w.file ORDER BY size, w.file LIMIT :most
"""


def to_send(hall: Hall, most: int = 1_000_000) -> list[Job]:
    """Files that the center lacks, the smallest first."""
    rows = hall.db.query(_UP, hall=hall.settings.hall, most=most)
    return [Job(str(row["hash"]), int(row["size"]), UP) for row in rows]


def to_carry(hall: Hall) -> list[tuple[str, int]]:
    """Files that the center lacks, for a stick on which their entries are, too; smallest first."""
    rows = hall.db.query(
        "SELECT h.hash, h.size FROM file_held h WHERE h.hall = :hall AND NOT EXISTS "
        "(SELECT 1 FROM file_delivered d WHERE d.hall = h.hall AND d.hash = h.hash) AND EXISTS "
        "(SELECT 1 FROM file_named n JOIN log l ON l.origin = n.origin JOIN personal p "
        "ON p.origin = n.origin AND p.idx = n.idx "
        "WHERE n.hash = h.hash AND l.own = 1 AND l.writer = h.hall) ORDER BY h.size, h.hash",
        hall=hall.settings.hall,
    )
    return [(str(row["hash"]), int(row["size"])) for row in rows]


def came_down(hall: Hall) -> tuple[str, ...]:
    """Files that the center handed down and that are whole here, the latest of them."""
    rows = hall.db.query(
        "SELECT h.hash FROM file_held h WHERE h.hall = :hall AND EXISTS "
        "(SELECT 1 FROM file_handed f WHERE f.for_hall = :hall AND f.file = h.hash) "
        "ORDER BY h.at DESC LIMIT :most",
        hall=hall.settings.hall,
        most=MOST_HELD,
    )
    return tuple(str(row["hash"]) for row in rows)


def to_fetch(hall: Hall, most: int = 1_000_000) -> list[Job]:
    """Files that are named and not here, the smallest first."""
    rows = hall.db.query(_DOWN, hall=hall.settings.hall, most=most)
    return [Job(str(row["hash"]), sealed_size(int(row["size"])), DOWN) for row in rows]


def on_the_way(hall: Hall) -> tuple[OnTheWay, OnTheWay]:
    """How much is still to go up, and to come down; counts also what waits for its entry."""
    mine = hall.settings.hall
    up = hall.db.query(
        "SELECT COUNT(*) AS n, COALESCE(SUM(h.size), 0) AS bytes FROM file_held h "
        "WHERE h.hall = :hall AND NOT EXISTS "
        "(SELECT 1 FROM file_delivered d WHERE d.hall = h.hall AND d.hash = h.hash) "
        "AND EXISTS (SELECT 1 FROM file_named n JOIN log l ON l.origin = n.origin "
        "JOIN personal p ON p.origin = n.origin AND p.idx = n.idx "
        "WHERE n.hash = h.hash AND l.own = 1 AND l.writer = h.hall)",
        hall=mine,
    )[0]
    down = to_fetch(hall)
    return OnTheWay(int(up["n"]), int(up["bytes"])), OnTheWay(
        len(down), sum(job.size for job in down)
    )


def is_own(hall: Hall, name: str) -> bool:
    """Whether a record of this hall names a file."""
    writers = archive_of(hall).naming(name).values()
    return hall.settings.hall in writers


def tell_missing(hall: Hall, name: str, absence: str) -> None:
    """Write down, once for each file, that it is on neither side: a gap with a name."""
    with hall.db.transaction():
        told = hall.db.query(
            "SELECT id FROM file_missing WHERE hall = :hall AND missing = :name LIMIT 1",
            hall=hall.settings.hall,
            name=name,
        )
        if not told:
            hall.write(FileMissing(missing=name, absence=absence), actor=SYSTEM)
