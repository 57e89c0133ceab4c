"""时间核对: when an entry can have been written, by what the center itself saw (T21).

A hall's clock is data. Before: the batch that brought the entry. After: the standards that the
entry says it knew, and an earlier batch that reached the center promptly. A day that is claimed
outside is shown as disputed; nothing is refused for it.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from aggregator.center import Center
from sync.batch import Header
from sync.clock import BEIJING
from sync.errors import SyncError
from sync.evidence.timing import PROMPT, Bounds
from sync.storage.store import Row


class _Leaf(msgspec.Struct):
    at: str = ""
    policy: int = 0


def bounds_of(center: Center, origin: str, index: int) -> Bounds:
    """When an entry of a hall can have been written."""
    here = center.db.query(
        "SELECT at FROM batch WHERE origin = :origin AND start <= :idx AND stop > :idx",
        origin=origin,
        idx=index,
    )
    if not here:
        return Bounds()
    moments = [_of_standards(center, _leaf(center, origin, index).policy)]
    moments.append(_of_earlier_batch(center, origin, index))
    known = [moment for moment in moments if moment is not None]
    return Bounds(max(known, default=None), datetime.fromisoformat(here[0]["at"]))


def _leaf(center: Center, origin: str, index: int) -> _Leaf:
    (raw,) = center.logs.leaves(origin, index, index + 1)
    try:
        return msgspec.json.decode(raw, type=_Leaf)
    except msgspec.DecodeError:
        return _Leaf()


def _of_standards(center: Center, policy: int) -> datetime | None:
    """When the last standard was published that the hall already had."""
    rows = center.db.query(
        "SELECT at FROM entry WHERE origin = :origin AND idx = :idx",
        origin=center.standards_origin,
        idx=policy - 1,
    )
    return datetime.fromisoformat(rows[0]["at"]) if rows else None


def _of_earlier_batch(center: Center, origin: str, index: int) -> datetime | None:
    """When the center got a batch at whose packing the hall had not written this entry yet."""
    rows = center.db.query(
        "SELECT stop, header, at FROM batch WHERE origin = :origin AND stop <= :idx "
        "ORDER BY stop DESC LIMIT 1",
        origin=origin,
        idx=index,
    )
    for row in rows:
        received = datetime.fromisoformat(row["at"])
        if _log_size(row) <= index and received - _written(center, origin, row) < PROMPT:
            return received
    return None


def _log_size(row: Row) -> int:
    try:
        return Header.parse(bytes(row["header"]).decode().rpartition("\n\n")[0] + "\n").log_size
    except (SyncError, UnicodeDecodeError):
        return 1 << 62


def _written(center: Center, origin: str, row: Row) -> datetime:
    try:
        return datetime.fromisoformat(_leaf(center, origin, int(row["stop"]) - 1).at)
    except ValueError:
        return datetime.min.replace(tzinfo=BEIJING)


def disputed(center: Center, steps: list[Row]) -> dict[str, Bounds]:
    """Of these steps the ones that claim a day on which they cannot have been taken, by id."""
    found = {}
    for step in steps:
        if step["step"] == "deemed_accepted":
            # Its day follows from the law: nobody claims it.
            continue
        bounds = bounds_of(center, step["origin"], int(step["idx"]))
        if not bounds.allow(date.fromisoformat(str(step["day"]))):
            found[str(step["id"])] = bounds
    return found
