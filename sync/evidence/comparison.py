"""One comparison of a log by two machines: what is asked, what is answered, what follows.

The hall asks; the center answers from the bytes it keeps and signs the answer, so that an answer
that contradicts the center's own receipt is evidence (docs/wire.md 8.1). Changes no log.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from sync.client import JSON, PREFIX, Line, Peer
from sync.contact import messages
from sync.contact.messages import (
    MOST_CELLS,
    CellOf,
    CompareAnswer,
    CompareAsk,
    CompareSaid,
    LeafFound,
)
from sync.errors import Malformed, NotOurs, TooLarge, UnknownLog
from sync.evidence.comparing import Cell, Place, Range, first_difference, latest_days, parts_of
from sync.evidence.kept import inclusion_path, kept_days, kept_leaves, kept_root, kept_roots
from sync.log import LogStore
from sync.notes import Checkpoint, Signer, Verifier, b64, open_note, unb64
from sync.storage.store import Row

TYPE = "onehall/compare/v1"
# Well below the cap, so that the other side may have more of them in the same days.
_CELLS_SENT = MOST_CELLS // 2

EQUAL, DIFFERENT, SHORT, DAMAGED, NOTHING = "equal", "different", "short", "damaged", "nothing"
"""What came out: ``short``: the center holds less than it gave a receipt for. ``damaged``: the
hall's own bytes are not what it once signed. ``nothing``: there is no receipt to go by."""


@dataclass(frozen=True)
class DayRow:
    """One day and kind, as both hold it."""

    day: str
    kind: str
    hall: int
    center: int
    same: bool


@dataclass(frozen=True)
class Comparison:
    """What one comparison of one log came to. ``proof``: every question and signed answer."""

    origin: str
    at: str
    state: str
    size: int = 0
    held: int = 0
    index: int | None = None
    hall_leaf: bytes | None = None
    center_leaf: bytes | None = None
    proven: bool = False
    days: tuple[DayRow, ...] = ()
    equal_at: str = ""
    equal_size: int = 0
    receipt: bytes = b""
    proof: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)

    @property
    def contradicts(self) -> bool:
        """Whether the center's signed answers contradict its own receipt."""
        return self.state in (DIFFERENT, SHORT)


# --- keeping ------------------------------------------------------------------------------------


def keep(logs: LogStore, found: Comparison) -> None:
    """Keep the latest comparison of a log; when it was last equal is not forgotten."""
    with logs.db.transaction():
        before = kept(logs, found.origin)
        equal = (found.at, found.size) if found.state == EQUAL else None
        since = equal or ((before.equal_at, before.equal_size) if before else ("", 0))
        logs.db.execute("DELETE FROM comparison WHERE origin = :origin", origin=found.origin)
        logs.db.execute(
            "INSERT INTO comparison VALUES (:origin, :at, :size, :held, :state, :idx, "
            ":hall_leaf, :center_leaf, :proven, :days, :equal_at, :equal_size)",
            origin=found.origin,
            at=found.at,
            size=found.size,
            held=found.held,
            state=found.state,
            idx=found.index,
            hall_leaf=found.hall_leaf,
            center_leaf=found.center_leaf,
            proven=int(found.proven),
            days=json.dumps([[d.day, d.kind, d.hall, d.center, d.same] for d in found.days]),
            equal_at=since[0],
            equal_size=since[1],
        )


def kept(logs: LogStore, origin: str) -> Comparison | None:
    """The latest comparison of a log, or None when there was none."""
    rows = logs.db.query("SELECT * FROM comparison WHERE origin = :origin", origin=origin)
    return of_row(rows[0]) if rows else None


def of_row(row: Row) -> Comparison:
    """A row of table ``comparison``."""
    return Comparison(
        row["origin"],
        row["at"],
        row["state"],
        row["size"],
        row["held"],
        row["idx"],
        None if row["hall_leaf"] is None else bytes(row["hall_leaf"]),
        None if row["center_leaf"] is None else bytes(row["center_leaf"]),
        bool(row["proven"]),
        tuple(DayRow(*one) for one in json.loads(row["days"])),
        row["equal_at"],
        row["equal_size"],
    )


# --- the center's side --------------------------------------------------------------------------


