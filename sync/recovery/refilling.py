"""个人信息找回: parts whose key is gone come again, from the other side or with the key once found.

Only what opens the commitment in a leaf that stands here is taken; what was erased by order stays
erased. Knows no network: who asks is in ``sync.contact.reopening``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from sync.applied.applying import UNFIT, entry_of
from sync.errors import Malformed
from sync.log import LogStore
from sync.private import shut
from sync.private.personal import Term, parts_in
from sync.private.sealing import OPENING_BYTES
from sync.private.vault import Vault

_PROMISED = b'"commitment":"'


def refill(
    logs: LogStore, origin: str, start: int, leaves: Sequence[bytes], parts: Mapping[int, bytes]
) -> int:
    """Keep those of these parts that are wanted here; how many. Others of these entries that were
    not brought count as asked for once.

    The caller holds the transaction, and has seen that the leaves are ours from ``start`` on and
    that the parts open their commitments.
    """
    spans = shut.over(logs.db, origin, (start, start + len(leaves)))
    found = {i: part for i, part in parts.items() if any(a <= i < b for a, b in spans)}
    for first, stop in spans:
        away = [i for i in range(first, stop) if i not in found and _PROMISED in leaves[i - start]]
        for before, after in pairwise((first - 1, *away, stop)):
            if after > before + 1:
                shut.cut(logs.db, origin, (before + 1, after))
        shut.tried(logs.db, origin, (first, stop))
    logs.keep_personal(origin, found)
    logs.parts.index(_terms(logs, origin, start, leaves, found))
    return len(found)


def _terms(
    logs: LogStore, origin: str, start: int, leaves: Sequence[bytes], parts: Mapping[int, bytes]
) -> list[Term]:
    """What the blind index says of entries that stand in tables; others get theirs when applied."""
    state, found = logs.lock(origin), []
    rows = logs.db.cells("SELECT idx FROM quarantine WHERE origin = :origin", origin=origin)
    aside = {index for (index,) in rows}
    for index, part in parts.items():
        if index < state.applied and index not in aside:
            try:
                entry = entry_of(logs, state, index, leaves[index - start])
                found += logs.parts.terms(entry, part[OPENING_BYTES:])
            except UNFIT:
                continue
    return found


def reopen(logs: LogStore, found: Vault) -> int:
    """The lost key was found: take back what it opens; how many parts."""
    count = 0
    rows = logs.db.cells("SELECT origin, start, first, place, sealed FROM personal_shut")
    for origin, start, first, place, sealed in rows:
        try:
            parts = parts_in(found, place, bytes(sealed))
        except Malformed:
            continue
        moved = first - int(place.rpartition("/")[2].partition("-")[0])
        here = {index + moved: part for index, part in parts.items()}
        wanted = {index: part for index, part in here.items() if index >= start}
        with logs.db.transaction():
            leaves = logs.leaves(origin, start, max(here) + 1)
            count += refill(logs, origin, start, leaves, wanted)
    return count
