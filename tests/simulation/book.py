"""What must be true of one hall and the center at every moment, whatever broke on the way.

The book remembers what was acknowledged, independently of every machine, and compares. A hall may
have two machines (a clone) and several logs, one for each epoch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

import msgspec

from aggregator.center import Center
from node.keys import enrolment
from standards.cases import CASES
from standards.records import RECORDS, CaseStanding, EntriesMoved, EpochOpened
from standards.records.declare import personal_bytes, record_of
from sync.log import LogStore
from sync.private.sealing import OPENING_BYTES
from sync.recovery.epochs import epoch_of, in_order
from tests.simulation.clerk import Writing
from tests.simulation.erasures import parts_held, still_there
from tests.simulation.held_keys import Revocation
from tests.simulation.machines import CenterMachine, HallMachine
from tests.simulation.reference import Reference

# What a hall writes by itself, to say where its log goes on.
BY_ITSELF = (EpochOpened.kind, EntriesMoved.kind)


class Violation(Exception):
    """A promise was broken."""


def require(holds: bool, promise: str) -> None:
    """Stop the run when a promise does not hold."""
    if not holds:
        raise Violation(promise)


class _Named(msgspec.Struct):
    kind: str = ""
    id: str = ""


def named(leaf: bytes) -> tuple[str, str]:
    """Kind and id of a leaf."""
    found = msgspec.json.decode(leaf, type=_Named)
    return found.kind, found.id


@dataclass(frozen=True)
class Written:
    """One acknowledged entry: its leaf and the personal payload that belongs to it."""

    leaf: bytes
    payload: bytes | None


@dataclass
class MachineBook:
    """What the people at one machine of a hall were told, and what its logs looked like since.

    ``histories`` holds, of each of its logs, every course it took: more than one when entries
    went on in another epoch, or the machine was restored.
    """

    machine: HallMachine
    center: CenterMachine
    told: list[Written] = field(default_factory=list)
    histories: dict[str, list[list[bytes]]] = field(default_factory=dict)
    attempt: list[Writing] = field(default_factory=list)
    before: set[bytes] = field(default_factory=set)
    marks: dict[str, int] = field(default_factory=dict)
    mirrored: dict[str, int] = field(default_factory=dict)
    adversity: str = ""
    adverse_at: int = -1
    alarms: list[str] = field(default_factory=list)
    healed: bool = False
    key_set: int = 0

    @property
    def origin(self) -> str:
        """The log that this machine writes now."""
        return self.machine.hall.origin

    def own_logs(self) -> dict[str, list[bytes]]:
        """Its own logs as they stand, in the order of the epochs."""
        logs = self.machine.hall.logs
        own = {s.origin: s.size for s in logs.states() if s.own}
        return {o: logs.leaves(o, 0, own[o]) for o in in_order(own)}

    def look(self) -> dict[str, list[bytes]]:
        """Note the course that its logs have taken since."""
        with self.machine.disk.looked_at():
            found = self.own_logs()
        for origin, leaves in found.items():
            courses = self.histories.setdefault(origin, [[]])
            if leaves[: len(courses[-1])] == courses[-1]:
                courses[-1] = leaves
            else:
                courses.append(leaves)
        return found

    # --- writing ----------------------------------------------------------------------------

    def begin(self, attempt: list[Writing]) -> list[Writing]:
        """Somebody is about to write these records, in one transaction."""
        self.attempt = attempt
        self.before = {leaf for log in self.look().values() for leaf in log}
        return attempt

    def settle(self, *, acknowledged: bool) -> None:
        """Take up what the last attempt left on the disk: all of it, or nothing."""
        attempt, self.attempt = self.attempt, []
        if not attempt:
            return
        found = [leaf for log in self.look().values() for leaf in log if leaf not in self.before]
        mine = [leaf for leaf in found if named(leaf)[0] not in BY_ITSELF]
        whole = (len(attempt),) if acknowledged else (0, len(attempt))
        require(len(mine) in whole, "an acknowledged entry is lost, or half a case is written")
        for leaf, writing in zip(mine, attempt, strict=False):
            self.told.append(Written(leaf, personal_bytes(writing.record)))

    def check_hall(self) -> None:
        """Every acknowledged entry stands in the hall's logs as it was, and in its order."""
        logs = self.look()
        if self.adversity != "edited":
            there = (leaf for log in logs.values() for leaf in log)
            whole = all(written.leaf in there for written in self.told)
            require(whole, "the hall's log is not what its clerks were told")

    def check_erased(self) -> None:
        """What was erased by order is not there, however it might have come back."""
        # Software of another make may give an id twice, and looks after its own disk.
        if self.adversity not in ("edited", "exchanged") and not self.machine.foreign:
            with self.machine.disk.looked_at():
                left = still_there(self.machine.hall.logs)
            require(not left, "a hall has a personal part that was erased by order")

    def check_mark(self, copies: dict[str, list[bytes]]) -> None:
        """A receipt that the hall believed speaks of entries that the center holds."""
        with self.machine.disk.looked_at():
            states = [s for s in self.machine.hall.logs.states() if s.own]
        for state in states:
            mark, copy = state.mark.size, copies.get(state.origin, [])
            before = self.marks.get(state.origin, 0)
            # What a restored center forgot together with the key that wrote it went on elsewhere.
            went_on = self.center.restored and state.size < before
            if not self.healed:
                require(mark >= before or went_on, "the mark moved back")
                beyond = "a receipt was believed for what the center does not hold"
                require(mark <= len(copy) or self.center.restored, beyond)
            if mark > before and not self.center.restored and self.adversity != "edited":
                mine = self.look()[state.origin]
                same = mine[:mark] == copy[:mark] and mark <= len(copy)
                require(same, "a receipt of another history was believed")
            self.marks[state.origin] = mark

    def check_trust(self) -> None:
        """The hall goes by a key set of the center, and never by an older one than before."""
        with self.machine.disk.looked_at():
            peer = enrolment.peer(self.machine.hall)
        version = peer.keys.version if peer else self.key_set
        require(self.healed or version >= self.key_set, "an old key set was taken back")
        self.key_set = version

    # --- what comes down ------------------------------------------------------------------------

    def check_mirrors(self) -> None:
        """The hall's copies of the center's logs are prefixes of them."""
        logs, office = self.machine.hall.logs, self.center.office
        for state in logs.states():
            seen = self.mirrored.get(state.origin, 0)
            if state.own or state.size == seen:
                continue
            require(state.size >= seen, "a mirror at the hall shrank")
            if not self.center.restored:
                theirs = office.logs.leaves(state.origin, seen, state.size)
                mine = logs.leaves(state.origin, seen, state.size)
                same = "a mirror at the hall is no prefix of the center's log"
                require(theirs == mine, same)
            self.mirrored[state.origin] = state.size

    def check_deliveries(self) -> None:
        """What the hall's cosignature says was delivered does stand at the hall."""
        rows = self.center.office.db.query(
            "SELECT origin, MAX(size) AS size FROM receipt WHERE signer = :hall GROUP BY origin",
            hall=self.machine.name,
        )
        if not self.healed:
            short = [r for r in rows if r["size"] > self.mirrored.get(r["origin"], 0)]
            require(not short, "a delivery was cosigned that the hall does not hold")


