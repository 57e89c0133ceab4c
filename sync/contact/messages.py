"""The JSON messages of the sync interface beside batches: round, comparison, enrolment. Pure.

Decoded with caps and closed types; anything else is ``Malformed``.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from sync import strict_json
from sync.errors import Malformed, TooLarge

MAX_MESSAGE_BYTES = 256 * 1024

Note = Annotated[str, msgspec.Meta(max_length=16_384)]
Notes = Annotated[tuple[Note, ...], msgspec.Meta(max_length=200)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Size = Annotated[int, msgspec.Meta(ge=0, le=strict_json.LARGEST)]


FileName = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
MOST_HELD = 2_000
FileNames = Annotated[tuple[FileName, ...], msgspec.Meta(max_length=MOST_HELD)]


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """Unknown members are ignored: a newer peer may say more."""


class LogHead(_Message, frozen=True, kw_only=True):
    """One log as its holder sees it. ``note``: signed checkpoint (own) or receipt (mirrored).

    ``receipted``: of its own log, up to where the holder has receipts or proofs of delivery.
    """

    origin: Name
    size: Size
    note: Note = ""
    receipted: Size | msgspec.UnsetType = msgspec.UNSET


class Span(_Message, frozen=True, kw_only=True):
    """Entries ``first`` to ``stop`` of a log."""

    origin: Name
    first: Size
    stop: Size


class RoundAsk(_Message, frozen=True, kw_only=True):
    """What a hall says at each contact. ``key_set``: the version of the key set it goes by;
    ``sealed``: the newest form of sealed section that it opens, the first when unset. ``held``, on
    a stick: files of the other side that arrived here, the latest of them; in the answer too.
    """

    hall: Name
    clock: Annotated[str, msgspec.Meta(max_length=40)]
    software: Annotated[str, msgspec.Meta(max_length=40)]
    oldest_unsent: Annotated[str, msgspec.Meta(max_length=40)] = ""
    key_set: Size | msgspec.UnsetType = msgspec.UNSET
    sealed: Size | msgspec.UnsetType = msgspec.UNSET
    held: FileNames | msgspec.UnsetType = msgspec.UNSET
    logs: Annotated[tuple[LogHead, ...], msgspec.Meta(max_length=64)]


class RoundAnswer(_Message, frozen=True, kw_only=True):
    """What the center answers: what it holds of the hall's log, and the heads of its own.

    ``keys`` is empty when the hall goes by the newest set; ``hall`` is there when the hall may not
    have its newest roster note, and ``past`` with it: those of its earlier keys.
    ``wants``: logs of the center that are shorter than they were; the hall brings them back from
    there on. ``compare``: the center wishes that this hall compares its logs. ``sealed``: the
    newest form of sealed section that the center opens (docs/wire.md section 4.3); the first when
    unset. ``again``: of which entries of this hall's logs the center cannot open the personal parts
    any more and asks for them once more.
    """

    center: Name
    clock: Annotated[str, msgspec.Meta(max_length=40)]
    keys: Note
    hall: Note | msgspec.UnsetType = msgspec.UNSET
    past: Notes | msgspec.UnsetType = msgspec.UNSET
    quarantined: Size = 0
    compare: bool | msgspec.UnsetType = msgspec.UNSET
    sealed: Size | msgspec.UnsetType = msgspec.UNSET
    held: FileNames | msgspec.UnsetType = msgspec.UNSET
    wants: Annotated[tuple[LogHead, ...], msgspec.Meta(max_length=8)] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    again: Annotated[tuple[Span, ...], msgspec.Meta(max_length=8)] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    logs: Annotated[tuple[LogHead, ...], msgspec.Meta(max_length=64)]


Hash = Annotated[str, msgspec.Meta(min_length=44, max_length=44)]
Day = Annotated[str, msgspec.Meta(max_length=10)]
MOST_CELLS, MOST_RANGES = 1_000, 64


class CellOf(_Message, frozen=True, kw_only=True):
    """The entries of one day and kind: how many, and the digest over their sorted hashes."""

    day: Day
    kind: Annotated[str, msgspec.Meta(max_length=64)]
    count: Size
    digest: Hash


class LeafFound(_Message, frozen=True, kw_only=True):
    """The hall's version of the first record that differs, and its path to the head's root."""

    index: Size
    leaf: Annotated[str, msgspec.Meta(max_length=90_000)]
    path: Annotated[tuple[Hash, ...], msgspec.Meta(max_length=63)]


class CompareAsk(_Message, frozen=True, kw_only=True):
    """What a hall holds of one of its logs up to the receipt ``head``, and what it asks."""

    hall: Name
    origin: Name
    head: Note
    since: Day = ""
    days: Annotated[tuple[CellOf, ...], msgspec.Meta(max_length=MOST_CELLS)] = ()
    ranges: Annotated[tuple[tuple[Size, Size], ...], msgspec.Meta(max_length=MOST_RANGES)] = ()
    leaf: Size | None = None
    found: LeafFound | None = None


class CompareSaid(_Message, frozen=True, kw_only=True):
    """What the center keeps of the same log, reckoned from its bytes when it was asked."""

    origin: Name
    held: Size
    clock: Annotated[str, msgspec.Meta(max_length=40)]
    days: Annotated[tuple[CellOf, ...], msgspec.Meta(max_length=MOST_CELLS)] = ()
    roots: Annotated[tuple[Hash, ...], msgspec.Meta(max_length=MOST_RANGES)] = ()
    leaf: Annotated[str, msgspec.Meta(max_length=90_000)] = ""


class CompareAnswer(_Message, frozen=True, kw_only=True):
    """``said``: a :class:`CompareSaid` as text; ``note``: the center's signature over it."""

    said: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_BYTES)]
    note: Note


