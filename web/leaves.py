"""A leaf as a page shows it: its text in lines, its hash, and which lines another one lacks.

Knows JSON, and nothing of what a record means.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sync.evidence.comparing import place_of
from sync.merkle import leaf_hash

__all__ = ["Version", "place_of", "version_of"]


@dataclass(frozen=True)
class Version:
    """One version of a record: the hash of its bytes, and the bytes for reading."""

    hash: str
    bytes: int
    lines: tuple[str, ...]


def version_of(leaf: bytes | None) -> Version | None:
    """A leaf for a page; None for one that is not there."""
    if leaf is None:
        return None
    try:
        text = json.dumps(json.loads(leaf), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        text = leaf.decode("utf-8", "backslashreplace")
    return Version(leaf_hash(leaf).hex(), len(leaf), tuple(text.splitlines()))
