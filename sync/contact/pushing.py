"""Sending what the center does not have, log by log in the order of the epochs, until all is
receipted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from sync.batch import MEDIA_TYPE, claimed_stop
from sync.client import PREFIX, Line, Peer, meanwhile
from sync.contact.ahead import PackedAhead, Wanted
from sync.contact.messages import LogHead
from sync.contact.sending import accept_receipt
from sync.errors import Behind, Gap, Malformed, Unreachable
from sync.failpoints import fp
from sync.log import LogStore
from sync.notes import Checkpoint, text_of
from sync.private.sealing import SEALED_TOGETHER, Recipient
from sync.recovery.epochs import in_order

# A batch that gets through any line; one that does not has met a line that is down.
_SHORT_BYTES = 128 * 1024
_MAX_TURNS_BACK = 3


def batch_for(peer: Peer, origin: str, start: int) -> Wanted:
    """What the center is sent next of one of our logs."""
    to = Recipient(peer.keys.sealing, peer.opens >= SEALED_TOGETHER)
    return Wanted(origin, start, peer.book.signer(origin), to)


class Push:
    """One contact's sending, after ``sync.recovery.catching_up`` found the center's copies ours.

    Args:
        ahead: what was packed while the center's answer was on its way.
    """

    def __init__(self, logs: LogStore, line: Line, peer: Peer, ahead: PackedAhead) -> None:
        self._logs, self._line, self._peer, self._ahead = logs, line, peer, ahead
        self._sent = 0

    def run(self, held: Mapping[str, LogHead], progress: Callable[[int], None]) -> int:
        """Send everything; answers how many entries were receipted.

        Args:
            held: what the center said it holds of our logs.
            progress: called with the number of entries receipted so far.
        """
        for origin in in_order(s.origin for s in self._logs.states() if s.own):
            head = held.get(origin)
            if head is None or head.size < self._logs.state(origin).size:
                self._log(origin, head.size if head else 0, progress)
        return self._sent

    def _log(self, origin: str, start: int, progress: Callable[[int], None]) -> None:
        usual, before = self._logs.portions, self._sent
        first = self._logs.state(origin).mark.size

        def moved(reached: int) -> None:
            self._sent = before + max(0, reached - first)
            progress(self._sent)

        try:
            self._push_from(origin, start, moved)
        finally:
            self._logs.portions = usual

    def _push_from(self, origin: str, start: int, moved: Callable[[int], None]) -> None:
        logs, ahead, turns_back = self._logs, self._ahead, 0
        wanted = batch_for(self._peer, origin, start)
        while raw := ahead.batch(wanted):
            # The next one is packed while the center works on this one.
            after = replace(wanted, start=claimed_stop(raw))
            meanwhile(self._line, partial(ahead.prepare, after))
            try:
                reached = self._send_batch(origin, raw)
            except Unreachable:
                if len(raw) <= _SHORT_BYTES:
                    raise
                # So much at once may be more than the line, or the center's patience, can take.
                logs.portions = logs.portions.halved()
                continue
            turns_back += reached <= start
            if turns_back > _MAX_TURNS_BACK:
                raise Malformed("the center does not move on", size=reached)
            start = reached
            wanted = replace(wanted, start=start)
            moved(start)

    def _send_batch(self, origin: str, raw: bytes) -> int:
        _, hall, epoch = origin.rsplit("/", 2)
        fp("push.before_send")
        try:
            note = self._line.send("POST", f"{PREFIX}/logs/{hall}/{epoch}", raw, MEDIA_TYPE)
        except Gap as gap:
            return self._resume_at(origin, gap)
        fp("push.after_send")
        return self._believe(origin, note)

    def _resume_at(self, origin: str, gap: Gap) -> int:
        """The center holds another size; go on there. Only a receipt moves the mark (S2)."""
        size, note = gap.facts.get("size"), gap.facts.get("receipt")
        if isinstance(note, str) and note:
            self._believe(origin, note.encode())
        if not isinstance(size, int) or not 0 <= size <= self._logs.state(origin).size:
            raise Behind("the center names a size this log does not have") from gap
        return size

    def _believe(self, origin: str, note: bytes) -> int:
        """Check a receipt against our own tree and answer the size it proves."""
        accept_receipt(self._logs, origin, note, self._peer.keys.receipts)
        fp("believe.committed")
        return Checkpoint.parse(text_of(note)).size
