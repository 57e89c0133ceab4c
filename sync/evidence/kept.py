"""What a machine really keeps of a log, reckoned from the bytes it keeps and from nothing else.

The frontier and the hashes that stand beside them are what was kept once; somebody who edits the
database leaves those alone. Reads in strides, so that a log of any length takes bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sync.errors import SyncError
from sync.evidence.comparing import DayTable, Range
from sync.log import LogStore
from sync.merkle import EMPTY_ROOT, HASH_BYTES, Frontier, leaf_hash

_STRIDE = 1_000
LOST = bytes(HASH_BYTES)
"""Stands for the hash of an entry whose bytes are gone or cannot be opened any more."""


def kept_leaves(logs: LogStore, origin: str, start: int, stop: int) -> Iterator[bytes | None]:
    """The leaf of each entry from ``start`` to ``stop``; None for one that is lost."""
    for first in range(start, stop, _STRIDE):
        yield from _portion(logs, origin, first, min(stop, first + _STRIDE))


def _portion(logs: LogStore, origin: str, start: int, stop: int) -> Sequence[bytes | None]:
    try:
        found = logs.leaves(origin, start, stop)
    except SyncError:
        found = []
    if len(found) == stop - start:
        return found
    if stop - start == 1:
        return [None]
    middle = (start + stop) // 2
    return [*_portion(logs, origin, start, middle), *_portion(logs, origin, middle, stop)]


def kept_root(logs: LogStore, origin: str, start: int, stop: int) -> bytes:
    """The root over the entries of a range, from their bytes."""
    found = Frontier().extended(
        LOST if leaf is None else leaf_hash(leaf) for leaf in kept_leaves(logs, origin, start, stop)
    )
    return found.root if stop > start else EMPTY_ROOT


def kept_roots(logs: LogStore, origin: str, ranges: Sequence[Range]) -> list[bytes]:
    """The root of each range."""
    return [kept_root(logs, origin, start, stop) for start, stop in ranges]


def kept_days(logs: LogStore, origin: str, size: int, start: int = 0) -> DayTable:
    """Entries ``start`` to ``size`` by day and kind; what is lost is not counted."""
    table = DayTable()
    for leaf in kept_leaves(logs, origin, start, size):
        if leaf is not None:
            table.add(leaf)
    return table


def inclusion_path(logs: LogStore, origin: str, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 section 2.1.1, from the leaf up.

    Raises:
        IndexError: no such entry.
    """
    if not 0 <= index < size:
        raise IndexError(index)
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        if index < middle:
            path.append(kept_root(logs, origin, middle, high))
            high = middle
        else:
            path.append(kept_root(logs, origin, low, middle))
            low = middle
    return path[::-1]
