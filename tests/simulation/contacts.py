"""A contact of a hall, as `node.outbox.syncing` makes it, and what a hall may be told in it.

No false alarm, and no alarm that is not told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.hall import Hall
from node.keys import enrolment
from node.outbox import epochs
from sync.client import Line
from sync.contact.exchange import Exchange
from sync.errors import (
    Behind,
    Cloned,
    DiskFull,
    Fork,
    Malformed,
    SyncError,
    TryLater,
    Unreachable,
)
from tests.simulation import locksmith
from tests.simulation.book import require
from tests.simulation.machines import HallMachine
from tests.simulation.wire import Meeting

if TYPE_CHECKING:
    from tests.simulation.world import World


def call(world: World, machine: HallMachine) -> Exception | None:
    """One contact of the real `Exchange` over this wire; what stopped it."""
    meeting, book = Meeting(machine), world.books[machine.name]
    sent_alone = True
    world.arm(world.center, 80)
    outcome: Exception | None = None
    try:
        if may_send(machine.hall, world.wire.line(machine, meeting)):
            sent_alone, keys = not book.is_ahead_of(machine.hall.epoch), machine.hall.keys.current
            exchange(machine.hall, world.wire.line(machine, meeting))
            # With the same new keys it opens the same epoch; both histories part in it.
            sent_alone = sent_alone or machine.hall.keys.current is not keys
    except Cloned as error:
        outcome = error
        epochs.note_clone(machine.hall, int(str(error.facts["epoch"])))
    except (SyncError, DiskFull) as error:
        outcome = error
    finally:
        world.center.disk.disarm()
    told = sent_alone or outcome is not None or meeting.tampered
    require(told, "a machine sent beside another one that had opened a later epoch")
    judge(world, meeting, outcome, (Unreachable, TryLater))
    return outcome


def may_send(hall: Hall, line: Line) -> bool:
    """Is it enrolled? Asks the center while that is not decided; then goes by its newest keys."""
    known = enrolment.ask_again(hall, line)
    if known is None or known.state != "approved":
        return False
    epochs.follow_keys(hall)
    return True


def exchange(hall: Hall, line: Line) -> None:
    """Round, history, push and pull."""
    peer = enrolment.peer(hall)
    assert peer is not None
    done = Exchange(hall.logs, line, peer).run()
    enrolment.note_center_opens(hall, done.sealed)


def judge(
    world: World, meeting: Meeting, outcome: Exception | None, usual: tuple[type[Exception], ...]
) -> None:
    """No false alarm, and no alarm that is not told."""
    book = world.of(meeting.machine)
    if isinstance(outcome, Behind | Fork | Malformed | Cloned):
        book.alarms.append(outcome.code)
    if meeting.tampered or outcome is None or book.adversity in ("edited", "exchanged"):
        return
    if isinstance(outcome, Cloned):
        require(world.books[book.machine.name].is_cloned, "a lone machine is called a clone")
        return
    usual = (*usual, *locksmith.excuses(world, meeting.machine))
    full = isinstance(outcome, DiskFull) and book.machine.disk.burnt == "full"
    name = getattr(outcome, "code", type(outcome).__name__)
    require(full or isinstance(outcome, usual), f"an honest hall was told {name}: {outcome}")
    calm = not (meeting.faults or full or isinstance(outcome, usual[2:]))
    require(not calm, f"nothing happened on the way, but: {name}")
