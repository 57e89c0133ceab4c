"""One contact of a hall as the center sees it: what both hold, and who said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

import msgspec

from aggregator.center import Center
from aggregator.halls import latency, roster
from aggregator.keys import keybook
from aggregator.receiving import deliveries
from aggregator.reconciling import comparisons
from aggregator.safekeeping import returning
from sync.batch import claimed_origin
from sync.contact.messages import LogHead, RoundAnswer, RoundAsk, Span
from sync.contact.receiving import Receiver, Writer, receive
from sync.contact.relaying import relayed_batch
from sync.contact.sending import batch_within, signed_head
from sync.errors import (
    DiskFull,
    Malformed,
    StoreBusy,
    SyncError,
    TryLater,
    UnknownKey,
    UnknownLog,
    WrongLog,
)
from sync.failpoints import fp
from sync.keys.keysets import HallKeys
from sync.notes import Checkpoint, open_note, text_of
from sync.private import shut
from sync.private.sealing import SEALED_TOGETHER, Recipient
from sync.storage.schema import LogState, state_of
from sync.storage.store import again

CONTACT_DDL = (
    """CREATE TABLE IF NOT EXISTS hall_contact (
        hall TEXT PRIMARY KEY, local_size INTEGER NOT NULL, oldest_unsent TEXT NOT NULL,
        standards_size INTEGER NOT NULL, clock_skew_s INTEGER NOT NULL,
        software TEXT NOT NULL, at TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS hall_opens (
        hall TEXT PRIMARY KEY, form INTEGER NOT NULL)""",
    *comparisons.DDL,
    *returning.DDL,
    *latency.DDL,
)


def answer_round(center: Center, keys: HallKeys, ask: RoundAsk) -> RoundAnswer:
    """What the center holds of the hall's log and the heads of its own logs for this hall.

    Raises:
        WrongLog: the request speaks for another hall than the one that signed it.
    """
    if ask.hall != keys.hall:
        raise WrongLog("a hall speaks only for itself", hall=ask.hall)
    ask = _signed(center, keys, ask)
    keybook.mark_used(center, keys)
    local, standards, apart = _listen(center, keys, ask)
    _note_contact(center, ask, local, standards)
    deliveries.hear(center, keys.hall, ask.logs)
    note_opens(center, ask)
    fp("round.noted")
    # What the hall shows that it knows is not said again, while it goes by the newest keys.
    current = ask.key_set == center.keys.ring.keys.version
    known = {head.origin: head for head in ask.logs} if current else {}
    theirs = logs_of(center, keys.hall)
    heads = [_mirrored(center, state, known) for state in theirs]
    heads += _own_heads(center, keys.hall, ask, {} if apart else known)
    news = _news_of_keys(center, keys, ask)
    return RoundAnswer(
        center=center.settings.center,
        clock=center.clock.stamp(),
        keys=news[0].decode(),
        hall=news[1].decode() or msgspec.UNSET,
        past=(keybook.past_notes(center, keys.hall) if news[1] else ()) or msgspec.UNSET,
        quarantined=quarantined(center, keys.hall),
        sealed=SEALED_TOGETHER,
        wants=returning.wanted_from(center, ask.logs) or msgspec.UNSET,
        compare=comparisons.asked_of(center, keys.hall),
        again=_shut_parts(center, keys.hall, theirs) or msgspec.UNSET,
        logs=tuple(heads),
    )


def _shut_parts(center: Center, hall: str, states: Sequence[LogState]) -> tuple[Span, ...]:
    """Of which entries of the hall's logs, and of ours for it, the personal parts cannot be opened
    here any more.
    """
    if not shut.any_stand(center.db):
        return ()
    origins = (*(state.origin for state in states), center.orders_origin(hall))
    spans = {origin: shut.wanted(center.db, origin) for origin in origins}
    return tuple(Span(origin=o, first=s[0], stop=s[1]) for o, s in spans.items() if s)[:8]


def _listen(center: Center, keys: HallKeys, ask: RoundAsk) -> tuple[int, int, bool]:
    """Take in what the hall says of every log; the sizes of its own logs and of its standards, and
    whether it holds another history of one of ours.
    """
    name = f"{center.settings.center}/{keys.hall}"
    standards = 0
    local = 0
    apart = False
    for head in ask.logs:
        if head.origin == center.standards_origin:
            standards = head.size
        if head.origin.rpartition("/")[0] == name:
            local += head.size
            returning.note_lost(center, head)
        elif head.note and not deliveries.take_proof(center, keys, head):
            apart = True
    return local, standards, apart


def _news_of_keys(center: Center, keys: HallKeys, ask: RoundAsk) -> tuple[bytes, bytes]:
    """The key set and the hall's roster note, each empty where the hall must have it already."""
    note, latest = roster.keys_note(center), roster.hall_keys(center, keys.hall)
    knows = ask.key_set == center.keys.ring.keys.version
    newest = knows and latest.first_epoch == keys.first_epoch
    return b"" if knows else note, b"" if newest else keybook.latest_note(center, keys.hall)


def _own_heads(
    center: Center, hall: str, ask: RoundAsk, known: Mapping[str, LogHead]
) -> list[LogHead]:
    """Our own logs for this hall; without one of which it has yet to prove what it holds."""
    said = {head.origin: head for head in ask.logs}
    found = []
    for origin in own_logs(center, hall):
        size = center.logs.state(origin).size
        if not deliveries.is_unproved(center, hall, said.get(origin), size):
            found.append(_own(center, hall, (origin, size), known))
    return found


def _own(center: Center, hall: str, log: tuple[str, int], known: Mapping[str, LogHead]) -> LogHead:
    """One of our own logs, and up to where the hall has proved that it holds it."""
    origin, size = log
    head = known.get(origin)
    note = b""
    if head is None or head.size != size:
        note = signed_head(center.logs, origin, center.signer)
    rows = center.db.query(
        "SELECT MAX(size) AS size FROM receipt WHERE origin = :origin AND signer = :hall",
        origin=origin,
        hall=hall,
    )
    proved = rows[0]["size"]
    receipted = msgspec.UNSET if proved is None else int(proved)
    return LogHead(origin=origin, size=size, note=note.decode(), receipted=receipted)


def own_logs(center: Center, hall: str) -> list[str]:
    found = []
    for origin in (center.standards_origin, center.orders_origin(hall)):
        with suppress(UnknownLog):
            found.append(center.logs.state(origin).origin)
    return found


def logs_of(center: Center, hall: str) -> list[LogState]:
    """Our copies of what a hall wrote, one for each epoch, in their order."""
    rows = [row for row in keybook.logs_by(center, hall) if not row["own"]]
    rows.sort(key=lambda row: (len(row["origin"]), row["origin"]))
    return [state_of(row) for row in rows]


def _signed(center: Center, keys: HallKeys, ask: RoundAsk) -> RoundAsk:
    """What the hall says, where each head of its own logs is signed by the key of that epoch.

    Raises:
        UnknownKey, Malformed: one is not.
    """
    name = f"{center.settings.center}/{keys.hall}"
    early = [
        head
        for head in ask.logs
        if head.origin.rpartition("/")[0] == name and _is_early(center, keys, head)
    ]
    heads = tuple(head for head in ask.logs if head not in early)
    return msgspec.structs.replace(ask, logs=heads) if early else ask


def _is_early(center: Center, keys: HallKeys, head: LogHead) -> bool:
    """Was this epoch opened before the hall could hear that later keys of its own write it? Then
    its head says nothing yet: the answer brings the keys, under which it is signed anew.
    """
    writer, note = roster.writer_of(center, head.origin), head.note.encode()
    try:
        point = Checkpoint.parse(open_note(note, [writer.verifier]).text)
    except UnknownKey:
        rows = keybook.keys_of(center, keys.hall)
        later = [row.keys for row in rows if row.keys.first_epoch > keys.first_epoch]
        if writer.verifier not in [one.signing for one in later]:
            raise
        open_note(note, [keys.signing])
        return True
    if (point.origin, point.size) != (head.origin, head.size):
        raise Malformed("a head that speaks of another log or size")
    return False


def _mirrored(center: Center, state: LogState, known: Mapping[str, LogHead]) -> LogHead:
    """Our copy of one of the hall's logs: its size and our latest receipt, unless the hall has both
    shown the same head and said that it has the receipt.
    """
    head = known.get(state.origin)
    if head is not None and head.receipted == head.size == state.size:
        point = Checkpoint.parse(text_of(head.note.encode()))
        if point.root == state.frontier.root:
            return LogHead(origin=state.origin, size=state.size)
    note = latest_receipt(center, state)
    return LogHead(origin=state.origin, size=state.size, note=note.decode())


def latest_receipt(center: Center, state: LogState) -> bytes:
    """The receipt for all we hold; after a change of the receipts key the head is cosigned anew."""
    name = center.cosigner.name
    if (kept := center.logs.receipt(state.origin, name, state.size)) is not None:
        return kept
    rows = center.db.query(
        "SELECT head FROM batch WHERE origin = :origin AND stop = :size",
        origin=state.origin,
        size=state.size,
    )
    if not rows:
        return center.logs.receipt(state.origin, name) or b""
    head = bytes(rows[0]["head"])
    text = head[: head.rindex(b"\n\n") + 1].decode()
    note = head + center.cosigner.cosign(text, max(0, int(center.clock.now().timestamp())))
    with center.db.transaction():
        center.logs.keep_receipt(state.origin, state.size, name, note)
    return center.logs.receipt(state.origin, name, state.size) or note


def _note_contact(center: Center, ask: RoundAsk, local: int, standards: int) -> None:
    try:
        skew = datetime.fromisoformat(ask.clock) - center.clock.now()
    except (ValueError, TypeError):
        raise Malformed("a clock that cannot be read") from None
    write = partial(
        center.db.execute,
        "INSERT INTO hall_contact VALUES (:hall, :local, :oldest, :standards, :skew, :software, "
        ":at) ON CONFLICT (hall) DO UPDATE SET local_size = excluded.local_size, "
        "oldest_unsent = excluded.oldest_unsent, standards_size = excluded.standards_size, "
        "clock_skew_s = excluded.clock_skew_s, software = excluded.software, at = excluded.at",
        hall=ask.hall,
        local=local,
        oldest=ask.oldest_unsent,
        standards=standards,
        skew=int(skew.total_seconds()),
        software=ask.software,
        at=center.clock.stamp(),
    )
    # Nobody waits for the disk: what a power cut takes of it is a contact that seems some seconds
    # older, and the next one says all of it again. No receipt and no proof hangs on it; entries
    # that come with this contact bring it to the disk with them.
    center.db.soon(write)


def note_opens(center: Center, ask: RoundAsk) -> None:
    """Which form of sealed section a hall opens, for what goes to it by stick."""
    form = ask.sealed if isinstance(ask.sealed, int) else 1
    if opens(center, ask.hall) != form:
        center.db.execute(
            "INSERT INTO hall_opens VALUES (:hall, :form) "
            "ON CONFLICT (hall) DO UPDATE SET form = excluded.form",
            hall=ask.hall,
            form=min(form, SEALED_TOGETHER),
        )


def opens(center: Center, hall: str) -> int:
    """The newest form of sealed section that a hall said it opens."""
    rows = center.db.query("SELECT form FROM hall_opens WHERE hall = :hall", hall=hall)
    return int(rows[0]["form"]) if rows else 1


def quarantined(center: Center, hall: str) -> int:
    """How many entries of a hall could not be applied."""
    sql = "SELECT COUNT(*) AS n FROM quarantine WHERE origin = :origin"
    logs = keybook.logs_by(center, hall)
    return sum(int(center.db.query(sql, origin=log["origin"])[0]["n"]) for log in logs)


def take_batch(center: Center, path: tuple[str, str], raw: bytes) -> bytes:
    """Receive a batch for the log of a hall and epoch; the receipt. Or a piece of one of our own
    logs that a hall brings back; our signed head.

    Raises:
        SyncError: refused. TryLater: the center's disk is full, or its database out of reach.
    """
    origin = f"{center.settings.center}/{path[0]}/{path[1]}"

    center.keys.refresh()

    def writer_of(claimed: str) -> Writer:
        if claimed != origin:
            raise WrongLog("the batch belongs to another log than its address", origin=claimed)
        return roster.writer_of(center, claimed)

    try:
        center.refuse_while_full()
        if returning.is_own(center, origin):
            if claimed_origin(raw) != origin:
                raise WrongLog("the batch belongs to another log than its address")
            return again(lambda: returning.take_own(center, raw))
        receiver = Receiver(center.sealing, center.cosigner)
        return again(lambda: receive(center.logs, raw, writer_of, receiver))
    except DiskFull:
        raise TryLater("the center's disk is full", retry_after=300) from None
    except StoreBusy:
        # It may stand all the same, when the line broke after the commit: the same batch, sent
        # again, is then answered with the receipt that was kept.
        raise TryLater("the center's database is busy or out of reach", retry_after=15) from None


def give_batch(center: Center, keys: HallKeys, origin: str, start: int) -> bytes:
    """The next batch of one of the center's logs for the hall that asks, or the next piece of
    what this hall wrote itself; sealed to it, in the form that it said in its round it opens.

    Raises:
        UnknownLog: a log this hall may not read. SyncError: nothing after ``start``.
    """
    logs = center.logs
    to = Recipient(keys.sealing, opens(center, keys.hall) >= SEALED_TOGETHER)
    if origin in own_logs(center, keys.hall):
        size = deliveries.shown(center, origin)
        within = start, size
        raw = batch_within(logs, origin, within, center.signer, to) if start < size else None
    elif origin in [state.origin for state in logs_of(center, keys.hall)]:
        size = logs.state(origin).size
        raw = relayed_batch(logs, origin, start, center.signer, to)
    else:
        raise UnknownLog("no log of this name for this hall", origin=origin)
    if raw is None:
        raise SyncError("nothing after this size", size=size)
    fp("give.packed")
    return raw
