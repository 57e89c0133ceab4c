"""The proof that one record stands in a hall's log, for somebody who trusts the root key alone.

One JSON file: the record's bytes, its path to the head that the hall signed and the center
cosigned, and the notes that lead from the root's key to both. It is checked by
`deploy/verify-proof`, which knows nothing of this project (docs/wire.md 10.1).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sync.errors import Malformed, SyncError
from sync.evidence.comparison import head_of
from sync.evidence.kept import LOST, inclusion_path, kept_leaves
from sync.keys.keysets import CenterKeys, HallKeys
from sync.log import LogStore
from sync.merkle import Frontier, leaf_hash, root_from_inclusion
from sync.notes import Verifier, b64, open_note
from sync.storage.store import Row

TYPE = "onehall/proof/v1"


@dataclass(frozen=True)
class KeyChain:
    """The notes that lead from the root's key to who signed a head and its receipt."""

    root: Verifier
    keys: bytes
    hall: bytes


def receipt_over(logs: LogStore, origin: str, index: int) -> Row | None:
    """The first receipt that confirms an entry: its size, note and time; None before there is."""
    rows = logs.db.query(
        "SELECT size, note, at FROM receipt WHERE origin = :origin AND size > :index "
        "ORDER BY size, at DESC LIMIT 1",
        origin=origin,
        index=index,
    )
    return rows[0] if rows else None


def proof_of(logs: LogStore, origin: str, index: int, chain: KeyChain) -> str:
    """The proof of one record as the text of its file.

    Raises:
        Malformed: no receipt reaches the record yet, the kept bytes do not lead to the receipt,
            or a key was exchanged since; the sentence says which.
    """
    keys = CenterKeys.open(chain.keys, chain.root)
    receipt = receipt_over(logs, origin, index)
    if receipt is None:
        raise Malformed("no receipt confirms this record yet", origin=origin, index=index)
    note = bytes(receipt["note"])
    _check_keys(note, keys, chain)
    head = head_of(note)
    leaf = next(iter(kept_leaves(logs, origin, index, index + 1)))
    path = inclusion_path(logs, origin, index, head.size)
    if leaf is None or root_from_inclusion(leaf_hash(leaf), index, head.size, path) != head.root:
        raise Malformed("the kept bytes do not lead to the receipt", origin=origin, index=index)
    try:
        text = leaf.decode()
    except UnicodeDecodeError:
        raise Malformed("a record that is not text cannot stand in a proof") from None
    return written(
        {
            "type": TYPE,
            "origin": origin,
            "index": index,
            "size": head.size,
            "leaf": text,
            "path": [b64(step) for step in path],
            "receipt": note.decode(),
            "root": str(chain.root),
            "keys": chain.keys.decode(),
            "hall": chain.hall.decode(),
        }
    )


def _check_keys(receipt: bytes, keys: CenterKeys, chain: KeyChain) -> None:
    hall = HallKeys.open(chain.hall, keys.roster)
    try:
        open_note(receipt, [hall.signing])
        open_note(receipt, keys.receipts_keys)
    except SyncError:
        raise Malformed(
            "the receipt is not signed by the keys that are known here; one was exchanged since"
        ) from None


def receipt_that_fails(logs: LogStore, origin: str) -> int | None:
    """The size of the first kept receipt whose head our own bytes do not lead to, or None.

    It tells what nobody can cover by editing leaf, hash and frontier together.
    """
    rows = logs.db.query(
        "SELECT size, note FROM receipt WHERE origin = :origin ORDER BY size", origin=origin
    )
    held, reached = logs.state(origin).size, Frontier()
    for row in rows:
        leaves = kept_leaves(logs, origin, reached.size, min(row["size"], held))
        reached = reached.extended(LOST if leaf is None else leaf_hash(leaf) for leaf in leaves)
        head = head_of(bytes(row["note"]))
        if (head.size, head.root) != (reached.size, reached.root):
            return int(row["size"])
    return None


def written(proof: dict[str, object]) -> str:
    """The one spelling of a proof: a reader refuses any other, so that no byte can be changed."""
    return json.dumps(proof, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def file_name(origin: str, index: int) -> str:
    """What the file of a proof is called."""
    return f"proof-{origin.replace('/', '_')}-{index}.json"
