"""Taking in a batch, by wire or by stick, at the center or at a hall: one import path.

Order of trust: cap, signature, place in the log, then decompression, root, personal parts; kept
and fsynced before the receipt leaves. An identical replay gets the same receipt.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from sync.batch import MAX_BATCH_BYTES, Batch, claimed_origin, hashes_of, unpack, unpack_relayed
from sync.errors import Gap, Malformed, TooLarge, UnknownKey, UnknownLog
from sync.failpoints import fp
from sync.log import LogStore
from sync.mirror import Duplicate, Held, check_place, judge
from sync.notes import Signer, Verifier
from sync.private import shut
from sync.private.sealing import SealingKey
from sync.recovery.refilling import refill

_FILES = b'"files":['


@dataclass(frozen=True)
class Writer:
    """What the roster says of the writer of a log.

    Args:
        name: hall id, or ``center``.
        origin: the one log this key may write now.
        keepers: who hands it on, when the writer does not send it: a relayed batch is asked for.
    """

    name: str
    origin: str
    verifier: Verifier
    revoked_above: int | None = None
    closed: bool = False
    keepers: tuple[Verifier, ...] = ()


@dataclass(frozen=True)
class Receiver:
    """The keys with which a batch is opened and its receipt signed."""

    sealing: SealingKey
    cosigner: Signer


def receive(
    logs: LogStore, raw: bytes, writer_of: Callable[[str], Writer], receiver: Receiver
) -> bytes:
    """Take in one batch and answer with the receipt, a cosigned checkpoint.

    Args:
        writer_of: who may write the log of this origin; raises UnknownLog.

    Raises:
        SyncError: refused, with the rule; nothing was changed.
        DiskFull: nothing was changed; the same batch may come again.
    """
    if len(raw) > MAX_BATCH_BYTES + 64 * 1024:
        raise TooLarge("a batch passes a cap", bytes=MAX_BATCH_BYTES)
    writer = writer_of(claimed_origin(raw))
    batch = _unpacked(raw, writer)
    _open(logs, writer)
    check_place(_held(logs, writer), batch.header, writer.origin)
    leaves = batch.leaves()
    hashes = hashes_of(leaves)
    fp("receive.unpacked")
    still = partial(_still, writer, writer_of)
    keep = partial(_keep, logs, batch, still, receiver, (leaves, hashes))
    receipt, parts = logs.db.together(keep)
    fp("receive.committed")
    if isinstance(receipt, Gap):
        raise receipt
    logs.parts.remember(writer.origin, (batch.header.start, batch.header.stop), parts)
    return receipt


def _keep(
    logs: LogStore,
    batch: Batch,
    still: Callable[[], Writer],
    receiver: Receiver,
    read: tuple[Sequence[bytes], Sequence[bytes]],
) -> tuple[bytes | Gap, Mapping[int, bytes]]:
    """What must stand together: the batch, its parts, the size, the receipt.

    A replay under another receipt is answered with a gap, and parts that it brings are kept.
    """
    leaves, hashes = read
    logs.lock(batch.header.origin)
    writer = still()
    held = _held(logs, writer)
    check_place(held, batch.header, writer.origin)
    verdict = judge(held, batch.header, batch.head, hashes)
    if isinstance(verdict, Duplicate):
        bring_parts(logs, batch, leaves, receiver.sealing)
        return _again(logs, batch, receiver.cosigner), {}
    fp("receive.judged")
    parts = batch.personal(receiver.sealing)
    check_commitments(parts, leaves, batch.header.start)
    logs.keep_batch(batch, hashes, verdict.frontier)
    fp("receive.leaves_kept")
    first = batch.header.start
    # Whether the part of an entry with files stands is asked in joins.
    with_files = {index for index in parts if _FILES in leaves[index - first]}
    logs.keep_personal(writer.origin, parts, with_files)
    fp("receive.parts_kept")
    return _receipt(logs, batch, receiver.cosigner), parts


def bring_parts(logs: LogStore, batch: Batch, leaves: Sequence[bytes], sealing: SealingKey) -> None:
    """A batch of what we hold already may bring parts that we cannot open any more; the caller
    holds the transaction.

    Raises:
        Malformed: its leaves are not ours.
    """
    origin, start = batch.header.origin, batch.header.start
    if shut.over(logs.db, origin, (start, batch.header.stop)):
        if hashes_of(leaves) != logs.hashes(origin, start, batch.header.stop):
            raise Malformed("a replay with other leaves than those of its head", at=start)
        parts = batch.personal(sealing)
        check_commitments(parts, leaves, start)
        refill(logs, origin, start, leaves, parts)


def _still(writer: Writer, writer_of: Callable[[str], Writer]) -> Writer:
    """The writer's right, asked for again in our turn: it may have ended while we waited for it."""
    now = writer_of(writer.origin)
    if (now.verifier, now.keepers) != (writer.verifier, writer.keepers):
        raise UnknownKey("the writer's key was exchanged while the batch waited")
    return now


def _open(logs: LogStore, writer: Writer) -> None:
    try:
        logs.state(writer.origin)
    except UnknownLog:
        logs.db.together(partial(logs.open, writer.origin, writer.name, own=False))


def _unpacked(raw: bytes, writer: Writer) -> Batch:
    if writer.keepers:
        return unpack_relayed(raw, writer.keepers, [writer.verifier])
    return unpack(raw, [writer.verifier])


def _held(logs: LogStore, writer: Writer) -> Held:
    state = logs.state(writer.origin)
    return Held(
        writer.origin,
        state.frontier,
        lambda size: logs.root_at(writer.origin, size),
        writer.revoked_above,
        writer.closed,
    )


def check_commitments(parts: Mapping[int, bytes], leaves: Sequence[bytes], start: int) -> None:
    """Every personal part opens the commitment that stands in its leaf.

    A quote inside a JSON string is escaped, so the bytes looked for can only be the key itself.

    Raises:
        Malformed: a part that does not belong to its leaf.
    """
    for index, part in parts.items():
        promised = b2a_base64(sha256(part).digest(), newline=False)
        if b'"commitment":"%s"' % promised not in leaves[index - start]:
            raise Malformed("a personal part does not open its commitment", index=index)


def _receipt(logs: LogStore, batch: Batch, cosigner: Signer) -> bytes:
    now = max(0, int(logs.clock.now().timestamp()))
    note = batch.head_note + cosigner.cosign(batch.head.text, now)
    logs.keep_receipt(batch.head.origin, batch.head.size, cosigner.name, note)
    fp("receive.receipt_kept")
    return note


def _again(logs: LogStore, batch: Batch, cosigner: Signer) -> bytes | Gap:
    origin = batch.head.origin
    kept = logs.receipt(origin, cosigner.name, batch.head.size)
    if kept is not None:
        return kept
    latest = logs.receipt(origin, cosigner.name)
    return Gap(
        "all of this is held already, under another receipt",
        size=logs.state(origin).size,
        receipt=latest.decode() if latest else "",
    )
