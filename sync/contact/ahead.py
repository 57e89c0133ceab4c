"""Packing the next batch while the receiver works on this one."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from sync.batch import claimed_stop
from sync.contact.sending import next_batch
from sync.log import LogStore, Portions
from sync.notes import Signer
from sync.private.sealing import Recipient

# Of a short batch there is nothing to gain; most contacts never start the thread.
_WORTH_ENTRIES = 1_000
_packer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="packing")


class PackedAhead:
    """The batches of a log, each packed once, the next one beforehand.

    What was packed beforehand is used only when it is exactly what is asked for then.
    """

    def __init__(self, logs: LogStore, origin: str, signer: Signer, to: Recipient) -> None:
        self._logs, self._origin, self._signer, self._to = logs, origin, signer, to
        self._next: tuple[tuple[int, Portions], Future[bytes | None]] | None = None

    def batch_from(self, start: int) -> bytes | None:
        """The next batch from this size, or None when there is nothing after it."""
        ahead, self._next = self._next, None
        wanted = start, self._logs.portions
        raw = ahead[1].result() if ahead and ahead[0] == wanted else self._pack(start)
        if raw is not None and (stop := claimed_stop(raw)) - start >= _WORTH_ENTRIES:
            self._next = (stop, self._logs.portions), _packer.submit(self._pack, stop)
        return raw

    def _pack(self, start: int) -> bytes | None:
        return next_batch(self._logs, self._origin, start, self._signer, self._to)
