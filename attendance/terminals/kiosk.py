"""签到机的事件: what our own kiosk writes down in order, and what a node may make of it.

Pure. A kiosk numbers its events from 1 in each key epoch and chains them: an event names the hash
of the one before, the first one names the key. So a deleted or edited event in a kiosk's queue
shows, and so does a second machine that goes on from a copy of the first. The hash is of the text
exactly as sent, so that nobody needs the same JSON writer. Normative: docs/terminals.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec

LONGEST_TEXT: Final = 4096
"""Bytes of one event."""
FURTHEST: Final = 10_000
"""So far may a number be ahead of the last one that arrived."""
GAP_ALARM_HOURS: Final = 24

Kind = Literal["match", "manual", "card", "frame", "app_start", "clock_set"]
Placed = Literal["new", "duplicate", "clone"]
_ID = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{16,64}$")]
_HASH = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32,64}$")]


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event as a kiosk writes it.

    ``match`` was recognised by the node, which gave a ticket; ``manual`` is a number with its PIN
    under the node's key, ``card`` a card's number under that key; ``frame`` is pictures under it,
    taken while the node was away.
    """

    seq: Annotated[int, msgspec.Meta(ge=1, le=2**48)]
    prev_hash: _HASH
    event_id: _ID
    kind: Kind
    boot_id: _ID
    mono_ms: Annotated[int, msgspec.Meta(ge=0, le=2**48)]
    wall: Annotated[str, msgspec.Meta(max_length=40)]
    tz: Annotated[str, msgspec.Meta(max_length=40)] = ""
    offline: bool = False
    roster_ver: Annotated[str, msgspec.Meta(max_length=64)] = ""
    ticket: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    staff_no: Annotated[str, msgspec.Meta(max_length=20)] = ""
    pin: Annotated[str, msgspec.Meta(max_length=400)] = ""
    card: Annotated[str, msgspec.Meta(max_length=400)] = ""
    blobs: Annotated[tuple[_HASH, ...], msgspec.Meta(max_length=3)] = ()
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""

    @property
    def wall_time(self) -> datetime:
        """What the machine's clock said; an aware moment (checked by :func:`read_event`)."""
        return datetime.fromisoformat(self.wall)


@dataclass(frozen=True)
class Link:
    """An event's place in its chain."""

    hash: str
    prev_hash: str


def event_hash(text: str) -> str:
    """What the next event names."""
    return sha256(text.encode()).hexdigest()


def read_event(text: str) -> Event:
    """An event from its text.

    Raises:
        ValueError: not an event; nothing of it may be stored.
    """
    if len(text.encode()) > LONGEST_TEXT:
        raise ValueError("an event is longer than it may be")
    try:
        event = msgspec.json.decode(text, type=Event)
        aware = event.wall_time.tzinfo is not None
    except (msgspec.MsgspecError, UnicodeError) as wrong:
        raise ValueError("not an event") from wrong
    if not aware:
        raise ValueError("the time of an event needs its offset")
    return event


def place(event: Event, hashed: str, key_id: str, near: Mapping[int, Link]) -> Placed:
    """Where an event stands beside those that arrived.

    Args:
        key_id: what the first event of this key epoch must name.
        near: what is stored under the numbers before, of and after this event, where something is.
    """
    same, before, after = (near.get(event.seq + step) for step in (0, -1, 1))
    if same is not None:
        return "duplicate" if same.hash == hashed else "clone"
    named = key_id if event.seq == 1 else before.hash if before else event.prev_hash
    if event.prev_hash != named or (after is not None and after.prev_hash != hashed):
        return "clone"
    return "new"


def advance(acked: int, above: Iterable[int]) -> tuple[int, list[list[int]]]:
    """Through which number everything has arrived, and the gaps above it.

    Args:
        acked: everything up to here has arrived.
        above: the numbers above it that have, rising.
    """
    missing: list[list[int]] = []
    last = acked
    for seq in above:
        if seq == acked + 1 and not missing:
            acked = seq
        elif seq > last + 1:
            missing.append([last + 1, seq - 1])
        last = max(last, seq)
    return acked, missing


@dataclass(frozen=True)
class Asked:
    """A request as its sender signs it."""

    method: str
    path: str
    query: str
    digest: str
    device: str
    key: str
    time: str
    nonce: str


NONCE: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")


def signed_text(asked: Asked) -> bytes:
    """The bytes under a request's signature."""
    query = "&".join(sorted(part for part in asked.query.split("&") if part))
    lines = ("onehall-terminal/1", asked.method.upper(), asked.path, query, asked.digest)
    return "\n".join((*lines, asked.device, asked.key, asked.time, asked.nonce)).encode()


def key_name(public: bytes) -> str:
    """How a device's key is called: by the hash of its point."""
    return sha256(public).hexdigest()[:32]


def pairing_text(code: str, public: str) -> bytes:
    """What a new device signs to show that it holds the key it brings."""
    return f"onehall-terminal/1 pair\n{code}\n{public}".encode()


def rotation_text(device: str, old: str, new: str) -> bytes:
    """What the new key signs when a device changes its key; the request is signed by the old."""
    return f"onehall-terminal/1 rotate\n{device}\n{old}\n{new}".encode()
