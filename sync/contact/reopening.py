"""个人信息找回, at a hall: asking the center for parts that cannot be opened here any more, and
giving it those that it cannot open.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from sync.batch import MEDIA_TYPE, Batch, hashes_of, unpack, unpack_relayed
from sync.client import PREFIX, Line, Peer
from sync.contact.messages import Span
from sync.contact.receiving import check_commitments
from sync.contact.relaying import relayed_batch
from sync.contact.sending import batch_after
from sync.errors import Fork, Gap, SyncError, Unreachable
from sync.log import LogStore
from sync.private import shut
from sync.private.sealing import SEALED_TOGETHER, Recipient
from sync.recovery.refilling import refill
from sync.storage.schema import LogState

# In one contact: new entries must not wait for old ones.
MOST_BATCHES = 20


class Reopening:
    """One contact's part in it; safe to break off anywhere."""

    def __init__(self, logs: LogStore, line: Line, peer: Peer, opens: int) -> None:
        self._logs, self._line, self._peer = logs, line, peer
        self._receiver = Recipient(peer.keys.sealing, opens >= SEALED_TOGETHER)
        self._left = MOST_BATCHES

    def run(self, wanted: Iterable[Span]) -> list[SyncError]:
        """Fetch, then give what the center wants; what stopped it, which must not stop more.

        Raises:
            Unreachable: no answer in time.
        """
        try:
            self.fetch()
            self.give(wanted)
        except Unreachable:
            raise
        except SyncError as error:
            error.facts |= {"others_done": True}
            return [error]
        return []

    def fetch(self) -> int:
        """What the center has of parts that are shut here; how many came."""
        logs = self._logs
        if not shut.any_stand(logs.db):
            return 0
        return sum(self._fetch(state) for state in logs.states())

    def _fetch(self, state: LogState) -> int:
        logs, count, at = self._logs, 0, 0
        # Beyond a receipt nobody else has anything of an own log.
        end = state.mark.size if state.own else state.size
        while (span := shut.wanted(logs.db, state.origin, at)) and span[0] < end and self._left:
            batch = self._asked(state, span[0])
            start, leaves = batch.header.start, batch.leaves()
            if hashes_of(leaves) != logs.hashes(state.origin, start, batch.header.stop):
                raise Fork("their copy of a log is not ours", at=start, origin=state.origin)
            parts = batch.personal(self._peer.receiver.sealing)
            check_commitments(parts, leaves, start)
            with logs.db.transaction():
                count += refill(logs, state.origin, start, leaves, parts)
            at = batch.header.stop
        return count

    def _asked(self, state: LogState, start: int) -> Batch:
        peer, self._left = self._peer, self._left - 1
        target = f"{PREFIX}/logs/{quote(state.origin)}?from={start}"
        raw = self._line.send("GET", target, b"", "")
        if state.own:
            return unpack_relayed(raw, [peer.keys.log], [peer.book.verifier(state.origin)])
        return unpack(raw, [peer.keys.log])

    def give(self, spans: Iterable[Span]) -> None:
        """Send again what the center asks for: of our own logs, and of its log of orders."""
        orders = f"{self._peer.keys.center}/orders-{self._peer.hall}/1"
        for span in spans:
            if self._peer.is_own(span.origin):
                self._give(span)
            elif span.origin == orders:
                self._give_back(span)

    def _give(self, span: Span) -> None:
        logs, peer, origin = self._logs, self._peer, span.origin
        state = logs.state(origin)
        stop = min(span.stop, state.mark.size)
        if span.first >= stop or peer.book.signer(origin).verifier != peer.book.verifier(origin):
            return
        here = logs.frontier_at(origin, span.first)
        while here.size < stop and self._left:
            raw, here = batch_after(
                logs, origin, (here, stop), peer.book.signer(origin), self._receiver
            )
            self._send(origin, raw)

    def _give_back(self, span: Span) -> None:
        """A log that we mirror goes back in pieces that end where the center's batches ended."""
        book, here = self._peer.book, span.first
        while here < span.stop and self._left:
            signer = book.signer(book.open_log())
            raw = relayed_batch(self._logs, span.origin, here, signer, self._receiver)
            if raw is None:
                return
            self._send(span.origin, raw)
            rows = self._logs.db.query(
                "SELECT stop FROM batch WHERE origin = :origin AND start <= :at AND stop > :at",
                origin=span.origin,
                at=here,
            )
            here = int(rows[0]["stop"])

    def _send(self, origin: str, raw: bytes) -> None:
        self._left -= 1
        target = f"{PREFIX}/logs/{origin.removeprefix(self._peer.keys.center + '/')}"
        try:
            self._line.send("POST", target, raw, MEDIA_TYPE)
        except Gap:
            # It has these entries under another receipt, and the parts now.
            return