class EnrolAsk(_Message, frozen=True, kw_only=True):
    """Request text of ``sync.keys.keysets.Request`` and its MAC under the one-time code."""

    text: Annotated[str, msgspec.Meta(max_length=2_000)]
    mac: Annotated[str, msgspec.Meta(min_length=64, max_length=64)]


class EnrolAnswer(_Message, frozen=True, kw_only=True):
    """Pending: root key and its MAC under the code; approved: key set and roster entry too.

    ``never``: what machines before this one wrote, as far as they told, and never sent.
    """

    state: Annotated[str, msgspec.Meta(max_length=20)]
    center: Name
    root: Annotated[str, msgspec.Meta(max_length=400)]
    mac: Annotated[str, msgspec.Meta(max_length=64)]
    keys: Note = ""
    hall: Note = ""
    past: Notes | msgspec.UnsetType = msgspec.UNSET
    never: Annotated[tuple[Span, ...], msgspec.Meta(max_length=64)] | msgspec.UnsetType = (
        msgspec.UNSET
    )


class ForwardAsk(_Message, frozen=True, kw_only=True):
    """A county asks its city how much it holds of these logs. ``keys``: the county's key set."""

    center: Name
    keys: Note
    origins: Annotated[tuple[Name, ...], msgspec.Meta(max_length=500)]


class ForwardAnswer(_Message, frozen=True, kw_only=True):
    """The city's key set, the newest form of sealed section it opens, and the sizes it holds."""

    center: Name
    keys: Note
    sealed: Size | msgspec.UnsetType = msgspec.UNSET
    logs: Annotated[tuple[LogHead, ...], msgspec.Meta(max_length=500)]


class FilesWanted(_Message, frozen=True, kw_only=True):
    """Files of a hall that the center lacks, a portion of them in the order of their names."""

    wanted: Annotated[tuple[FileName, ...], msgspec.Meta(max_length=1_000)]


class FileHeld(_Message, frozen=True, kw_only=True):
    """How many bytes of a file the center keeps after a piece."""

    held: Size


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
