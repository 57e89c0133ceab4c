"""The end of a world: nothing goes wrong any more, and all must converge within a few contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.safekeeping import returning, unheard
from node.keys import enrolment
from node.outbox import epochs
from standards.records import RECORDS, KeysRotated
from sync.applied.applying import rebuild
from sync.keys.keysets import CenterKeys
from sync.log import LogStore
from sync.notes import open_note
from sync.storage.schema import LogState
from sync.storage.store import Database
from sync.storage.tables import Tables
from tests.simulation import contacts, locksmith
from tests.simulation.book import HallBook, MachineBook, require
from tests.simulation.erasures import still_there
from tests.simulation.machines import HallMachine

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
    world.unless_full(world.center, lambda: locksmith.install(world))
    world.center_replays()
    # A clerk of a machine that was picked writes on, and the judge may find something.
    cloned = any(book.is_cloned for book in world.books.values())
    for number in range(CONTACTS + world.center.restored + cloned):
        for machine in world.halls:
            _meet(world, machine, writes=not number)
        _give_up(world, number)
        world.center_applies()
        for machine in world.halls:
            world.hall_applies(machine)
        world.check()
    world.center_replays()
    for book in world.books.values():
        _check_end(world, book)
    _check_late(world, late)
    if world.draw.random() < 0.3:
        _check_rebuilt(world)
    world.check_center_logs()


def _meet(world: World, machine: HallMachine, *, writes: bool) -> None:
    """A contact; where another machine went on with this hall's log, a person picks this one, and
    where its keys are not valid any more it gets new ones.
    """
    locksmith.admit(world, machine)
    contacts.call(world, machine)
    world.check()
    if locksmith.is_locked_out(world, machine) and (writes or not _is_cloned(world, machine)):
        locksmith.ask_anew(world, machine)
        locksmith.admit(world, machine)
        contacts.call(world, machine)
        world.check()
    if epochs.clone_seen(machine.hall) is not None:
        world.pick(machine)
        if writes:
            world.clerk_writes(machine)
        contacts.call(world, machine)
        world.check()


def _is_cloned(world: World, machine: HallMachine) -> bool:
    return len(world.books[machine.name].machines) > 1


def _give_up(world: World, number: int) -> None:
    """Every hall was there: what of the center's logs did not come back never will."""
    if number == 1:
        _go_on_unheard(world)
    if number:
        return
    for origin, _, _ in returning.missing(world.center.office):
        require(world.center.restored, f"{origin} is shorter than it was signed")
        returning.go_on_without(world.center.office, origin)


def _go_on_unheard(world: World) -> None:
    """Every hall had two contacts: the first may leave out a proof that the center has lost. Who is
    waited for now is enrolled and not in this world.
    """
    for hall in unheard.waited_for(world.center.office.db):
        require(world.center.restored, f"{hall} is waited for")
        require(hall not in world.books, f"{hall} was there and is waited for")
        returning.go_on_unheard(world.center.office, hall)


def _check_end(world: World, book: HallBook) -> None:
    """The machine that went on last is in step, and nothing that stood on a disk is lost."""
    last = max(book.machines, key=lambda one: one.machine.hall.epoch)
    if last.adversity in ("edited", "exchanged") and _is_stopped(book, last):
        require(bool(last.alarms), f"a hall that was {last.adversity} was never told")
        return
    logs, hall = book.center.office.logs, last.machine.hall
    for held in hall.logs.states():
        if held.size:
            _check_in_step(held, logs.state(held.origin))
    _check_keys(world, last)
    mine = {o: leaves for o, leaves in last.own_logs().items() if leaves}
    theirs = {o: leaves for o, leaves in book.copies.items() if leaves}
    # An entry that was edited by hand may have been on its way before, as it was written.
    require(mine == theirs or last.adversity == "edited", "hall and center hold different logs")
    if last.adversity != "edited":
        _check_nothing_lost(book)
        book.check_parts()
    if not last.machine.foreign:
        _check_same_rows(book, last)


def _check_keys(world: World, last: MachineBook) -> None:
    """The machine that goes on knows that its keys are listed, and its receipts still prove."""
    logs, peer = last.machine.hall.logs, enrolment.peer(last.machine.hall)
    if not world.locks.change or peer is None:
        return
    require(not locksmith.is_locked_out(world, last.machine), "a hall's keys are not valid")
    in_force = world.center.office.keys.ring.keys
    require(peer.keys == in_force, "a hall does not go by the key set in force")
    for held in logs.states():
        if held.own and held.size:
            listed = peer.book.verifier(held.origin) == peer.book.signer(held.origin).verifier
            require(listed or held.origin != last.origin, "a hall does not know its own listing")
            _check_receipts(logs, held, peer.keys)


