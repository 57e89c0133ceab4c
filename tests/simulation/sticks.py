"""A batch that comes without a round before it, as a stick or another client would bring it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.keys import enrolment
from sync.batch import MEDIA_TYPE
from sync.client import PREFIX
from sync.contact.sending import accept_receipt, next_batch
from sync.errors import (
    Behind,
    DiskFull,
    EpochClosed,
    Fork,
    Gap,
    SyncError,
    TryLater,
    Unreachable,
)
from tests.simulation import contacts, locksmith
from tests.simulation.machines import HallMachine
from tests.simulation.wire import Meeting

if TYPE_CHECKING:
    from tests.simulation.world import World


def carry(world: World, machine: HallMachine, place: tuple[str, int]) -> None:
    """One batch without a round before it, as a stick or another's client would bring it."""
    hall, (origin, start) = machine.hall, place
    peer = enrolment.peer(hall)
    if peer is None:
        return
    raw = next_batch(hall.logs, origin, start, peer.book.signer(origin), peer.keys.sealing)
    if raw is None:
        return
    meeting = Meeting(machine)
    outcome: Exception | None = None
    try:
        _, name, epoch = origin.rsplit("/", 2)
        line = world.wire.line(machine, meeting)
        target = f"{PREFIX}/logs/{name}/{epoch}"
        if (late := world.wire.answers.get((name, "POST", target))) and world.draw.random() < 0.3:
            # An answer from before a restore arrives only now.
            meeting.faults.add("answer stale")
            answer = world.draw.choice(late)
        else:
            answer = line.send("POST", target, raw, MEDIA_TYPE)
        accept_receipt(hall.logs, origin, answer, peer.keys.receipts)
    except (SyncError, DiskFull) as error:
        outcome = error
    usual: tuple[type[Exception], ...] = (Unreachable, TryLater, Gap)
    if world.of(machine).healed:
        # Without a round it cannot know yet that it was restored, or is not alone.
        usual = (*usual, Behind, Fork, EpochClosed)
    usual = (*usual, *locksmith.excuses_of_a_stick(world, machine))
    contacts.judge(world, meeting, outcome, usual)
