"""The end of a world: nothing goes wrong any more, and all must converge within a few contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from standards.records import RECORDS
from sync.applying import rebuild
from sync.store import Database
from sync.tables import Tables
from tests.simulation.book import HallBook, require

if TYPE_CHECKING:
    from tests.simulation.world import World

# One contact sends and fetches everything there is, one fetches what the judge then found.
CONTACTS = 2


def heal(world: World) -> None:
    """No more faults: contacts in turn, then everything is compared with everything."""
    world.trouble, world.ended = 0.0, True
    late, world.wire.underway = world.wire.underway, []
    world.reboot(world.center)
    for machine in world.halls:
        machine.clock.wrong_by *= 0
    world.center_replays()
    for _ in range(CONTACTS):
        for machine in world.halls:
            world.contact(machine)
            world.check()
        world.center_applies()
        for machine in world.halls:
            world.hall_applies(machine)
        world.check()
    world.center_replays()
    for book in world.books.values():
        if book.adversity == "restored" and book.is_diverged():
            _insist(world, book)
        _check_end(book)
    _check_late(world, late)
    if world.draw.random() < 0.3:
        _check_rebuilt(world)
    world.check_center_logs()


def _insist(world: World, book: HallBook) -> None:
    """A hall with another history brings it by every way, while it is shorter and when it is not.

    The wire checks each answer: nothing is taken in, nothing is receipted, every time it is told.
    """
    for _ in range(2):
        size = len(book.history)
        for start in world.draw.sample(range(size), min(size, 6)):
            world.carry(book.machine, start)
        for _ in range(100):
            if len(book.history) > len(book.copy):
                break
            world.clerk_writes(book.machine)
        world.contact(book.machine)
        world.check()


def _check_end(book: HallBook) -> None:
    if book.adversity and _is_stopped(book):
        require(bool(book.told), f"a hall that was {book.adversity} was never told")
        return
    logs, state = book.center.office.logs, book.machine.hall.state()
    if not state.size:
        return
    theirs = logs.state(book.origin)
    sizes = (theirs.size, theirs.applied, state.mark.size)
    require(sizes == (state.size,) * 3, f"not converged: {sizes} of {state.size}")
    require(theirs.frontier == state.frontier, "two trees of one log")
    for held in book.machine.hall.logs.states():
        if not held.own:
            there = logs.state(held.origin)
            done = held.size == held.applied == there.size
            require(done, f"{held.origin}: {held} of {there.size}")
    if not book.machine.foreign:
        _check_same_rows(book)


def _is_stopped(book: HallBook) -> bool:
    """Is this a hall whose upload must have stopped?"""
    if book.adversity == "restored":
        return book.is_diverged()
    if book.adversity == "edited":
        found = book.machine.hall.logs.verify(book.origin)
        require(found == book.adverse_at, f"verify names {found}, not the edited entry")
    # What was on its way before may have arrived since, as it was written.
    return len(book.copy) <= book.adverse_at


def _rows(db: Database, table: str, hall: str) -> list[dict[str, object]]:
    found = db.query(f"SELECT * FROM {table} WHERE hall = :hall ORDER BY id", hall=hall)
    return [dict(row) for row in found]


def _check_same_rows(book: HallBook) -> None:
    """Hall and center made the same tables of the same log."""
    name = book.machine.name
    tables = [r.kind for r in RECORDS if r.owner == "hall"]
    for table in [*tables, "case_standing"]:
        mine = _rows(book.machine.hall.db, table, name)
        theirs = _rows(book.center.office.db, table, name)
        require(mine == theirs, f"hall and center differ in {table}")


def _check_late(world: World, late: list) -> None:
    """Whatever is still on its way changes nothing when it arrives in the end."""
    before = {s.origin: s for s in world.center.office.logs.states()}
    world.wire.underway = [r for r in late if not world.books[r.hall].adversity]
    while world.wire.underway:
        world.wire.deliver_late()
    after = {s.origin: s for s in world.center.office.logs.states()}
    require(before == after, "a late request changed something after the end")


def _check_rebuilt(world: World) -> None:
    """The tables follow from the kept leaves alone."""
    books = [b for b in world.books.values() if not (b.machine.foreign or b.adversity)]
    for logs in [world.center.office.logs, *(b.machine.hall.logs for b in books)]:
        before = _dump(logs.db, logs.tables)
        rebuild(logs)
        require(_dump(logs.db, logs.tables) == before, "a rebuild gives other tables")


def _dump(db: Database, tables: Tables) -> dict[str, list[dict[str, object]]]:
    names = tables.names()
    return {n: [dict(r) for r in db.query(f"SELECT * FROM {n} ORDER BY hall, id")] for n in names}
