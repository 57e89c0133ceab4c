"""分叉: heads of our own logs that a hall shows and that are not ours, kept beside our own.

Both are signed by this center's key, so both together prove that it showed two histories: it was
put back from a backup and wrote on, or somebody has its key. A person decides. Knows no Flask.
"""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.center import Center
from sync.notes import Checkpoint

DDL = (
    # given_up: a person went on without what this hall holds up to there.
    """CREATE TABLE IF NOT EXISTS split_head (
        origin TEXT NOT NULL, hall TEXT NOT NULL, size INTEGER NOT NULL, held INTEGER NOT NULL,
        theirs BLOB NOT NULL, ours BLOB NOT NULL, at TEXT NOT NULL,
        given_up INTEGER NOT NULL, settled_at TEXT NOT NULL, settled_by TEXT NOT NULL,
        PRIMARY KEY (origin, hall, size))""",
)


@dataclass(frozen=True)
class SplitHead:
    """Another history of one of our logs, as one hall holds it.

    ``size``: of the head that the hall showed; ``held``: of the head of ours that is kept beside.
    """

    origin: str
    hall: str
    size: int
    held: int
    theirs: str
    ours: str
    at: str
    settled_at: str
    settled_by: str


def note_split(center: Center, hall: str, shown: Checkpoint, note: bytes) -> bytes:
    """Keep a head that a hall showed and that is not ours, beside ours; answers ours.

    Ours is of the same size, or of the whole log where that is shorter: never of more than heads
    were signed over already.
    """
    origin = shown.origin
    held = min(shown.size, center.offered.reached(origin))
    ours = center.signer.sign(Checkpoint(origin, held, center.logs.root_at(origin, held)).text)
    with center.db.transaction():
        center.db.execute(
            "INSERT INTO split_head VALUES (:origin, :hall, :size, :held, :theirs, :ours, :at, "
            "-1, '', '') ON CONFLICT DO NOTHING",
            origin=origin,
            hall=hall,
            size=shown.size,
            held=held,
            theirs=note,
            ours=ours,
            at=center.clock.stamp(),
        )
    return ours


def split_heads(center: Center) -> list[SplitHead]:
    """All that were ever shown, the latest first."""
    rows = center.db.query("SELECT * FROM split_head ORDER BY at DESC, origin, hall, size")
    return [
        SplitHead(
            *(row["origin"], row["hall"], int(row["size"]), int(row["held"])),
            *(bytes(row["theirs"]).decode(), bytes(row["ours"]).decode()),
            *(row["at"], row["settled_at"], row["settled_by"]),
        )
        for row in rows
    ]


def open_splits(center: Center) -> int:
    """How many nobody has decided about."""
    rows = center.db.query("SELECT COUNT(*) AS n FROM split_head WHERE settled_at = ''")
    return int(rows[0]["n"])


def settle_split(center: Center, one: tuple[str, str, int], actor: str) -> bool:
    """A person has looked at one and dealt with it; whether it was open."""
    origin, hall, size = one
    return bool(
        center.db.execute(
            "UPDATE split_head SET settled_at = :at, settled_by = :actor "
            "WHERE origin = :origin AND hall = :hall AND size = :size AND settled_at = ''",
            at=center.clock.stamp(),
            actor=actor,
            origin=origin,
            hall=hall,
            size=size,
        )
    )


def give_up(center: Center, origin: str, reached: int, actor: str) -> None:
    """A person goes on without what halls hold of a log up to there: no longer asked for."""
    center.db.execute(
        "UPDATE split_head SET given_up = :reached, "
        "settled_at = CASE settled_at WHEN '' THEN :at ELSE settled_at END, "
        "settled_by = CASE settled_by WHEN '' THEN :actor ELSE settled_by END "
        "WHERE origin = :origin AND given_up < :reached",
        reached=reached,
        at=center.clock.stamp(),
        actor=actor,
        origin=origin,
    )


def is_given_up(center: Center, hall: str, origin: str, size: int) -> bool:
    """Whether a person has decided already about what this hall shows."""
    return bool(
        center.db.query(
            "SELECT hall FROM split_head "
            "WHERE origin = :origin AND hall = :hall AND given_up >= :size",
            origin=origin,
            hall=hall,
            size=size,
        )
    )
