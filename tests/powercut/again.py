"""The power goes a second time, while the machine starts over what the first cut left (F3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from tests.powercut import preload
from tests.powercut.disk import content_of
from tests.powercut.images import Image, start, violations, write_image
from tests.powercut.journal import read
from tests.powercut.plan import Recorded, sample


def violations_of_second_cuts(image: Image, cuts: int, random: Random) -> Iterator[list[str]]:
    """Start over an image and stop while this is recorded; cut again, and start over that.

    Args:
        image: a folder of its own name inside one that holds nothing else; left changed.
    """
    disk = image.folder.parent
    log = disk.with_name(f"{disk.name}.log")
    first = content_of(disk)
    try:
        with preload.recorded(disk, log), start(image):
            pass
    except Exception as error:
        yield [f"does not start: {type(error).__name__}: {error}"]
        return
    recovery = Recorded("recovery", image.machine, first, read(log))
    waiting = sample(recovery.cuts(random, 1), cuts, random)[::-1]
    second = disk.with_name(f"{disk.name}-again")
    for done, played, _ in recovery.moments():
        while waiting and waiting[-1].done == done:
            write_image(second, played.image(waiting.pop().cut))
            yield violations(replace(image, folder=second / image.machine, goes_on=False))
