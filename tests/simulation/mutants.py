"""The guards of the protocol, each with a weakened twin that the simulation must find.

A guard is named as docs/wire.md names it. ``switch off`` puts the twin in the place of the real
function wherever it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import aggregator.receiving.apply
import aggregator.receiving.rounds
import sync.applied.applying
import sync.batch
import sync.contact.pushing
import sync.contact.receiving
import sync.notes
import sync.recovery.catching_up
import tests.simulation.sticks
from aggregator.center import Center
from node.hall import Hall
from standards.judging import judge as judge_case
from sync.batch import Batch, Header
from sync.contact.ahead import PackedAhead, Wanted
from sync.entries import Entry, read_leaf
from sync.errors import Behind, Fork, Gap
from sync.log import LogStore
from sync.mirror import Append, Duplicate
from sync.notes import Checkpoint, Note, open_note
from sync.storage.tables import Tables, happening_of
from tests.simulation.disk import Disk
from tests.simulation.epoch_mutants import OF_EPOCHS, Mutant
from tests.simulation.erasure_mutants import OF_ERASURES
from tests.simulation.key_mutants import OF_KEYS
from tests.simulation.put_back_mutants import OF_PUTTING_BACK

# As a place to put twins, a module is just a bag of names.
_receiving: Any = sync.contact.receiving
_pushing: Any = sync.contact.pushing
_catching_up: Any = sync.recovery.catching_up
_applying: Any = sync.applied.applying
_batch: Any = sync.batch
_notes: Any = sync.notes
_apply: Any = aggregator.receiving.apply
_rounds: Any = aggregator.receiving.rounds
_sticks: Any = tests.simulation.sticks


@contextmanager
def switched_off(mutant: Mutant) -> Iterator[None]:
    """Run without this guard."""
    kept = [(place, name, getattr(place, name)) for place, name, _ in mutant.patches]
    for place, name, twin in mutant.patches:
        setattr(place, name, twin)
    try:
        yield
    finally:
        for place, name, real in kept:
            setattr(place, name, real)


# --- what the center asks of a batch ---------------------------------------------------------

_real_place = _receiving.check_place
_real_judge = _receiving.judge


def _place_with_gaps(held: Any, header: Header, origin: str) -> None:
    with suppress(Gap):
        _real_place(held, header, origin)


def _judge_behind_as_fork(held: Any, header: Header, head: Checkpoint, hashes: Any) -> Any:
    try:
        return _real_judge(held, header, head, hashes)
    except Behind as error:
        raise Fork("fork", **error.facts) from None


def _judge_any_root(held: Any, header: Header, head: Checkpoint, hashes: Any) -> Any:
    if header.stop <= held.frontier.size:
        return _real_judge(held, header, head, hashes)
    return Append(held.frontier.extended(hashes))


def _judge_any_replay(held: Any, header: Header, head: Checkpoint, hashes: Any) -> Any:
    if header.stop <= held.frontier.size:
        return Duplicate(header.stop)
    return _real_judge(held, header, head, hashes)


def _no_commitments(parts: Any, leaves: Any, start: int) -> None:
    """Believes that every personal part belongs to its leaf."""


def _unpack_unhashed(raw: bytes, verifiers: Any) -> Batch:
    header_note, head_note, rest = _batch._frame(raw)
    note = open_note(header_note, verifiers)
    header = Header.parse(note.text)
    head = Checkpoint.parse(open_note(head_note, verifiers).text)
    at = header.leaves_bytes
    return Batch(header, header_note, head, head_note, rest[:at], rest[at:], note.signed_by)


def _open_unsigned(raw: bytes, verifiers: Any) -> Note:
    text, _ = _notes._split_note(raw)
    return Note(text, frozenset(v.name for v in verifiers), {})


# --- what the center answers ------------------------------------------------------------------


def _again_with_latest(logs: LogStore, batch: Batch, cosigner: Any) -> bytes:
    return logs.receipt(batch.head.origin, cosigner.name) or b""


def _receive_receipt_first(logs: LogStore, raw: bytes, writer_of: Any, receiver: Any) -> bytes:
    """Receipt and data in two transactions, the receipt first."""
    real = _receiving
    writer = writer_of(real.claimed_origin(raw))
    batch = real.unpack(raw, [writer.verifier])
    logs.open(writer.origin, writer.name, own=False)
    held = real._held(logs, writer)
    real.check_place(held, batch.header, writer.origin)
    leaves = batch.leaves()
    hashes = real.hashes_of(leaves)
    verdict = real.judge(held, batch.header, batch.head, hashes)
    if isinstance(verdict, Duplicate):
        again = real._again(logs, batch, receiver.cosigner)
        if isinstance(again, Gap):
            raise again
        return bytes(again)
    parts = batch.personal(receiver.sealing)
    real.check_commitments(parts, leaves, batch.header.start)
    note = real._receipt(logs, batch, receiver.cosigner)
    with logs.db.transaction():
        logs.keep_batch(batch, hashes, verdict.frontier)
        logs.keep_personal(writer.origin, parts)
    return note


_real_commit = Disk.commit


def _late(center: bool) -> Callable[[Disk], None]:
    """The write is answered before it is durable; the next transaction makes it so."""

    def twin(disk: Disk) -> None:
        if (disk.owner == "center") is not center:
            _real_commit(disk)

    return twin


# --- what the hall believes -------------------------------------------------------------------


def _accept_unchecked(logs: LogStore, origin: str, raw: bytes, cosigner: Any) -> int:
    head = Checkpoint.parse(open_note(raw, [cosigner]).text)
    with logs.db.transaction():
        state = logs.lock(origin)
        size = min(head.size, state.size)
        logs.keep_receipt(origin, head.size, cosigner.name, raw)
        logs.move_mark(origin, size)
        return max(state.mark.size, size)


_real_accept = _pushing.accept_receipt


def _move_mark_anywhere(logs: LogStore, origin: str, size: int) -> None:
    logs.db.execute(
        "UPDATE log SET mark = :size, mark_frontier = :frontier WHERE origin = :origin",
        origin=origin,
        size=size,
        frontier=logs.frontier_at(origin, size).to_bytes(),
    )


def _packed_for_any_log(ahead: PackedAhead, wanted: Wanted) -> Any:
    """Sends what was packed beforehand, though it went on in another epoch since."""
    return wanted, ahead._logs.portions


# --- applying ---------------------------------------------------------------------------------


def _chunk_in_two(mark_first: bool) -> Callable[..., None]:
    def twin(logs: LogStore, origin: str, span: Any, observe: Any, effect: Any) -> None:
        real, state = _applying, logs.state(origin)
        if state.applied != span[0]:
            return
        portion = real._read(logs, state, span[1])
        if mark_first:
            real._move(logs, origin, span[1])
        with logs.db.transaction():
            real._hold_back(logs, state, real._keep(logs, portion, observe, effect))
        real._move(logs, origin, span[1])

    return twin


def _nothing_waits(tables: Tables, *_: Any) -> None:
    """Applies an entry though an earlier one of its matter is in quarantine."""


def _entry_of_any_writer(logs: LogStore, state: Any, index: int, raw: bytes, *_: Any) -> Entry:
    leaf, record_type, logged = read_leaf(raw, logs.tables.kinds)
    return Entry(state.origin, index, state.writer, leaf, record_type, logged)


def _drop(logs: LogStore, state: Any, unfit: Any) -> None:
    """What cannot be applied is passed over in silence."""


def _find_afterwards(center: Center, origin: str) -> int:
    """Findings in a transaction of their own, after the entries that showed them."""
    shelf, found = center.shelf(), []

    def observe(entry: Entry, before: Any, after: Any) -> None:
        if entry.leaf.kind in _apply.CASES.kinds:
            for breach in judge_case(happening_of(entry), before, after, shelf):
                found.append((entry, breach))

    done = _applying.apply_pending(center.logs, origin, observe)
    for entry, breach in found:
        record = _apply._finding(entry, breach)
        center.order(entry.writer, record, actor=_apply.JUDGE)
    return done


# --- writing at the hall ----------------------------------------------------------------------

_real_write = LogStore.write


def _write_in_two(logs: LogStore, origin: str, record: Any, **kw: Any) -> Entry:
    """Entry first, business row in a transaction of its own."""
    late: list[tuple[Any, ...]] = []
    keep, logs.tables.keep = logs.tables.keep, lambda *args: late.append(args)  # type: ignore[method-assign]
    try:
        entry = _real_write(logs, origin, record, **kw)
    finally:
        logs.tables.keep = keep  # type: ignore[method-assign]
    for args in late:
        keep(*args)
    return entry


def _hall_writes_as_it_comes(hall: Hall, record: Any, **kw: Any) -> Entry:
    """No transaction around the writing."""
    return hall.logs.write(hall.origin, record, **kw)


MUTANTS = (
    Mutant(
        "a shorter log that leads elsewhere is told that it is behind (S1)",
        "sync.mirror.judge",
        ((_receiving, "judge", _judge_behind_as_fork),),
    ),
    *OF_EPOCHS,
    *OF_ERASURES,
    *OF_KEYS,
    *OF_PUTTING_BACK,
    Mutant(
        "a batch starts exactly where our copy ends",
        "sync.mirror.check_place",
        ((_receiving, "check_place", _place_with_gaps),),
    ),
    Mutant(
        "the root over our frontier and the new leaves is the signed root",
        "sync.mirror.judge",
        ((_receiving, "judge", _judge_any_root),),
    ),
    Mutant(
        "a replay has our root at its size",
        "sync.mirror.judge",
        ((_receiving, "judge", _judge_any_replay),),
    ),
    Mutant(
        "a personal part opens the commitment in its leaf",
        "sync.contact.receiving.check_commitments",
        ((_receiving, "check_commitments", _no_commitments),),
    ),
    Mutant(
        "the sections have the hashes of the signed header",
        "sync.batch.unpack",
        ((_receiving, "unpack", _unpack_unhashed),),
    ),
    Mutant(
        "header and head are signed by the writer's key",
        "sync.notes.open_note",
        ((_batch, "open_note", _open_unsigned),),
    ),
    Mutant(
        "a receipt speaks of what its batch proved, no more (S2)",
        "sync.contact.receiving._again",
        ((_receiving, "_again", _again_with_latest),),
    ),
    Mutant(
        "receipt and data stand in one transaction",
        "sync.contact.receiving.receive",
        ((_rounds, "receive", _receive_receipt_first),),
    ),
    Mutant(
        "the center's commit is durable before the receipt leaves",
        "aggregator.database.store.CenterStore.transaction",
        ((Disk, "commit", _late(center=True)),),
    ),
    Mutant(
        "the hall's commit is durable before the clerk sees a green tick",
        "node.store.NodeStore.transaction",
        ((Disk, "commit", _late(center=False)),),
    ),
    Mutant(
        "what was packed beforehand is still what the log holds",
        "sync.contact.ahead.PackedAhead._here",
        ((PackedAhead, "_here", _packed_for_any_log),),
    ),
    Mutant(
        "a receipt is checked against our own tree (S3)",
        "sync.contact.sending.accept_receipt",
        (
            (_pushing, "accept_receipt", _accept_unchecked),
            (_catching_up, "accept_receipt", _accept_unchecked),
            (_sticks, "accept_receipt", _accept_unchecked),
        ),
    ),
    Mutant(
        "the mark never moves back",
        "sync.log.LogStore.move_mark",
        ((LogStore, "move_mark", _move_mark_anywhere),),
    ),
    Mutant(
        "the applied mark moves with the effect (effect first)",
        "sync.applied.applying._apply_at_once",
        ((_applying, "_apply_at_once", _chunk_in_two(mark_first=False)),),
    ),
    Mutant(
        "the applied mark moves with the effect (mark first)",
        "sync.applied.applying._apply_at_once",
        ((_applying, "_apply_at_once", _chunk_in_two(mark_first=True)),),
    ),
    Mutant(
        "quarantine holds back what comes after in the same matter",
        "sync.storage.tables.Tables._refuse_waiting",
        ((Tables, "_refuse_waiting", _nothing_waits),),
    ),
    Mutant(
        "what cannot be applied is kept and counted",
        "sync.applied.applying._hold_back",
        ((_applying, "_hold_back", _drop),),
    ),
    Mutant(
        "a writer writes only kinds of its own",
        "sync.applied.applying.entry_of",
        ((_applying, "entry_of", _entry_of_any_writer),),
    ),
    Mutant(
        "a finding stands in the transaction of the entry that showed it",
        "aggregator.receiving.apply.apply_hall",
        ((_apply, "apply_hall", _find_afterwards),),
    ),
    Mutant(
        "entry and business row stand in one transaction",
        "sync.log.LogStore.write",
        ((LogStore, "write", _write_in_two), (Hall, "write", _hall_writes_as_it_comes)),
    ),
)
