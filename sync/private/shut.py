"""打不开的个人信息: parts at rest whose key is gone, put aside and never forgotten.

They stand here as they were, for whoever finds the key, until the other side brings the same parts
again. A row says which entries it is still wanted for. Knows tables, no network.
"""

from __future__ import annotations

from sync.storage.store import Database

# After so many times that it was asked for and not brought, the other side does not have it.
MOST_TRIES = 3
Span = tuple[int, int]

_PUT = (
    "INSERT INTO personal_shut SELECT origin, idx, idx + 1, idx, idx + 1, "
    "origin || '/' || idx, sealed, 0 FROM personal WHERE idx >= 0 ON CONFLICT DO NOTHING",
    "INSERT INTO personal_shut SELECT origin, start, stop, start, stop, "
    "origin || '/' || start || '-' || stop, sealed, 0 "
    "FROM personal_pack WHERE start >= 0 ON CONFLICT DO NOTHING",
    "DELETE FROM personal",
    "DELETE FROM personal_pack",
    "DELETE FROM personal_term",
    "DELETE FROM personal_index",
)
_COLUMNS = ("origin", "start", "stop", "first", "last", "place", "sealed", "tries")
_ROWS_OVER = (
    "SELECT start, stop, first, last, place, sealed, tries FROM personal_shut "
    "WHERE origin = :origin AND start < :stop AND stop > :start ORDER BY start"
)


def put_aside(db: Database) -> None:
    """Put every part aside, and forget what could be searched of them; in the caller's transaction.

    Nobody can open them, whether one knows it of each or not: the key is gone.
    """
    for sql in _PUT:
        db.execute(sql)


def stands(db: Database, origin: str, index: int) -> bool:
    """Whether the part of this entry is here, and cannot be opened."""
    return bool(over(db, origin, (index, index + 1)))


def over(db: Database, origin: str, span: Span) -> list[Span]:
    """Within these entries: those of which parts are wanted, in order."""
    start, stop = span
    rows = db.cells(_ROWS_OVER, origin=origin, start=start, stop=stop)
    return [(max(start, row[0]), min(stop, row[1])) for row in rows]


def wanted(db: Database, origin: str, after: int = 0) -> Span | None:
    """The first stretch of entries from a place on whose parts the other side may have."""
    rows = db.cells(
        "SELECT start, stop FROM personal_shut WHERE origin = :origin AND stop > :after "
        "AND tries < :most ORDER BY start LIMIT 1000",
        origin=origin,
        after=after,
        most=MOST_TRIES,
    )
    if not rows:
        return None
    start, stop = max(after, rows[0][0]), rows[0][1]
    for first, last in rows[1:]:
        if first > stop:
            break
        stop = last
    return start, stop


def any_stand(db: Database) -> bool:
    """Whether there is anything to ask for."""
    return bool(db.cells("SELECT start FROM personal_shut LIMIT 1"))


def counts(db: Database) -> dict[str, int]:
    """Of each log: how many entries at the most have a part that cannot be opened."""
    if "personal_shut" not in db.tables():
        return {}
    rows = db.query("SELECT origin, SUM(stop - start) AS n FROM personal_shut GROUP BY origin")
    return {str(row["origin"]): int(row["n"]) for row in rows}


def cut(db: Database, origin: str, span: Span) -> None:
    """The parts of these entries are wanted no more; the caller holds the transaction."""
    start, stop = span
    rows = db.cells(_ROWS_OVER, origin=origin, start=start, stop=stop)
    for row in rows:
        db.execute(
            "DELETE FROM personal_shut WHERE origin = :origin AND start = :at",
            origin=origin,
            at=row[0],
        )
        rest = [(row[0], min(row[1], start)), (max(row[0], stop), row[1])]
        db.insert(
            "personal_shut",
            _COLUMNS,
            [(origin, first, last, *row[2:]) for first, last in rest if first < last],
        )


def erase(db: Database, origin: str, span: Span) -> None:
    """An order to erase reaches what cannot be opened, too: a pack goes with all that is in it,
    because nobody can take one part out of it.
    """
    start, stop = span
    db.execute(
        "DELETE FROM personal_shut WHERE origin = :origin AND first < :stop AND last > :start",
        origin=origin,
        start=start,
        stop=stop,
    )


def move(db: Database, source: tuple[str, int], into: tuple[str, int]) -> None:
    """The entries from a place on stand at another place of another log now."""
    db.execute(
        "UPDATE personal_shut SET origin = :into, start = start + :by, stop = stop + :by, "
        "first = first + :by, last = last + :by WHERE origin = :origin AND start >= :at",
        origin=source[0],
        at=source[1],
        into=into[0],
        by=into[1] - source[1],
    )


def tried(db: Database, origin: str, span: Span) -> None:
    """The other side was asked for these, and did not bring what is left of them."""
    start, stop = span
    db.execute(
        "UPDATE personal_shut SET tries = tries + 1 "
        "WHERE origin = :origin AND start < :stop AND stop > :start",
        origin=origin,
        start=start,
        stop=stop,
    )


def ask_again(db: Database) -> None:
    """Ask the other side once more for everything."""
    db.execute("UPDATE personal_shut SET tries = 0")
