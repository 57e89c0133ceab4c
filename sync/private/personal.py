"""Personal parts at rest: encrypted, searchable by whole values only.

What is written here stands in one row for each entry; what came in a batch is packed and encrypted
by some dozens, which is an eighth of the work. One part is erased by writing its pack anew without
it (docs/decisions/0019).

A part is ``opening ‖ payload``. Before it is encrypted its payload is packed, when that makes it
shorter: deterministic JSON begins with a brace and a zstd frame does not, so a row tells by itself
what it holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from standards.records.declare import opened_payload
from sync.batch import MAX_ENTRIES
from sync.entries import Entry
from sync.frames import FRAME, deflater, quick_deflater, quick_inflater
from sync.private import shut
from sync.private.sealing import OPENING_BYTES, join_parts, split_parts
from sync.private.vault import Vault
from sync.storage.store import Database
from sync.storage.tables import searchable

# One row of the blind index: a searchable value as a number, and the entry that holds it.
Term = tuple[int, str, int]

_PARTS = (
    "SELECT idx, sealed FROM personal WHERE origin = :origin AND idx >= :start AND idx < :stop "
    "ORDER BY idx"
)
_COUNT = (
    "SELECT (SELECT COUNT(*) FROM personal "
    "WHERE origin = :origin AND idx >= :start AND idx < :stop) + "
    "(SELECT COALESCE(SUM(parts), 0) FROM personal_pack "
    "WHERE origin = :origin AND start >= :start AND start < :stop AND stop <= :stop) AS n"
)
# No pack is longer than a batch, so that only what may reach into the span is looked at.
_PACKS = (
    "SELECT start, stop, sealed FROM personal_pack "
    "WHERE origin = :origin AND start > :start - :most AND start < :stop AND stop > :start "
    "ORDER BY start"
)
_FORGET = (
    "DELETE FROM personal_term WHERE origin = :origin AND idx >= :start AND idx < :stop",
    "DELETE FROM personal_index WHERE origin = :origin AND idx >= :start AND idx < :stop",
)
_ERASE = "DELETE FROM personal WHERE origin = :origin AND idx >= :start AND idx < :stop"
_FIND = (
    "SELECT origin, idx FROM personal_term WHERE term = :number UNION "
    "SELECT origin, idx FROM personal_index WHERE term = :term ORDER BY origin, idx"
)
_AT_ONCE = 64
_SHORT = OPENING_BYTES + 128
FRESH_BYTES = 10 * 1024 * 1024
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
    """The tables ``personal``, ``personal_pack`` and ``personal_term``, and what earlier programs
    wrote into ``personal_index``.

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

    def keep_together(self, origin: str, parts: Mapping[int, bytes]) -> None:
        """As :meth:`keep`, for what came in one batch: some dozens packed and encrypted at once."""
        pack, indexes, rows = deflater(), sorted(parts), []
        for at in range(0, len(indexes), _AT_ONCE):
            some = {index: parts[index] for index in indexes[at : at + _AT_ONCE]}
            row = self._pack(origin, some, pack)
            if row is None:
                self.keep(origin, some)
            else:
                rows.append(row)
        self._db.insert("personal_pack", ("origin", "start", "stop", "parts", "sealed"), rows)

    def _pack(
        self, origin: str, parts: Mapping[int, bytes], pack: Callable[[bytes], bytes]
    ) -> tuple[str, int, int, int, bytes] | None:
        """The row of some parts; None when they cannot stand together."""
        joined = join_parts(parts, pack)
        if joined is None:
            return None
        start, stop = min(parts), max(parts) + 1
        sealed = self._vault.lock(joined, f"{origin}/{start}-{stop}")
        return origin, start, stop, len(parts), sealed

    def _packs(self, origin: str, start: int, stop: int) -> Iterator[tuple[int, dict[int, bytes]]]:
        """Start and parts of each pack that may hold a part of these entries."""
        span = {"origin": origin, "start": start, "stop": stop, "most": MAX_ENTRIES}
        for first, last, sealed in self._db.cells(_PACKS, **span):
            yield first, split_parts(self._vault.unlock(sealed, f"{origin}/{first}-{last}"))

    def stands(self, origin: str, index: int) -> bool:
        """Whether the part of an entry is here."""
        sql = "SELECT idx FROM personal WHERE origin = :origin AND idx = :idx"
        if self._db.query(sql, origin=origin, idx=index):
            return True
        return any(index in parts for _, parts in self._packs(origin, index, index + 1))

    def erase(self, origin: str, start: int, stop: int) -> int:
        """Delete the parts of these entries, and what can be searched of them; how many parts."""
        span = {"origin": origin, "start": start, "stop": stop}
        for sql in _FORGET:
            self._db.execute(sql, **span)
        shut.erase(self._db, origin, (start, stop))
        count = self._db.execute(_ERASE, **span)
        for first, parts in list(self._packs(origin, start, stop)):
            left = {index: part for index, part in parts.items() if not start <= index < stop}
            if len(left) < len(parts):
                self._db.execute(
                    "DELETE FROM personal_pack WHERE origin = :origin AND start = :first",
                    origin=origin,
                    first=first,
                )
                self.keep_together(origin, left)
                count += len(parts) - len(left)
        return count

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
        found = {
            index: _unpacked(unlock(sealed, f"{origin}/{index}"), unpack) for index, sealed in rows
        }
        for _, parts in self._packs(origin, start, stop):
            found |= {index: part for index, part in parts.items() if start <= index < stop}
        return found

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
        term, origin, index = self._vault.term, entry.origin, entry.index
        return [
            (term(name, value), origin, index)
            for name in searchable(entry.record_type)
            if (value := getattr(opened, name))
        ]

    def index(self, terms: Sequence[Term]) -> None:
        """Enter these terms into the blind index."""
        self._db.insert("personal_term", ("term", "origin", "idx"), sorted(terms))

    def find(self, field: str, value: str) -> list[tuple[str, int]]:
        """(origin, index) of the entries whose personal field has exactly this value."""
        said = {"term": self._vault.blind(field, value), "number": self._vault.term(field, value)}
        return [(origin, index) for origin, index in self._db.cells(_FIND, **said)]


def parts_in(vault: Vault, place: str, sealed: bytes) -> dict[int, bytes]:
    """The parts of one row of either table, by the places of their entries when it was locked.

    Raises:
        Malformed: altered, or locked with another key.
    """
    opened, (_, _, where) = vault.unlock(sealed, place), place.rpartition("/")
    if "-" in where:
        return split_parts(opened)
    return {int(where): _unpacked(opened, quick_inflater())}


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
