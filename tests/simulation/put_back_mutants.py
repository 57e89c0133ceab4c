"""The guards of a center that was put back, each with a weakened twin."""

from __future__ import annotations

from typing import Any

import aggregator.receiving.deliveries
import aggregator.safekeeping.set_aside
import aggregator.safekeeping.unheard
from tests.simulation.epoch_mutants import Mutant

_deliveries: Any = aggregator.receiving.deliveries
_set_aside: Any = aggregator.safekeeping.set_aside
_unheard: Any = aggregator.safekeeping.unheard


def _waits_for_nobody(db: Any, origin: str) -> bool:
    """Writes at once, though nobody can tell how far this log was signed."""
    return False


def _makes_no_room(center: Any, origin: str) -> int:
    """Leaves what was written meanwhile where halls hold other entries."""
    return 0


def _believes_without_proof(*_: Any) -> bool:
    """Shows what was written meanwhile to a hall that may hold other entries."""
    return False


PUT_BACK = "center restored"
OF_PUTTING_BACK = (
    Mutant(
        "a center that cannot know how far it signed hears every hall before it writes",
        "aggregator.safekeeping.unheard.holds",
        ((_unheard, "holds", _waits_for_nobody),),
        only=PUT_BACK,
    ),
    Mutant(
        "what was shown to nobody makes room for what comes back",
        "aggregator.safekeeping.set_aside.take_out",
        ((_set_aside, "take_out", _makes_no_room),),
        only=PUT_BACK,
    ),
    Mutant(
        "a hall is shown nothing new before it proved what it holds",
        "aggregator.receiving.deliveries.is_unproved",
        ((_deliveries, "is_unproved", _believes_without_proof),),
        only=PUT_BACK,
    ),
)
