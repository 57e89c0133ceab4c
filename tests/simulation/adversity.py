"""What happens to whole machines: restored from an old copy, cloned, edited by hand.

A restored hall heals by itself, with and without the high-water mark that the copy does not hold; a
clone heals when a person picks a machine; a restored center gets back what the halls hold. Edits
by hand must be refused and told: no protocol heals them.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal

from aggregator.safekeeping import unheard
from sync.private.sealing import OPENING_BYTES
from sync.recovery.highwater import HighWater
from tests.simulation import contacts, locksmith
from tests.simulation.book import MachineBook
from tests.simulation.disk import Disk
from tests.simulation.folders import KEYS, content, put
from tests.simulation.machines import HallMachine
from tests.simulation.reference import Reference
from tests.simulation.sticks import carry

if TYPE_CHECKING:
    from tests.simulation.world import World

Kind = Literal["", "restored", "disk exchanged", "cloned", "center restored", "edited", "exchanged"]
KINDS: tuple[Kind, ...] = (
    *("", "", "restored", "restored", "disk exchanged", "disk exchanged", "cloned", "cloned"),
    *("center restored", "center restored", "edited", "exchanged"),
)


# What became of the file of marks beside a center's database that was put back: it stayed, it was
# lost (and whoever put the database back said so), or it went back as well, and nobody knows.
Marks = Literal["kept", "lost", "put back"]


@dataclass
class Plan:
    """What will be done to one hall, and when."""

    kind: Kind = ""
    hall: str = ""
    copied_at: int = -1
    done_at: int = -1
    image: sqlite3.Connection | None = None
    marks: HighWater | None = None
    keys: dict[str, str] = field(default_factory=dict)
    told: int = 0
    references: dict[str, Reference] = field(default_factory=dict)


def draw_plan(world: World) -> Plan:
    """Some worlds have no such hall."""
    draw = world.draw
    kind = draw.choice(KINDS)
    if not kind:
        return Plan()
    copied = draw.randint(3, 15)
    return Plan(kind, draw.choice(world.halls).name, copied, copied + draw.randint(3, 12))


def happen(world: World, step: int) -> None:
    """Do what the plan has for this step."""
    plan = world.plan
    if not plan.hall:
        return
    book = world.books[plan.hall].machines[0]
    if plan.kind == "center restored":
        _at_center(world, step)
        return
    if step == plan.copied_at:
        plan.image, plan.marks = book.machine.disk.copy(), copied_marks(book.machine.marks)
        plan.keys = content(book.machine.keys_folder)
        plan.told = len(book.told)
    if step >= plan.done_at and not book.adversity:
        _STEPS[plan.kind](world, book)


def _marks_at_center(world: World) -> Marks:
    """Drawn apart, so that all other worlds stay as they were. Where more than one hall is there,
    what was written since may have been shown to one before another calls; then a person must act.
    """
    draw = Random(f"marks of {world.seed}")
    return draw.choice(("kept", "lost", "put back" if len(world.halls) == 1 else "lost"))


def _at_center(world: World, step: int) -> None:
    """The center's database is put back from a copy, with or without the file of marks."""
    plan, center = world.plan, world.center
    if step == plan.copied_at:
        plan.image, plan.marks = center.disk.copy(), copied_marks(center.marks)
        plan.references = {name: book.snapshot() for name, book in world.books.items()}
        _one_hears(world, 0)
    if step < plan.done_at or center.restored:
        return
    assert plan.image is not None and plan.marks is not None
    center.disk.restore(plan.image)
    center.restored, marks = True, _marks_at_center(world)
    world.faults[f"{plan.kind}, marks {marks}"] += 1
    if marks != "kept":
        center.marks = plan.marks if marks == "put back" else HighWater(None)
    center.boot()
    locksmith.center_was_restored(world)
    if marks == "lost":
        unheard.wait_for_all(center.office.db, center.office.clock.stamp())
    world.wire.receipts.clear()
    for name, book in world.books.items():
        kinds = book.reference.kinds
        book.reference = plan.references[name]
        book.reference.kinds = kinds
        book.forget()
    # What the center published since the copy comes back, or is lost.
    world.published = world.own_sizes()
    _one_hears(world, -1)


def _one_hears(world: World, which: int) -> None:
    """Where marks will be lost, something is published right after the copy and right after it was
    put back; a hall that holds much of the standards hears of the first, one that holds little of
    the second.
    """
    if _marks_at_center(world) == "lost":
        world.at(world.center, world.publish_guide)
        hall = sorted(world.halls, key=_standards_at, reverse=True)[which]
        world.at(hall, lambda: contacts.call(world, hall))


