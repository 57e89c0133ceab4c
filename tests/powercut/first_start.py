"""The child that starts machines while their disk fails: the first start after a power cut (F3).

``python -m tests.powercut.first_start FOLDER``: two machines that were cut off at work and one of
an older version; each write of their start, up to a clean stop, fails. Then they start again.
"""

from __future__ import annotations

import contextlib
import gc
import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from aggregator import commands as center_commands
from node import commands as hall_commands
from tests.powercut import preload
from tests.powercut.coherence import entries_of, incoherences
from tests.powercut.commit_paths import cut_off, of_an_older_version
from tests.powercut.failing import FAULTS, Fault, Found
from tests.powercut.images import Image, start
from tests.powercut.stage import CENTER, HALL, Stage
from tests.powercut.truth import Truth

Held = dict[str, list[tuple[str, str]]]

MOST_WRITES = 1_000
COMMANDS = {HALL: hall_commands.main, CENTER: center_commands.main}
ORIGINS: tuple[tuple[str, str, Callable[[Stage], None]], ...] = (
    ("cut off", HALL, cut_off),
    ("cut off", CENTER, cut_off),
    ("older version", HALL, of_an_older_version),
)


def try_starts(folder: Path) -> Found:
    """Every origin under every fault."""
    found = Found()
    for name, machine, prepare in ORIGINS:
        origin = folder / "origin"
        origin.mkdir()
        prepare(Stage(origin))
        shutil.copytree(origin / machine, folder / "whole")
        held, broken = _started(folder / "whole", machine)
        shutil.rmtree(folder / "whole")
        for fault in FAULTS:
            label = f"{machine} {name}, {fault.name}"
            found.points[label] = found.refused[label] = 0
            found.violations += [f"{label}: {one}" for one in broken]
            _sweep(origin / machine, fault, (label, held), found)
        shutil.rmtree(origin)
    return found


def _sweep(origin: Path, fault: Fault, wanted: tuple[str, Held], found: Found) -> None:
    label, held = wanted
    place = origin.parent.parent / "tried"
    for nth in range(1, MOST_WRITES, 3 * fault.each):
        shutil.copytree(origin, place)
        preload.arm(place, nth, fault.error, stays=fault.stays, half=fault.half)
        said = _said(place, origin.name)
        failed = preload.disarm()
        # What a real machine loses with its program must not stay open here.
        gc.collect()
        found.refused[label] += bool(said)
        if said and not said.startswith("ClickException"):
            found.violations.append(f"{label}, write {nth}: not said in a sentence: {said}")
        now, broken = _started(place, origin.name)
        if now != held:
            broken = [*broken, "other entries than before"]
        found.violations += [f"{label}, write {nth}: {one}" for one in broken]
        shutil.rmtree(place)
        if not failed:
            return
        found.points[label] += 1


def _said(place: Path, machine: str) -> str:
    """Start by the command that an administrator types; how it ended when not well."""
    try:
        COMMANDS[machine](["status", "--data", str(place)], standalone_mode=False)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _started(place: Path, machine: str) -> tuple[Held, list[str]]:
    """Start and stop; what logs there are, and what does not hold."""
    with start(Image(place, machine, Truth([], {}, {}), [])) as (started, broken):
        logs = started.logs
        held = {state.origin: entries_of(logs, state) for state in logs.states()}
        return held, broken + list(incoherences(logs))


def main() -> None:
    """Try everything; the answer is JSON."""
    with contextlib.redirect_stdout(io.StringIO()):
        found = try_starts(Path(sys.argv[1]))
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
