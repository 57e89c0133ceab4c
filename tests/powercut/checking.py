"""The child that starts the product over images: ``python -m tests.powercut.checking ORDER``.

ORDER is JSON (:class:`Order`); the answer, JSON (:class:`Outcome`), goes to standard output.
"""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import msgspec

from tests.powercut.again import violations_of_second_cuts
from tests.powercut.images import Image, violations, write_image
from tests.powercut.paths import EVERY_PATH
from tests.powercut.plan import PowerCut, Recorded, sample, shares
from tests.powercut.truth import Truth

# One image in so many is also worked on, stopped and started again.
GOES_ON_EACH = 8
# At one image in so many the power goes again while the machine starts over it, so many times.
CUT_AGAIN_EACH, SECOND_CUTS = 40, 8
# Of each path.
_MOST_SAID = 10
# Random subsets at each moment: as few as give the images that were asked for.
_SUBSETS = (1, 3, 8, 20, 50)


class Order(msgspec.Struct, frozen=True):
    """What to check: this part of all images of the records in a folder.

    Args:
        records: the folder that ``tests.powercut.recording`` filled.
        scratch: where images may stand.
        images: how many, over all parts; no fewer when that many different ones can be made.
        part, parts: this child does every ``parts``-th image, from ``part`` on.
    """

    records: str
    scratch: str
    images: int
    seed: int
    part: int = 0
    parts: int = 1


class Outcome(msgspec.Struct):
    """How many images of each path were checked, and what was broken where.

    ``second``: how many were left by another cut while the machine started over the first one.
    """

    images: dict[str, int]
    violations: list[str]
    broken: int = 0
    second: int = 0


def check(order: Order) -> Outcome:
    """Check this part."""
    outcome = Outcome({}, [])
    for recorded, cuts in _planned(order):
        label = f"{recorded.machine}: {recorded.name}"
        mine = cuts[order.part :: order.parts]
        outcome.images[label] = len(mine)
        _check_cuts(order, recorded, mine, outcome)
    return outcome


def _planned(order: Order) -> list[tuple[Recorded, list[PowerCut]]]:
    """Every path with its part of the images; the same in every child of one seed."""
    random = Random(order.seed)
    every = [
        Recorded.load(Path(order.records) / path.name, machine)
        for path in EVERY_PATH
        if (Path(order.records) / path.name).exists()
        for machine in path.machines
    ]
    for subsets in _SUBSETS:
        plans = [one.cuts(random, subsets) for one in every]
        if sum(map(len, plans)) >= order.images:
            break
    counts = shares([len(cuts) for cuts in plans], order.images)
    return [
        (one, sample(cuts, count, random))
        for one, cuts, count in zip(every, plans, counts, strict=True)
    ]


def _check_cuts(order: Order, recorded: Recorded, cuts: list[PowerCut], outcome: Outcome) -> None:
    truths = msgspec.json.decode(
        (Path(order.records) / recorded.name / "truth.json").read_bytes(), type=dict[str, Truth]
    )
    waiting = cuts[::-1]
    folder = Path(order.scratch) / f"image-{order.part}"
    place = folder / recorded.machine
    for done, disk, told in recorded.moments():
        while waiting and waiting[-1].done == done:
            power_cut = waiting.pop()
            content = disk.image(power_cut.cut)
            image = Image(place, recorded.machine, truths[recorded.machine], told)
            write_image(folder, content)
            if len(waiting) % CUT_AGAIN_EACH == 0 and recorded.machine in content:
                again = violations_of_second_cuts(image, SECOND_CUTS, Random(done))
                for found in again:
                    outcome.second += 1
                    _note(outcome, recorded, power_cut, [f"cut again: {one}" for one in found])
                write_image(folder, content)
            goes_on = len(waiting) % GOES_ON_EACH == 0
            _note(outcome, recorded, power_cut, violations(replace(image, goes_on=goes_on)))


def _note(outcome: Outcome, recorded: Recorded, cut: PowerCut, found: list[str]) -> None:
    place = f"{recorded.machine}: {recorded.name}"
    outcome.broken += bool(found)
    if found and sum(said.startswith(place) for said in outcome.violations) < _MOST_SAID:
        moment = f"{place}, after operation {cut.done} ({cut.cut})"
        outcome.violations += [f"{moment}: {one}" for one in found]


def main() -> None:
    """Do what the order says; the product's own words go nowhere."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    with contextlib.redirect_stdout(io.StringIO()):
        outcome = check(order)
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


if __name__ == "__main__":
    main()
