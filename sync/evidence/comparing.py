"""Whether two holders of one log hold the same, and where the first difference stands. Pure.

Counts and digests by day and kind tell a person where to look; roots over ranges of entries prove
that all is equal, or lead to the first record that is not, in few questions (docs/wire.md 8.1).
Both sides reckon with the functions of this file, over the bytes that they keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Annotated

import msgspec

from sync.merkle import HASH_BYTES, leaf_hash

UNREADABLE = "?"
BEIJING = timedelta(hours=8)

Range = tuple[int, int]
# The root over the leaf hashes of each range, as one holder reckons it.
Roots = Callable[[Sequence[Range]], Sequence[bytes]]
Place = tuple[str, str]


class Contradiction(Exception):
    """One holder's answers do not fit together: parts are equal whose whole is not."""


@dataclass(frozen=True)
class Cell:
    """How many entries of one day and kind there are, and SHA-256 over their sorted hashes."""

    count: int
    digest: bytes


class _Envelope(msgspec.Struct, frozen=True):
    at: Annotated[
        str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z\Z", max_length=24)
    ]
    kind: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{1,40}\Z")]


_decode = msgspec.json.Decoder(_Envelope).decode


@lru_cache(maxsize=4096)
def _day_of(hour: str) -> str:
    """The day in Beijing of an hour of UTC, as both stand in `at`."""
    return (datetime.fromisoformat(f"{hour}:00:00") + BEIJING).date().isoformat()


def place_of(leaf: bytes) -> Place:
    """Day (in Beijing) and kind of a leaf, as its envelope says; ``?`` where it says neither."""
    try:
        envelope = _decode(leaf)
        return _day_of(envelope.at[:13]), envelope.kind
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError):
        return UNREADABLE, UNREADABLE


def digest_of(hashes: Sequence[bytes]) -> bytes:
    """SHA-256 over these leaf hashes in the order of their bytes."""
    return sha256(b"".join(sorted(hashes))).digest()


class DayTable:
    """The entries of a log by day and kind; takes 32 bytes an entry while it grows."""

    def __init__(self) -> None:
        self._hashes: dict[Place, bytearray] = {}

    def add(self, leaf: bytes) -> None:
        """Count one kept leaf."""
        self._hashes.setdefault(place_of(leaf), bytearray()).extend(leaf_hash(leaf))

    def cells(self, since: str = "", until: str = UNREADABLE) -> dict[Place, Cell]:
        """The cells of these days, both ends included, in order; ``?`` comes after every day."""
        return {
            place: _cell(bytes(joined))
            for place, joined in sorted(self._hashes.items())
            if since <= place[0] <= until
        }


def _cell(joined: bytes) -> Cell:
    hashes = [joined[i : i + HASH_BYTES] for i in range(0, len(joined), HASH_BYTES)]
    return Cell(len(hashes), digest_of(hashes))


def latest_days(cells: dict[Place, Cell], most: int) -> str:
    """The first of the latest days that have at most so many cells together; always one day."""
    days: dict[str, int] = {}
    for day, _ in cells:
        days[day] = days.get(day, 0) + 1
    first, room = "", most
    for day in sorted(days, reverse=True):
        room -= days[day]
        if first and room < 0:
            break
        first = day
    return first


def parts_of(low: int, high: int, fan: int) -> list[Range]:
    """The range in at most ``fan`` parts of nearly the same length, none of them empty."""
    count = min(fan, high - low)
    cuts = [low + (high - low) * i // count for i in range(count + 1)]
    return list(pairwise(cuts))


def first_difference(size: int, ours: Roots, theirs: Roots, fan: int = 16) -> int | None:
    """The first index below ``size`` at which two holders hold another leaf, or None.

    Asks for ``fan`` roots at a time, so that a million entries take five questions.

    Raises:
        Contradiction: a range differs and none of its parts does.
    """
    low, high = 0, size
    while high > low:
        parts = parts_of(low, high, fan)
        pairs = zip(parts, ours(parts), theirs(parts), strict=True)
        found = next((part for part, mine, other in pairs if mine != other), None)
        if found is None:
            if (low, high) == (0, size):
                return None
            raise Contradiction(f"entries {low} to {high} differ, and none of their parts does")
        low, high = found
        if high - low == 1:
            return low
    return None
