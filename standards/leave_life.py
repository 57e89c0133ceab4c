"""请假的经过: where a request stands after each entry about it; hall and center share the fold.

Strict where an entry makes no sense, lenient about who wrote it: that is the hall's rule
(`attendance.leave_rights`), and the center would only hold back what the hall has done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from standards.records.declare import Happening, Projection
from standards.records.leave import (
    LeaveDecision,
    LeaveRequest,
    LeaveReturned,
    LeaveStandIn,
    LeaveStanding,
    LeaveStep,
    LeaveWithdrawn,
)

OPEN = frozenset({"asked", "pending"})
EFFECTIVE = frozenset({"granted", "returned"})


def due_steps(steps: Sequence[LeaveStep], decided: Sequence[str]) -> list[LeaveStep]:
    """The approvals that may be given now: all of the lowest rank that is not done."""
    left = [step for step in steps if step.office not in decided]
    lowest = min((step.rank for step in left), default=0)
    return [step for step in left if step.rank == lowest]


def _request_of(happening: Happening) -> str:
    if happening.kind == LeaveRequest.kind:
        return happening.id
    return str(happening.logged.request_id)


def advance(before: LeaveStanding | None, happening: Happening) -> LeaveStanding:
    """Where a request stands after one more entry.

    Raises:
        ValueError: an entry about a request that is not there, or that cannot follow.
    """
    if happening.kind == LeaveRequest.kind:
        if before is not None:
            raise ValueError("the leave was asked for already")
        return _asked(happening)
    if before is None:
        raise ValueError("an entry about leave that nobody asked for")
    return _FOLLOWS[happening.kind](before, happening)


def _asked(happening: Happening) -> LeaveStanding:
    r = happening.logged
    return LeaveStanding(
        id=happening.id,
        staff_no=r.staff_no,
        stand_in=r.stand_in,
        first=r.first,
        last=r.last,
        legs=r.legs,
        steps=r.steps,
        minutes=r.minutes,
        stage="asked" if r.stand_in else _stage_after(r.steps, ()),
        asked_at=happening.at,
    )


def _stage_after(steps: Sequence[LeaveStep], decided: Sequence[str]) -> str:
    return "pending" if due_steps(steps, decided) else "granted"


def _must_be(before: LeaveStanding, *stages: str) -> None:
    if before.stage not in stages:
        raise ValueError(f"cannot follow leave that is {before.stage}")


def _stood_in(before: LeaveStanding, happening: Happening) -> LeaveStanding:
    _must_be(before, "asked")
    if happening.logged.agreed:
        return msgspec.structs.replace(before, stage=_stage_after(before.steps, ()))
    return msgspec.structs.replace(before, stage="declined", settled_at=happening.at)


def _decided(before: LeaveStanding, happening: Happening) -> LeaveStanding:
    _must_be(before, "pending")
    office = happening.logged.office
    if office not in [step.office for step in due_steps(before.steps, before.decided)]:
        raise ValueError(f"no decision of {office} is due")
    deciders = (*before.deciders, happening.actor)
    if not happening.logged.granted:
        return msgspec.structs.replace(
            before, stage="refused", deciders=deciders, settled_at=happening.at
        )
    decided = (*before.decided, office)
    stage = _stage_after(before.steps, decided)
    settled = happening.at if stage == "granted" else ""
    return msgspec.structs.replace(
        before, stage=stage, decided=decided, deciders=deciders, settled_at=settled
    )


def _withdrawn(before: LeaveStanding, happening: Happening) -> LeaveStanding:
    _must_be(before, "asked", "pending", "granted")
    return msgspec.structs.replace(before, stage="withdrawn", settled_at=happening.at)


def _returned(before: LeaveStanding, happening: Happening) -> LeaveStanding:
    _must_be(before, "granted")
    r = happening.logged
    return msgspec.structs.replace(
        before, stage="returned", back_on=r.back_on, back_from=r.back_from, settled_at=happening.at
    )


_FOLLOWS: dict[str, Callable[[LeaveStanding, Happening], LeaveStanding]] = {
    LeaveStandIn.kind: _stood_in,
    LeaveDecision.kind: _decided,
    LeaveWithdrawn.kind: _withdrawn,
    LeaveReturned.kind: _returned,
}

LEAVES = Projection(
    state=LeaveStanding,
    kinds=frozenset({LeaveRequest.kind, *_FOLLOWS}),
    key_of=_request_of,
    advance=advance,
)