def _check_receipts(logs: LogStore, held: LogState, keys: CenterKeys) -> None:
    rows = logs.db.query("SELECT note FROM receipt WHERE origin = :o", o=held.origin)
    for row in rows:
        require(bool(open_note(bytes(row["note"]), keys.receipts_keys).times), "a receipt is dead")


def _check_in_step(held: LogState, there: LogState) -> None:
    sizes = (held.size, held.applied, there.size)
    done = len({*sizes, there.applied}) == 1
    require(done, f"{held.origin} did not converge: {sizes}, {there.applied}")
    require(there.frontier == held.frontier, f"two trees of {held.origin}")
    if held.own:
        require(held.mark.size == held.size, f"{held.origin} has no receipt up to its end")


def _check_nothing_lost(book: HallBook) -> None:
    """Every acknowledged entry that was on a disk in the end is at the center, once."""
    found = book.at_center()
    # Of a machine that was enrolled anew, and put back to before that, the same entries go on a
    # second time: the center sets them aside by their id.
    put_back = any(one.healed for one in book.machines) and bool(book.revocations)
    for written in book.acknowledged:
        count = found[written.leaf]
        least = 0 if written.leaf in book.lost else 1
        most = max(1, count) if put_back else 1
        require(least <= count <= most, f"an acknowledged entry is at the center {count} times")


def _is_stopped(book: HallBook, last: MachineBook) -> bool:
    """Is this a hall whose upload must have stopped?"""
    if last.adversity == "edited":
        found = last.machine.hall.logs.verify(last.origin)
        require(found == last.adverse_at, f"verify names {found}, not the edited entry")
    # What was on its way before may have arrived since, as it was written.
    return len(book.copies.get(last.origin, [])) <= last.adverse_at


def _rows(db: Database, table: str, hall: str) -> list[dict[str, object]]:
    found = db.query(f"SELECT * FROM {table} WHERE hall = :hall ORDER BY id", hall=hall)
    return [dict(row) for row in found]


def _check_same_rows(book: HallBook, last: MachineBook) -> None:
    """Hall and center made the same tables of the same logs."""
    tables = [r.kind for r in RECORDS if r.owner == "hall"]
    aside = _asks_of_forgotten_keys(book)
    for table in [*tables, "case_standing"]:
        mine = _rows(last.machine.hall.db, table, book.name)
        mine = [row for row in mine if (row.get("origin"), row.get("idx")) not in aside]
        theirs = _rows(book.center.office.db, table, book.name)
        require(mine == theirs, f"hall and center differ in {table}")


def _check_late(world: World, late: list) -> None:
    """Whatever is still on its way changes nothing when it arrives in the end."""
    before = _standing(world)
    calm = {b.name for b in world.books.values() if not any(m.adversity for m in b.machines)}
    world.wire.underway = [r for r in late if r.hall in calm]
    while world.wire.underway:
        world.wire.deliver_late()
    require(before == _standing(world), "a late request changed something after the end")


def _standing(world: World) -> dict[str, LogState]:
    """Every log at the center in which something stands."""
    return {s.origin: s for s in world.center.office.logs.states() if s.size}


def _check_rebuilt(world: World) -> None:
    """The tables follow from the kept leaves alone."""
    books = [one for b in world.books.values() for one in b.machines]
    books = [b for b in books if not (b.machine.foreign or b.adversity in ("edited", "exchanged"))]
    for logs in [world.center.office.logs, *(b.machine.hall.logs for b in books)]:
        before = _dump(logs.db, logs.tables)
        rebuild(logs)
        require(_dump(logs.db, logs.tables) == before, "a rebuild gives other tables")
        require(not still_there(logs), "a rebuild brings back what was erased by order")


def _dump(db: Database, tables: Tables) -> dict[str, list[dict[str, object]]]:
    names = tables.names()
    return {n: [dict(r) for r in db.query(f"SELECT * FROM {n} ORDER BY hall, id")] for n in names}


def _asks_of_forgotten_keys(book: HallBook) -> set[object]:
    """What a key asked for that a restored center does not know any more stands aside there."""
    if not book.center.restored:
        return set()
    rows = book.center.office.db.query("SELECT origin, idx, kind FROM quarantine")
    return {(row["origin"], row["idx"]) for row in rows if row["kind"] == KeysRotated.kind}
