"""The child whose disk fails: every n-th write of every kind of work, in three ways (F4, H2).

``python -m tests.powercut.failing FOLDER [WORK ...]`` does each kind of work again and again over
one pair of machines that keep running: the n-th write fails, the work is refused and nothing of it
stands; a machine that is killed at that moment starts again; on the healthy disk the same work is
done.
"""

from __future__ import annotations

import errno
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from aggregator.center import Center
from aggregator.receiving.apply import apply_hall
from aggregator.receiving.rounds import take_batch
from node.hall import Hall
from node.outbox.syncing import apply_down
from standards.records import NumberScheme
from sync.contact import receiving
from sync.contact.receiving import Writer
from sync.contact.sending import accept_receipt, next_batch
from sync.errors import DiskFull
from tests.powercut import preload
from tests.powercut.coherence import incoherences
from tests.powercut.commit_paths import ACTOR, case, in_step, write_cases
from tests.powercut.images import Image, start
from tests.powercut.stage import CENTER, DATABASES, HALL, Stage
from tests.powercut.truth import Truth
from tests.powercut.watched import digest

Act = Callable[[], object]
MOST_POINTS = 200


@dataclass(frozen=True)
class Fault:
    """How the disk fails; ``each``: at every write, or only at one in so many."""

    name: str
    error: int
    stays: bool
    half: bool = False
    each: int = 1


FAULTS = (
    Fault("full from then on", errno.ENOSPC, stays=True),
    Fault("full in the middle of a write", errno.ENOSPC, stays=True, half=True, each=4),
    Fault("one error", errno.EIO, stays=False, each=3),
)


@dataclass
class Pair:
    """Both machines, running, and the folder they stand in."""

    folder: Path
    hall: Hall
    center: Center

    def standards(self, origin: str) -> Writer:
        """Who writes the center's logs."""
        return Writer("center", origin, self.center.signer.verifier)

    def next_of_hall(self) -> bytes:
        """The hall's next batch for the center."""
        held = {state.origin: state.size for state in self.center.logs.states()}
        sealing, start = self.center.sealing.public, held.get(self.hall.origin, 0)
        raw = next_batch(self.hall.logs, self.hall.origin, start, self.hall.signer, sealing)
        assert raw is not None
        return raw

    def next_of_center(self) -> bytes:
        """The center's next batch of standards for the hall."""
        origin = self.center.standards_origin
        start = self.hall.logs.state(origin).size
        logs, signer = self.center.logs, self.center.signer
        raw = next_batch(logs, origin, start, signer, self.hall.sealing.public)
        assert raw is not None
        return raw


# --- kinds of work: each prepares and gives what is then tried under the fault -------------------


def intake(pair: Pair) -> Act:
    """A case and its step."""
    return lambda: write_cases(pair.hall, 1)


def receive(pair: Pair) -> Act:
    """The center takes a batch in."""
    write_cases(pair.hall, 1)
    raw = pair.next_of_hall()
    return lambda: take(pair, raw)


def take(pair: Pair, raw: bytes) -> bytes:
    """Hand a batch to the center."""
    return take_batch(pair.center, ("T01", "1"), raw)


def believe(pair: Pair) -> Act:
    """The hall keeps a receipt and moves its mark."""
    write_cases(pair.hall, 1)
    note = take(pair, pair.next_of_hall())
    cosigner = pair.center.cosigner.verifier
    return lambda: accept_receipt(pair.hall.logs, pair.hall.origin, note, cosigner)


def fetch(pair: Pair) -> Act:
    """The hall takes a batch of standards in."""
    size = pair.center.logs.state(pair.center.standards_origin).size
    scheme = NumberScheme(version=size + 9, template="{hall}-{date}{epoch}{serial:04d}{tail}")
    pair.center.publish(scheme, actor="C-003")
    raw = pair.next_of_center()
    receiver = receiving.Receiver(pair.hall.sealing, pair.hall.cosigner)
    return lambda: receiving.receive(pair.hall.logs, raw, pair.standards, receiver)


def follow(pair: Pair) -> Act:
    """The hall applies what it fetched."""
    fetch(pair)()
    return lambda: apply_down(pair.hall)


def judge(pair: Pair) -> Act:
    """The center applies what it received."""
    write_cases(pair.hall, 1)
    take(pair, pair.next_of_hall())
    return lambda: apply_hall(pair.center, pair.hall.origin)


