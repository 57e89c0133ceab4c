"""对账: what a hall and this center hold of the hall's logs, compared when the hall asks.

A hall cannot be called from here: the button leaves a wish, which the answer to the hall's next
round carries. What came out is kept, one line for each log, for the pages. Knows no Flask.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import msgspec

from aggregator.center import Center
from aggregator.keys import keybook
from sync.contact import messages
from sync.contact.messages import CompareAnswer, CompareAsk, CompareSaid, LeafFound
from sync.errors import Malformed, TryLater, UnknownLog, WrongLog
from sync.evidence import comparison
from sync.evidence.comparison import DAMAGED, DIFFERENT, EQUAL, SHORT, Comparison
from sync.evidence.kept import kept_leaves
from sync.keys.keysets import HallKeys
from sync.merkle import leaf_hash, root_from_inclusion
from sync.notes import Checkpoint, b64, open_note, unb64

DDL = (
    """CREATE TABLE IF NOT EXISTS comparison_wish (
        hall TEXT PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL)""",
)
_RETRY_S, _PATIENCE_S = 10, 5.0
# Every kept byte of a log is read for one answer: one log at a time in each process.
_turn = threading.Lock()


def answer_compare(center: Center, keys: HallKeys, question: bytes) -> CompareAnswer:
    """The center's signed answer to one question of a comparison.

    Raises:
        WrongLog: the request speaks for another hall than the one that signed it.
        UnknownLog: not a log of this hall. Malformed: a head that is not of this log.
        TryLater: another log is being compared now.
    """
    ask = messages.read(question, CompareAsk)
    if ask.hall != keys.hall:
        raise WrongLog("a hall speaks only for itself", hall=ask.hall)
    if not ask.origin.startswith(f"{center.settings.center}/{keys.hall}/"):
        raise UnknownLog("no log of this name for this hall", origin=ask.origin)
    known = [*center.keys.ring.keys.receipts_keys, keybook.writer_of(center, ask.origin).verifier]
    note = open_note(ask.head.encode(), known)
    head = Checkpoint.parse(note.text)
    if head.origin != ask.origin:
        raise Malformed("a head of another log than the one that is asked about")
    if not _turn.acquire(timeout=_PATIENCE_S):
        raise TryLater("another log is being compared", retry_after=_RETRY_S)
    try:
        said = comparison.answer(center.logs, ask, head.size)
    finally:
        _turn.release()
    _keep(center, ask, head, said)
    return comparison.sign_answer(center.signer, center.settings.center, question, said)


def _keep(center: Center, ask: CompareAsk, head: Checkpoint, said: CompareSaid) -> None:
    found = None
    if ask.ranges == ((0, head.size),):
        found = _first_look(ask, head, said)
    elif ask.found is not None:
        found = _located(center, ask.found, head, said)
    if found is None:
        return
    with center.db.transaction():
        comparison.keep(center.logs, found)
        center.db.execute("DELETE FROM comparison_wish WHERE hall = :hall", hall=ask.hall)


def _first_look(ask: CompareAsk, head: Checkpoint, said: CompareSaid) -> Comparison:
    state = DIFFERENT
    if said.held < head.size:
        state = SHORT
    elif said.roots == (b64(head.root),):
        state = EQUAL
    days = comparison.rows_of(ask.days, said.days)
    return Comparison(ask.origin, said.clock, state, head.size, said.held, days=days)


def _located(
    center: Center, shown: LeafFound, head: Checkpoint, said: CompareSaid
) -> Comparison | None:
    """The record that the hall was led to, beside ours. An equal root means it is the hall's own
    copy that changed since it was signed.
    """
    before = comparison.kept(center.logs, head.origin)
    if before is None or before.size != head.size or shown.index >= head.size:
        return None
    leaf = unb64(shown.leaf, "leaf")
    ours = None
    if shown.index < said.held:
        ours = next(iter(kept_leaves(center.logs, head.origin, shown.index, shown.index + 1)))
    state = before.state
    proven = _leads_to(head, leaf, shown)
    if state == EQUAL:
        state = DIFFERENT if proven and leaf != ours else DAMAGED
    return replace(
        before,
        at=said.clock,
        state=state,
        index=shown.index,
        hall_leaf=leaf or None,
        center_leaf=ours,
        proven=proven,
    )


def _leads_to(head: Checkpoint, leaf: bytes, shown: LeafFound) -> bool:
    path = [unb64(one, "path") for one in shown.path]
    try:
        return root_from_inclusion(leaf_hash(leaf), shown.index, head.size, path) == head.root
    except ValueError:
        return False


# --- wishes and questions -----------------------------------------------------------------------


def wish(center: Center, hall: str, actor: str) -> None:
    """Let the hall compare at its next contact; asking twice does no harm."""
    center.db.execute(
        "INSERT INTO comparison_wish VALUES (:hall, :at, :actor) ON CONFLICT (hall) DO NOTHING",
        hall=hall,
        at=center.clock.stamp(),
        actor=actor,
    )


def wished(center: Center, hall: str) -> str:
    """Since when a comparison with this hall is wished for; empty when none is."""
    rows = center.db.query("SELECT at FROM comparison_wish WHERE hall = :hall", hall=hall)
    return str(rows[0]["at"]) if rows else ""


def asked_of(center: Center, hall: str) -> bool | msgspec.UnsetType:
    """The member ``compare`` of a round's answer: absent unless a comparison is wished for."""
    return True if wished(center, hall) else msgspec.UNSET


def of_hall(center: Center, hall: str) -> list[Comparison]:
    """The latest comparison of each log of a hall, in the order of its epochs."""
    rows = center.db.query(
        "SELECT c.* FROM comparison c JOIN log l ON l.origin = c.origin WHERE l.writer = :hall "
        "ORDER BY LENGTH(c.origin), c.origin",
        hall=hall,
    )
    return [comparison.of_row(row) for row in rows]
