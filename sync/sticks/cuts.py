"""Where batches of a log are cut on a stick, so that one begins exactly where a copy ends.

A receiver holds a log up to a size that it confirmed, or up to the end of a stick from which
nothing has come back yet. Later sticks cut at all of these.
"""

from __future__ import annotations

from contextlib import suppress

from sync.errors import DiskFull
from sync.sticks.stick import Manifest
from sync.storage.store import Database

# The latest ones.
MOST_CUTS = 200


def note_cuts(db: Database, receiver: str, manifest: Manifest) -> None:
    """Remember up to where this export brings each log; with a full disk it does not."""
    ends = {piece.origin: piece.stop for piece in manifest.pieces if piece.origin}
    with suppress(DiskFull), db.transaction():
        db.executemany(
            "INSERT INTO stick_cut VALUES (:receiver, :origin, :size) ON CONFLICT DO NOTHING",
            [{"receiver": receiver, "origin": origin, "size": end} for origin, end in ends.items()],
        )


def cuts_of(db: Database, receiver: str, origin: str, signer: str) -> frozenset[int]:
    """Sizes at which a batch for this receiver is to end.

    Args:
        signer: who signs the receiver's receipts for this log; empty for whoever did.
    """
    rows = db.query(
        "SELECT size FROM (SELECT size FROM receipt WHERE origin = :origin "
        "AND (signer = :signer OR :signer = '') UNION SELECT size FROM stick_cut "
        "WHERE receiver = :receiver AND origin = :origin) s ORDER BY size DESC LIMIT :most",
        origin=origin,
        signer=signer,
        receiver=receiver,
        most=MOST_CUTS,
    )
    return frozenset(int(row["size"]) for row in rows)
