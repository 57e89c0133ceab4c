"""依法删除: an entry may order that the personal parts of others are erased.

Whatever comes first, the order or a part it names, the part is gone in the end: parts that stand
are deleted in the transaction that applies the order, and one that comes later (an old batch, a
stick, the own history from elsewhere) is never kept. Leaves stay, so that every log verifies.

An entry is named by its own id; its place says where to look. After a restore other entries may
stand at a place, and an entry may stand in another epoch of the same writer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from standards.records.declare import ERASED, SHUT, Named, Record, erased_by, parts_of
from sync.entries import Entry, Unreadable
from sync.errors import UnknownLog
from sync.failpoints import fp
from sync.private import shut
from sync.storage.store import Row

if TYPE_CHECKING:
    from sync.log import LogStore
    from sync.storage.schema import LogState

_AT_ONCE = 1_000


def family(origin: str) -> str:
    """What all epochs of a log have in common: ``city.example/T01/``."""
    return origin.rpartition("/")[0] + "/"


def may_order(order: str, named: str) -> bool:
    """Who may have what erased: a writer its own entries, and the center those of a hall.

    Args:
        order: the log in which the order stands. A hall's own log for the first, the center's log
            of orders for that hall for the second.
        named: the log of an entry that is to be erased.
    """
    home, _, name = order.rpartition("/")[0].rpartition("/")
    return family(named) in (family(order), f"{home}/{name.removeprefix('orders-')}/")


def refuse_foreign(entry: Entry) -> None:
    """See :func:`may_order`.

    Raises:
        Unreadable: an order about entries that are not this writer's to erase.
    """
    for named in erased_by(entry.record_type, entry.logged):
        if not may_order(entry.origin, named.log):
            raise Unreadable(f"this log cannot order that entries of {named.log} are erased")


def carry_out(logs: LogStore, entries: Sequence[Entry]) -> int:
    """Erase what these entries order, in the caller's transaction; how many parts there were."""
    count = 0
    for entry in entries:
        named = erased_by(entry.record_type, entry.logged)
        if named:
            _note(logs, entry, named)
            fp("erase.noted")
            count += sum(_erase(logs, *place) for place in _places(logs, named))
            fp("erase.gone")
    return count


def _note(logs: LogStore, entry: Entry, named: Sequence[Named]) -> None:
    logs.db.executemany(
        "INSERT INTO erased VALUES (:family, :id, :log, :idx, :order_log, :order_idx, :at) "
        "ON CONFLICT DO NOTHING",
        [
            {
                "family": family(one.log),
                "id": one.id,
                "log": one.log,
                "idx": one.index,
                "order_log": entry.origin,
                "order_idx": entry.index,
                "at": entry.leaf.at,
            }
            for one in named
        ],
    )


def _places(logs: LogStore, named: Sequence[Named]) -> set[tuple[str, int]]:
    """Where these entries stand here: where they were named, and in other epochs."""
    ids: dict[str, set[str]] = {}
    for one in named:
        ids.setdefault(family(one.log), set()).add(one.id)
    maybe = {(one.log, one.index) for one in named}
    for state in logs.states():
        some = ids.get(family(state.origin))
        if some:
            maybe |= logs.tables.places_of(logs.db, state.origin, sorted(some))
            maybe |= _aside(logs, state.origin)
            maybe |= _waiting(logs, state, some)
    # Nothing is said by a place alone: after a restore another entry may stand there.
    return {place for place in maybe if id_at(logs, *place) in ids.get(family(place[0]), ())}


def _waiting(logs: LogStore, state: LogState, ids: set[str]) -> set[tuple[str, int]]:
    """What is received and not applied has no row yet: a writer may have given an id twice."""
    found: set[tuple[str, int]] = set()
    first = state.size if state.own else state.applied
    for start in range(first, state.size, _AT_ONCE):
        leaves = logs.leaves(state.origin, start, min(start + _AT_ONCE, state.size))
        found |= {(state.origin, start + n) for n, one in enumerate(leaves) if _id_of(one) in ids}
    return found


def _aside(logs: LogStore, origin: str) -> set[tuple[str, int]]:
    """What was put aside has no row either."""
    rows = logs.db.query("SELECT idx FROM quarantine WHERE origin = :origin", origin=origin)
    return {(origin, int(row["idx"])) for row in rows}


def _erase(logs: LogStore, origin: str, index: int) -> int:
    return logs.parts.erase(origin, index, index + 1)


def erased_ids(logs: LogStore, origin: str) -> set[str]:
    """The entries of this log's writer that were ordered to be erased."""
    rows = logs.db.query("SELECT id FROM erased WHERE family = :family", family=family(origin))
    return {str(row["id"]) for row in rows}


def without_erased(logs: LogStore, origin: str, parts: Mapping[int, bytes]) -> Mapping[int, bytes]:
    """These parts of a log whose leaves are kept already, less those that were erased."""
    gone = erased_ids(logs, origin) if parts else set()
    if not gone:
        return parts
    first, last = min(parts), max(parts)
    names = [_id_of(leaf) for leaf in logs.leaves(origin, first, last + 1)]
    return {index: part for index, part in parts.items() if names[index - first] not in gone}


def erase_late(logs: LogStore, origin: str, parts: Mapping[int, bytes]) -> Mapping[int, bytes]:
    """As :func:`without_erased`, and what was kept all the same is deleted."""
    left = without_erased(logs, origin, parts)
    for index in parts.keys() - left.keys():
        _erase(logs, origin, index)
    return left


class _Named(msgspec.Struct):
    """The one field of a leaf that is asked for here."""

    id: str = ""


def id_at(logs: LogStore, origin: str, index: int) -> str:
    """The id of an entry; empty when nothing stands there, or nothing that can be read."""
    try:
        leaves = logs.leaves(origin, index, index + 1)
    except UnknownLog:
        return ""
    return _id_of(leaves[0]) if leaves else ""


def _id_of(leaf: bytes) -> str:
    try:
        return msgspec.json.decode(leaf, type=_Named).id
    except (msgspec.DecodeError, RecursionError):
        return ""


def is_erased(logs: LogStore, origin: str, record_id: str) -> bool:
    """Whether an entry was ordered to be erased."""
    rows = logs.db.query(
        "SELECT id FROM erased WHERE family = :family AND id = :id",
        family=family(origin),
        id=record_id,
    )
    return bool(rows)


def instead_of(logs: LogStore, record_type: type[Record], row: Row) -> str:
    """What stands for the texts of a personal part that is not here."""
    if parts_of(record_type).personal is None:
        return ""
    if is_erased(logs, row["origin"], row["id"]):
        return ERASED
    return SHUT if shut.stands(logs.db, row["origin"], row["idx"]) else ""
