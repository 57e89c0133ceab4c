"""档案: the files of halls at the center, and who may do what with them.

Files stand below the data folder, one folder for each hall; several aggregators on one database
share that folder. Knows no request.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from aggregator.center import Center
from sync.contact.messages import MOST_HELD, FileHeld, FilesWanted
from sync.errors import DiskFull, FileAbsent, Gap, TryLater, UnknownFile
from sync.files.archive import Archive
from sync.files.cabinet import Cabinet, Piece, is_file_name
from sync.keys.keyfiles import key_file
from sync.keys.keysets import HallKeys


def archive_of(center: Center, hall: str) -> Archive:
    """The files of one hall."""
    cabinet = Cabinet(center.data / "files" / hall)
    return Archive(center.db, cabinet, center.clock, hall)


def file_secret(center: Center) -> bytes:
    """From which the keys of the center's own files follow. Lost, only de-duplication suffers."""
    return key_file(center.data / "keys", "files")


def look_through(center: Center) -> int:
    """Set the tables right by the disk, hall by hall; how many files had gone from it.

    What had gone, after a restore say, is wanted from the halls again.
    """
    rows = center.db.query("SELECT DISTINCT hall FROM file_held")
    halls = {str(row["hall"]) for row in rows}
    if (folder := center.data / "files").is_dir():
        halls |= {path.name for path in folder.iterdir() if path.is_dir()}
    return sum(archive_of(center, hall).look_through() for hall in sorted(halls))


def wanted_of(center: Center, keys: HallKeys, after: str) -> FilesWanted:
    """The files that a hall's logs name and that the center lacks, behind a name."""
    if after and not is_file_name(after):
        raise UnknownFile("not the name of a file")
    archive = archive_of(center, keys.hall)
    if not after:
        archive.drop_useless(center.clock.now() - timedelta(hours=1))
    found = archive.wanted(keys.hall, after)
    return FilesWanted(wanted=tuple(found))


def held_of(center: Center, keys: HallKeys, name: str) -> int:
    """How many bytes of a file are kept."""
    return _allowed(center, keys, name, orders=True).cabinet.held(name)


def take_piece(center: Center, keys: HallKeys, name: str, piece: Piece) -> FileHeld:
    """Add a piece to a file that the hall's own log names.

    Raises:
        UnknownFile, Gap, Malformed, TooLarge. TryLater: the disk is full.
    """
    archive = _allowed(center, keys, name, orders=False)
    try:
        return FileHeld(held=archive.take(name, piece))
    except (OSError, DiskFull):
        raise TryLater("the center's disk is full", retry_after=300) from None


def give_piece(center: Center, keys: HallKeys, name: str, start: int, length: int) -> Piece:
    """A piece of a file of the hall's own log or of its orders.

    Raises:
        UnknownFile: not named for this hall. FileAbsent: named, and not whole here.
        Gap: begins behind the end of the file.
    """
    archive = _allowed(center, keys, name, orders=True)
    # Once for each file that is fetched: what was altered on the disk is not handed on.
    if start == 0 and archive.cabinet.size(name) is not None and not archive.cabinet.is_sound(name):
        archive.cabinet.drop(name)
    try:
        piece = archive.cabinet.piece(name, start, length)
    except FileNotFoundError:
        archive.note_lost(name)
        raise FileAbsent("the file is named, and its bytes are not here") from None
    if not piece.body:
        raise Gap("begins behind the end of the file", size=piece.total)
    if piece.start + len(piece.body) == piece.total:
        archive.note_delivered(name)
    return piece


def _allowed(center: Center, keys: HallKeys, name: str, *, orders: bool) -> Archive:
    archive = archive_of(center, keys.hall)
    named = archive.naming(name) if is_file_name(name) else {}
    of_orders = f"{center.settings.center}/orders-{keys.hall}/"
    for origin, writer in named.items():
        if writer == keys.hall or (orders and origin.startswith(of_orders)):
            return archive
    raise UnknownFile("no applied entry names this file for this hall")


# --- by stick -------------------------------------------------------------------------------------


def came_up(center: Center, hall: str) -> tuple[str, ...]:
    """Files of a hall that are whole here, the latest of them."""
    rows = center.db.query(
        "SELECT h.hash FROM file_held h WHERE h.hall = :hall AND EXISTS "
        "(SELECT 1 FROM file_named n JOIN log l ON l.origin = n.origin "
        "WHERE n.hash = h.hash AND l.writer = :hall) ORDER BY h.at DESC LIMIT :most",
        hall=hall,
        most=MOST_HELD,
    )
    return tuple(str(row["hash"]) for row in rows)


def to_carry(center: Center, hall: str) -> list[tuple[str, int]]:
    """Files that were handed to a hall and are not there yet, the smallest first."""
    rows = center.db.query(
        "SELECT h.hash, h.size FROM file_held h WHERE h.hall = :hall AND EXISTS "
        "(SELECT 1 FROM file_handed f JOIN personal p ON p.origin = f.origin AND p.idx = f.idx "
        "WHERE f.for_hall = :hall AND f.file = h.hash) AND NOT EXISTS "
        "(SELECT 1 FROM file_delivered d WHERE d.hall = :hall AND d.hash = h.hash) "
        "ORDER BY h.size, h.hash",
        hall=hall,
    )
    return [(str(row["hash"]), int(row["size"])) for row in rows]


def note_fetched(center: Center, keys: HallKeys, names: Iterable[str]) -> None:
    """A hall says that these files, handed to it, arrived there."""
    handed = {name for name, _ in to_carry(center, keys.hall)}
    archive = archive_of(center, keys.hall)
    for name in handed & set(names):
        archive.note_delivered(name)
