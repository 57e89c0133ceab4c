"""Whoever has a stolen machine, after its hall's key was revoked: tries to be the hall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.keys import enrolment, rotation
from node.outbox import epochs
from standards.records import EpochOpened, StaffMember
from sync.client import PREFIX
from sync.contact.sending import next_batch
from sync.errors import SyncError, UnknownLog
from tests.simulation.book import require
from tests.simulation.door import Request, Straight
from tests.simulation.machines import CENTER, HallMachine

if TYPE_CHECKING:
    from tests.simulation.world import World


def call(world: World) -> None:
    """Each of them writes, and tries to bring it in."""
    for thief in world.locks.thieves.values():
        _write(world, thief)
        _push(world, thief)
        _ask(world, thief)


def _write(world: World, thief: HallMachine) -> None:
    draw, hall = world.locks.draw, thief.hall
    actor = f"{thief.name}-009"
    if draw.random() < 0.4:
        # Into a later epoch, which the old key might be thought to write.
        here = hall.state().size
        opened = EpochOpened(cause="kept", previous=hall.epoch, branched_at=here, known_size=here)
        epochs.open_next(hall, opened, actor=actor)
    for _ in range(draw.randint(1, 4)):
        hall.write(StaffMember(staff_no=actor, name="某人"), actor=actor)
    if draw.random() < 0.3 and enrolment.peer(hall) is not None:
        rotation.ask(hall, actor)


def _push(world: World, thief: HallMachine) -> None:
    """A batch, without a word before it; whether it was taken the books see."""
    hall, office = thief.hall, world.center.office
    with world.center.disk.looked_at():
        try:
            start = office.logs.state(hall.origin).size
        except UnknownLog:
            start = 0
    signer = hall.keys.signer_of(hall.epoch)
    raw = next_batch(hall.logs, hall.origin, start, signer, office.sealing.public)
    if raw is not None:
        target = f"{PREFIX}/logs/{thief.name}/{hall.epoch}"
        try:
            world.wire.deliver(Request(thief.name, "POST", target, {}, raw))
        except SyncError:
            return


def _ask(world: World, thief: HallMachine) -> None:
    """What the center has for this hall."""
    line, refused = Straight(world.center.office, thief.hall), False
    try:
        line.send("GET", f"{PREFIX}/logs/{CENTER}/standards/1?from=0", b"", "")
    except SyncError:
        refused = True
    require(refused, "whoever has a revoked key is still answered")
