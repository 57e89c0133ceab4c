"""Applying received entries, exactly once: the mark moves in the transaction of the effect.

A chunk is one transaction. What is wrong with one entry is found before its row is written, so
that the others go on in bulk; what only the database can tell is found by halving. What cannot be
applied goes to a visible quarantine with its reason and holds back only its own entity; nothing is
dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import msgspec

from standards.records.declare import Happening
from sync.entries import Entry, NewerKind, Unreadable, read_generic, read_leaf
from sync.errors import Malformed, RowRefused
from sync.failpoints import fp
from sync.leaf_runs import Reading, read_leaves
from sync.log import LogStore
from sync.private.erasing import carry_out, erase_late, refuse_foreign
from sync.private.personal import Term
from sync.private.sealing import OPENING_BYTES
from sync.storage.schema import LogState
from sync.storage.tables import Observer, nobody

# What one entry can be at fault for. Anything else (a full disk, a lost line to the database) is
# not the entry's doing: it stops applying, and the next turn tries again.
UNFIT = (
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
        fp("apply.committed")
        done += chunk
    return done


def _apply_chunk(logs: LogStore, origin: str, observe: Observer, effect: Effect) -> int:
    state = logs.state(origin)
    stop = min(state.size, state.applied + logs.portions.chunk_entries)
    _apply_span(logs, origin, (state.applied, stop), observe, effect)
    logs.parts.forget(origin, stop)
    return stop - state.applied


def _apply_span(
    logs: LogStore, origin: str, span: tuple[int, int], observe: Observer, effect: Effect
) -> None:
    """At once; when something is wrong that cannot be told of one entry, in two halves."""
    start, stop = span
    if start == stop:
        return
    try:
        _apply_at_once(logs, origin, span, observe, effect)
    except UNFIT as error:
        if stop - start == 1:
            _quarantine(logs, origin, start, error)
            return
        middle = (start + stop) // 2
        _apply_span(logs, origin, (start, middle), observe, effect)
        _apply_span(logs, origin, (middle, stop), observe, effect)


def _apply_at_once(
    logs: LogStore, origin: str, span: tuple[int, int], observe: Observer, effect: Effect
) -> None:
    with logs.db.transaction():
        state = logs.lock(origin)
        if state.applied != span[0]:
            # Another process was quicker.
            return
        portion = _read(logs, state, span[1])
        fp("apply.read")
        unfit = _keep(logs, portion, observe, effect)
        fp("apply.kept")
        _hold_back(logs, state, unfit)
        _move(logs, origin, span[1])
        fp("apply.moved")


@dataclass
class _Portion:
    """Entries read from the kept leaves, what the blind index says of each, and what is unfit."""

    origin: str
    entries: list[Entry] = field(default_factory=list)
    terms: dict[int, list[Term]] = field(default_factory=dict)
    unfit: dict[int, Exception] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)


def _read(logs: LogStore, state: LogState, stop: int) -> _Portion:
    origin, start = state.origin, state.applied
    leaves = logs.leaves(origin, start, stop)
    parts = erase_late(logs, origin, logs.personal(origin, start, stop))
    found = _Portion(origin, held=_held(logs, origin))
    readings = read_leaves(leaves, logs.tables.kinds)
    for index, (raw, reading) in enumerate(zip(leaves, readings, strict=True), start):
        try:
            entry = entry_of(logs, state, index, raw, reading)
            if part := parts.get(index):
                found.terms[index] = logs.parts.terms(entry, part[OPENING_BYTES:])
            found.entries.append(entry)
        except UNFIT as error:
            found.unfit[index] = error
            found.held.setdefault(_describe(logs, state, index, raw)[1], index)
    return found


def entry_of(
    logs: LogStore, state: LogState, index: int, raw: bytes, reading: Reading | None = None
) -> Entry:
    """A kept leaf as an entry of its log.

    Args:
        reading: what it says, when it was read with others already.

    Raises:
        NewerKind, Unreadable: see ``sync.entries.read_leaf``.
        Unreadable: a kind that this writer does not own (T17).
    """
    leaf, record_type, logged = reading or read_leaf(raw, logs.tables.kinds)
    owner = "center" if state.writer == "center" else "hall"
    if record_type.owner != owner:
        raise Unreadable(f"a {owner} does not write {leaf.kind}")
    entry = Entry(state.origin, index, state.writer, leaf, record_type, logged)
    refuse_foreign(entry)
    return entry


def _keep(
    logs: LogStore, portion: _Portion, observe: Observer, effect: Effect
) -> dict[int, Exception]:
    """Write what fits; answers what does not, with its reason."""
    unfit = dict(portion.unfit)
    misfits = logs.tables.keep_fitting(logs.db, portion.entries, observe, portion.held)
    unfit |= {misfit.entry.index: misfit.reason for misfit in misfits}
    fitting = [entry for entry in portion.entries if entry.index not in unfit]
    if fitting:
        logs.parts.index([term for e in fitting for term in portion.terms.get(e.index, ())])
        carry_out(logs, fitting)
        for index in unfit:
            # It stands in no table: an order finds its part only by the id in its leaf.
            erase_late(logs, portion.origin, logs.personal(portion.origin, index, index + 1))
        effect(fitting)
    return unfit


def _move(logs: LogStore, origin: str, applied: int) -> None:
    logs.db.execute(
        "UPDATE log SET applied = :applied WHERE origin = :origin", origin=origin, applied=applied
    )


def _held(logs: LogStore, origin: str) -> dict[str, int]:
    """Entity -> the first of its entries that is in quarantine."""
    rows = logs.db.query(
        "SELECT entity, MIN(idx) AS idx FROM quarantine WHERE origin = :origin GROUP BY entity",
        origin=origin,
    )
    return {row["entity"]: row["idx"] for row in rows}


def _quarantine(logs: LogStore, origin: str, index: int, error: Exception) -> None:
    with logs.db.transaction():
        state = logs.lock(origin)
        if state.applied == index:
            _hold_back(logs, state, {index: error})
            _move(logs, origin, index + 1)


def _hold_back(logs: LogStore, state: LogState, unfit: Mapping[int, Exception]) -> None:
    at = logs.clock.stamp()
    for index, error in unfit.items():
        (raw,) = logs.leaves(state.origin, index, index + 1)
        kind, entity = _describe(logs, state, index, raw)
        newer = "a kind or field of a newer version: " if isinstance(error, NewerKind) else ""
        logs.db.execute(
            "INSERT INTO quarantine VALUES (:origin, :idx, :entity, :kind, :reason, :at)",
            origin=state.origin,
            idx=index,
            entity=entity,
            kind=kind,
            reason=(newer + str(error))[:500],
            at=at,
        )
        fp("quarantine.kept")


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
            again = replace(state, applied=index)
            for error in _keep(logs, _read(logs, again, index + 1), observe, effect).values():
                raise error
            return True
    except UNFIT:
        return False


def refill(logs: LogStore, state: LogState, ids: set[tuple[str, str]]) -> None:
    """Apply a log from its first entry on, inside the caller's transaction, into tables that were
    emptied before; what does not fit is quarantined.

    Args:
        ids: kind and id of what was filled in before; an entry that stands already does not fit.
    """
    for start in range(0, state.size, logs.portions.chunk_entries):
        stop = min(state.size, start + logs.portions.chunk_entries)
        portion = _read(logs, replace(state, applied=start), stop)
        for entry in portion.entries:
            if (name := (entry.leaf.kind, entry.leaf.id)) in ids:
                portion.unfit[entry.index] = Unreadable("an entry of this id stands already")
                portion.held.setdefault(logs.tables.entity_of(entry), entry.index)
            ids.add(name)
        portion.entries = [e for e in portion.entries if e.index not in portion.unfit]
        _hold_back(logs, state, _keep(logs, portion, nobody, nothing))
    _move(logs, state.origin, state.size)


def rebuild(logs: LogStore, writer: str = "") -> int:
    """Empty every table that follows from entries and fill it again from the kept leaves.

    One transaction: readers see the old tables or the new ones. Answers the number of entries.
    Effects are not repeated: what they wrote stands in logs of its own.

    Args:
        writer: only what this one's entries led to.
    """
    count = 0
    with logs.db.transaction():
        # Every log's turn first, in the order of names: nothing is applied meanwhile.
        states = [state for state in logs.states() if writer in ("", state.writer)]
        held = [logs.lock(state.origin) for state in states]
        logs.tables.clear(logs.db, writer)
        for state in sorted(held, key=lambda state: (len(state.origin), state.origin)):
            count += rebuild_log(logs, state)
    return count


def rebuild_log(logs: LogStore, state: LogState) -> int:
    rows = logs.db.query("SELECT idx FROM quarantine WHERE origin = :origin", origin=state.origin)
    skipped = {row["idx"] for row in rows}
    count = 0
    for start in range(0, state.applied, logs.portions.chunk_entries):
        stop = min(state.applied, start + logs.portions.chunk_entries)
        leaves = logs.leaves(state.origin, start, stop)
        readings = read_leaves(leaves, logs.tables.kinds)
        entries = [
            entry_of(logs, state, start + i, raw, reading)
            for i, (raw, reading) in enumerate(zip(leaves, readings, strict=True))
            if start + i not in skipped
        ]
        logs.tables.keep(logs.db, entries)
        carry_out(logs, entries)
        count += len(entries)
    return count
