"""Bringing our own logs into step with the center's copies: after a restore, on a new machine,
beside a clone.

Where the center's copy is a beginning of our log there is nothing to do. Where ours is a beginning
of the center's, the rest comes back. Where both part, ours goes on in the open epoch and the
center's comes back. Nothing is dropped, and nothing is believed that this hall's key did not sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from sync.batch import unpack_relayed
from sync.client import PREFIX, Line, Peer
from sync.contact.messages import LogHead
from sync.contact.sending import accept_receipt
from sync.errors import Cloned, Fork, Malformed
from sync.failpoints import fp
from sync.log import LogStore
from sync.merkle import Frontier
from sync.notes import Checkpoint, open_note
from sync.recovery.epochs import Copy, epoch_of, in_order, is_closed, leads_on, written_elsewhere
from sync.recovery.history import Piece, compared, piece_of, take_back
from sync.recovery.rebuilding import settle

# While we look, somebody may write into the very log that is being brought back.
_LOOKS = 3


class CatchUp:
    """One contact's look at what the center holds of our logs."""

    def __init__(self, logs: LogStore, line: Line, peer: Peer) -> None:
        self._logs, self._line, self._peer = logs, line, peer

    def run(self, held: Mapping[str, LogHead]) -> int:
        """Every own log; answers how many entries came back.

        Raises:
            Cloned: a later epoch than ours stands at the center; nothing was changed.
            SyncError: what stopped it; it goes on at the next contact.
        """
        copies = {origin: self._copy(head) for origin, head in held.items() if head.size}
        mine = [state.origin for state in self._logs.states() if state.own]
        if later := written_elsewhere(copies, mine):
            raise Cloned(
                "another machine with this hall's key opened a later epoch",
                epoch=max(map(epoch_of, later)),
            )
        count = 0
        try:
            for _ in range(_LOOKS):
                self._part(in_order({*mine, *copies}), copies)
                count += sum(self._fetch(origin, copy) for origin, copy in copies.items())
                if all(self._is_in_step(origin, copy) for origin, copy in copies.items()):
                    break
        finally:
            settle(self._logs)
        for origin, copy in copies.items():
            self._believe(origin, copy, held[origin].note.encode())
        return count

    def _copy(self, head: LogHead) -> Copy:
        """What the center says it holds, as far as its own cosignature stands for it; without one,
        that it holds what our latest receipt says.
        """
        mark = self._logs.state(head.origin).mark if not head.note else Frontier()
        if not head.note and head.size == mark.size:
            return Copy(mark.size, mark.root)
        note = open_note(head.note.encode(), [self._peer.keys.receipts])
        point = Checkpoint.parse(note.text)
        if (point.origin, point.size) != (head.origin, head.size) or not note.times:
            raise Malformed("a receipt that speaks of another log or size")
        return Copy(point.size, point.root)

    def _believe(self, origin: str, copy: Copy, note: bytes) -> None:
        """Our log leads along the copy now: its receipt moves the mark, and is kept when it is new,
        as after a change of the receipts key.
        """
        logs, cosigner = self._logs, self._peer.keys.receipts
        if not note:
            return
        known = logs.receipt(origin, cosigner.name, copy.size) is not None
        if copy.size > logs.state(origin).mark.size or not known:
            accept_receipt(logs, origin, note, cosigner)

    def _is_in_step(self, origin: str, copy: Copy) -> bool:
        logs = self._logs
        size = logs.open(origin, self._peer.hall, own=True).size
        return leads_on(copy, size, lambda at: logs.root_at(origin, at))

    def _part(self, origins: list[str], copies: Mapping[str, Copy]) -> None:
        """What the center can take no more where it stands goes on in the open epoch, and what
        was written after it likewise, so that the order stays.
        """
        common = {
            origin: self._same_up_to(origin, copies.get(origin, Copy())) for origin in origins
        }
        stuck = [
            at
            for at, origin in enumerate(origins)
            if self._logs.state(origin).size > common[origin]
            and (
                copies.get(origin, Copy()).size > common[origin]
                or is_closed(origin, copies)
                or self._is_ended(origin)
            )
        ]
        if stuck:
            self._peer.book.part([(origin, common[origin]) for origin in origins[stuck[0] :]])

    def _is_ended(self, origin: str) -> bool:
        """Was the key that wrote this log revoked below its end?"""
        end = self._peer.book.end(origin)
        return end is not None and self._logs.state(origin).size > end

    # --- along the center's copy ------------------------------------------------------------

    def _same_up_to(self, origin: str, copy: Copy) -> int:
        """Up to where our log and the center's copy are the same."""
        if self._is_in_step(origin, copy):
            return copy.size
        try:
            return self._same_from(origin, self._proved(origin, copy), copy)
        except Fork:
            # Not even what was receipted is common: the center lost it and got other entries.
            return self._same_from(origin, Frontier(), copy)

    def _proved(self, origin: str, copy: Copy) -> Frontier:
        mark = self._logs.state(origin).mark
        return mark if mark.size < copy.size else Frontier()

    def _same_from(self, origin: str, here: Frontier, copy: Copy) -> int:
        while here.size < copy.size:
            meeting = compared(self._logs, origin, here, self._piece(origin, here))
            if meeting.common < meeting.frontier.size:
                return meeting.common
            here = meeting.frontier
        return here.size

    def _fetch(self, origin: str, copy: Copy) -> int:
        """Take back what the center has after the end of our log."""
        logs, count = self._logs, 0
        while (before := logs.open(origin, self._peer.hall, own=True)).size < copy.size:
            piece = self._piece(origin, before.frontier)
            with logs.db.transaction():
                if logs.lock(origin).size != before.size:
                    return count
                count += take_back(logs, origin, piece)
                fp("tail.kept")
            fp("tail.committed")
        return count

    def _piece(self, origin: str, here: Frontier) -> Piece:
        peer = self._peer
        target = f"{PREFIX}/logs/{quote(origin)}?from={here.size}"
        raw = self._line.send("GET", target, b"", "")
        batch = unpack_relayed(raw, [peer.keys.log], [peer.book.verifier(origin)])
        if batch.header.origin != origin:
            raise Malformed("a piece of another log than was asked for", origin=origin)
        return piece_of(batch, here, peer.receiver.sealing)
