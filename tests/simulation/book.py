"""What must be true of one hall and the center at every moment, whatever broke on the way.

The book remembers what was acknowledged, independently of every machine, and compares.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from aggregator.center import Center
from standards.cases import CASES
from standards.records import RECORDS, CaseStanding
from standards.records.declare import personal_bytes, record_of
from sync.errors import UnknownLog
from sync.log import LogStore
from sync.sealing import OPENING_BYTES
from tests.simulation.clerk import Writing
from tests.simulation.machines import CenterMachine, HallMachine
from tests.simulation.reference import Reference


class Violation(Exception):
    """A promise was broken."""


def require(holds: bool, promise: str) -> None:
    """Stop the run when a promise does not hold."""
    if not holds:
        raise Violation(promise)


@dataclass(frozen=True)
class Written:
    """One acknowledged entry: its leaf and the personal payload that belongs to it."""

    leaf: bytes
    payload: bytes | None


@dataclass
class HallBook:
    """One hall's history as people were told it, and what the center was seen to hold of it.

    ``histories`` has more than one when the hall was restored from an old copy: then the last one
    is what its people write on. ``adversity`` names what was done to it that no protocol heals.
    """

    machine: HallMachine
    center: CenterMachine
    histories: list[list[Written]] = field(default_factory=lambda: [[]])
    copy: list[bytes] = field(default_factory=list)
    attempt: list[Writing] = field(default_factory=list)
    mark: int = 0
    mirrored: dict[str, int] = field(default_factory=dict)
    adversity: str = ""
    adverse_at: int = -1
    told: list[str] = field(default_factory=list)
    replay_due: bool = False

    def __post_init__(self) -> None:
        kinds = {record.kind: record for record in RECORDS}
        self.reference = Reference(self.machine.name, kinds)

    @property
    def history(self) -> list[Written]:
        """What this hall's people were told is written."""
        return self.histories[-1]

    @property
    def origin(self) -> str:
        """The hall's own log."""
        return self.machine.hall.origin

    def is_diverged(self) -> bool:
        """Does the center hold something that this hall's log does not lead to?"""
        mine = [written.leaf for written in self.history[: len(self.copy)]]
        return mine != self.copy

    # --- writing ----------------------------------------------------------------------------

    def settle(self, *, acknowledged: bool) -> None:
        """Take up what the last attempt left on the disk: all of it, or nothing."""
        attempt, self.attempt = self.attempt, []
        with self.machine.disk.looked_at():
            size = self.machine.hall.state().size
            leaves = self.machine.hall.logs.leaves(self.origin, len(self.history), size)
        whole = (len(attempt),) if acknowledged else (0, len(attempt))
        require(len(leaves) in whole, "an acknowledged entry is lost, or half a case is written")
        for leaf, writing in zip(leaves, attempt, strict=False):
            self.history.append(Written(leaf, personal_bytes(writing.record)))

    def check_hall(self) -> None:
        """Every acknowledged entry stands in the hall's log as it was."""
        leaves = self.machine.hall.logs.leaves(self.origin, 0, len(self.history) + 1)
        if self.adversity != "edited":
            kept = [written.leaf for written in self.history]
            require(leaves == kept, "the hall's log is not what its clerks were told")

    # --- the center's copy --------------------------------------------------------------------

    def check_copy(self) -> None:
        """The center's copy only grows, and leads along one history of the hall, byte by byte."""
        with self.center.disk.looked_at():
            self._look_at_copy(self.center.office.logs)

    def _look_at_copy(self, logs: LogStore) -> None:
        size = _size(logs, self.origin)
        require(size >= len(self.copy), "the center's copy shrank")
        if size == len(self.copy):
            return
        first = len(self.copy)
        self.copy += logs.leaves(self.origin, first, size)
        along = [h for h in self.histories if [w.leaf for w in h[:size]] == self.copy]
        require(bool(along), "the center's copy is no prefix of the hall's log")
        parts = logs.personal(self.origin, first, size)
        opened = {i: part[OPENING_BYTES:] for i, part in parts.items()}
        sent = {i: along[0][i].payload for i in range(first, size) if along[0][i].payload}
        require(opened == sent, "the personal parts at the center are not what was written")

    def check_mark(self) -> None:
        """A receipt that the hall believed speaks of entries that the center holds."""
        with self.machine.disk.looked_at():
            mark = self.machine.hall.state().mark.size
        require(mark >= self.mark, "the mark moved back")
        require(mark <= len(self.copy), "a receipt was believed for what the center does not hold")
        if mark != self.mark:
            mine = [written.leaf for written in self.history[:mark]]
            require(mine == self.copy[:mark], "a receipt of another history was believed")
        self.mark = mark

    # --- what comes down ------------------------------------------------------------------------

    def check_mirrors(self) -> None:
        """The hall's copies of the center's logs are prefixes of them."""
        logs, office = self.machine.hall.logs, self.center.office
        for state in logs.states():
            seen = self.mirrored.get(state.origin, 0)
            if state.own or state.size == seen:
                continue
            require(state.size >= seen, "a mirror at the hall shrank")
            theirs = office.logs.leaves(state.origin, seen, state.size)
            mine = logs.leaves(state.origin, seen, state.size)
            require(mine == theirs, "a mirror at the hall is no prefix of the center's log")
            self.mirrored[state.origin] = state.size

    def check_deliveries(self) -> None:
        """What the hall's cosignature says was delivered does stand at the hall."""
        rows = self.center.office.db.query(
            "SELECT origin, MAX(size) AS size FROM receipt WHERE signer = :hall GROUP BY origin",
            hall=self.machine.name,
        )
        if self.adversity != "restored":
            short = [r for r in rows if r["size"] > self.mirrored.get(r["origin"], 0)]
            require(not short, "a delivery was cosigned that the hall does not hold")

    # --- the center's tables --------------------------------------------------------------------

    def follow(self) -> None:
        """Take up what the center has applied since, judged by the standards of this moment."""
        self.check_copy()
        with self.center.disk.looked_at():
            office = self.center.office
            if _size(office.logs, self.origin):
                self._advance(office.logs.state(self.origin).applied, office)

    def _advance(self, applied: int, office: Center) -> None:
        require(applied >= self.reference.applied, "what was applied is to be applied again")
        require(applied <= len(self.copy), "something is applied that was not received")
        if applied > self.reference.applied:
            self.reference.advance(self.copy, applied, office.shelf())

    def check_tables(self) -> None:
        """Every entry is applied exactly once, in order, judged once, or visibly held back."""
        self.follow()
        if not self.replay_due:
            with self.center.disk.looked_at():
                self._compare()

    def replayed(self) -> None:
        """The center has tried the quarantined entries again, to the end."""
        self.replay_due = False
        self.reference.kinds = dict(self.center.office.logs.tables.kinds)
        with self.center.disk.looked_at():
            self.reference.replay(self.copy, self.center.office.shelf())

    def _compare(self) -> None:
        db, name, told = self.center.office.db, self.machine.name, self.reference
        rows = db.query("SELECT idx FROM quarantine WHERE origin = :o ORDER BY idx", o=self.origin)
        held = [row["idx"] for row in rows]
        require(held == sorted(told.quarantined), f"quarantined are {held}")
        for kind, record in told.kinds.items():
            if record.owner == "hall":
                found = db.query(f"SELECT idx FROM {kind} WHERE hall = :hall", hall=name)
                indexes = {row["idx"] for row in found}
                require(indexes == told.rows.get(kind, set()), f"rows of {kind} are {indexes}")
        require(standings(db, name) == told.cases, "where cases stand is not the fold of the log")
        require(self._findings() == told.findings, "a finding of the judge is lost or doubled")

    def _findings(self) -> Counter[tuple[str, int]]:
        rows = self.center.office.db.query(
            "SELECT rule, subject_index FROM finding WHERE hall = 'center' AND for_hall = :hall "
            "AND source = 'judged'",
            hall=self.machine.name,
        )
        return Counter((row["rule"], row["subject_index"]) for row in rows)


def standings(db, hall: str) -> dict[str, CaseStanding]:
    """Where every case of a hall stands by this database."""
    rows = db.query(f"SELECT * FROM {CASES.state.kind} WHERE hall = :hall", hall=hall)
    found = {}
    for row in rows:
        case = record_of(CaseStanding, row)
        assert isinstance(case, CaseStanding)
        found[case.id] = case
    return found


def _size(logs: LogStore, origin: str) -> int:
    try:
        return logs.state(origin).size
    except UnknownLog:
        return 0
