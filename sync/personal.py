"""Personal parts at rest, one row for each entry: encrypted, searchable by whole values only.

A part is ``opening ‖ payload``. Before it is encrypted its payload is packed, when that makes it
shorter: deterministic JSON begins with a brace and a zstd frame does not, so a row tells by itself
what it holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from standards.records.declare import opened_payload
from sync.entries import Entry
from sync.frames import FRAME, quick_deflater, quick_inflater
from sync.sealing import OPENING_BYTES
from sync.store import Database
from sync.tables import searchable
from sync.vault import Vault

# One row of the blind index: a searchable value, and the entry that holds it.
Term = tuple[bytes, str, int]

_PARTS = (
    "SELECT idx, sealed FROM personal WHERE origin = :origin AND idx >= :start AND idx < :stop "
    "ORDER BY idx"
)
_COUNT = (
    "SELECT COUNT(*) AS n FROM personal WHERE origin = :origin AND idx >= :start AND idx < :stop"
)
_SHORT = OPENING_BYTES + 128
FRESH_BYTES = 16 * 1024 * 1024
_FEW_LOGS = 4
_EACH_BYTES = 200  # what an object and its place in a dictionary take beside its bytes


class _Fresh:
    """The parts of the latest batches, in memory; the oldest batch makes room for the newest."""

    def __init__(self, most: int) -> None:
        self.most, self.size = most, 0
        self._lock = threading.Lock()
        self._batches: dict[tuple[str, int], tuple[int, Mapping[int, bytes], int]] = {}

    def add(self, origin: str, span: tuple[int, int], parts: Mapping[int, bytes]) -> None:
        size = sum(map(len, parts.values())) + _EACH_BYTES * len(parts)
        start, stop = span
        with self._lock:
            self.size -= self._batches.pop((origin, start), (0, {}, 0))[2]
            self._batches[origin, start] = stop, parts, size
            self.size += size
            while self.size > self.most and self._batches:
                oldest = next(iter(self._batches))
                self.size -= self._batches.pop(oldest)[2]

    def logs(self) -> int:
        with self._lock:
            return len({origin for origin, _ in self._batches})

    def drop(self, origin: str, stop: int) -> None:
        with self._lock:
            for name, start in [*self._batches]:
                if name == origin and self._batches[name, start][0] <= stop:
                    self.size -= self._batches.pop((name, start))[2]

    def of(self, origin: str, start: int, stop: int) -> dict[int, bytes]:
        """The parts of these entries when they lie in one batch; else nothing."""
        with self._lock:
            for (name, first), (last, parts, _) in self._batches.items():
                if name == origin and first <= start and stop <= last:
                    return {i: parts[i] for i in range(start, stop) if i in parts}
        return {}


class PersonalParts:
    """The tables ``personal`` and ``personal_index``.

    Args:
        fresh_bytes: how much of what was received a moment ago is remembered, opened, so that
            applying need not read and open it again. Forgetting is always right.
    """

    def __init__(self, db: Database, vault: Vault, fresh_bytes: int = FRESH_BYTES) -> None:
        self._db, self._vault = db, vault
        self._fresh = _Fresh(fresh_bytes)

    def keep(self, origin: str, parts: Mapping[int, bytes]) -> None:
        """Encrypt these parts, one row for each."""
        lock, pack = self._vault.lock, quick_deflater()
        rows = [
            (origin, index, lock(_packed(part, pack), f"{origin}/{index}"))
            for index, part in parts.items()
        ]
        self._db.insert("personal", ("origin", "idx", "sealed"), rows)

    def parts(self, origin: str, start: int, stop: int) -> dict[int, bytes]:
        """The parts of these entries; what was erased is absent.

        Raises:
            Malformed: a row that was altered or moved.
        """
        if fresh := self._fresh.of(origin, start, stop):
            (row,) = self._db.query(_COUNT, origin=origin, start=start, stop=stop)
            # Fewer when a part was erased since.
            if row["n"] == len(fresh):
                return fresh
        rows = self._db.cells(_PARTS, origin=origin, start=start, stop=stop)
        unlock, unpack = self._vault.unlock, quick_inflater()
        return {
            index: _unpacked(unlock(sealed, f"{origin}/{index}"), unpack) for index, sealed in rows
        }

    def remember(self, origin: str, span: tuple[int, int], parts: Mapping[int, bytes]) -> None:
        """Parts of one batch that are kept now, and will soon be applied."""
        self._fresh.add(origin, span, parts)

    def crowded(self) -> bool:
        """Whether a few logs have brought so much that some will soon be forgotten unapplied.

        When many logs bring something at once, their receipts go first.
        """
        return self._fresh.size > self._fresh.most // 2 and self._fresh.logs() <= _FEW_LOGS

    def forget(self, origin: str, stop: int) -> None:
        """What lies before this size was applied."""
        self._fresh.drop(origin, stop)

    def terms(self, entry: Entry, payload: bytes) -> list[Term]:
        """What the blind index says of an entry.

        Raises:
            ValueError: a payload that nobody could open later, told now.
        """
        opened = opened_payload(entry.record_type, payload)
        blind, origin, index = self._vault.blind, entry.origin, entry.index
        return [
            (blind(name, value), origin, index)
            for name in searchable(entry.record_type)
            if (value := getattr(opened, name))
        ]

    def index(self, terms: Sequence[Term]) -> None:
        """Enter these terms into the blind index."""
        self._db.insert("personal_index", ("term", "origin", "idx"), terms)

    def find(self, field: str, value: str) -> list[tuple[str, int]]:
        """(origin, index) of the entries whose personal field has exactly this value."""
        rows = self._db.query(
            "SELECT origin, idx FROM personal_index WHERE term = :term ORDER BY origin, idx",
            term=self._vault.blind(field, value),
        )
        return [(row["origin"], row["idx"]) for row in rows]


def _packed(part: bytes, pack: Callable[[bytes], bytes]) -> bytes:
    # Whatever looks like a frame already is packed as well, so that it is opened once only.
    must = part.startswith(FRAME, OPENING_BYTES)
    if len(part) < _SHORT and not must:
        return part
    packed = part[:OPENING_BYTES] + pack(part[OPENING_BYTES:])
    return packed if must or len(packed) < len(part) else part


def _unpacked(part: bytes, unpack: Callable[[bytes], bytes]) -> bytes:
    if not part.startswith(FRAME, OPENING_BYTES):
        return part
    return part[:OPENING_BYTES] + unpack(part[OPENING_BYTES:])
