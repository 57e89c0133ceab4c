"""The JSON messages of the sync interface beside batches: round and enrolment. Pure.

Decoded with caps and closed types; anything else is ``Malformed``.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from sync import strict_json
from sync.errors import Malformed, TooLarge

MAX_MESSAGE_BYTES = 256 * 1024

Note = Annotated[str, msgspec.Meta(max_length=16_384)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Size = Annotated[int, msgspec.Meta(ge=0, le=strict_json.LARGEST)]


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """Unknown members are ignored: a newer peer may say more."""


class LogHead(_Message, frozen=True, kw_only=True):
    """One log as its holder sees it. ``note``: signed checkpoint (own) or receipt (mirrored)."""

    origin: Name
    size: Size
    note: Note = ""


class RoundAsk(_Message, frozen=True, kw_only=True):
    """What a hall says at each contact."""

    hall: Name
    clock: Annotated[str, msgspec.Meta(max_length=40)]
    software: Annotated[str, msgspec.Meta(max_length=40)]
    oldest_unsent: Annotated[str, msgspec.Meta(max_length=40)] = ""
    logs: Annotated[tuple[LogHead, ...], msgspec.Meta(max_length=64)]


class RoundAnswer(_Message, frozen=True, kw_only=True):
    """What the center answers: what it holds of the hall's log, and the heads of its own."""

    center: Name
    clock: Annotated[str, msgspec.Meta(max_length=40)]
    keys: Note
    quarantined: Size = 0
    logs: Annotated[tuple[LogHead, ...], msgspec.Meta(max_length=64)]


class EnrolAsk(_Message, frozen=True, kw_only=True):
    """Request text of ``sync.keysets.Request`` and its MAC under the one-time code."""

    text: Annotated[str, msgspec.Meta(max_length=2_000)]
    mac: Annotated[str, msgspec.Meta(min_length=64, max_length=64)]


class EnrolAnswer(_Message, frozen=True, kw_only=True):
    """Pending: root key and its MAC under the code; approved: key set and roster entry too."""

    state: Annotated[str, msgspec.Meta(max_length=20)]
    center: Name
    root: Annotated[str, msgspec.Meta(max_length=400)]
    mac: Annotated[str, msgspec.Meta(max_length=64)]
    keys: Note = ""
    hall: Note = ""


M = TypeVar("M", bound=_Message)


def write(message: _Message) -> bytes:
    """The message's bytes."""
    return msgspec.json.encode(message)


def read(raw: bytes, kind: type[M]) -> M:
    """Read a message.

    Raises:
        TooLarge: above 256 KiB.
        Malformed: not strict JSON (``sync.strict_json``), or not of this type.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise TooLarge("a message passes a cap", bytes=MAX_MESSAGE_BYTES)
    try:
        return msgspec.convert(strict_json.read(raw), kind)
    except (msgspec.ValidationError, strict_json.NotStrict) as error:
        raise Malformed(f"not a {kind.__name__} message: {error}"[:200]) from None
