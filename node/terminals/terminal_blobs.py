"""断网画面: pictures that a kiosk took while the node was away, still under the node's key.

They arrive sealed, lie here sealed for the moment between their arrival and that of their event,
are opened in memory to be measured, and are gone when the event is stored, whatever became of it.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Final

from node.hall import Hall
from node.terminals import terminal_keys, terminals
from node.terminals.device_keys import BadKey

TABLES = (
    """CREATE TABLE IF NOT EXISTS terminal_blob (
        terminal TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        sealed BLOB NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (terminal, sha256)
    )""",
)

PICTURE_BYTES: Final = 300 * 1024
BLOB_BYTES: Final = PICTURE_BYTES + 256
MOST_BLOBS: Final = 300
"""Of one terminal; a hundred sign-ins. More comes when those are done."""
KEPT: Final = timedelta(days=1)


def keep(here: Hall, terminal: str, digest: str, sealed: bytes) -> bool:
    """Keep a sealed picture until its event comes; False for another content or too many."""
    if sha256(sealed).hexdigest() != digest or len(sealed) > BLOB_BYTES:
        return False
    with here.db.transaction():
        here.db.execute(
            "DELETE FROM terminal_blob WHERE at < :old", old=terminals.stamp_in(here, -KEPT)
        )
        count = here.db.query(
            "SELECT COUNT(*) AS n FROM terminal_blob WHERE terminal = :terminal", terminal=terminal
        )
        if int(count[0]["n"]) >= MOST_BLOBS:
            return False
        here.db.execute(
            "INSERT INTO terminal_blob VALUES (:terminal, :digest, :sealed, :at) "
            "ON CONFLICT (terminal, sha256) DO NOTHING",
            terminal=terminal,
            digest=digest,
            sealed=sealed,
            at=here.clock.stamp(),
        )
    return True


def opened(here: Hall, terminal: str, digests: tuple[str, ...]) -> tuple[bytes, ...] | None:
    """The pictures of one event; None when one is missing or cannot be opened."""
    keys = terminal_keys.hall_keys(here)
    found = []
    for digest in digests:
        rows = here.db.query(
            "SELECT sealed FROM terminal_blob WHERE terminal = :terminal AND sha256 = :digest",
            terminal=terminal,
            digest=digest,
        )
        try:
            found.append(keys.open(bytes(rows[0]["sealed"]), f"{terminal}/picture"))
        except (IndexError, BadKey):
            return None
    return tuple(found) or None


def drop(here: Hall, terminal: str, digests: tuple[str, ...]) -> None:
    """Delete the pictures of an event that is stored."""
    for digest in digests:
        here.db.execute(
            "DELETE FROM terminal_blob WHERE terminal = :terminal AND sha256 = :digest",
            terminal=terminal,
            digest=digest,
        )
