"""The hall's side of a contact: one round, then both are brought into step, up and down.

Nothing here decides what to believe: that is ``epochs``, ``sending``, ``receiving`` and ``mirror``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from urllib.parse import quote

import msgspec

from sync.batch import MEDIA_TYPE
from sync.client import JSON, PREFIX, SOFTWARE, Line, Peer, meanwhile
from sync.contact import messages
from sync.contact.ahead import PackedAhead
from sync.contact.messages import LogHead, RoundAnswer, RoundAsk
from sync.contact.pushing import Push, batch_for
from sync.contact.receiving import Writer, receive
from sync.contact.relaying import relayed_batch
from sync.contact.reopening import Reopening
from sync.contact.sending import signed_head
from sync.errors import Behind, Cloned, Fork, Gap, Malformed, NotOurs, SyncError, UnknownKey
from sync.failpoints import fp
from sync.keys.keysets import CenterKeys, follow
from sync.log import LogStore
from sync.notes import Checkpoint, open_note, text_of
from sync.private.sealing import SEALED_TOGETHER, Recipient
from sync.recovery.catching_up import CatchUp
from sync.recovery.epochs import in_order
from sync.storage.schema import LogState

# More than a hall has in its life; the message has a cap.
_MOST_OWN_LOGS = 60


@dataclass(frozen=True)
class Contact:
    """What one contact did."""

    sent: int
    fetched: int
    skew_s: float
    quarantined: int
    keys_note: bytes
    compare: bool = False
    returned: int = 0
    sealed: int = 1


class Exchange:
    """One contact with the center over a line."""

    def __init__(self, logs: LogStore, line: Line, peer: Peer) -> None:
        self._logs, self._line, self._peer = logs, line, peer
        self._ahead = PackedAhead(logs)
        # Logs of the center that are another there than here, with both heads where they are known;
        # and those that were brought into step.
        self.apart: list[SyncError] = []
        self.in_step: set[str] = set()

    def run(self, progress: Callable[[int], None] = lambda sent: None) -> Contact:
        """Round, own history, push, pull; safe to break off anywhere and to run again.

        Args:
            progress: called with the number of entries receipted so far.

        Raises:
            Cloned: another machine goes on with our log; what comes down was fetched all the same.
            Fork, Behind: one of the center's logs is another there than here; with
                ``others_done`` all else was done, and only a person at the center can help.
            SyncError: what stopped it; everything before stays done.
        """
        answer = self._round()
        held = {head.origin: head for head in answer.logs if self._peer.is_own(head.origin)}
        sent, returned, cloned = 0, 0, None
        wanted = answer.wants if isinstance(answer.wants, tuple) else ()
        for want in wanted:
            self._of_one_log(want, self._give_back)
        try:
            returned = CatchUp(self._logs, self._line, self._peer).run(held)
            sent = Push(self._logs, self._line, self._peer, self._ahead).run(held, progress)
        except Cloned as error:
            cloned = error
        not_down = {*held, *(want.origin for want in wanted)}
        down = [head for head in answer.logs if head.origin not in not_down]
        fetched = sum(self._of_one_log(head, self._pull) for head in down)
        if cloned is not None:
            raise cloned
        self._reopen(answer)
        if self.apart:
            raise self.apart[0]
        skew = (self._logs.clock.now() - _instant(answer.clock)).total_seconds()
        keys = answer.keys.encode()
        asked = answer.compare is True
        return Contact(
            sent, fetched, skew, answer.quarantined, keys, asked, returned, self._peer.opens
        )

    def _reopen(self, answer: RoundAnswer) -> None:
        """Personal parts that one side cannot open any more, from the other."""
        again = Reopening(self._logs, self._line, self._peer, self._peer.opens)
        self.apart += again.run(answer.again if isinstance(answer.again, tuple) else ())

    def _of_one_log(self, head: LogHead, what: Callable[[LogHead], int]) -> int:
        """Bring one of the center's logs into step; where both differ, the others go on."""
        try:
            done = what(head)
        except (Fork, Behind) as error:
            shown = head.note or error.facts.get("head", "")
            error.facts |= {"log": head.origin, "others_done": True, "shown": shown}
            self.apart.append(error)
            return 0
        self.in_step.add(head.origin)
        return done

    def _round(self) -> RoundAnswer:
        logs, peer = self._logs, self._peer
        written = peer.book.open_log()
        is_listed = self._is_listed(written)
        ask = RoundAsk(
            hall=peer.hall,
            clock=logs.clock.stamp(),
            software=SOFTWARE,
            oldest_unsent=oldest_unsent(logs),
            key_set=peer.keys.version if is_listed else msgspec.UNSET,
            sealed=SEALED_TOGETHER,
            logs=tuple(self._heads()),
        )
        if is_listed:
            self._pack_meanwhile(written)
        raw = self._line.send("POST", f"{PREFIX}/round", messages.write(ask), JSON)
        fp("round.after_answer")
        answer = messages.read(raw, RoundAnswer)
        if answer.center != peer.keys.center:
            raise NotOurs("an answer of another center")
        self._follow(answer)
        logs.delivered = {
            head.origin: head.receipted
            for head in answer.logs
            if not peer.is_own(head.origin) and isinstance(head.receipted, int)
        }
        return answer

    def _is_listed(self, origin: str) -> bool:
        """Do we know that the center lists the key we write with? After a restore, or a power cut
        while we took it over, we have to hear it again, and that of earlier keys.
        """
        book = self._peer.book
        return book.verifier(origin) == book.signer(origin).verifier

    def _follow(self, answer: RoundAnswer) -> None:
        """Go by a new key set from now on, in this contact too (never back to an older one)."""
        peer, keys = self._peer, self._peer.keys
        if answer.keys:
            keys = follow(keys, CenterKeys.open(answer.keys.encode(), peer.root))
        if keys != peer.keys or answer.hall:
            hall = answer.hall if isinstance(answer.hall, str) else ""
            past = answer.past if isinstance(answer.past, tuple) else ()
            news = answer.keys if keys != peer.keys else ""
            peer.keep(*(note.encode() for note in (news, hall, *past)))
        opens = answer.sealed if isinstance(answer.sealed, int) else 1
        self._peer = replace(peer, keys=keys, opens=opens)

    def _pack_meanwhile(self, origin: str) -> None:
        """What is unsent, while the answer to the round is on its way: mostly the center then holds
        what our latest receipt says. Where it holds something else, this is thrown away.
        """
        logs, peer = self._logs, self._peer
        state = logs.state(origin)
        if state.mark.size < state.size:
            wanted = batch_for(peer, origin, state.mark.size)
            meanwhile(self._line, partial(self._ahead.prepare, wanted))

    def _heads(self) -> list[LogHead]:
        logs, peer = self._logs, self._peer
        states = {state.origin: state for state in logs.states()}
        own = in_order(o for o, state in states.items() if state.own)[-_MOST_OWN_LOGS:]
        # A machine that replaces another has a beginning of a log that is not its to speak of.
        mine = [o for o in own if peer.book.signer(o).verifier == peer.book.verifier(o)]
        notes = {o: signed_head(logs, o, peer.book.signer(o)) for o in mine}
        for origin, state in states.items():
            if not state.own:
                known = logs.delivered.get(origin) == state.size
                notes[origin] = b"" if known else self._delivery(origin)
        return [self._head(states[o], note) for o, note in notes.items()]

    def _delivery(self, origin: str) -> bytes:
        """Our latest receipt for one of the center's logs, by the key we have now: signed anew when
        it is by a key that we had before. A restored center may have given the number of a key that
        it forgot, and with it the name, again.
        """
        logs, by = self._logs, self._peer.receiver.cosigner
        rows = logs.db.query(
            "SELECT size, note FROM receipt WHERE origin = :origin ORDER BY size DESC LIMIT 1",
            origin=origin,
        )
        latest = bytes(rows[0]["note"]) if rows else b""
        note = logs.receipt(origin, by.name, int(rows[0]["size"])) if rows else None
        if note is None:
            return self._anew(latest)
        try:
            open_note(note, [by.verifier])
        except UnknownKey:
            return self._anew(latest)
        return note

    def _anew(self, receipt: bytes) -> bytes:
        """A receipt of ours with the signature of the key we have now in the place of the last."""
        if not receipt:
            return b""
        head, by = receipt[: receipt.rstrip(b"\n").rindex(b"\n") + 1], self._peer.receiver.cosigner
        return head + by.cosign(text_of(head), max(0, int(self._logs.clock.now().timestamp())))

    def _head(self, state: LogState, note: bytes) -> LogHead:
        receipted = state.mark.size if state.own and state.mark.size else msgspec.UNSET
        return LogHead(
            origin=state.origin, size=state.size, note=note.decode(), receipted=receipted
        )

    def _give_back(self, want: LogHead) -> int:
        """The center was restored: bring back what we hold of its own log, under its own heads;
        nothing came from there.
        """
        logs, peer, writer = self._logs, self._peer, self._writer(want.origin)
        origin, here = writer.origin, want.size
        signer = peer.book.signer(peer.book.open_log())
        to = Recipient(peer.keys.sealing, peer.opens >= SEALED_TOGETHER)
        target = f"{PREFIX}/logs/{origin.removeprefix(peer.keys.center + '/')}"
        while here < logs.open(origin, writer.name, own=False).size:
            raw = relayed_batch(logs, origin, here, signer, to)
            if raw is None:
                return 0
            try:
                answer = self._line.send("POST", target, raw, MEDIA_TYPE)
                there = Checkpoint.parse(open_note(answer, [peer.keys.log]).text).size
            except Gap as gap:
                # Another hall was quicker.
                size = gap.facts.get("size")
                there = size if isinstance(size, int) else 0
            if there <= here:
                return 0
            here = there
        return 0

    def _pull(self, head: LogHead) -> int:
        logs, peer = self._logs, self._peer
        writer = self._writer(head.origin)
        if head.note:
            self._check_head(head, writer)
        here = first = logs.open(head.origin, writer.name, own=False).size
        while here < head.size:
            target = f"{PREFIX}/logs/{quote(head.origin)}?from={here}"
            raw = self._line.send("GET", target, b"", "")
            fp("pull.after_answer")
            receive(logs, raw, self._writer, peer.receiver)
            fp("pull.after_receive")
            after = logs.state(head.origin).size
            if after <= here:
                raise Malformed("a batch that brings nothing new", origin=head.origin)
            here = after
        return here - first

    def _check_head(self, head: LogHead, writer: Writer) -> None:
        """The signed head must hold, and must not be an older one than we have (T12)."""
        point = Checkpoint.parse(open_note(head.note.encode(), [writer.verifier]).text)
        if (point.origin, point.size) != (head.origin, head.size):
            raise Malformed("a head that speaks of another log or size")
        state = self._logs.open(head.origin, writer.name, own=False)
        if point.size > state.size:
            return
        if point.root != self._logs.root_at(head.origin, point.size):
            raise Fork("the center shows another history of its own log", origin=head.origin)
        if point.size < state.size:
            raise Behind("the center shows an older state of its own log", origin=head.origin)

    def _writer(self, origin: str) -> Writer:
        center = self._peer.keys.center
        allowed = (f"{center}/standards/1", f"{center}/orders-{self._peer.hall}/1")
        if origin not in allowed:
            raise Malformed("the center offers a log that is not for this hall", origin=origin)
        return Writer("center", origin, self._peer.keys.log)


def oldest_unsent(logs: LogStore) -> str:
    """Wall time of the oldest own entry without a receipt; empty when all are receipted."""
    rows = logs.db.query(
        "SELECT MIN(e.at) AS at FROM log l JOIN entry e ON e.origin = l.origin AND e.idx = l.mark "
        "WHERE l.own = 1 AND l.writer <> 'center'"
    )
    return str(rows[0]["at"] or "")


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError
    except ValueError:
        raise Malformed("a clock that cannot be read") from None
    return found
