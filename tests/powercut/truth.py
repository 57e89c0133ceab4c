"""What a recorded machine came to hold, told by itself after the record."""

from __future__ import annotations

import msgspec


class Truth(msgspec.Struct, frozen=True):
    """What every image of one machine is a part of.

    Args:
        states: digests of every committed state, in order; the first is what it started from.
        entries: for each log, hash of each leaf and of its personal part ("" for none); None where
            logs did not only grow meanwhile.
        ends: the sizes at which a transaction of a log ended, for the logs where each is known.
    """

    states: list[str]
    entries: dict[str, list[tuple[str, str]]] | None
    ends: dict[str, list[int]]
