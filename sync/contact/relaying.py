"""Handing on what somebody else wrote: a log goes on unchanged, under its writer's own heads.

Three uses, one format (docs/wire.md section 4.5): a hall gets its own history back, a restored
center gets the tails of its logs back from the halls, a county hands its halls' logs to a city.
"""

from __future__ import annotations

from sync.batch import pack_relayed
from sync.log import LogStore
from sync.notes import Checkpoint, Signer, text_of
from sync.private.sealing import Recipient


def relayed_batch(
    logs: LogStore, origin: str, start: int, keeper: Signer, receiver: bytes | Recipient
) -> bytes | None:
    """The next piece of a mirrored log from ``start``, or None when there is nothing after it.

    It ends where a batch of the writer ended, because only there stands a head that the writer
    signed. What was erased here stays out of it.

    Args:
        receiver: the public sealing key of whoever gets it, and what it opens.
    """
    rows = logs.db.query(
        "SELECT stop, head FROM batch WHERE origin = :origin AND start <= :start AND stop > :start",
        origin=origin,
        start=start,
    )
    if not rows:
        return None
    stop, note = rows[0]["stop"], bytes(rows[0]["head"])
    contents = logs.leaves(origin, start, stop), logs.personal(origin, start, stop), receiver
    head = Checkpoint.parse(text_of(note))
    return pack_relayed(keeper, (head, note), start, logs.state(origin).size, contents)
