"""The append-only log: ``write`` is the only way to write a record.

Keeps own logs (leaf by leaf) and mirrored logs (batch by batch, as the bytes they came in), the
personal parts and the receipts. Business row and entry stand in one transaction. Knows no network
and no hall.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from standards.records.declare import Record, parts_of
from sync.batch import FREE_LEAVES_BYTES, MAX_BATCH_BYTES, MAX_ENTRIES, Batch, split_leaves
from sync.clock import Clock
from sync.drafts import Draft, drawn_up
from sync.entries import Entry, Leaf, encode_leaf
from sync.errors import Malformed, UnknownLog
from sync.evidence.verifying import first_bad
from sync.failpoints import fp
from sync.frames import inflate
from sync.keys import vault_key
from sync.merkle import EMPTY_ROOT, HASH_BYTES, Frontier, leaf_hash
from sync.private import erasing
from sync.private.personal import PersonalParts
from sync.private.sealing import OPENING_BYTES
from sync.private.vault import Vault
from sync.storage.migrations import migrate
from sync.storage.schema import DDL, LogState, state_of
from sync.storage.store import Database, Row
from sync.storage.tables import Tables, as_record

R = TypeVar("R", bound=Record)

# A batch that is packed, the one on the way, and the one before it.
_REMEMBERED = 4
_STATE = "SELECT * FROM log WHERE origin = :origin"
# What stands of a log from ``start`` to ``stop``. No batch is longer than the longest, so that only
# those are looked at which may reach into the span.
_OWN_ENTRIES = (
    "SELECT leaf, hash FROM entry WHERE origin = :origin AND idx >= :start AND idx < :stop "
    "ORDER BY idx"
)
_BATCH_LEAVES = (
    "SELECT start, stop, leaves, plain_bytes FROM batch "
    "WHERE origin = :origin AND start > :start - :most AND start < :stop AND stop > :start "
    "ORDER BY start"
)
_BATCH_HASHES = (
    "SELECT start, stop, hashes FROM batch "
    "WHERE origin = :origin AND start > :start - :most AND start < :stop AND stop > :start "
    "ORDER BY start"
)


@dataclass(frozen=True)
class Portions:
    """How much is done at once. A batch on the way stays well under the receiver's caps, so that
    slow lines make progress; a chunk of applying is one transaction.
    """

    batch_entries: int = MAX_ENTRIES
    batch_plain_bytes: int = FREE_LEAVES_BYTES
    batch_sealed_bytes: int = MAX_BATCH_BYTES // 4
    chunk_entries: int = MAX_ENTRIES

    def halved(self) -> Portions:
        """Batches of half the size."""
        return replace(
            self,
            batch_entries=max(1, self.batch_entries // 2),
            batch_plain_bytes=self.batch_plain_bytes // 2,
            batch_sealed_bytes=self.batch_sealed_bytes // 2,
        )


class LogStore:
    """All logs of one machine over one database.

    Args:
        vault: encrypts the personal parts at rest.
        tables: where the records themselves stand.
        policy: size of the standards log that is followed now; stands in every own entry.
    """

    def __init__(
        self,
        db: Database,
        vault: Vault,
        tables: Tables,
        clock: Clock,
        policy: Callable[[], int] = lambda: 0,
    ) -> None:
        self.db, self.vault, self.tables, self.clock = db, vault, tables, clock
        self._policy = policy
        self.portions = Portions()
        self.parts = PersonalParts(db, vault)
        # Up to where the other side said it has our receipts for its logs; forgotten at a restart.
        self.delivered: dict[str, int] = {}
        self._latest: dict[str, list[tuple[Frontier, bytes]]] = {}
        # Called before a head of an own log is signed; makes it known beside the database.
        self.promise: Callable[[str, int], None] = lambda origin, size: None

    def create(self) -> None:
        """Bring older tables up to date and create what is missing; for every start.

        Raises:
            NewerDatabase: a newer program wrote this database; nothing was changed.
        """
        migrate(self.db, self.clock.stamp())
        self.db.create([*DDL, *self.tables.ddl()])
        vault_key.note(self.db, self.vault, self.clock.stamp())

    # --- where logs stand -------------------------------------------------------------------

    def open(self, origin: str, writer: str, *, own: bool) -> LogState:
        """The state of a log, which is begun empty when it is new."""
        if rows := self.db.query(_STATE, origin=origin):
            return state_of(rows[0])
        empty = Frontier().to_bytes()
        with self.db.transaction():
            self.db.execute(
                "INSERT INTO log VALUES (:origin, :writer, :own, 0, :empty, 0, :empty, 0) "
                "ON CONFLICT DO NOTHING",
                origin=origin,
                writer=writer,
                own=int(own),
                empty=empty,
            )
            return self.state(origin)

    def state(self, origin: str) -> LogState:
        """Where a log stands.

        Raises:
            UnknownLog: never opened here.
        """
        rows = self.db.query(_STATE, origin=origin)
        if not rows:
            raise UnknownLog("no such log here", origin=origin)
        return state_of(rows[0])

    def states(self) -> list[LogState]:
        """Every log that is written or mirrored here."""
        return [state_of(row) for row in self.db.query("SELECT * FROM log ORDER BY origin")]

    def lock(self, origin: str) -> LogState:
        """As :meth:`state`, holding the log's row until the transaction ends.

        The row is touched first, so that two processes on one database take turns at one log.
        """
        self.db.execute("UPDATE log SET own = own WHERE origin = :origin", origin=origin)
        return self.state(origin)

    # --- writing own entries ----------------------------------------------------------------

    def write(
        self, origin: str, record: Record, *, actor: str, record_id: str | None = None
    ) -> Entry:
        """As :meth:`write_all`, one record."""
        return self.write_all(origin, [Draft(record, actor, record_id)])[0]

    def write_all(self, origin: str, drafts: Sequence[Draft]) -> list[Entry]:
        """Append records to an own log and write their rows, in one transaction, in this order.

        Raises:
            sync.errors.DiskFull: nothing was written and nothing was numbered.
            Malformed: longer than 64 KiB.
        """
        with self.db.transaction():
            state, policy = self.lock(origin), self._policy()
            if not state.own:
                raise Malformed("only the writer of a log may append to it", origin=origin)
            drawn = [drawn_up(draft, self.clock, policy) for draft in drafts]
            entries = [
                _entry(state, index, leaf, draft.record)
                for index, (draft, (leaf, _)) in enumerate(
                    zip(drafts, drawn, strict=True), state.size
                )
            ]
            self._append(state, [leaf for leaf, _ in drawn])
            self._keep_parts(entries, [part for _, part in drawn])
            self.tables.keep(self.db, entries)
            erasing.carry_out(self, entries)
            fp("write.kept")
            return entries

    def _keep_parts(self, entries: Sequence[Entry], parts: Sequence[bytes | None]) -> None:
        found = [(entry, part) for entry, part in zip(entries, parts, strict=True) if part]
        if found:
            self.parts.keep(found[0][0].origin, {entry.index: part for entry, part in found})
            terms = [self.parts.terms(entry, part[OPENING_BYTES:]) for entry, part in found]
            self.parts.index([term for some in terms for term in some])

    def _append(self, state: LogState, leaves: Sequence[Leaf]) -> None:
        raw = [encode_leaf(leaf) for leaf in leaves]
        hashed = [leaf_hash(one) for one in raw]
        after = state.frontier.extended(hashed)
        self.db.insert(
            "entry",
            ("origin", "idx", "leaf", "hash", "at"),
            [
                (state.origin, index, one, digest, leaf.at)
                for index, (one, digest, leaf) in enumerate(
                    zip(raw, hashed, leaves, strict=True), state.size
                )
            ],
        )
        self.db.execute(
            # What came back from elsewhere before it may still wait to be applied.
            "UPDATE log SET frontier = :frontier, size = :size, "
            "applied = CASE WHEN applied = size THEN :size ELSE applied END "
            "WHERE origin = :origin",
            origin=state.origin,
            size=after.size,
            frontier=after.to_bytes(),
        )
        fp("write.appended")

    # --- keeping what others wrote ----------------------------------------------------------

    def keep_batch(self, batch: Batch, hashes: Sequence[bytes], after: Frontier) -> None:
        """Keep a batch that the mirror accepted, as the bytes it came in."""
        header = batch.header
        self.db.execute(
            "INSERT INTO batch VALUES (:origin, :start, :stop, :header, :head, :leaves, "
            ":plain, :hashes, :at)",
            origin=header.origin,
            start=header.start,
            stop=header.stop,
            header=batch.header_note,
            head=batch.head_note,
            leaves=batch.leaves_section,
            plain=header.leaves_plain_bytes,
            hashes=b"".join(hashes),
            at=self.clock.stamp(),
        )
        self.db.execute(
            "UPDATE log SET size = :size, frontier = :frontier WHERE origin = :origin",
            origin=header.origin,
            size=after.size,
            frontier=after.to_bytes(),
        )

    def keep_personal(
        self, origin: str, parts: Mapping[int, bytes], alone: Collection[int] | None = None
    ) -> None:
        """Encrypt personal parts (opening ‖ payload) at rest.

        Their leaves are kept already; a part of an entry that was erased by order is not kept.

        Args:
            alone: those that get a row of their own; all of them when None.
        """
        left = erasing.without_erased(self, origin, parts)
        single = left if alone is None else {i: left[i] for i in alone if i in left}
        self.parts.keep(origin, single)
        self.parts.keep_together(origin, {i: p for i, p in left.items() if i not in single})

    # --- reading ----------------------------------------------------------------------------

    def leaves(self, origin: str, start: int, stop: int) -> list[bytes]:
        """Leaf bytes of entries ``start`` to ``stop``, own or mirrored."""
        if self.state(origin).own:
            return self.own_entries(origin, start, stop)[0]
        found: list[bytes] = []
        for first, last, packed, size in self._batches(_BATCH_LEAVES, origin, start, stop):
            leaves = split_leaves(inflate(packed, size), last - first)
            found += leaves[max(0, start - first) : stop - first]
        return found

    def hashes(self, origin: str, start: int, stop: int) -> list[bytes]:
        """Leaf hashes of entries ``start`` to ``stop``, own or mirrored."""
        if self.state(origin).own:
            return self.own_entries(origin, start, stop)[1]
        found: list[bytes] = []
        for first, _, joined in self._batches(_BATCH_HASHES, origin, start, stop):
            hashes = [joined[i : i + HASH_BYTES] for i in range(0, len(joined), HASH_BYTES)]
            found += hashes[max(0, start - first) : stop - first]
        return found

    def own_entries(self, origin: str, start: int, stop: int) -> tuple[list[bytes], list[bytes]]:
        """Leaves and their hashes, of a log that is written here; read once."""
        found = self.db.cells(_OWN_ENTRIES, origin=origin, start=start, stop=stop)
        return [leaf for leaf, _ in found], [hashed for _, hashed in found]

    def personal(self, origin: str, start: int, stop: int) -> dict[int, bytes]:
        """Personal parts (opening ‖ payload) of these entries, opened; erased ones are absent."""
        return self.parts.parts(origin, start, stop)

    def _batches(self, sql: str, origin: str, start: int, stop: int) -> list[tuple[Any, ...]]:
        return self.db.cells(sql, origin=origin, start=start, stop=stop, most=MAX_ENTRIES)

    def payload(self, origin: str, index: int) -> bytes | None:
        """One entry's personal payload, or None when there is none (any more)."""
        part = self.personal(origin, index, index + 1).get(index)
        return part[OPENING_BYTES:] if part is not None else None

    def read(self, record_type: type[R], record_id: str) -> R | None:
        """A record by its id, with its personal part opened; None when there is none."""
        row = self.tables.row(self.db, record_type, record_id)
        return None if row is None else self.opened(record_type, row)

    def opened(self, record_type: type[R], row: Row) -> R:
        """A row of a record table as its declared type, with its personal part opened."""
        payload = self.payload(row["origin"], row["idx"])
        instead = "" if payload is not None else erasing.instead_of(self, record_type, row)
        found: R = as_record(record_type, row, payload, instead=instead)
        return found

    def find_personal(self, field: str, value: str) -> list[tuple[str, int]]:
        """Exact search: (origin, index) of the entries whose personal field has this value."""
        return self.parts.find(field, value)

    def frontier_at(self, origin: str, size: int) -> Frontier:
        """The frontier at a size we hold; cheap at the end and from the mark on."""
        state = self.state(origin)
        if size > state.size:
            raise UnknownLog("the log is shorter here", origin=origin, size=state.size)
        for known in (state.frontier, state.mark):
            if known.size == size:
                return known
        before = (state.mark, self._remembered(state, size), Frontier())
        found = max((one for one in before if one.size <= size), key=lambda one: one.size)
        # In strides, so that a log of any length takes bounded memory.
        for start in range(found.size, size, MAX_ENTRIES):
            hashes = self.hashes(origin, start, min(size, start + MAX_ENTRIES))
            found = found.extended(hashes)
            self.remember(origin, found, hashes)
        return found

    def remember(self, origin: str, frontier: Frontier, hashes: Sequence[bytes]) -> None:
        """A frontier that was found from our own entries, of which these hashes are the last."""
        if hashes:
            known = [*self._latest.get(origin, ()), (frontier, hashes[-1])]
            self._latest[origin] = known[-_REMEMBERED:]

    def _remembered(self, state: LogState, most: int) -> Frontier:
        """What was found before and is nearest, if the entry before it is still the same one."""
        known = [one for one in self._latest.get(state.origin, ()) if one[0].size <= most]
        frontier, last = max(known, key=lambda one: one[0].size, default=(Frontier(), b""))
        same = state.own and self.hashes(state.origin, frontier.size - 1, frontier.size) == [last]
        return frontier if same else Frontier()

    def root_at(self, origin: str, size: int) -> bytes:
        """The root at a size we hold."""
        return self.frontier_at(origin, size).root if size else EMPTY_ROOT

    # --- receipts ---------------------------------------------------------------------------

    def keep_receipt(self, origin: str, size: int, signer: str, note: bytes) -> None:
        """Keep a receipt for ever; the first one for a size stands."""
        self.db.execute(
            "INSERT INTO receipt VALUES (:origin, :size, :signer, :note, :at) "
            "ON CONFLICT DO NOTHING",
            origin=origin,
            size=size,
            signer=signer,
            note=note,
            at=self.clock.stamp(),
        )

    def receipt(self, origin: str, signer: str, size: int | None = None) -> bytes | None:
        """The receipt for a size, or the latest one."""
        rows = self.db.query(
            "SELECT note FROM receipt WHERE origin = :origin AND signer = :signer "
            "AND (:size < 0 OR size = :size) ORDER BY size DESC LIMIT 1",
            origin=origin,
            signer=signer,
            size=-1 if size is None else size,
        )
        return bytes(rows[0]["note"]) if rows else None

    def move_mark(self, origin: str, size: int) -> None:
        """Note that a checked receipt reaches up to ``size``; never moves back."""
        reached = self.frontier_at(origin, size)
        self.db.execute(
            "UPDATE log SET mark = :size, mark_frontier = :frontier "
            "WHERE origin = :origin AND mark < :size",
            origin=origin,
            size=size,
            frontier=reached.to_bytes(),
        )

    def verify(self, origin: str) -> int | None:
        """The first index that is not what was signed, or None (``sync.evidence.verifying``)."""
        return first_bad(self, origin)


def _entry(state: LogState, index: int, leaf: Leaf, record: Record) -> Entry:
    parts = parts_of(type(record))
    logged = parts.read_logged.decode(leaf.body)
    entry = Entry(state.origin, index, state.writer, leaf, type(record), logged)
    erasing.refuse_foreign(entry)
    return entry