WORKS: dict[str, tuple[str, Callable[[Pair], Act]]] = {
    "intake": (HALL, intake),
    "receipt kept": (HALL, believe),
    "batch fetched": (HALL, fetch),
    "standards followed": (HALL, follow),
    "batch received": (CENTER, receive),
    "cases applied": (CENTER, judge),
}


def in_two_parts(pair: Pair) -> Act:
    """Breaks the promise: a case that is refused after its first half was committed."""

    def act() -> None:
        pair.hall.write(case(1), actor=ACTOR)
        write_cases(pair.hall, 1)

    return act


def says_nothing(pair: Pair) -> Act:
    """Breaks the promise: tells the clerk that it was done."""

    def act() -> None:
        with suppress(DiskFull):
            write_cases(pair.hall, 1)

    return act


# What the test must find out; never tried otherwise.
MUTANTS: dict[str, tuple[str, Callable[[Pair], Act]]] = {
    "in two parts": (HALL, in_two_parts),
    "says nothing": (HALL, says_nothing),
}


EVERY_WORK = {**WORKS, **MUTANTS}


@dataclass(frozen=True)
class Work:
    """One kind of work under one fault."""

    name: str
    fault: Fault

    @property
    def label(self) -> str:
        """What is said of it."""
        return f"{self.name}, {self.fault.name}"

    @property
    def machine(self) -> str:
        """Whose disk fails."""
        return EVERY_WORK[self.name][0]


@dataclass
class Found:
    """How often the disk failed under each kind of work, how often that was said, what broke."""

    points: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def try_work(folder: Path, names: Sequence[str]) -> Found:
    """These kinds of work under every fault, at one write after the other."""
    found = Found()
    stage = Stage(folder)
    in_step(stage)
    stage.watch()
    stage.rest()
    with stage.both() as (hall, center):
        pair = Pair(folder, hall, center)
        for work in (Work(name, fault) for name in names for fault in _faults(name)):
            found.points[work.label] = found.refused[work.label] = 0
            while _at_point(pair, work, found):
                found.points[work.label] += 1
    for machine in (HALL, CENTER):
        found.violations += [f"at the end: {one}" for one in _started(folder / machine, machine)]
    return found


def _faults(name: str) -> Sequence[Fault]:
    return FAULTS if name in WORKS else FAULTS[:1]


def _at_point(pair: Pair, work: Work, found: Found) -> bool:
    """Try the work with the next write failing; False when it has no write that is so late."""
    act = EVERY_WORK[work.name][1](pair)
    place = pair.folder / work.machine
    database = place / DATABASES[work.machine]
    before = digest(database)
    nth = found.points[work.label] * work.fault.each + 1
    preload.arm(place, nth, work.fault.error, stays=work.fault.stays, half=work.fault.half)
    said = _said(act)
    failed = preload.disarm()
    broken = list(_broken(pair, work, said, digest(database) == before))
    if said:
        found.refused[work.label] += 1
        broken += [f"not done afterwards: {again}" for again in [_said(act)] if again]
    if digest(database) == before:
        broken.append("done, and nothing of it stands")
    found.violations += [f"{work.label}, write {nth}: {one}" for one in broken]
    return failed > 0 and nth < MOST_POINTS


def _said(act: Act) -> str:
    """Empty when it was done; else how it was refused."""
    try:
        act()
    except Exception as error:
        return type(error).__name__
    return ""


def _broken(pair: Pair, work: Work, said: str, is_as_before: bool) -> Iterator[str]:
    if not said:
        return
    if said not in ("DiskFull", "Unwritable", "TryLater"):
        yield f"not a clear refusal: {said}"
    if not is_as_before:
        yield "refused, and yet something stands"
    killed = pair.folder / "killed"
    shutil.copytree(pair.folder / work.machine, killed, dirs_exist_ok=True)
    yield from (f"killed then: {one}" for one in _started(killed, work.machine))
    shutil.rmtree(killed)


def _started(place: Path, machine: str) -> list[str]:
    with start(Image(place, machine, Truth([], {}, {}), [])) as (started, broken):
        return broken + list(incoherences(started.logs))


def main() -> None:
    """Try the named kinds of work, or all that keep the promise; the answer is JSON."""
    found = try_work(Path(sys.argv[1]), sys.argv[2:] or [*WORKS])
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
