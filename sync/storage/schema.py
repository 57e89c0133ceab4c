"""The tables of logs: own leaves, received batches, personal parts, receipts, quarantine, and what
the latest comparison of each log came to.

One declaration for both sides. What follows from entries is in ``sync.storage.tables``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sync.merkle import Frontier
from sync.storage.store import Database, Row

DDL = (
    """CREATE TABLE IF NOT EXISTS log (
        origin TEXT PRIMARY KEY, writer TEXT NOT NULL, own INTEGER NOT NULL,
        size INTEGER NOT NULL, frontier BLOB NOT NULL,
        mark INTEGER NOT NULL, mark_frontier BLOB NOT NULL, applied INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS entry (
        origin TEXT NOT NULL, idx INTEGER NOT NULL, leaf BLOB NOT NULL, hash BLOB NOT NULL,
        at TEXT NOT NULL, PRIMARY KEY (origin, idx))""",
    """CREATE TABLE IF NOT EXISTS batch (
        origin TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
        header BLOB NOT NULL, head BLOB NOT NULL, leaves BLOB NOT NULL,
        plain_bytes INTEGER NOT NULL, hashes BLOB NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (origin, start))""",
    """CREATE TABLE IF NOT EXISTS personal (
        origin TEXT NOT NULL, idx INTEGER NOT NULL, sealed BLOB NOT NULL,
        PRIMARY KEY (origin, idx)) WITHOUT ROWID""",
    # What came in one batch, several parts together; all entries lie in ``start`` to ``stop``.
    """CREATE TABLE IF NOT EXISTS personal_pack (
        origin TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
        parts INTEGER NOT NULL, sealed BLOB NOT NULL,
        PRIMARY KEY (origin, start)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS personal_term (
        term INTEGER NOT NULL, origin TEXT NOT NULL, idx INTEGER NOT NULL,
        PRIMARY KEY (term, origin, idx)) WITHOUT ROWID""",
    # What earlier programs entered into the blind index; nothing is added any more.
    """CREATE TABLE IF NOT EXISTS personal_index (
        term BLOB NOT NULL, origin TEXT NOT NULL, idx INTEGER NOT NULL,
        PRIMARY KEY (term, origin, idx)) WITHOUT ROWID""",
    # Parts whose key is gone: those of ``start`` to ``stop`` are wanted again. ``first`` to
    # ``last`` is what is in it, ``place`` where it was locked.
    """CREATE TABLE IF NOT EXISTS personal_shut (
        origin TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL, place TEXT NOT NULL,
        sealed BLOB NOT NULL, tries INTEGER NOT NULL, PRIMARY KEY (origin, start))""",
    # Which key personal parts are locked with, told by what it alone can reckon; ``gone``: when
    # another one took its place.
    """CREATE TABLE IF NOT EXISTS vault_key (
        mark BLOB PRIMARY KEY, since TEXT NOT NULL, gone TEXT NOT NULL, actor TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS receipt (
        origin TEXT NOT NULL, size INTEGER NOT NULL, signer TEXT NOT NULL,
        note BLOB NOT NULL, at TEXT NOT NULL, PRIMARY KEY (origin, size, signer))""",
    """CREATE TABLE IF NOT EXISTS quarantine (
        origin TEXT NOT NULL, idx INTEGER NOT NULL, entity TEXT NOT NULL, kind TEXT NOT NULL,
        reason TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (origin, idx))""",
    # Which entries had to be erased, of all epochs of a log; follows from entries, never emptied.
    """CREATE TABLE IF NOT EXISTS erased (
        family TEXT NOT NULL, id TEXT NOT NULL, log TEXT NOT NULL, idx INTEGER NOT NULL,
        order_log TEXT NOT NULL, order_idx INTEGER NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (family, id))""",
    """CREATE TABLE IF NOT EXISTS comparison (
        origin TEXT PRIMARY KEY, at TEXT NOT NULL, size INTEGER NOT NULL, held INTEGER NOT NULL,
        state TEXT NOT NULL, idx INTEGER, hall_leaf BLOB, center_leaf BLOB,
        proven INTEGER NOT NULL, days TEXT NOT NULL, equal_at TEXT NOT NULL,
        equal_size INTEGER NOT NULL)""",
    # Which entry names which file; follows from entries.
    """CREATE TABLE IF NOT EXISTS file_named (
        origin TEXT NOT NULL, idx INTEGER NOT NULL, hash TEXT NOT NULL,
        PRIMARY KEY (origin, idx, hash))""",
    "CREATE INDEX IF NOT EXISTS file_named_hash ON file_named (hash)",
    # Of one hall's files: whole on this disk; whole at the other side; not there either.
    """CREATE TABLE IF NOT EXISTS file_held (
        hall TEXT NOT NULL, hash TEXT NOT NULL, size INTEGER NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (hall, hash))""",
    """CREATE TABLE IF NOT EXISTS file_delivered (
        hall TEXT NOT NULL, hash TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (hall, hash))""",
    """CREATE TABLE IF NOT EXISTS file_absent (
        hall TEXT NOT NULL, hash TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (hall, hash))""",
    # Up to where an export on a stick brought a log to its receiver.
    """CREATE TABLE IF NOT EXISTS stick_cut (
        receiver TEXT NOT NULL, origin TEXT NOT NULL, size INTEGER NOT NULL,
        PRIMARY KEY (receiver, origin, size))""",
)


@dataclass(frozen=True)
class LogState:
    """Where one log stands. ``mark``: how far a receipt that we checked reaches (own logs)."""

    origin: str
    writer: str
    own: bool
    frontier: Frontier
    mark: Frontier
    applied: int

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self.frontier.size


# A frontier is immutable and read far more often than it changes.
_frontier = lru_cache(maxsize=4096)(Frontier.from_bytes)


def state_of(row: Row) -> LogState:
    """A row of table ``log``."""
    return LogState(
        row["origin"],
        row["writer"],
        bool(row["own"]),
        _frontier(bytes(row["frontier"])),
        _frontier(bytes(row["mark_frontier"])),
        row["applied"],
    )


def holds_own_log(db: Database) -> bool:
    """Whether this database writes a log already."""
    return "log" in db.tables() and bool(db.query("SELECT origin FROM log WHERE own = 1 LIMIT 1"))