def answer(logs: LogStore, ask: CompareAsk, size: int) -> CompareSaid:
    """What is kept here of the log asked about, of which the hall compares ``size`` entries.

    Raises:
        Malformed: ranges that overlap or go beyond ``size``.
        TooLarge: more days and kinds than one answer holds.
    """
    try:
        held = logs.state(ask.origin).size
    except UnknownLog:
        held = 0
    reach = min(size, held)
    _check_ranges(ask.ranges, size)
    cells: dict[Place, Cell] = {}
    if ask.since:
        cells = kept_days(logs, ask.origin, reach).cells(ask.since)
        if len(cells) > MOST_CELLS:
            raise TooLarge("more days and kinds than one answer holds", cells=len(cells))
    roots = kept_roots(logs, ask.origin, [(min(a, reach), min(b, reach)) for a, b in ask.ranges])
    leaf = None
    if ask.leaf is not None and ask.leaf < reach:
        leaf = next(iter(kept_leaves(logs, ask.origin, ask.leaf, ask.leaf + 1)))
    return CompareSaid(
        origin=ask.origin,
        held=held,
        clock=logs.clock.stamp(),
        days=_cells(cells),
        roots=tuple(map(b64, roots)),
        leaf=b64(leaf or b""),
    )


def _check_ranges(ranges: Sequence[Range], size: int) -> None:
    before = 0
    for start, stop in ranges:
        if not before <= start < stop <= size:
            raise Malformed("ranges rise, do not overlap, and end within the head")
        before = stop


def _cells(cells: dict[Place, Cell]) -> tuple[CellOf, ...]:
    return tuple(
        CellOf(day=day, kind=kind, count=cell.count, digest=b64(cell.digest))
        for (day, kind), cell in cells.items()
    )


def sign_answer(signer: Signer, center: str, question: bytes, said: CompareSaid) -> CompareAnswer:
    """The answer under the center's signature, which binds it to the question."""
    raw = messages.write(said)
    return CompareAnswer(
        said=raw.decode(), note=signer.sign(_signed(center, question, raw)).decode()
    )


def open_answer(
    raw: bytes, center: str, question: bytes, verifier: Verifier
) -> tuple[CompareSaid, CompareAnswer]:
    """Check the center's signature over an answer to this very question, and read it.

    Raises:
        UnknownKey, Malformed: not such an answer. NotOurs: the answer to another question.
    """
    found = messages.read(raw, CompareAnswer)
    said = found.said.encode()
    if open_note(found.note.encode(), [verifier]).text != _signed(center, question, said):
        raise NotOurs("an answer to another question")
    return messages.read(said, CompareSaid), found


def _signed(center: str, question: bytes, said: bytes) -> str:
    return f"{TYPE}\n{center}\n{sha256(question).hexdigest()}\n{sha256(said).hexdigest()}\n"


def rows_of(hall: Iterable[CellOf], center: Iterable[CellOf]) -> tuple[DayRow, ...]:
    """Both sides' cells side by side, the latest day first."""
    ours = {(c.day, c.kind): (c.count, c.digest) for c in hall}
    theirs = {(c.day, c.kind): (c.count, c.digest) for c in center}
    places = sorted(sorted({*ours, *theirs}, key=lambda p: p[1]), key=lambda p: p[0], reverse=True)
    none = (0, "")
    found = [(p, ours.get(p, none), theirs.get(p, none)) for p in places]
    return tuple(DayRow(*p, mine[0], other[0], mine == other) for p, mine, other in found)


# --- the hall's side ----------------------------------------------------------------------------


