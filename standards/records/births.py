"""How the rows of a projection begin, said so that a store can begin many of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from standards.records.declare import Record

# Who did it: what every entry says beside the fields of its record.
ACTOR = "actor"


@dataclass(frozen=True)
class Birth:
    """What ``advance`` makes of the record that begins a row, whose id becomes the row's key.

    Said a second time, so that a store can begin many rows with one statement.

    Args:
        copied: field of the state -> field of the record, or ``actor``. What else stands in the
            row is the same for all of them.
    """

    state: type[Record]
    record: type[Record]
    copied: Mapping[str, str]
