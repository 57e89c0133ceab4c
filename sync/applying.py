"""Applying received entries, exactly once: the mark moves in the transaction of the effect.

Whole chunks first, row by row only when one fails. What cannot be applied goes to a visible
quarantine with its reason and holds back only its own entity; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import msgspec

from standards.records.declare import Happening
from sync.entries import Entry, NewerKind, Unreadable, read_generic, read_leaf
from sync.errors import Malformed, RowRefused
from sync.log import LogStore
from sync.schema import LogState
from sync.sealing import OPENING_BYTES
from sync.tables import Observer, nobody

# What one entry can be at fault for. Anything else (a full disk, a lost line to the database) is
# not the entry's doing: it stops applying, and the next turn tries again.
_UNFIT = (
    *(NewerKind, Unreadable, Malformed, RowRefused, msgspec.DecodeError),
    *(ValueError, ArithmeticError, LookupError),
)

# Called inside the transaction with the entries that were just applied.
Effect = Callable[[Sequence[Entry]], None]


def nothing(entries: Sequence[Entry]) -> None:
    """No effect beside the tables."""


def apply_pending(
    logs: LogStore, origin: str, observe: Observer = nobody, effect: Effect = nothing
) -> int:
    """Apply every received entry of a log that was not applied yet; answers how many.

    Args:
        observe: sees each projected row before and after each entry (the center's judge).
        effect: runs once for each transaction, in it.
    """
    done = 0
    while chunk := _apply_chunk(logs, origin, observe, effect):
        done += chunk
    return done


def _apply_chunk(logs: LogStore, origin: str, observe: Observer, effect: Effect) -> int:
    try:
        with logs.db.transaction():
            state = logs.lock(origin)
            stop = min(state.size, state.applied + logs.portions.chunk_entries)
            entries = _read(logs, state, stop)
            _refuse_held_back(logs, entries)
            _keep(logs, entries, observe, effect)
            _move(logs, origin, state.applied + len(entries))
            return len(entries)
    except _UNFIT:
        return _apply_one_by_one(logs, origin, observe, effect)


def _apply_one_by_one(logs: LogStore, origin: str, observe: Observer, effect: Effect) -> int:
    first = logs.state(origin).applied
    stop = min(logs.state(origin).size, first + logs.portions.chunk_entries)
    for index in range(first, stop):
        try:
            with logs.db.transaction():
                state = logs.lock(origin)
                if state.applied != index:
                    continue
                entries = _read(logs, state, index + 1)
                _refuse_held_back(logs, entries)
                _keep(logs, entries, observe, effect)
                _move(logs, origin, index + 1)
        except _UNFIT as error:
            _quarantine(logs, origin, index, error)
    return stop - first


def _read(logs: LogStore, state: LogState, stop: int) -> list[Entry]:
    leaves = logs.leaves(state.origin, state.applied, stop)
    return [entry_of(logs, state, state.applied + i, raw) for i, raw in enumerate(leaves)]


def entry_of(logs: LogStore, state: LogState, index: int, raw: bytes) -> Entry:
    """A kept leaf as an entry of its log.

    Raises:
        NewerKind, Unreadable: see ``sync.entries.read_leaf``.
        Unreadable: a kind that this writer does not own (T17).
    """
    leaf, record_type, logged = read_leaf(raw, logs.tables.kinds)
    owner = "center" if state.writer == "center" else "hall"
    if record_type.owner != owner:
        raise Unreadable(f"a {owner} does not write {leaf.kind}")
    return Entry(state.origin, index, state.writer, leaf, record_type, logged)


def _keep(logs: LogStore, entries: Sequence[Entry], observe: Observer, effect: Effect) -> None:
    if not entries:
        return
    logs.tables.keep(logs.db, entries, observe)
    origin, first, last = entries[0].origin, entries[0].index, entries[-1].index
    personal = logs.personal(origin, first, last + 1)
    logs.index_personal(
        (entry, personal[entry.index][OPENING_BYTES:])
        for entry in entries
        if entry.index in personal
    )
    effect(entries)


def _move(logs: LogStore, origin: str, applied: int) -> None:
    logs.db.execute(
        "UPDATE log SET applied = :applied WHERE origin = :origin", origin=origin, applied=applied
    )


def _refuse_held_back(logs: LogStore, entries: Sequence[Entry]) -> None:
    if not entries:
        return
    rows = logs.db.query(
        "SELECT entity, MIN(idx) AS idx FROM quarantine WHERE origin = :origin GROUP BY entity",
        origin=entries[0].origin,
    )
    held = {row["entity"]: row["idx"] for row in rows}
    if not held:
        return
    for entry in entries:
        entity = logs.tables.entity_of(entry)
        if held.get(entity, entry.index) < entry.index:
            raise Unreadable(f"waits for entry {held[entity]} of the same matter")


def _quarantine(logs: LogStore, origin: str, index: int, error: Exception) -> None:
    with logs.db.transaction():
        state = logs.lock(origin)
        if state.applied != index:
            return
        raw = logs.leaves(origin, index, index + 1)[0]
        kind, entity = _describe(logs, state, index, raw)
        newer = "a kind or field of a newer version: " if isinstance(error, NewerKind) else ""
        logs.db.execute(
            "INSERT INTO quarantine VALUES (:origin, :idx, :entity, :kind, :reason, :at)",
            origin=origin,
            idx=index,
            entity=entity,
            kind=kind,
            reason=(newer + str(error))[:500],
            at=logs.clock.stamp(),
        )
        _move(logs, origin, index + 1)


def _describe(logs: LogStore, state: LogState, index: int, raw: bytes) -> tuple[str, str]:
    """Kind and entity; of an entry that is not understood, as far as its bytes tell."""
    try:
        entry = entry_of(logs, state, index, raw)
    except (NewerKind, Unreadable):
        pass
    else:
        return entry.leaf.kind, logs.tables.entity_of(entry)
    try:
        whole = read_generic(raw)
        kind, body = str(whole["kind"]), SimpleNamespace(**whole["body"])
        happening = Happening(kind, str(whole["id"]), state.writer, "", "", body)
        return kind[:64], logs.tables.entity_of_happening(happening)[:200]
    except (Unreadable, LookupError, TypeError, AttributeError):
        return "unknown", f"entry:{index}"


def replay_quarantined(
    logs: LogStore, origin: str, observe: Observer = nobody, effect: Effect = nothing
) -> int:
    """Try the quarantined entries of a log again, in order; answers how many could be applied."""
    rows = logs.db.query(
        "SELECT idx FROM quarantine WHERE origin = :origin ORDER BY idx", origin=origin
    )
    freed = 0
    for row in rows:
        freed += replay_entry(logs, origin, row["idx"], observe, effect)
    return freed


def replay_entry(
    logs: LogStore, origin: str, index: int, observe: Observer = nobody, effect: Effect = nothing
) -> bool:
    """Try one quarantined entry again; whether it could be applied."""
    try:
        with logs.db.transaction():
            state = logs.lock(origin)
            taken = logs.db.execute(
                "DELETE FROM quarantine WHERE origin = :origin AND idx = :idx",
                origin=origin,
                idx=index,
            )
            if not taken:
                return False
            raw = logs.leaves(origin, index, index + 1)[0]
            entry = entry_of(logs, state, index, raw)
            _refuse_held_back(logs, [entry])
            _keep(logs, [entry], observe, effect)
            return True
    except _UNFIT:
        return False


def rebuild(logs: LogStore) -> int:
    """Empty every table that follows from entries and fill it again from the kept leaves.

    One transaction: readers see the old tables or the new ones. Answers the number of entries.
    Effects are not repeated: what they wrote stands in logs of its own.
    """
    count = 0
    with logs.db.transaction():
        # Every log's turn first, in the order of names: nothing is applied meanwhile.
        held = [logs.lock(state.origin) for state in logs.states()]
        logs.tables.clear(logs.db)
        for state in held:
            count += _rebuild_log(logs, state)
    return count


def _rebuild_log(logs: LogStore, state: LogState) -> int:
    rows = logs.db.query("SELECT idx FROM quarantine WHERE origin = :origin", origin=state.origin)
    skipped = {row["idx"] for row in rows}
    count = 0
    for start in range(0, state.applied, logs.portions.chunk_entries):
        stop = min(state.applied, start + logs.portions.chunk_entries)
        leaves = logs.leaves(state.origin, start, stop)
        entries = [
            entry_of(logs, state, start + i, raw)
            for i, raw in enumerate(leaves)
            if start + i not in skipped
        ]
        logs.tables.keep(logs.db, entries)
        count += len(entries)
    return count
