"""The entry: one leaf of a log, and how to read one that may be newer than we are.

A leaf is deterministic JSON (UTF-8, sorted keys, no spaces, defaults left out), at most 64 KiB.
Reading has two paths: decode to the declared type and compare the re-encoding (fast), else a
strict generic reader that tells a newer kind, which is kept, from something to quarantine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from standards.records.declare import Record, canonical_body
from sync import strict_json
from sync.errors import Malformed

MAX_LEAF_BYTES = 64 * 1024
VERSION = 1

Whole = Annotated[int, msgspec.Meta(ge=0, le=strict_json.LARGEST)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
_KIND = r"^[a-z][a-z0-9_]{1,40}\Z"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z"
_UUID7 = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z"


class Leaf(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The envelope of one entry. Fields stand in alphabetical order, as on the wire.

    ``at`` is the writer's wall time (UTC, RFC 3339, milliseconds): data, never order. ``boot`` and
    ``mono`` (ms since that boot) tell how long after each other two entries of one boot were
    written, whatever the wall clock did. ``policy`` is the size of the standards log that the
    writer followed. ``commitment`` is base64 of SHA-256(opening ‖ personal payload).
    """

    actor: Word
    at: Annotated[str, msgspec.Meta(pattern=_MOMENT)]
    body: msgspec.Raw
    boot: Word
    commitment: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+/]{43}=\Z")] | None = None
    files: tuple[Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")], ...] = ()
    id: Annotated[str, msgspec.Meta(pattern=_UUID7)]
    kind: Annotated[str, msgspec.Meta(pattern=_KIND)]
    mono: Whole
    policy: Whole = 0
    v: int


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Leaf).decode


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A leaf with its place: which log, which index, written by whom, and what it says."""

    origin: str
    index: int
    writer: str
    leaf: Leaf
    record_type: type[Record]
    logged: Any


class NewerKind(Exception):
    """A well-formed leaf of a kind, version or field this program does not know yet: keep it."""


class Unreadable(Exception):
    """A leaf that no version of the format allows: quarantine it, with the reason."""


def encode_leaf(leaf: Leaf) -> bytes:
    """The bytes that are hashed, signed and kept for ever.

    Raises:
        Malformed: longer than 64 KiB, or a text with U+0000; nothing was written, the clerk must
            shorten or retype a text.
    """
    raw = _encode(leaf)
    if strict_json.holds_nul(raw):
        raise Malformed("a text of an entry holds U+0000")
    if len(raw) > MAX_LEAF_BYTES:
        raise Malformed("an entry is longer than 64 KiB")
    return raw


def read_leaf(raw: bytes, kinds: Mapping[str, type[Record]]) -> tuple[Leaf, type[Record], Any]:
    """Read a leaf that somebody else wrote.

    Returns:
        The envelope, the record type and the decoded logged body.

    Raises:
        NewerKind: keep, count, show, and replay after an upgrade.
        Unreadable: quarantine.
    """
    try:
        leaf = _decode(raw)
        if leaf.v == VERSION and (record_type := kinds.get(leaf.kind)) is not None:
            logged = canonical_body(record_type, bytes(leaf.body))
            if _encode(leaf) == raw and not strict_json.holds_nul(raw):
                return leaf, record_type, logged
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    whole = read_generic(raw)
    _tell_newer_from_broken(whole, kinds)
    raise NewerKind(str(whole.get("kind")))


def _tell_newer_from_broken(whole: dict[str, Any], kinds: Mapping[str, type[Record]]) -> None:
    version, kind = whole.get("v"), whole.get("kind")
    if (
        type(version) is not int
        or version < 1
        or not (isinstance(kind, str) and re.search(_KIND, kind))
        or not isinstance(whole.get("body"), dict)
    ):
        raise Unreadable("an entry needs v from 1, kind and body")
    if version > VERSION or kind not in kinds:
        return
    known = {f.name for f in msgspec.structs.fields(kinds[kind])}
    envelope = {f.name for f in msgspec.structs.fields(Leaf)}
    if set(whole["body"]) <= known and set(whole) <= envelope:
        raise Unreadable(f"a {kind} whose fields break their bounds")


def read_generic(raw: bytes) -> dict[str, Any]:
    """Read deterministic JSON of an unknown shape, strictly.

    Raises:
        Unreadable: too long or deep, duplicate keys, NaN, fractions, lone surrogates, or not the
            deterministic spelling.
    """
    if len(raw) > MAX_LEAF_BYTES:
        raise Unreadable("longer than 64 KiB")
    try:
        whole = strict_json.read(raw)
    except strict_json.NotStrict as reason:
        raise Unreadable(str(reason)) from None
    if not isinstance(whole, dict):
        raise Unreadable("an entry is a JSON object")
    if msgspec.json.encode(whole, order="sorted") != raw:
        raise Unreadable("not the deterministic spelling")
    return whole


def new_id(posix_ms: int, random: bytes | None = None) -> str:
    """A UUIDv7 (RFC 9562 section 5.7): 48 bits of milliseconds, 74 random bits.

    Args:
        random: ten bytes; taken from the system when not given.
    """
    noise = random if random is not None else os.urandom(10)
    value = (posix_ms & (1 << 48) - 1) << 80 | int.from_bytes(noise, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
