"""Comparing heads: two halls, or a hall and somebody else, see whether a center shows each the same
history of one log (T10: split view). Pure but for the log that is asked.

A head is a note that the center signed. It is compared with what is kept here, entry by entry: a
center that signed another root for a size has shown two histories, and both heads are the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sync.errors import Malformed
from sync.log import LogStore
from sync.notes import Checkpoint, Verifier, open_note

Verdict = Literal["same", "split", "longer"]
_GROUPS, _DIGITS = 4, 5


@dataclass(frozen=True)
class Compared:
    """Another's head against our log. ``longer``: theirs goes on where ours ends yet."""

    verdict: Verdict
    origin: str
    size: int
    held: int


def latest_head(logs: LogStore, origin: str) -> bytes | None:
    """The last head of a mirrored log that its writer signed, as the note it came in."""
    rows = logs.db.query(
        "SELECT head FROM batch WHERE origin = :origin ORDER BY stop DESC LIMIT 1", origin=origin
    )
    return bytes(rows[0]["head"]) if rows else None


def head_at(logs: LogStore, origin: str, size: int) -> bytes | None:
    """The head of a mirrored log that its writer signed for this very size, if one came."""
    rows = logs.db.query(
        "SELECT head FROM batch WHERE origin = :origin AND stop = :size", origin=origin, size=size
    )
    return bytes(rows[0]["head"]) if rows else None


def compare_head(
    logs: LogStore, origin: str, note: bytes, verifiers: Sequence[Verifier]
) -> Compared:
    """What another one's head says beside our log.

    Raises:
        UnknownKey: not signed by the center. Malformed: not a head, or of another log.
    """
    point = Checkpoint.parse(open_note(note, verifiers).text)
    if point.origin != origin:
        raise Malformed("the head is of another log", origin=point.origin)
    held = logs.state(origin).size
    if point.size > held:
        return Compared("longer", origin, point.size, held)
    same = logs.root_at(origin, point.size) == point.root
    return Compared("same" if same else "split", origin, point.size, held)


def spoken(root: bytes) -> str:
    """A root as digits that two people compare by telephone."""
    number = int.from_bytes(root, "big") % 10 ** (_GROUPS * _DIGITS)
    text = f"{number:0{_GROUPS * _DIGITS}d}"
    return " ".join(text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS))
