"""Which keys a hall has at the center, and what may not come any more: told without the product's
tables and rules.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.errors import SyncError
from sync.keys.keysets import Position, Request
from sync.notes import Verifier, open_note
from sync.recovery.epochs import epoch_of


@dataclass
class HeldKey:
    """One set of a hall's keys. ``signing`` is the public half of the one that writes."""

    signing: bytes
    publics: frozenset[bytes]
    revoked: bool = False


@dataclass
class Keyring:
    """The sets of one hall, the oldest first. ``others``: public keys of anybody else."""

    held: list[HeldKey] = field(default_factory=list)
    others: Collection[bytes] = ()

    def show(self, body: Mapping[str, Any]) -> bool:
        """A hall shows new keys in its log; False when that is to be kept aside."""
        new, succeeds = _proved(str(body["statement"])), str(body["succeeds"])
        if new is None:
            return False
        if any(one.publics == new.publics for one in self.held):
            return True
        before = Verifier.parse(succeeds).public
        if before not in [one.signing for one in self.held]:
            return False
        if before != self.held[-1].signing:
            return True
        known = {public for one in self.held for public in one.publics} | set(self.others)
        if self.held[-1].revoked or known & new.publics:
            return False
        self.held.append(new)
        return True


def key_of(request: Request) -> HeldKey:
    """The keys that a hall shows."""
    publics = (request.signing.public, request.cosigning.public, request.sealing)
    return HeldKey(request.signing.public, frozenset(publics))


def _proved(statement: str) -> HeldKey | None:
    """The keys of a statement that the new key signed itself."""
    lines = statement.partition("\n\n")[0].split("\n")
    try:
        request = Request.parse("\n".join(["onehall/enrol/v1", *lines[2:], ""]))
        open_note(statement.encode(), [request.signing])
    except SyncError:
        return None
    return key_of(request)


@dataclass
class Revocation:
    """Nothing above a place is taken any more, but what was there already.

    ``until``: the first epoch of the keys with which the hall was enrolled anew.
    """

    place: Position
    sizes: Mapping[str, int]
    until: int | None = None

    def allows(self, origin: str, size: int) -> bool:
        """May this log be so long now?"""
        epoch, (last, above) = epoch_of(origin), self.place
        if epoch < last or (self.until is not None and epoch >= self.until):
            return True
        return size <= max(above if epoch == last else 0, self.sizes.get(origin, 0))