@dataclass
class HallBook:
    """One hall at the center: its copies, what follows from them, and the hall's machines."""

    name: str
    center: CenterMachine
    machines: list[MachineBook]
    copies: dict[str, list[bytes]] = field(default_factory=dict)
    payloads: dict[bytes, bytes | None] = field(default_factory=dict)
    lost: set[bytes] = field(default_factory=set)
    ordered: set[str] = field(default_factory=set)
    past: list[Written] = field(default_factory=list)
    revocations: list[Revocation] = field(default_factory=list)
    replay_due: bool = False

    def __post_init__(self) -> None:
        self.reference = Reference(self.name, {record.kind: record for record in RECORDS})

    @property
    def acknowledged(self) -> Iterator[Written]:
        """All that people at any machine of this hall were ever told."""
        yield from self.past
        for book in self.machines:
            yield from book.told

    @property
    def is_cloned(self) -> bool:
        """May one of its machines find that another one went on? A whole disk that was put back
        looks the same from inside.
        """
        return any(book.adversity in ("cloned", "disk exchanged") for book in self.machines)

    def is_ahead_of(self, epoch: int) -> bool:
        """Does the center hold entries of a later epoch?"""
        return any(copy and epoch_of(origin) > epoch for origin, copy in self.copies.items())

    # --- the center's copies ------------------------------------------------------------------

    def check_copy(self) -> None:
        """The center's copies only grow, each along a course that the hall's log took."""
        with self.center.disk.looked_at():
            logs = self.center.office.logs
            for origin, size in self._sizes(logs).items():
                self._look_at_copy(logs, origin, size)

    def _sizes(self, logs: LogStore) -> dict[str, int]:
        return {s.origin: s.size for s in logs.states() if s.writer == self.name}

    def _look_at_copy(self, logs: LogStore, origin: str, size: int) -> None:
        copy = self.copies.setdefault(origin, [])
        require(size >= len(copy), "the center's copy shrank")
        if size == len(copy):
            return
        first = len(copy)
        allowed = all(one.allows(origin, size) for one in self.revocations)
        require(allowed, "something was taken that a revoked key signed above its place")
        copy += logs.leaves(origin, first, size)
        for book in self.machines:
            book.look()
        courses = [c for book in self.machines for c in book.histories.get(origin, [])]
        # Of a log that was edited by hand, the center takes what the hashes still say.
        edited = any(book.adversity == "edited" for book in self.machines)
        along = edited or any(course[:size] == copy for course in courses)
        require(along, "the center's copy is no prefix of the hall's log")
        parts = logs.personal(origin, first, size)
        opened = {i: part[OPENING_BYTES:] for i, part in parts.items()}
        self.payloads.update({w.leaf: w.payload for w in self.acknowledged})
        sent = {i: p for i in range(first, size) if (p := self.payloads.get(copy[i]))}
        # Of what somebody ordered to be erased, wherever, the part may have gone before.
        due = {i: p for i, p in sent.items() if named(copy[i])[1] not in self.ordered}
        same = due.items() <= opened.items() <= sent.items()
        require(same, "the personal parts at the center are not what was written")

    def forget(self) -> None:
        """The center was restored from an old copy: what it holds begins there again."""
        with self.center.disk.looked_at():
            for origin, size in self._sizes(self.center.office.logs).items():
                self.copies[origin] = self.copies[origin][:size]
            for origin in set(self.copies) - set(self._sizes(self.center.office.logs)):
                del self.copies[origin]

    def at_center(self) -> Counter[bytes]:
        """Every leaf of this hall that the center holds."""
        return Counter(leaf for copy in self.copies.values() for leaf in copy)

    # --- the center's tables --------------------------------------------------------------------

    def follow(self) -> None:
        """Take up what the center has applied since, judged by the standards of this moment."""
        self.check_copy()
        with self.center.disk.looked_at():
            office = self.center.office
            states = {s.origin: s for s in office.logs.states() if s.writer == self.name}
            for origin in in_order(states):
                self._advance(origin, states[origin].applied, office)

    def _advance(self, origin: str, applied: int, office: Center) -> None:
        before = self.reference.applied.get(origin, 0)
        require(applied >= before, "what was applied is to be applied again")
        require(applied <= len(self.copies[origin]), "something is applied that was not received")
        if applied > before:
            self.reference.advance(origin, self.copies[origin], applied, office.shelf())

    def check_tables(self) -> None:
        """Every entry is applied exactly once, in order, judged once, or visibly held back."""
        self.follow()
        if not self.replay_due:
            with self.center.disk.looked_at():
                self._compare()
        if self.ordered:
            with self.center.disk.looked_at():
                left = still_there(self.center.office.logs)
            require(not left, "the center has a personal part that was erased by order")

    def check_parts(self) -> None:
        """In the end: of what nobody ordered to be erased, the center has every part."""
        with self.center.disk.looked_at():
            logs = self.center.office.logs
            held = parts_held(logs, [s for s in logs.states() if s.writer == self.name])
        sent = {named(leaf)[1] for c in self.copies.values() for leaf in c if self._has_part(leaf)}
        require(sent - self.ordered <= held, "a part is gone that nobody ordered to be erased")

    def _has_part(self, leaf: bytes) -> bool:
        return bool(self.payloads.get(leaf))

    def replayed(self) -> None:
        """The center has tried the quarantined entries again, to the end."""
        self.replay_due = False
        self.reference.kinds = dict(self.center.office.logs.tables.kinds)
        with self.center.disk.looked_at():
            self.reference.replay(self.copies, self.center.office.shelf())

    def _check_receipts(self) -> None:
        rows = self.center.office.db.query(
            "SELECT r.origin FROM receipt r JOIN log l ON l.origin = r.origin "
            "WHERE l.writer = :hall AND r.size > l.size",
            hall=self.name,
        )
        require(not rows, "a receipt stands for entries that are not kept")

    def _compare(self) -> None:
        self._check_receipts()
        db, told = self.center.office.db, self.reference
        rows = db.query(
            "SELECT q.origin, q.idx FROM quarantine q JOIN log l ON l.origin = q.origin "
            "WHERE l.writer = :hall",
            hall=self.name,
        )
        held = {(row["origin"], row["idx"]) for row in rows}
        require(held == set(told.quarantined), f"quarantined are {sorted(held)}")
        for kind, record in told.kinds.items():
            if record.owner == "hall":
                found = db.query(f"SELECT origin, idx FROM {kind} WHERE hall = :h", h=self.name)
                places = {(row["origin"], row["idx"]) for row in found}
                require(places == told.rows.get(kind, set()), f"rows of {kind} are {places}")
        require(
            standings(db, self.name) == told.cases, "where cases stand is not the fold of the log"
        )
        self._compare_findings()

    def _compare_findings(self) -> None:
        rows = self.center.office.db.query(
            "SELECT rule, subject_origin, subject_index FROM finding WHERE hall = 'center' "
            "AND for_hall = :hall AND source = 'judged'",
            hall=self.name,
        )
        found = Counter((r["rule"], r["subject_origin"], r["subject_index"]) for r in rows)
        if self.center.restored:
            found |= self._findings_aside()
            # What was judged before may have been judged by other standards, and stands.
            require(max(found.values(), default=1) == 1, "a finding of the judge is doubled")
            require(not self.reference.findings - found, "a finding of the judge is lost")
            return
        require(found == self.reference.findings, "a finding of the judge is lost or doubled")

    def _findings_aside(self) -> Counter[tuple[str, str, int]]:
        """What the judge found after the center was put back, and that waits beside its log."""
        rows = self.center.office.db.query("SELECT leaf FROM set_aside")
        bodies = [msgspec.json.decode(row["leaf"])["body"] for row in rows]
        return Counter(
            (b["rule"], b["subject_origin"], b.get("subject_index", 0))
            for b in bodies
            if b.get("source") == "judged" and b["for_hall"] == self.name
        )

    def snapshot(self) -> Reference:
        """What follows from the copies now, for the day on which the center is restored."""
        return deepcopy(self.reference)


def standings(db, hall: str) -> dict[str, CaseStanding]:
    """Where every case of a hall stands by this database."""
    rows = db.query(f"SELECT * FROM {CASES.state.kind} WHERE hall = :hall", hall=hall)
    found = {}
    for row in rows:
        case = record_of(CaseStanding, row)
        assert isinstance(case, CaseStanding)
        found[case.id] = case
    return found
