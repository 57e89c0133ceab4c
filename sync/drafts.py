"""A record on its way into an own log: what is to be written, and the leaf and part it becomes."""

from __future__ import annotations

import os
from dataclasses import dataclass

import msgspec

from standards.records.declare import Record, files_of, logged_bytes, personal_bytes
from sync.clock import Clock
from sync.entries import VERSION, Leaf, new_id
from sync.notes import b64
from sync.private.sealing import OPENING_BYTES, commitment


@dataclass(frozen=True)
class Draft:
    """A record to be written.

    Args:
        actor: staff number of who did it; never a name.
        record_id: when the id was handed out before (it is part of a case number).
    """

    record: Record
    actor: str
    record_id: str | None = None


def drawn_up(draft: Draft, clock: Clock, policy: int) -> tuple[Leaf, bytes | None]:
    """The leaf of a draft, and its personal part (opening ‖ payload) when it has one."""
    record = draft.record
    payload = personal_bytes(record)
    opening = os.urandom(OPENING_BYTES) if payload is not None else b""
    leaf = Leaf(
        actor=draft.actor,
        at=clock.stamp(),
        body=msgspec.Raw(logged_bytes(record)),
        boot=clock.boot,
        commitment=b64(commitment(opening, payload)) if payload is not None else None,
        files=files_of(record),
        id=draft.record_id or new_id(clock.posix_ms()),
        kind=record.kind,
        mono=clock.mono_ms(),
        policy=policy,
        v=VERSION,
    )
    return leaf, opening + payload if payload is not None else None
