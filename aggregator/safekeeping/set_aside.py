"""暂存: what a center wrote after it was put back, and nobody was shown, waits beside its log.

A hall shows that the log had other entries there. They come back to their places, and what was
written meanwhile goes on behind them, with its ids: no head of it ever left this center, so nothing
is signed twice. Knows no Flask.
"""

from __future__ import annotations

from collections.abc import Mapping

from aggregator.center import CENTER, Center
from standards.records import Finding
from sync.applied.applying import apply_pending
from sync.entries import Unreadable, read_generic
from sync.merkle import leaf_hash
from sync.recovery.history import Piece, cut_off, take_back

JUDGED = "judged"

DDL = (
    """CREATE TABLE IF NOT EXISTS set_aside (
        origin TEXT NOT NULL, place INTEGER NOT NULL, leaf BLOB NOT NULL, sealed BLOB NOT NULL,
        at TEXT NOT NULL, PRIMARY KEY (origin, place))""",
)


def take_out(center: Center, origin: str) -> int:
    """Take out of one of our logs what no head was signed over; how many entries."""
    logs = center.logs
    with center.db.transaction():
        size, shown = logs.lock(origin).size, center.offered.reached(origin)
        if size <= shown:
            return 0
        gone = cut_off(logs, origin, shown)
        logs.tables.drop(center.db, origin, shown)
        first = _last(center, origin) + 1
        for number, leaf in enumerate(gone.leaves):
            part = gone.personal.get(gone.start + number, b"")
            name = _name(origin, first + number)
            center.db.execute(
                "INSERT INTO set_aside VALUES (:origin, :place, :leaf, :sealed, :at)",
                origin=origin,
                place=first + number,
                leaf=leaf,
                sealed=center.vault.lock(part, name) if part else b"",
                at=center.clock.stamp(),
            )
    return len(gone.leaves)


def counts(center: Center) -> dict[str, int]:
    """How many entries of which log wait."""
    rows = center.db.query(
        "SELECT origin, COUNT(*) AS n FROM set_aside GROUP BY origin ORDER BY origin"
    )
    return {row["origin"]: int(row["n"]) for row in rows}


def put_behind(center: Center, origin: str) -> tuple[int, int] | None:
    """Let what waits go on at the end of its log, which is whole again; from where to where.

    What came back from a hall under the same id stands already, and is not written twice.
    """
    logs = center.logs
    with center.db.transaction():
        state = logs.lock(origin)
        rows = center.db.query(
            "SELECT * FROM set_aside WHERE origin = :origin ORDER BY place", origin=origin
        )
        waiting = [row for row in rows if not _stands(center, bytes(row["leaf"]))]
        leaves = [bytes(row["leaf"]) for row in waiting]
        parts = {
            index: center.vault.unlock(bytes(row["sealed"]), _name(origin, row["place"]))
            for index, row in enumerate(waiting, state.size)
            if row["sealed"]
        }
        hashes = [leaf_hash(leaf) for leaf in leaves]
        take_back(logs, origin, Piece(state.size, leaves, hashes, parts))
        center.db.execute("DELETE FROM set_aside WHERE origin = :origin", origin=origin)
    apply_pending(logs, origin)
    return (state.size, state.size + len(leaves)) if leaves else None


def _last(center: Center, origin: str) -> int:
    rows = center.db.query(
        "SELECT MAX(place) AS place FROM set_aside WHERE origin = :origin", origin=origin
    )
    return -1 if rows[0]["place"] is None else int(rows[0]["place"])


def _name(origin: str, place: int) -> str:
    return f"aside/{origin}/{place}"


def _stands(center: Center, leaf: bytes) -> bool:
    """Is there an entry of this kind and id, or the same finding of the judge?"""
    try:
        said = read_generic(leaf)
    except Unreadable:
        return False
    kind, name = str(said["kind"]), str(said["id"])
    if kind not in center.logs.tables.kinds:
        return False
    tables = center.logs.tables
    if tables.row(center.db, tables.kinds[kind], name) is not None:
        return True
    body = said["body"]
    return kind == Finding.kind and body.get("source") == JUDGED and _is_found(center, body)


def _is_found(center: Center, body: Mapping[str, object]) -> bool:
    """Entries that halls sent again were judged again; what was found then came back, too."""
    sql = (
        "SELECT id FROM finding WHERE hall = :writer AND source = :source "
        "AND subject_origin = :origin AND subject_index = :idx AND rule = :rule"
    )
    place = {"origin": body.get("subject_origin", ""), "idx": body.get("subject_index", 0)}
    rule = body.get("rule", "")
    return bool(center.db.query(sql, writer=CENTER, source=JUDGED, rule=rule, **place))
