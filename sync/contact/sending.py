"""Packing what a receiver does not have yet, and believing a receipt only when it is ours."""

from __future__ import annotations

from sync.batch import pack
from sync.errors import Fork, Malformed
from sync.failpoints import fp
from sync.log import LogStore, Portions
from sync.merkle import Frontier
from sync.notes import Checkpoint, Signer, Verifier, open_note
from sync.private.sealing import Recipient


def next_batch(
    logs: LogStore,
    origin: str,
    start: int,
    signer: Signer,
    receiver: bytes | Recipient,
) -> bytes | None:
    """The next batch from ``start``, or None when there is nothing after it.

    Args:
        receiver: the receiver's public sealing key, and what it opens.
    """
    size = logs.state(origin).size
    return None if start >= size else batch_within(logs, origin, (start, size), signer, receiver)


def batch_within(
    logs: LogStore,
    origin: str,
    within: tuple[int, int],
    signer: Signer,
    receiver: bytes | Recipient,
) -> bytes:
    """The batch from the first size on, which ends at the second one at the latest."""
    start, last = within
    before = logs.frontier_at(origin, start)
    return batch_after(logs, origin, (before, last), signer, receiver)[0]


def batch_after(
    logs: LogStore,
    origin: str,
    within: tuple[Frontier, int],
    signer: Signer,
    receiver: bytes | Recipient,
) -> tuple[bytes, Frontier]:
    """As :func:`batch_within`, from a frontier to the one after the batch.

    Whoever packs a whole log hashes each entry once.
    """
    before, last = within
    start, size = before.size, logs.state(origin).size
    # No head is signed beyond this, whatever stands behind it.
    logs.promise(origin, min(last, size))
    most = min(last, start + logs.portions.batch_entries)
    leaves, hashes = logs.own_entries(origin, start, most)
    personal = logs.personal(origin, start, start + len(leaves))
    parts = [len(personal.get(start + i, b"")) for i in range(len(leaves))]
    stop = start + _fitting(logs.portions, [*map(len, leaves)], parts)
    after = before.extended(hashes[: stop - start])
    logs.remember(origin, after, hashes[: stop - start])
    head = Checkpoint(origin, stop, after.root)
    fp("pack.read")
    sent = {index: part for index, part in personal.items() if index < stop}
    raw = pack(signer, head, start, size, (leaves[: stop - start], sent, receiver))
    return raw, after


def _fitting(portions: Portions, leaves: list[int], parts: list[int]) -> int:
    """How many entries of these sizes go into one batch; always at least one."""
    plain, sealed = 0, 0
    for count, (leaf, part) in enumerate(zip(leaves, parts, strict=True)):
        plain, sealed = plain + leaf + 1, sealed + part
        if count and (plain > portions.batch_plain_bytes or sealed > portions.batch_sealed_bytes):
            return count
    return len(leaves)


def signed_head(logs: LogStore, origin: str, signer: Signer) -> bytes:
    """The signed checkpoint of an own log at its present size."""
    promised = -1
    while (state := logs.state(origin)).size != promised:
        # What is signed was read after it was promised: nothing below a promise is taken out.
        promised = state.size
        logs.promise(origin, promised)
    return signer.sign(Checkpoint(origin, state.size, state.frontier.root).text)


def accept_receipt(logs: LogStore, origin: str, raw: bytes, cosigner: Verifier) -> int:
    """Check a receipt against our own tree, keep it, and move the mark.

    Returns:
        The size that is now known to be kept by the receiver.

    Raises:
        UnknownKey, Malformed: not a receipt of this receiver for this log.
        Fork: it speaks of another history than ours (S3): a person must look.
    """
    note = open_note(raw, [cosigner])
    if cosigner.name not in note.times:
        raise Malformed("a receipt carries a cosignature")
    head = Checkpoint.parse(note.text)
    if head.origin != origin:
        raise Malformed("a receipt for another log")
    with logs.db.transaction():
        state = logs.lock(origin)
        if head.size > state.size:
            raise Fork("a receipt for entries we do not have", size=state.size, at=head.size)
        if logs.root_at(origin, head.size) != head.root:
            raise Fork("a receipt for another history than ours", at=head.size)
        fp("believe.checked")
        logs.keep_receipt(origin, head.size, cosigner.name, raw)
        fp("believe.receipt_kept")
        logs.move_mark(origin, head.size)
        fp("believe.mark_moved")
        return max(state.mark.size, head.size)
