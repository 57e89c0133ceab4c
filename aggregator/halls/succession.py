"""分厅撤并: a hall's log is closed at the center, and the halls that go on name it.

Nothing is moved: an entry belongs to the hall that wrote it, with its number, its signature and its
receipts. What is closed is the key, above the last entry that the center holds. Knows no Flask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.center import Center
from aggregator.halls.halls import hall_names, one_hall
from aggregator.keys import keybook
from standards.cases import STAGES, is_open
from standards.errors import Invalid
from standards.records import HallSucceeded
from sync.storage.tables import records

_OPEN = [stage for stage in STAGES if is_open(stage)]


@dataclass(frozen=True)
class Succession:
    """What a hall's page says: by whom it was succeeded, and whom it succeeds; None and empty for
    most halls.
    """

    closed: HallSucceeded | None
    predecessors: tuple[HallSucceeded, ...]


def of_hall(center: Center, hall: str) -> Succession:
    """What was published about one hall."""
    every = records(center.db, HallSucceeded)
    closed = next((one for one in every if one.closed == hall), None)
    return Succession(closed, tuple(one for one in every if hall in one.successors))


def hindrances(center: Center, hall: str) -> list[str]:
    """What would be left behind if the hall were closed now."""
    facts, found = one_hall(center, hall), []
    if facts is not None and facts.local is not None and facts.local > facts.received:
        found.append(f"还有{facts.local - facts.received}条记录没有上报")
    left = sum(
        int(row["n"])
        for row in center.db.query(
            "SELECT stage, COUNT(*) AS n FROM case_standing WHERE hall = :hall GROUP BY stage",
            hall=hall,
        )
        if row["stage"] in _OPEN
    )
    return [*found, *([f"还有{left}件没有办结"] if left else [])]


def close(
    center: Center, hall: str, successors: Sequence[str], document: str, actor: str
) -> HallSucceeded:
    """Take nothing more of a hall after what the center holds now, and tell every hall.

    Raises:
        Invalid: an unknown or closed hall, itself, or no keys that could be ended.
    """
    names, into = hall_names(center), tuple(dict.fromkeys(successors))
    if hall not in names or not into or hall in into or set(into) - set(names):
        raise Invalid({"successors": "撤销的分厅和承接的分厅都要是已登记的、不同的分厅"})
    if any(of_hall(center, one).closed for one in (hall, *into)):
        raise Invalid({"hall": "其中有分厅已经撤并"})
    with center.db.transaction():
        epoch, size = keybook.held_place(center, hall)
        record = HallSucceeded(
            closed=hall,
            successors=into,
            closed_on=center.clock.today(),
            epoch=epoch,
            size=size,
            document=document.strip(),
        )
        reason = f"分厅已撤并，由{'、'.join(into)}承接（{document.strip()}）"
        keybook.revoke(center, hall, (epoch, size), (reason, actor))
        center.publish(record, actor=actor)
    return record
