"""One world: halls, a center, a bad wire, and everything that may happen, drawn from one seed.

What people do, what machines do and what goes wrong are steps; what happens to a whole machine is
planned in `adversity`.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random

from aggregator.receiving import apply, rounds
from node.outbox import epochs
from standards.records import Inspection
from sync.applied.applying import apply_pending
from sync.errors import DiskFull, StoreBusy
from sync.recovery.epochs import in_order
from sync.recovery.rebuilding import settle
from tests.simulation import adversity, clerk, contacts, erasures, folders, locksmith, thieves
from tests.simulation.book import HallBook, MachineBook, Violation, require
from tests.simulation.clocks import Time
from tests.simulation.disk import Crash, Disk
from tests.simulation.ending import heal
from tests.simulation.machines import (
    HALLS,
    CenterMachine,
    HallMachine,
    Stock,
    guide_published,
    repeatable,
)
from tests.simulation.sticks import carry
from tests.simulation.wire import Wire

STEPS = 22
Machine = HallMachine | CenterMachine


class World:
    """Everything that happens under one seed."""

    def __init__(self, stock: Stock, seed: int) -> None:
        self.stock, self.seed, self.draw = stock, seed, Random(seed)
        self.faults: Counter[str] = Counter()
        self.time = Time()
        self.trouble = self.draw.choice((0.05, 0.15, 0.3, 0.6))
        # In some worlds people erase, or change keys; drawn apart, so that the others stay.
        self.erasures, self.locks = Random(f"erasures of {seed}"), locksmith.locks_of(stock, seed)
        self.erases = self.erasures.random() < 0.25
        self.center = CenterMachine(self.locks.folder, Disk(stock.center), self.time)
        self.halls = [self._hall(name) for name in HALLS[: self.draw.choice((1, 1, 2, 2, 3))]]
        self.books = {
            hall.name: HallBook(hall.name, self.center, [MachineBook(hall, self.center)])
            for hall in self.halls
        }
        self.wire = Wire(self)
        self.published = self.own_sizes()
        self._seen: dict[tuple[str, int], int] = {}
        self.plan = adversity.draw_plan(self)
        locksmith.introduce(self)
        self.ended = False

    def _hall(self, name: str) -> HallMachine:
        disk = Disk(self.stock.halls[name])
        foreign = self.draw.random() < 0.2
        return HallMachine(self.locks.folder, name, disk, self.time, foreign=foreign)

    def run(self) -> str:
        """Live through it; answers what was violated, or nothing."""
        with repeatable(self.draw.randbytes), folders.touched(self._disk_of):
            try:
                for number in range(STEPS):
                    self.time.pass_on(self.draw.choice((0.2, 5, 600, 40_000)))
                    adversity.happen(self, number)
                    self._step()
                    self.check()
                heal(self)
            except Violation as violation:
                return str(violation)
            except Exception as error:
                return f"{type(error).__name__}: {error}{_where(error)}"
            finally:
                if self.locks.change:
                    folders.remove(self.locks.folder)
        return ""

    def _disk_of(self, keys: Path) -> Disk | None:
        """The disk of the machine whose key files these are."""
        machines: list[Machine] = [*self.halls, self.center]
        return next((one.disk for one in machines if one.keys_folder == keys), None)

    def fingerprint(self) -> str:
        """The same for the same seed: every log's head at every machine, and every fault."""
        stores = [self.center.office.logs, *(machine.hall.logs for machine in self.halls)]
        heads = [(s.origin, s.frontier.to_bytes().hex()) for logs in stores for s in logs.states()]
        return sha256(repr((heads, sorted(self.faults.items()))).encode()).hexdigest()

    # --- what happens -----------------------------------------------------------------------

    def _step(self) -> None:
        steps: list[tuple[int, Callable[[], None]]] = [
            (8, self._clerk_writes),
            (8, self._hall_calls),
            (2, self._stick_is_carried),
            (2, self._hall_applies),
            (4, self._center_applies),
            (2, self._center_speaks),
            (2, self.wire.deliver_late),
            (1, self._clock_jumps),
            (1, self._power_fails),
            (1, self._center_replays),
            (1, self._person_picks),
        ]
        if self.erases:
            steps.append((2, self._center_erases))
        if self.locks.change:
            steps += [(weight, partial(act, self)) for weight, act in locksmith.STEPS]
            steps.append((2, lambda: thieves.call(self)))
        weights = [weight for weight, _ in steps]
        self.draw.choices([step for _, step in steps], weights)[0]()

    def of(self, machine: HallMachine) -> MachineBook:
        """The book of one machine of a hall."""
        return next(b for b in self.books[machine.name].machines if b.machine is machine)

    def _any_machine(self) -> Machine:
        machines: list[Machine] = [*self.halls, self.center]
        return self.draw.choice(machines)

    def any_hall(self) -> HallMachine:
        return self.draw.choice(self.halls)

    def _clerk_writes(self) -> None:
        machine = self.any_hall()
        self.at(machine, lambda: self.clerk_writes(machine))

    def clerk_writes(self, machine: HallMachine) -> None:
        """Somebody at this hall writes one or two records in one transaction."""
        book, hall = self.of(machine), machine.hall
        book.begin(erasures.at_hall(self, machine) or clerk.plan(self.draw, machine))
        done = False
        try:
            with hall.db.transaction() if len(book.attempt) > 1 else nullcontext():
                for w in book.attempt:
                    hall.write(w.record, actor=w.actor, record_id=w.record_id)
            done = True
        except DiskFull:
            require(machine.disk.burnt == "full", "a full disk that was not full")
        except ValueError:
            require(not machine.foreign, "a record was refused that nobody checks")
        if not done:
            book.attempt = []
        book.settle(acknowledged=done)

    def meanwhile(self, machine: HallMachine) -> None:
        """While a hall's request is on its way, the world goes on, that hall's clerks too."""
        if not self.ended and self.draw.random() < 0.2:
            choice = self.draw.random()
            if choice < 0.5:
                self.clerk_writes(machine)
            elif choice < 0.7:
                self._center_applies()
            elif choice < 0.9:
                self.wire.deliver_late()
            elif choice < 0.95 or not self.locks.change:
                self._center_speaks()
            else:
                self.locks.draw.choice((locksmith.center_rotates, locksmith.center_revokes))(self)

    def _hall_calls(self) -> None:
        machine = self.any_hall()
        self.at(machine, lambda: contacts.call(self, machine))

    def _stick_is_carried(self) -> None:
        machine = self.any_hall()
        logs = machine.hall.logs
        own = in_order(s.origin for s in logs.states() if s.own)
        # A stick brings a log only behind those of earlier epochs.
        waiting = (o for o in own if logs.state(o).mark.size < logs.state(o).size)
        state = logs.state(next(waiting, own[-1]))
        start = self.draw.choice((state.mark.size, 0, self.draw.randint(0, state.size)))
        self.at(machine, lambda: carry(self, machine, (state.origin, start)))

    def _hall_applies(self) -> None:
        machine = self.any_hall()
        self.at(machine, lambda: self.hall_applies(machine))

    def hall_applies(self, machine: HallMachine) -> None:
        """A hall applies what came down."""
        logs = machine.hall.logs
        self.unless_full(machine, lambda: settle(logs))
        for state in logs.states():
            if not state.own:
                self.unless_full(machine, partial(apply_pending, logs, state.origin))

    def _center_applies(self) -> None:
        self.at(self.center, self.center_applies)

    def center_applies(self) -> None:
        """The center applies what it received, and judges it."""
        self.unless_full(self.center, lambda: apply.apply_all(self.center.office))
        self._follow()

    def _follow(self) -> None:
        for book in self.books.values():
            book.follow()

    def _center_replays(self) -> None:
        self.at(self.center, self.center_replays)

    def center_replays(self) -> None:
        """The center learns a new kind of record and tries what waited for it again."""
        for book in self.books.values():
            book.check_tables()
            book.replay_due = True
        self.unless_full(self.center, self._replay)

    def _replay(self) -> None:
        if not self.center.learned:
            self.center.learn()
        office = self.center.office
        for book in self.books.values():
            for state in rounds.logs_of(office, book.name):
                apply.replay(office, state.origin)
            book.replayed()

    def _person_picks(self) -> None:
        """Somebody decides that the machine before them goes on, where two are one hall."""
        machine = self.any_hall()
        self.at(machine, lambda: self.pick(machine))

    def pick(self, machine: HallMachine) -> None:
        """This machine goes on, when it met another one."""
        if epochs.clone_seen(machine.hall) is not None:
            self.unless_full(machine, lambda: epochs.go_on_here(machine.hall, "T01-009"))

    def _center_speaks(self) -> None:
        self.at(self.center, self._publish)

    def _publish(self) -> None:
        office = self.center.office
        if self.draw.random() < 0.3:
            self.publish_guide()
            return
        hall = self.any_hall().name
        seen = Inspection(for_hall=hall, mode="overt", day=office.clock.today(), inspector="C-09")
        self.unless_full(self.center, lambda: office.order(hall, seen, actor="C-09"))

    def publish_guide(self) -> None:
        """One more version of the guide, for every hall."""
        office = self.center.office
        record = guide_published(len(office.shelf().guides) + 1, office.clock.today())
        self.unless_full(self.center, lambda: office.publish(record, actor="C-03"))

    def _center_erases(self) -> None:
        self.at(self.center, lambda: erasures.at_center(self))

    # --- what goes wrong --------------------------------------------------------------------

    def fault(self, *names: str) -> str:
        """Perhaps one of these faults; counted."""
        if self.draw.random() >= self.trouble:
            return ""
        name = self.draw.choice(names)
        self.faults[name] += 1
        return name

    def _clock_jumps(self) -> None:
        machine = self._any_machine()
        days = self.draw.choice((3 * 365, -1, -60 * 365, 0))
        machine.clock.wrong_by = timedelta(days=days)
        self.faults["clock jump"] += 1

    def _power_fails(self) -> None:
        self.faults["restart"] += 1
        self.reboot(self._any_machine())

    def arm(self, machine: Machine, most: int) -> None:
        if kind := self.fault("crash", "full"):
            machine.disk.arm(self.draw.randint(1, most), "crash" if kind == "crash" else "full")

    def at(self, machine: Machine, act: Callable[[], object]) -> None:
        """Do something at a machine, whose power may fail at any touch of its disk."""
        self.arm(machine, 40)
        try:
            act()
        except Crash as crash:
            require(crash.disk is machine.disk, "a machine was touched from elsewhere")
            self.reboot(machine)
        finally:
            machine.disk.disarm()

    def unless_full(self, machine: Machine, act: Callable[[], object]) -> None:
        try:
            act()
        except DiskFull:
            require(machine.disk.burnt == "full", "a full disk that was not full")
        except StoreBusy:
            require(self.center.restored, "the center waits for a log that was never lost")

    def reboot(self, machine: Machine) -> None:
        """The power came back: the program starts over what the disk kept."""
        machine.disk.lose_power()
        machine.boot()
        if isinstance(machine, HallMachine):
            self.of(machine).settle(acknowledged=False)
        else:
            self._follow()

    # --- what must be true ------------------------------------------------------------------

    def own_sizes(self) -> dict[str, list[bytes]]:
        logs = self.center.office.logs
        return {s.origin: logs.leaves(s.origin, 0, s.size) for s in logs.states() if s.own}

    def check(self) -> None:
        """Every promise, as far as anything changed since it was last looked at."""
        center = self.center.disk.changes
        for name, book in self.books.items():
            if center != self._seen.get((name, -1)):
                book.check_tables()
            for number, one in enumerate(book.machines):
                place = name, number
                hall = one.machine.disk.changes
                if self._seen.get(place) != hall:
                    one.check_hall()
                    if self.locks.change:
                        one.check_trust()
                    one.check_erased()
                    one.check_mirrors()
                if (self._seen.get(place), self._seen.get((name, -1))) != (hall, center):
                    one.check_mark(book.copies)
                    one.check_deliveries()
                self._seen[place] = hall
            self._seen[name, -1] = center

    def check_center_logs(self) -> None:
        """What the center published and ordered stands as it was."""
        now = self.own_sizes()
        for origin, leaves in self.published.items():
            require(now[origin][: len(leaves)] == leaves, "the center's own log was rewritten")
        self.published = now


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return "".join(f" < {frame.name}:{frame.lineno}" for frame in reversed(frames))
