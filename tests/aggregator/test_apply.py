"""Applying at the center: one hall's trouble is not another's."""

from __future__ import annotations

import pytest

from aggregator.receiving.apply import apply_all
from sync.errors import Malformed
from tests.aggregator.intake_desk import Asker, Desk


def test_a_hall_whose_kept_bytes_are_damaged_holds_up_itself_only(desk: Desk) -> None:
    """The disk has turned a bit of T01's batch; T02 and T03 are applied as ever."""
    halls = [desk.halls["T01"], Asker("T02"), Asker("T03")]
    for hall in halls[1:]:
        desk.admit(hall)
    for hall in halls:
        assert desk.push(desk.packed(hall, 0, 3), hall.hall).status_code == 200
    desk.center.db.execute(
        "UPDATE batch SET leaves = :noise WHERE origin = :origin",
        noise=b"\0" * 40,
        origin=halls[0].origin,
    )
    with pytest.raises(Malformed):
        apply_all(desk.center)
    applied = {state.writer: state.applied for state in desk.center.logs.states()}
    assert applied["T02"] == applied["T03"] == 3
    assert applied["T01"] == 0
