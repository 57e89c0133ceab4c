"""What no protocol heals: it must be refused and told, and nothing may be merged or lost silently.

One hall of some worlds is restored from an old copy of its disk, or has its files edited by hand.
Restores that heal come with epochs; then the promise at the end of a restored world changes.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sync.sealing import OPENING_BYTES
from tests.simulation.book import HallBook

if TYPE_CHECKING:
    from tests.simulation.world import World

Kind = Literal["", "restored", "edited", "exchanged"]


@dataclass
class Plan:
    """What will be done to one hall, and when."""

    kind: Kind = ""
    hall: str = ""
    copied_at: int = -1
    done_at: int = -1
    image: sqlite3.Connection | None = None
    size: int = 0


def draw_plan(world: World) -> Plan:
    """Most worlds have no such hall."""
    draw = world.draw
    kinds: tuple[Kind, ...] = ("", "", "", "restored", "restored", "edited", "exchanged")
    kind = draw.choice(kinds)
    if not kind:
        return Plan()
    copied = draw.randint(3, 15)
    return Plan(kind, draw.choice(world.halls).name, copied, copied + draw.randint(3, 12))


def happen(world: World, step: int) -> None:
    """Do what the plan has for this step."""
    plan = world.plan
    if step == plan.copied_at and plan.kind == "restored":
        book = world.books[plan.hall]
        plan.image, plan.size = book.machine.disk.copy(), len(book.history)
    if step >= plan.done_at >= 0 and not world.books[plan.hall].adversity:
        _STEPS[plan.kind](world, world.books[plan.hall])


def _restore(world: World, book: HallBook) -> None:
    plan = world.plan
    assert plan.image is not None
    book.machine.disk.restore(plan.image)
    book.histories.append(book.history[: plan.size])
    book.adversity, book.mark, book.mirrored = "restored", 0, {}
    book.machine.boot()
    world.faults["restored from an old copy"] += 1


def _unsent(book: HallBook) -> range:
    return range(len(book.copy), len(book.history))


def _edit(world: World, book: HallBook) -> None:
    """Somebody changes an entry that was not sent yet with the sqlite3 command."""
    if not (where := _unsent(book)):
        return
    index = world.draw.choice(where)
    leaf = book.history[index].leaf
    changed = leaf.replace(b'"policy":', b'"policY":') if b'"policy":' in leaf else leaf[:-1] + b" "
    _by_hand(world, book, "edited", index)
    book.machine.disk.execute(
        "UPDATE entry SET leaf = :leaf WHERE origin = :origin AND idx = :idx",
        leaf=changed,
        origin=book.origin,
        idx=index,
    )


def _exchange(world: World, book: HallBook) -> None:
    """Somebody with the vault's key puts another person's data beside an entry."""
    where = [i for i in _unsent(book) if book.history[i].payload]
    if not where:
        return
    index = world.draw.choice(where)
    other = b"\0" * OPENING_BYTES + b'{"applicant_name":"somebody else"}'
    _by_hand(world, book, "exchanged", index)
    book.machine.disk.execute(
        "UPDATE personal SET sealed = :sealed WHERE origin = :origin AND idx = :idx",
        sealed=book.machine.hall.vault.lock(other, f"{book.origin}/{index}"),
        origin=book.origin,
        idx=index,
    )


def _by_hand(world: World, book: HallBook, kind: Kind, index: int) -> None:
    book.adversity, book.adverse_at = kind, index
    book.machine.disk.disarm()
    world.faults[f"{kind} by hand"] += 1


_STEPS = {"restored": _restore, "edited": _edit, "exchanged": _exchange}
