"""Packing a batch before it is asked for, while an answer is on its way."""

from __future__ import annotations

from dataclasses import dataclass

from sync.contact.sending import next_batch
from sync.log import LogStore, Portions
from sync.merkle import Frontier
from sync.notes import Signer
from sync.private.sealing import Recipient


@dataclass(frozen=True)
class Wanted:
    """The next batch of an own log from a size on, for one receiver."""

    origin: str
    start: int
    signer: Signer
    to: Recipient


class PackedAhead:
    """The batches of a contact, each packed once.

    What was packed beforehand is used only when it is exactly what is asked for then, and the log
    still ends where it did: entries may have gone on in another epoch meanwhile.
    """

    def __init__(self, logs: LogStore) -> None:
        self._logs = logs
        self._kept: tuple[tuple[Wanted, Portions, Frontier], bytes] | None = None

    def prepare(self, wanted: Wanted) -> None:
        """Pack this one now; what fails is met again when it is asked for."""
        try:
            here = self._here(wanted)
            raw = self._pack(wanted)
        except Exception:
            return
        if raw is not None:
            self._kept = here, raw

    def batch(self, wanted: Wanted) -> bytes | None:
        """This batch, or None when there is nothing after its start."""
        kept, self._kept = self._kept, None
        if kept is not None and kept[0] == self._here(wanted):
            return kept[1]
        return self._pack(wanted)

    def _here(self, wanted: Wanted) -> tuple[Wanted, Portions, Frontier]:
        return wanted, self._logs.portions, self._logs.state(wanted.origin).frontier

    def _pack(self, wanted: Wanted) -> bytes | None:
        return next_batch(self._logs, wanted.origin, wanted.start, wanted.signer, wanted.to)
