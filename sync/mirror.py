"""What a receiver may believe about a sender. Pure: values in, verdict out.

The rules, in the order in which they are asked (docs/wire.md section 5):

1. The log's epoch is open here and the key may still write at this size.
2. A batch that ends inside our copy is a replay when its root is ours at that size (*duplicate*),
   however long ago it was packed: a stick may have lain in a drawer.
3. Another root there is proof of two histories: *behind* when the writer's own log was shorter
   than our copy (S1: it was restored or cloned), else *fork*.
4. A batch with new entries must start exactly where our copy ends (*gap* otherwise).
5. The root over our frontier plus the new leaves equals the signed root: that one comparison
   catches loss, reorder, edit and rewriting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sync.batch import Header
from sync.errors import Behind, EpochClosed, Fork, Gap, Malformed, Revoked, WrongLog
from sync.merkle import Frontier
from sync.notes import Checkpoint


@dataclass(frozen=True)
class Held:
    """What the receiver holds of one log, and what the roster says of its writer.

    Args:
        root_at: our root at a size that we hold.
        revoked_above: entries from this size on are refused (None: not revoked).
        closed: a later epoch of this hall was opened.
    """

    origin: str
    frontier: Frontier
    root_at: Callable[[int], bytes]
    revoked_above: int | None = None
    closed: bool = False


@dataclass(frozen=True)
class Append:
    """New entries: keep them, then sign a receipt for ``frontier.size``."""

    frontier: Frontier


@dataclass(frozen=True)
class Duplicate:
    """We have all of this; answer with the receipt for ``size`` (S2: only what was proved)."""

    size: int


def check_place(held: Held, header: Header, writer_origin: str) -> None:
    """Rules 1 and 4: everything that needs no root.

    Args:
        writer_origin: the log that the batch's verified key may write.

    Raises:
        WrongLog, Revoked, EpochClosed, Gap: with the size we hold.
    """
    size = held.frontier.size
    if not header.origin == held.origin == writer_origin:
        raise WrongLog("this key does not write this log", origin=header.origin)
    if held.revoked_above is not None and header.stop > held.revoked_above:
        raise Revoked("the key was revoked above a size", size=held.revoked_above)
    if held.closed and header.stop > size:
        raise EpochClosed("a later epoch was opened", size=size)
    if header.stop > size and header.start != size:
        raise Gap("the batch does not start where the receiver's copy ends", size=size)


def judge(
    held: Held, header: Header, head: Checkpoint, leaf_hashes: Sequence[bytes]
) -> Append | Duplicate:
    """Rules 2, 3 and 5, after :func:`check_place`.

    Raises:
        Behind: the writer's log is shorter than our copy and leads elsewhere.
        Fork: two histories; both heads are in the error.
        Malformed: leaves and signed root disagree.
    """
    size = held.frontier.size
    if header.stop <= size:
        if held.root_at(header.stop) == head.root:
            return Duplicate(header.stop)
        if header.log_size < size:
            raise Behind("a shorter log than the receiver's copy, and another", size=size)
        raise Fork("another history stands at this size", size=size, at=header.stop)
    frontier = held.frontier.extended(leaf_hashes)
    if frontier.size != header.stop:
        raise Malformed("another number of entries than was signed")
    if frontier.root != head.root:
        raise Fork("the entries do not lead from our copy to the signed root", size=size)
    return Append(frontier)
