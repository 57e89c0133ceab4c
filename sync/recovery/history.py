"""Our own log as somebody else holds it: finding where both part, and taking back what we lost.

Entries come back only under heads that this writer signed. Entries that the other side does not
have and cannot take any more go on in the open epoch, bytes and ids as they are. The decisions are
in ``sync.recovery.epochs``; the way to the other side is a ``Line``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from standards.records.declare import Record
from sync.batch import Batch, hashes_of
from sync.contact.receiving import check_commitments
from sync.errors import Fork, Malformed
from sync.log import LogStore
from sync.merkle import Frontier
from sync.private import shut
from sync.private.sealing import SealingKey
from sync.recovery.epochs import Meeting, meet

# Who stands in an entry that no person wrote.
ACTOR = "SYNC"


@dataclass(frozen=True)
class Piece:
    """A part of a log as it came back: leaves with their hashes and personal parts."""

    start: int
    leaves: Sequence[bytes]
    hashes: Sequence[bytes]
    personal: Mapping[int, bytes]


def piece_of(batch: Batch, before: Frontier, key: SealingKey) -> Piece:
    """What a relayed batch brings, when it leads from ``before`` to the head it carries.

    Raises:
        Fork: it does not: what is before its start is not the same on both sides.
        Malformed: it starts elsewhere, or its parts do not belong to its leaves.
    """
    if batch.header.start != before.size:
        raise Malformed("a piece of another place than was asked for", at=batch.header.start)
    leaves = batch.leaves()
    hashes = hashes_of(leaves)
    if before.extended(hashes).root != batch.head.root:
        raise Fork("their copy does not lead on from ours", at=before.size)
    parts = batch.personal(key)
    check_commitments(parts, leaves, batch.header.start)
    return Piece(before.size, leaves, hashes, parts)


def compared(logs: LogStore, origin: str, before: Frontier, piece: Piece) -> Meeting:
    """Where this piece and our own log part."""
    stop = min(piece.start + len(piece.leaves), logs.state(origin).size)
    mine = logs.hashes(origin, piece.start, stop) if stop > piece.start else []
    return meet(before, piece.hashes, mine)


def take_back(logs: LogStore, origin: str, piece: Piece) -> int:
    """Append what we do not have of this piece to our own log; how many entries came back.

    The caller holds the transaction and has seen that our log is a beginning of theirs. The rows
    that follow from the entries are made afterwards, by ``sync.recovery.rebuilding``.
    """
    state = logs.lock(origin)
    skip = state.size - piece.start
    leaves, hashes = piece.leaves[skip:], piece.hashes[skip:]
    after = state.frontier.extended(hashes)
    logs.db.insert(
        "entry",
        ("origin", "idx", "leaf", "hash", "at"),
        [
            (origin, state.size + i, leaf, hashed, _at(leaf))
            for i, (leaf, hashed) in enumerate(zip(leaves, hashes, strict=True))
        ],
    )
    missing = {i: part for i, part in piece.personal.items() if i >= state.size}
    logs.keep_personal(origin, missing)
    _set_size(logs, origin, after)
    return len(leaves)


_DROP = (
    "DELETE FROM entry WHERE origin = :origin AND idx >= :at",
    "DELETE FROM quarantine WHERE origin = :origin AND idx >= :at",
)


class _When(msgspec.Struct):
    """The one field of a leaf that is asked for here."""

    at: str = ""


def _at(leaf: bytes) -> str:
    """The wall time that stands in a leaf; empty in one that nobody can read."""
    try:
        return msgspec.json.decode(leaf, type=_When).at[:40]
    except (msgspec.DecodeError, RecursionError):
        return ""


def move_on(logs: LogStore, source: tuple[str, int], into: str, note: Record) -> int:
    """Let our entries go on at the end of the open log; how many there were.

    Args:
        source: the log they stand in, and from which place on.
        note: says in the open log where they stood; written before them.

    The caller holds the transaction. Leaves and ids stay as they are, so that nobody sees another
    record; the rows that name their place follow them.
    """
    logs.write(into, note, actor=ACTOR)
    first = logs.state(into).size
    shut.move(logs.db, source, (into, first))
    gone = cut_off(logs, *source)
    logs.tables.move(logs.db, source, (into, first))
    by = first - gone.start
    parts = {index + by: part for index, part in gone.personal.items()}
    take_back(logs, into, replace(gone, start=first, personal=parts))
    return len(gone.leaves)


def cut_off(logs: LogStore, origin: str, at: int) -> Piece:
    """Take out of our log what stands from a place on; what that was.

    Only for what goes on elsewhere, and of which no head left this machine. The rows that follow
    from these entries are the caller's. The caller holds the transaction.
    """
    state = logs.lock(origin)
    leaves, hashes = logs.own_entries(origin, at, state.size)
    parts = logs.personal(origin, at, state.size)
    kept = logs.frontier_at(origin, at)
    for sql in _DROP:
        logs.db.execute(sql, origin=origin, at=at)
    logs.parts.erase(origin, at, state.size)
    _set_size(logs, origin, kept)
    return Piece(at, leaves, hashes, parts)


def _set_size(logs: LogStore, origin: str, after: Frontier) -> None:
    """The log's new end; what is proved and applied never reaches beyond it."""
    state = logs.state(origin)
    mark = after if state.mark.size > after.size else state.mark
    logs.db.execute(
        "UPDATE log SET size = :size, frontier = :frontier, mark = :mark, "
        "mark_frontier = :mark_frontier, applied = :applied WHERE origin = :origin",
        origin=origin,
        size=after.size,
        frontier=after.to_bytes(),
        mark=mark.size,
        mark_frontier=mark.to_bytes(),
        applied=min(state.applied, after.size),
    )
