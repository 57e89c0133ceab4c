"""时间核对: when an entry of this hall can have been written, by what the center cosigned (T21).

After: the standards that the entry says it knew, as the center dated them; and the last entry
before it that reached the center promptly, whose time was right. Before: the first receipt that
covers it.
The center reckons the same from what it saw; this is what a hall can know by itself.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

import msgspec

from node.hall import Hall
from sync.errors import UnknownLog
from sync.evidence.timing import PROMPT, Bounds
from sync.log import LogStore
from sync.notes import cosigned_at

_COVERING = (
    "SELECT size, signer, note FROM receipt WHERE origin = :origin AND size > :idx "
    "ORDER BY size LIMIT 1"
)
_EARLIER = (
    "SELECT size, signer, note FROM receipt WHERE origin = :origin AND size <= :idx "
    "ORDER BY size DESC LIMIT 1"
)


class _Leaf(msgspec.Struct):
    at: str = ""
    policy: int = 0


def doubt(hall: Hall, place: tuple[str, int], day: date) -> Bounds | None:
    """When the entry of this place was written, if that is not the day it claims; else None."""
    bounds = bounds_of(hall, *place)
    return None if bounds.allow(day) else bounds


def bounds_of(hall: Hall, origin: str, index: int) -> Bounds:
    """When an entry of this hall can have been written."""
    known = [_of_standards(hall, _leaf(hall, origin, index).policy)]
    known.append(_of_earlier(hall, origin, index))
    after = max((moment for moment in known if moment is not None), default=None)
    covering = _receipt(hall, _COVERING, origin, index)
    return Bounds(after, covering[1] if covering else None)


def _of_standards(hall: Hall, policy: int) -> datetime | None:
    """When the last standard was published that this hall had, by the center's clock."""
    if not policy:
        return None
    try:
        return _published(hall.logs, hall.standards_origin, policy - 1)
    except (UnknownLog, ValueError):
        # Not here: this hall was restored and has not met the center yet.
        return None


@lru_cache(maxsize=256)
def _published(logs: LogStore, origin: str, index: int) -> datetime | None:
    """Remembered: one leaf of a batch costs as much as all of them, and never changes."""
    (raw,) = logs.leaves(origin, index, index + 1)
    return _moment(msgspec.json.decode(raw, type=_Leaf))


def _of_earlier(hall: Hall, origin: str, index: int) -> datetime | None:
    """The time of the last entry before it whose clock a prompt receipt proved right."""
    if (found := _receipt(hall, _EARLIER, origin, index)) is None:
        return None
    size, received = found
    written = _moment(_leaf(hall, origin, size - 1))
    return written if written and abs(received - written) < PROMPT else None


def _receipt(hall: Hall, sql: str, origin: str, index: int) -> tuple[int, datetime] | None:
    """A receipt: its size, and when the center signed it, by the center's clock."""
    for row in hall.db.query(sql, origin=origin, idx=index):
        when = cosigned_at(bytes(row["note"]), row["signer"])
        if when is not None:
            return int(row["size"]), datetime.fromtimestamp(when, UTC)
    return None


def _leaf(hall: Hall, origin: str, index: int) -> _Leaf:
    try:
        (raw,) = hall.logs.leaves(origin, index, index + 1)
        return msgspec.json.decode(raw, type=_Leaf)
    except (UnknownLog, ValueError):
        # A log whose tail is not back yet, or a leaf that nobody can read.
        return _Leaf()


def _moment(leaf: _Leaf) -> datetime | None:
    try:
        found = datetime.fromisoformat(leaf.at)
    except ValueError:
        return None
    return found if found.tzinfo else None
