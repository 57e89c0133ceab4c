"""Restored, cloned, dead: what the copy that somebody else holds says about our own log. Pure.

A hall writes one log for each epoch, ``<center>/<hall>/<epoch>``, only the last one of which grows
(docs/wire.md section 5.2). Whoever holds a copy tells its size and the root that we signed for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync.merkle import EMPTY_ROOT, Frontier


def epoch_of(origin: str) -> int:
    """The epoch in an origin.

    Raises:
        ValueError: not the origin of a hall's log.
    """
    return int(origin.rpartition("/")[2])


def in_order(origins: Iterable[str]) -> list[str]:
    """Origins of one writer in the order in which they were written: by epoch, not by text."""
    return sorted(origins, key=lambda origin: (len(origin), origin))


@dataclass(frozen=True)
class Copy:
    """What the other side holds of one log: its size and the root we signed for that size."""

    size: int = 0
    root: bytes = EMPTY_ROOT


def leads_on(copy: Copy, size: int, root_at: Callable[[int], bytes]) -> bool:
    """Is the copy a beginning of our log, so that sending from its end goes on?

    Args:
        size: of our log. root_at: our root at a size that we have.
    """
    return copy.size <= size and root_at(copy.size) == copy.root


def written_elsewhere(copies: Mapping[str, Copy], mine: Sequence[str]) -> list[str]:
    """Logs of a later epoch than any of ours: somebody with our key has closed our epoch."""
    last = max(map(epoch_of, mine))
    return [o for o, copy in copies.items() if copy.size and epoch_of(o) > last]


def is_closed(origin: str, copies: Mapping[str, Copy]) -> bool:
    """Does the other side hold a later epoch, so that it takes nothing more of this one?"""
    return any(c.size and epoch_of(o) > epoch_of(origin) for o, c in copies.items())


@dataclass(frozen=True)
class Meeting:
    """Where a piece of their copy and our log part.

    Args:
        common: up to here both are the same.
        parts: we have entries after ``common`` that are not theirs.
        frontier: theirs after the piece.
    """

    common: int
    parts: bool
    frontier: Frontier


def meet(before: Frontier, theirs: Sequence[bytes], mine: Sequence[bytes]) -> Meeting:
    """Compare a piece of their copy with what we have at the same place.

    Args:
        before: where both are known to be the same.
        theirs, mine: leaf hashes from there on; ours may be fewer, or none.
    """
    same = 0
    while same < min(len(theirs), len(mine)) and theirs[same] == mine[same]:
        same += 1
    parts = same < min(len(theirs), len(mine))
    return Meeting(before.size + same, parts, before.extended(theirs))


@dataclass(frozen=True)
class Gap:
    """Entries ``first`` to ``stop`` of a log that were signed once and exist on no disk here."""

    epoch: int
    first: int
    stop: int


def gaps(
    opened: Iterable[tuple[int, int]],
    moved: Iterable[Gap],
    size_of: Callable[[int], int],
) -> list[Gap]:
    """What is lost, by number: the printed list of reliability.md P9.

    Args:
        opened: of each ``epoch_opened``: the epoch before, and the size it is known to have had.
        moved: what went on in another epoch; it is not lost, though it left its place.
        size_of: the size of an epoch's log now, with whatever came back since.
    """
    gone = list(moved)
    known: dict[int, int] = {}
    for epoch, size in opened:
        known[epoch] = max(size, known.get(epoch, 0))
    found = []
    for epoch, size in known.items():
        here = size_of(epoch)
        for span in sorted((m for m in gone if m.epoch == epoch), key=lambda m: m.first):
            if here < min(span.first, size):
                found.append(Gap(epoch, here, min(span.first, size)))
            here = max(here, span.stop)
        if here < size:
            found.append(Gap(epoch, here, size))
    return found
