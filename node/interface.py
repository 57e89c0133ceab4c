"""What a hall adds to the JSON interface: where its logs stand against the center's."""

from __future__ import annotations

import msgspec

from node.hall import Hall
from web.interface import Listing
from web.interface_lists import shared


class OwnLog(msgspec.Struct, frozen=True):
    """A log of this machine; ``receipted``: how far the center's receipt reaches."""

    origin: str
    own: bool
    size: int
    receipted: int
    applied: int


def listings(hall: Hall) -> list[Listing]:
    """Every list of a hall's interface."""

    def logs(after: str, most: int) -> list[OwnLog]:
        states = [state for state in hall.logs.states() if _key(state.origin) > after]
        return [
            OwnLog(_key(s.origin), s.own, s.size, s.mark.size, s.applied)
            for s in sorted(states, key=lambda state: _key(state.origin))
        ][:most]

    said = "Where each log of this machine stands."
    return [*shared(hall.db), Listing("reconciliation", "对账", said, OwnLog, logs)]


def _key(origin: str) -> str:
    """An origin without the center's name, as a key: ``T01.1``."""
    return ".".join(origin.split("/")[1:])