class Comparing:
    """A hall's comparison of its logs with what the center keeps of them."""

    def __init__(self, logs: LogStore, line: Line, peer: Peer) -> None:
        self._logs, self._line, self._peer = logs, line, peer
        self._proof: list[tuple[bytes, bytes]] = []

    def run(self, origin: str, samples: Sequence[int] = ()) -> Comparison:
        """Compare up to the latest receipt; leads to the first record that differs.

        Args:
            samples: indexes whose leaves are asked for and compared although all roots agree.

        Raises:
            SyncError: no line, no trust, or the center refuses.
        """
        self._proof = []
        receipt = latest_receipt(self._logs, origin)
        if receipt is None:
            return Comparison(origin, self._logs.clock.stamp(), NOTHING)
        head = head_of(receipt)
        found = self._first_look(head, receipt)
        if found.state != EQUAL:
            found = self._located(found, head)
        else:
            found = self._sampled(found, [i for i in samples if i < head.size])
        return replace(found, receipt=receipt, proof=tuple(self._proof))

    def _first_look(self, head: Checkpoint, receipt: bytes) -> Comparison:
        logs, origin = self._logs, head.origin
        cells = kept_days(logs, origin, head.size).cells()
        since = latest_days(cells, _CELLS_SENT)
        ours = _cells({p: c for p, c in cells.items() if p[0] >= since})
        whole = ((0, head.size),) if head.size else ()
        said = self._ask(origin, receipt, since=since, days=ours, ranges=whole)
        state = EQUAL
        if kept_root(logs, origin, 0, head.size) != head.root:
            state = DAMAGED
        elif said.held < head.size:
            state = SHORT
        elif whole and unb64(said.roots[0], "root") != head.root:
            state = DIFFERENT
        days = rows_of(ours, said.days)
        return Comparison(
            origin, logs.clock.stamp(), state, head.size, said.held, days=days, receipt=receipt
        )

    def _located(self, found: Comparison, head: Checkpoint) -> Comparison:
        """The first record that differs, in both versions."""
        logs, origin, reach = self._logs, found.origin, min(head.size, found.held)
        index = first_difference(
            reach,
            lambda ranges: kept_roots(logs, origin, ranges),
            lambda ranges: self._roots(found, ranges),
        )
        if index is None:
            if found.held >= head.size:
                return found
            index = reach
        return self._shown(found, index)

    def _sampled(self, found: Comparison, samples: Sequence[int]) -> Comparison:
        for index in samples:
            said = self._ask(found.origin, found.receipt, leaf=index)
            ours = next(iter(kept_leaves(self._logs, found.origin, index, index + 1)))
            if unb64(said.leaf, "leaf") != ours:
                return self._shown(replace(found, state=DIFFERENT), index)
        return found

    def _shown(self, found: Comparison, index: int) -> Comparison:
        logs, origin = self._logs, found.origin
        ours = next(iter(kept_leaves(logs, origin, index, index + 1)))
        path = tuple(map(b64, inclusion_path(logs, origin, index, found.size)))
        shown = LeafFound(index=index, leaf=b64(ours or b""), path=path)
        said = self._ask(origin, found.receipt, leaf=index, found=shown)
        return replace(
            found,
            index=index,
            hall_leaf=ours,
            center_leaf=unb64(said.leaf, "leaf") or None,
            proven=found.state != DAMAGED,
        )

    def _roots(self, found: Comparison, ranges: Sequence[Range]) -> list[bytes]:
        said = self._ask(found.origin, found.receipt, ranges=tuple(ranges))
        if len(said.roots) != len(ranges):
            raise Malformed("another number of roots than was asked for")
        return [unb64(root, "root") for root in said.roots]

    def _ask(self, origin: str, receipt: bytes, **asked: object) -> CompareSaid:
        peer = self._peer
        ask = CompareAsk(hall=peer.hall, origin=origin, head=receipt.decode(), **asked)  # type: ignore[arg-type]
        question = messages.write(ask)
        raw = self._line.send("POST", f"{PREFIX}/compare", question, JSON)
        said, _ = open_answer(raw, peer.keys.center, question, peer.keys.log)
        if said.origin != origin:
            raise NotOurs("an answer about another log")
        self._proof.append((question, raw))
        return said


def latest_receipt(logs: LogStore, origin: str) -> bytes | None:
    """The receipt that reaches furthest, whichever key of the center signed it."""
    rows = logs.db.query(
        "SELECT note FROM receipt WHERE origin = :origin ORDER BY size DESC, at DESC LIMIT 1",
        origin=origin,
    )
    return bytes(rows[0]["note"]) if rows else None


def head_of(receipt: bytes) -> Checkpoint:
    """The head that a kept receipt confirms; its signatures were checked when it was taken in."""
    text, _, _ = receipt.decode().partition("\n\n")
    return Checkpoint.parse(text + "\n")


def spread(size: int, count: int) -> list[int]:
    """Indexes all over a log, one of each of ``count`` equal parts."""
    return [low for low, _ in parts_of(0, size, count)] if size and count else []
