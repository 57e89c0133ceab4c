"""Which power cuts are looked at: every moment of a record, cut in every plain way and at random.

Two cuts that leave the same image behind the same acknowledgements are one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random

from tests.powercut.disk import Cut, Disk, content_of
from tests.powercut.journal import Mark, Op, read


@dataclass(frozen=True)
class PowerCut:
    """The power goes after ``done`` operations of the record, and this reached the disk.

    Args:
        is_hard: just after an acknowledgement, and nothing stays that was not synced.
    """

    done: int
    cut: Cut
    is_hard: bool = False


@dataclass(frozen=True)
class Recorded:
    """One recorded path as one machine's disk saw it."""

    name: str
    machine: str
    first: dict[str, bytes | None]
    ops: list[Op]

    @classmethod
    def load(cls, folder: Path, machine: str) -> Recorded:
        """Read what ``tests.powercut.recording`` left, without the other machine."""
        return cls(folder.name, machine, content_of(folder / "first"), read(folder / "log"))

    def moments(self) -> Iterator[tuple[int, Disk, list[Mark]]]:
        """Every moment: operations done, the disk then, and what was acknowledged till then.

        The disk and the list go on with the record; take what is needed at once.
        """
        disk, told = Disk(self.first, self.machine), list[Mark]()
        yield 0, disk, told
        for done, op in enumerate(self.ops, 1):
            disk.apply(op)
            if isinstance(op, Mark) and op.facts["machine"] == self.machine:
                told.append(op)
            yield done, disk, told

    def cuts(self, random: Random, subsets: int) -> list[PowerCut]:
        """Every different image of this record, with so many random subsets at each moment."""
        seen: set[tuple[object, ...]] = set()
        found = []
        for done, disk, told in self.moments():
            is_told = bool(told) and told[-1] is self.ops[done - 1]
            for cut in disk.cuts(random, subsets):
                key = (len(told), *disk.key(cut))
                if key not in seen:
                    seen.add(key)
                    is_hard = is_told and not cut.names and not cut.writes
                    found.append(PowerCut(done, cut, is_hard))
        return found


def shares(different: list[int], images: int) -> list[int]:
    """How many images each path gets: a fair part for the small ones, the rest by size."""
    floor = images // (2 * len(different))
    least = [min(count, floor) for count in different]
    left = sum(different) - sum(least)
    share = min(1.0, max(0, images - sum(least)) / left) if left else 0.0
    return [low + ceil((count - low) * share) for low, count in zip(least, different, strict=True)]


def sample(cuts: list[PowerCut], count: int, random: Random) -> list[PowerCut]:
    """So many of them, in the order of the record; the hardest ones are always among them."""
    hard = [i for i, cut in enumerate(cuts) if cut.is_hard]
    others = [i for i, cut in enumerate(cuts) if not cut.is_hard]
    drawn = random.sample(others, min(len(others), max(0, count - len(hard))))
    return [cuts[i] for i in sorted(hard + drawn)]