def _standards_at(machine: HallMachine) -> int:
    logs, origin = machine.hall.logs, machine.hall.standards_origin
    with machine.disk.looked_at():
        return next((state.size for state in logs.states() if state.origin == origin), 0)


def copied_marks(marks: HighWater) -> HighWater:
    """The file of high-water marks as it stands now."""
    copy = HighWater(None)
    for origin in marks.origins():
        copy.promise(origin, marks.reached(origin))
    return copy


def _restore(world: World, book: MachineBook) -> None:
    """The database is put back from a copy; the file beside it stays."""
    plan = world.plan
    assert plan.image is not None
    hall = world.books[plan.hall]
    gone = book.told[plan.told :]
    kept = {leaf for copy in hall.copies.values() for leaf in copy}
    hall.lost |= {written.leaf for written in gone if written.leaf not in kept}
    hall.past += gone
    book.told = book.told[: plan.told]
    book.machine.disk.restore(plan.image)
    book.adversity, book.healed, book.marks, book.mirrored = plan.kind, True, {}, {}
    world.faults[plan.kind] += 1
    book.machine.boot()


def _exchange_disk(world: World, book: MachineBook) -> None:
    """The whole disk is put back, marks and keys too: the machine cannot know."""
    assert world.plan.marks is not None
    if world.locks.change:
        put(book.machine.keys_folder, world.plan.keys)
    book.machine.marks = copied_marks(world.plan.marks)
    _restore(world, book)
    if world.draw.random() < 0.5:
        _by_stick_first(world, book.machine)


def _by_stick_first(world: World, machine: HallMachine) -> None:
    """Before any contact people write at it and send a stick: it may be behind, and elsewhere."""
    for _ in range(world.draw.randint(1, 2)):
        world.at(machine, lambda: world.clerk_writes(machine))
    state = machine.hall.state()
    world.at(machine, lambda: carry(world, machine, (state.origin, state.mark.size)))


def _clone(world: World, book: MachineBook) -> None:
    """The machine's disk is copied, and from now on two machines are this hall."""
    machine, folder = book.machine, book.machine.folder
    if world.locks.change:
        folder = folder / "world-twin"
        put(folder / machine.name / KEYS, content(machine.keys_folder))
    disk = Disk(machine.disk.copy())
    twin = HallMachine(folder, machine.name, disk, world.time, foreign=machine.foreign)
    twin.marks = copied_marks(machine.marks)
    twin.boot()
    second = MachineBook(twin, world.center, list(book.told))
    for one in (book, second):
        one.adversity, one.healed = "cloned", True
    world.books[machine.name].machines.append(second)
    world.halls.append(twin)
    world.faults["cloned"] += 1


def _unsent(world: World, book: MachineBook) -> range:
    logs, origin = book.own_logs(), book.origin
    copy = world.books[book.machine.name].copies.get(origin, [])
    return range(len(copy), len(logs[origin]))


def _edit(world: World, book: MachineBook) -> None:
    """Somebody changes an entry that was not sent yet with the sqlite3 command."""
    if not (where := _unsent(world, book)):
        return
    index = world.draw.choice(where)
    leaf = book.own_logs()[book.origin][index]
    changed = leaf.replace(b'"policy":', b'"policY":') if b'"policy":' in leaf else leaf[:-1] + b" "
    _by_hand(world, book, "edited", index)
    book.machine.disk.execute(
        "UPDATE entry SET leaf = :leaf WHERE origin = :origin AND idx = :idx",
        leaf=changed,
        origin=book.origin,
        idx=index,
    )


def _exchange(world: World, book: MachineBook) -> None:
    """Somebody with the vault's key puts another person's data beside an entry."""
    hall, logs = book.machine.hall, book.own_logs()
    where = [i for i in _unsent(world, book) if b'"commitment":' in logs[book.origin][i]]
    if not where:
        return
    index = world.draw.choice(where)
    other = b"\0" * OPENING_BYTES + b'{"applicant_name":"somebody else"}'
    _by_hand(world, book, "exchanged", index)
    book.machine.disk.execute(
        "UPDATE personal SET sealed = :sealed WHERE origin = :origin AND idx = :idx",
        sealed=hall.vault.lock(other, f"{book.origin}/{index}"),
        origin=book.origin,
        idx=index,
    )


def _by_hand(world: World, book: MachineBook, kind: Kind, index: int) -> None:
    book.look()
    book.adversity, book.adverse_at = kind, index
    book.machine.disk.disarm()
    world.faults[f"{kind} by hand"] += 1


_STEPS = {
    "restored": _restore,
    "disk exchanged": _exchange_disk,
    "cloned": _clone,
    "edited": _edit,
    "exchanged": _exchange,
}
