"""Does a kept log still say what was signed, and if not, from which entry on? (P3, T7, F6)

Leaves against their hashes, their places against the order of the log, the hashes against the
frontier. Where a hash was changed with its leaf, or rows were put in another order, the tables that
follow from the entries and the receipts tell the place. Knows no network and mends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sync.entries import Entry, NewerKind, Unreadable, read_leaf
from sync.errors import SyncError
from sync.merkle import HASH_BYTES, Frontier, leaf_hash, root_of
from sync.notes import Checkpoint

if TYPE_CHECKING:
    from sync.log import LogStore

Kept = tuple[int, bytes, bytes]


def first_bad(logs: LogStore, origin: str) -> int | None:
    """The first index that is not what was signed, or None when all is.

    An entry too many or too few counts at the place where it was put in or taken out. Where an
    edit covered its traces in every table, the answer is where the last good receipt ends: what
    is before it is proved.
    """
    state = logs.state(origin)
    count, misplaced, frontier = 0, None, Frontier()
    for index, leaf, hashed in _kept(logs, origin):
        if misplaced is None and (index != count or leaf_hash(leaf) != hashed):
            misplaced = count
        count, frontier = count + 1, frontier.extended([hashed])
    found = [] if misplaced is None else [misplaced]
    if count != state.size:
        found.append(min(count, state.size))
    if not found and frontier == state.frontier:
        return None
    kept = list(_kept(logs, origin))
    found += list(_contradicted(logs, origin, kept))[:1]
    return min(found) if found else _proved(logs, origin, kept)


def _kept(logs: LogStore, origin: str) -> Iterator[Kept]:
    """(index, leaf, hash) of everything that is kept, whatever the log's size says."""
    return _own(logs, origin) if logs.state(origin).own else _mirrored(logs, origin)


def _own(logs: LogStore, origin: str) -> Iterator[Kept]:
    after = -1
    while rows := logs.db.query(
        "SELECT idx, leaf, hash FROM entry WHERE origin = :origin AND idx > :after "
        "ORDER BY idx LIMIT 1000",
        origin=origin,
        after=after,
    ):
        after = rows[-1]["idx"]
        for row in rows:
            yield row["idx"], bytes(row["leaf"]), bytes(row["hash"])


def _mirrored(logs: LogStore, origin: str) -> Iterator[Kept]:
    sql = "SELECT start, stop, hashes FROM batch WHERE origin = :origin ORDER BY start"
    for row in logs.db.query(sql, origin=origin):
        joined, count = bytes(row["hashes"]), row["stop"] - row["start"]
        try:
            leaves = logs.leaves(origin, row["start"], row["stop"])
        except SyncError:
            # A batch that cannot be opened any more is bad from its first entry on.
            leaves = [b""] * count
        for i, leaf in enumerate(leaves):
            yield row["start"] + i, leaf, joined[i * HASH_BYTES : (i + 1) * HASH_BYTES]


def _contradicted(logs: LogStore, origin: str, kept: Sequence[Kept]) -> Iterator[int]:
    """Indexes whose entry says something else than the row that was written with it."""
    writer, rows = logs.state(origin).writer, logs.tables.rows_of(logs.db, origin)
    for index, raw, _ in kept:
        if index not in rows:
            continue
        try:
            entry = Entry(origin, index, writer, *read_leaf(raw, logs.tables.kinds))
        except (NewerKind, Unreadable):
            yield index
            continue
        if rows[index] != (entry.leaf.kind, logs.tables.row_of_entry(entry)):
            yield index


def _proved(logs: LogStore, origin: str, kept: Sequence[Kept]) -> int:
    """How far the largest receipt reaches whose root the kept hashes lead to."""
    hashes = [hashed for _, _, hashed in kept]
    rows = logs.db.query(
        "SELECT size, note FROM receipt WHERE origin = :origin ORDER BY size DESC", origin=origin
    )
    for row in rows:
        text, _, _ = bytes(row["note"]).decode().partition("\n\n")
        if root_of(hashes[: row["size"]]) == Checkpoint.parse(text + "\n").root:
            return int(row["size"])
    return 0
