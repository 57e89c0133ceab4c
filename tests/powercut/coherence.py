"""What must hold of a database at every moment, asked with the product's own code.

No half case: no entry without its row, no row without its entry, no personal part missing or left
over, no batch without its receipt, no mark beyond the receipts.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import msgspec

from sync.contact.receiving import check_commitments
from sync.log import LogStore
from sync.merkle import Frontier
from sync.notes import Checkpoint
from sync.private.erasing import erased_ids
from sync.storage.schema import LogState, state_of

# (kind, index, id) of each row.
_Rows = set[tuple[str, int, str]]


class _Envelope(msgspec.Struct):
    id: str
    kind: str
    commitment: str | None = None


_read = msgspec.json.Decoder(_Envelope).decode


def incoherences(logs: LogStore) -> Iterator[str]:
    """Everything that does not fit together, in words."""
    for row in logs.db.query("SELECT * FROM log"):
        state = state_of(row)
        if (row["size"], row["mark"]) != (state.size, state.mark.size):
            yield f"{state.origin}: size and tree, or mark and tree, disagree"
    rows = _rows_of_records(logs)
    for state in logs.states():
        yield from _of_log(logs, state, rows.pop(state.origin, set()))
    if rows:
        yield f"rows of logs that are not there: {sorted(rows)}"


def _rows_of_records(logs: LogStore) -> dict[str, _Rows]:
    """Every row of every record table, by log."""
    found: dict[str, _Rows] = {}
    for kind in logs.tables.kinds:
        for row in logs.db.query(f"SELECT origin, idx, id FROM {kind}"):
            found.setdefault(row["origin"], set()).add((kind, row["idx"], row["id"]))
    return found


def _of_log(logs: LogStore, state: LogState, rows: _Rows) -> Iterator[str]:
    origin = state.origin
    if (first := logs.verify(origin)) is not None:
        yield f"{origin}: entry {first} is not what was written"
        return
    leaves = logs.leaves(origin, 0, state.size)
    if len(leaves) != state.size or state.applied > state.size or state.mark.size > state.size:
        yield f"{origin}: {len(leaves)} leaves, size {state.size}, applied {state.applied}"
    envelopes = [_read(leaf) for leaf in leaves]
    held = logs.db.query("SELECT idx FROM quarantine WHERE origin = :o", o=origin)
    kept_back = {row["idx"] for row in held}
    every = [(one.kind, i, one.id) for i, one in enumerate(envelopes)]
    due = {place for place in every[: state.applied] if place[1] not in kept_back}
    # Entries that came from another epoch brought their rows; the tables are filled anew next.
    more = set(every[state.applied :]) if state.own else set()
    if not due <= rows <= due | more:
        yield f"{origin}: rows without entry, or entries without row"
    yield from _of_personal_parts(logs, state, leaves, envelopes)
    yield from _of_receipts(logs, state)


def _of_personal_parts(
    logs: LogStore, state: LogState, leaves: list[bytes], envelopes: list[_Envelope]
) -> Iterator[str]:
    parts = logs.personal(state.origin, 0, state.size)
    gone = erased_ids(logs, state.origin)
    wanted = {i for i, one in enumerate(envelopes) if one.commitment and one.id not in gone}
    if set(parts) != wanted:
        yield f"{state.origin}: personal parts missing or left over"
        return
    check_commitments(parts, leaves, 0)


def _of_receipts(logs: LogStore, state: LogState) -> Iterator[str]:
    rows = logs.db.query(
        "SELECT size, note FROM receipt WHERE origin = :o ORDER BY size", o=state.origin
    )
    sizes = {row["size"] for row in rows}
    hashes, reached = logs.hashes(state.origin, 0, state.size), Frontier()
    for row in rows:
        head = Checkpoint.parse(bytes(row["note"]).decode().split("\n\n")[0] + "\n")
        reached = reached.extended(hashes[reached.size : row["size"]])
        if (reached.size, reached.root) != (head.size, head.root):
            yield f"{state.origin}: a receipt for {row['size']} that is not of this history"
    if state.own and state.mark.size and state.mark.size not in sizes:
        yield f"{state.origin}: the mark {state.mark.size} stands on no receipt"
    if state.own and Frontier().extended(hashes[: state.mark.size]) != state.mark:
        yield f"{state.origin}: the mark is not of this history"
    if not state.own:
        batches = logs.db.query(
            "SELECT start, stop FROM batch WHERE origin = :o ORDER BY start", o=state.origin
        )
        stops = [row["stop"] for row in batches]
        if [row["start"] for row in batches] != [0, *stops[:-1]][: len(stops)]:
            yield f"{state.origin}: batches that do not follow one another"
        if not set(stops) <= sizes:
            yield f"{state.origin}: a batch without its receipt"


def entries_of(logs: LogStore, state: LogState) -> list[tuple[str, str]]:
    """For each entry of a log: the hash of its leaf and of its personal part ("" for none)."""
    parts = logs.personal(state.origin, 0, state.size)
    return [
        (hashed.hex(), sha256(parts[i]).hexdigest() if i in parts else "")
        for i, hashed in enumerate(logs.hashes(state.origin, 0, state.size))
    ]


def tables_of(logs: LogStore) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that follows from entries, to compare after a rebuild."""
    return {
        name: sorted(tuple(row.values()) for row in logs.db.query(f"SELECT * FROM {name}"))
        for name in logs.tables.names()
    }
