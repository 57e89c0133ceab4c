"""Reading many leaves at once, as ``sync.entries.read_leaf`` reads one of them.

Leaves of one kind are decoded together into a type that holds the body as well, and encoded
together again: when that gives the same bytes, each leaf is in its one spelling, because no
encoding holds a line break. Forms that one leaf is asked for by patterns are asked of the whole run
by the places of their characters. Whatever is not as it should be is left to ``read_leaf``, which
knows the reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, get_type_hints

import msgspec

from standards.records.declare import Record, parts_of
from sync import strict_json
from sync.entries import VERSION, Leaf

# The envelope, the record type and the decoded logged body.
Reading = tuple[Leaf, type[Record], Any]
# So many leaves share the fate of one that is not as it should be.
_RUN = 256
_KIND, _AFTER_KIND = b',"kind":"', b'","mono":'
_HEX, _BASE64 = (
    b"0123456789abcdef",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
)

_encode_lines = msgspec.json.Encoder(order="sorted").encode_lines


def read_leaves(leaves: Sequence[bytes], kinds: Mapping[str, type[Record]]) -> list[Reading | None]:
    """Of each leaf what it says, or None when it must be read alone."""
    found: list[Reading | None] = [None] * len(leaves)
    for record_type, places in _by_type(leaves, kinds):
        for start in range(0, len(places), _RUN):
            some = places[start : start + _RUN]
            for place, leaf in zip(some, _read_run(record_type, leaves, some), strict=False):
                found[place] = leaf, record_type, leaf.body
    return found


def _by_type(
    leaves: Sequence[bytes], kinds: Mapping[str, type[Record]]
) -> Iterator[tuple[type[Record], list[int]]]:
    """Places of leaves by the kind they seem to have; it is checked when they are read."""
    places: dict[bytes, list[int]] = {}
    for place, leaf in enumerate(leaves):
        at = leaf.rfind(_KIND) + len(_KIND)
        places.setdefault(leaf[at : leaf.find(_AFTER_KIND, at)], []).append(place)
    for kind, some in places.items():
        if (record_type := kinds.get(kind.decode("ascii", "replace"))) is not None:
            yield record_type, some


def _read_run(
    record_type: type[Record], leaves: Sequence[bytes], places: Sequence[int]
) -> list[Any]:
    """The envelopes, each with its body decoded; none when one of them is not as it should be."""
    text = b"".join([leaves[place] + b"\n" for place in places])
    try:
        read = _decoder(record_type)(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return []
    same = len(read) == len(places) and _encode_lines(read) == text
    return read if same and not strict_json.holds_nul(text) and _is_formed(read) else []


@cache
def _decoder(record_type: type[Record]) -> Callable[[bytes], list[Any]]:
    """Decodes lines into envelopes of this kind, without the patterns of ``_is_formed``."""
    declared = get_type_hints(Leaf, include_extras=True)
    changed: dict[str, Any] = {
        "at": str,
        "body": parts_of(record_type).logged,
        "commitment": str | None,
        "id": str,
        "kind": Literal[record_type.kind],
        "v": Literal[VERSION],
    }
    fields: list[Any] = []
    for field in msgspec.structs.fields(Leaf):
        kind = changed.get(field.name, declared[field.name])
        fields.append((field.name, kind) if field.required else (field.name, kind, field.default))
    whole = msgspec.defstruct(
        f"{record_type.__name__}Leaf",
        fields,
        frozen=True,
        gc=False,
        kw_only=True,
        omit_defaults=True,
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(whole).decode_lines


def _is_formed(read: Sequence[Any]) -> bool:
    promised = [leaf.commitment for leaf in read if leaf.commitment is not None]
    return (
        _are_ids([leaf.id for leaf in read])
        and _are_moments([leaf.at for leaf in read])
        and _are_hashes(promised)
    )


def _joined(texts: Sequence[str], size: int, marks: Mapping[int, str]) -> bytes | None:
    """The texts one after the other, when each has this size and these characters at these
    places.
    """
    whole, count = "".join(texts), len(texts)
    fits = whole.isascii() and all(len(text) == size for text in texts)
    if fits and all(whole[at::size] == mark * count for at, mark in marks.items()):
        return whole.encode()
    return None


def _are_ids(texts: Sequence[str]) -> bool:
    """UUIDv7 in lower case."""
    whole = _joined(texts, 36, {8: "-", 13: "-", 14: "7", 18: "-", 23: "-"})
    if whole is None or whole[19::36].translate(None, b"89ab"):
        return False
    return whole.translate(None, _HEX) == b"-" * (4 * len(texts))


def _are_moments(texts: Sequence[str]) -> bool:
    """``YYYY-MM-DDTHH:MM:SS.mmmZ``."""
    marks = {4: "-", 7: "-", 10: "T", 13: ":", 16: ":", 19: ".", 23: "Z"}
    whole = _joined(texts, 24, marks)
    if whole is None:
        return False
    # Those at their places are all of them, so that the other places hold digits.
    return len(whole.translate(None, b"0123456789")) == len(marks) * len(texts)


def _are_hashes(texts: Sequence[str]) -> bool:
    """32 bytes each, in base64."""
    whole = _joined(texts, 44, {43: "="})
    return whole is not None and whole.translate(None, _BASE64) == b"=" * len(texts)
