"""依法删除 in a world: orders that somebody writes, and what may stand of a person afterwards.

The book reads the orders out of the logs by itself and never asks the tables of the product what
was erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import TYPE_CHECKING

import msgspec

from standards.records import ErasureDecided, ErasureOrdered
from standards.records.declare import Named, Record, erased_by
from sync.log import LogStore
from sync.storage.schema import LogState
from tests.simulation.clerk import Writing
from tests.simulation.machines import HallMachine

if TYPE_CHECKING:
    from tests.simulation.world import World

_KINDS = (ErasureDecided.kind, ErasureOrdered.kind)
_MARK = b'"kind":"erasure_'


class _Body(msgspec.Struct):
    entries: tuple[Named, ...] = ()


class _Leaf(msgspec.Struct):
    kind: str = ""
    id: str = ""
    body: _Body = msgspec.field(default_factory=_Body)


def ordered_in(leaves: Iterable[bytes]) -> Iterator[str]:
    """Ids of the entries that these leaves order to be erased."""
    for leaf in leaves:
        if _MARK in leaf:
            yield from (one.id for one in msgspec.json.decode(leaf, type=_Leaf).body.entries)


def ids_named_by(records: Iterable[Record]) -> set[str]:
    """Ids of the entries that these records order to be erased."""
    return {one.id for record in records for one in erased_by(type(record), record)}


def at_hall(world: World, machine: HallMachine) -> list[Writing]:
    """Now and then somebody erases entries of this hall."""
    if not world.erases or world.erasures.random() < 0.85:
        return []
    actor = f"{machine.name}-009"
    record = decided(world.erasures, machine, actor)
    if record is None:
        return []
    world.books[machine.name].ordered |= ids_named_by([record])
    world.faults["erased"] += 1
    return [Writing(record, actor)]


def at_center(world: World) -> None:
    """Somebody decides at the center that entries of a hall are erased."""
    office, machine = world.center.office, world.any_hall()
    hall, by_telephone = machine.name, world.erasures.random() < 0.5
    with machine.disk.looked_at():
        told = machine.hall.logs if by_telephone else office.logs
        order = ordered(world.erasures, told, hall)
    if order is not None:
        world.books[hall].ordered |= ids_named_by([order])
        world.faults["erased"] += 1
        world.unless_full(world.center, lambda: office.order(hall, order, actor="C-02"))


def decided(draw: Random, machine: HallMachine, actor: str) -> ErasureDecided | None:
    """A hall erases entries of its own; None when there is nothing to erase."""
    logs = machine.hall.logs
    places = _with_parts(logs, [state for state in logs.states() if state.own])
    if not places:
        return None
    entries = _some(draw, logs, places, exact=machine.foreign)
    if not entries:
        return None
    return ErasureDecided(entries=entries, ordered_by="T01-008", carried_out_by=actor, **_ABOUT)


def ordered(draw: Random, logs: LogStore, hall: str) -> ErasureOrdered | None:
    """The center orders that entries of a hall are erased.

    Args:
        logs: where somebody read which ones: the center's, or the hall's own, which may hold
            entries that the center has not got yet.
    """
    places = _with_parts(logs, [state for state in logs.states() if state.writer == hall])
    if not places:
        return None
    # An entry that is not applied is known by its place alone.
    entries = _some(draw, logs, places, exact=True)
    if not entries:
        return None
    people = {"ordered_by": "C-01", "carried_out_by": "C-02"}
    return ErasureOrdered(for_hall=hall, entries=entries, **people, **_ABOUT)


_ABOUT = {"about": "case", "about_id": "x", "ground": "purpose_over", "document": "1"}


def _with_parts(logs: LogStore, states: Iterable[LogState]) -> list[tuple[str, int]]:
    """Where entries stand whose personal part is here."""
    return sorted(
        (state.origin, index)
        for state in states
        for index in logs.personal(state.origin, 0, state.size)
    )


def _some(
    draw: Random, logs: LogStore, places: list[tuple[str, int]], *, exact: bool
) -> tuple[Named, ...]:
    chosen = draw.sample(places, min(len(places), draw.choice((1, 1, 2))))
    found = []
    for origin, index in sorted(chosen):
        name = _id(logs.leaves(origin, index, index + 1)[0])
        # Where it stood once: since then entries may have moved, and others stand there.
        at = index if exact or draw.random() < 0.6 else draw.randrange(logs.state(origin).size)
        if name:
            found.append(Named(log=origin, index=at, id=name))
    return tuple(found)


def _id(leaf: bytes) -> str:
    """Empty for a leaf that somebody broke by hand."""
    try:
        return msgspec.json.decode(leaf, type=_Leaf).id
    except msgspec.DecodeError:
        return ""


# --- what must be true --------------------------------------------------------------------------


def still_there(logs: LogStore) -> set[str]:
    """Entries whose erasure was applied here and of whom a personal part stands all the same."""
    states = logs.states()
    orders = {name for state in states for name in ordered_in(_applied(logs, state))}
    return orders & parts_held(logs, states) if orders else set()


def _applied(logs: LogStore, state: LogState) -> Iterator[bytes]:
    rows = logs.db.query("SELECT idx FROM quarantine WHERE origin = :o", o=state.origin)
    held = {row["idx"] for row in rows}
    for index, leaf in enumerate(logs.leaves(state.origin, 0, state.applied)):
        if index not in held:
            yield leaf


def parts_held(logs: LogStore, states: Iterable[LogState]) -> set[str]:
    """Ids of all entries whose personal part stands here."""
    found = set()
    for state in states:
        parts = logs.personal(state.origin, 0, state.size)
        if parts:
            leaves = logs.leaves(state.origin, 0, state.size)
            found |= {_id(leaves[index]) for index in parts}
    return found
