"""A machine started over a disk that lost power, and what it must hold.

The product starts as after any power cut: nobody there, no repair, no option. Then its state is
one that it committed, none before the last acknowledged one, and everything it told somebody holds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from aggregator import commands as center_commands
from aggregator.app import create_tables
from aggregator.center import Center, CenterSettings
from aggregator.database.store import CenterStore
from node import commands as hall_commands
from node.app import LOCAL_TABLES
from node.hall import Hall, HallSettings
from node.keys import enrolment
from node.outbox.syncing import apply_down
from node.store import NodeStore
from standards.records import NumberScheme, Punch
from sync.applied.applying import rebuild
from sync.errors import SyncError
from tests.node.hall import TurnableClock
from tests.powercut.coherence import entries_of, incoherences, tables_of
from tests.powercut.journal import Mark
from tests.powercut.promises import TOLD, half_files
from tests.powercut.stage import DATABASES, HALL, NAME, OFFICE, SETTINGS
from tests.powercut.truth import Truth
from tests.powercut.watched import digest

Violations = Iterator[str]
Machine = Hall | Center
Started = tuple[Machine, list[str]]


@dataclass(frozen=True)
class Image:
    """One machine after a power cut.

    Args:
        acknowledged: the marks that stood in the record before the cut.
        goes_on: also work on it, stop it, start it again, and rebuild its tables.
    """

    folder: Path
    machine: str
    truth: Truth
    acknowledged: Sequence[Mark]
    goes_on: bool = False

    @property
    def database(self) -> Path:
        """The machine's database."""
        return self.folder / DATABASES[self.machine]


def write_image(folder: Path, content: Mapping[str, bytes | None]) -> None:
    """Put an image where a machine can start over it; files as private as keys must be."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in sorted(content):
        data = content[path]
        if data is None:
            (folder / path).mkdir(mode=0o700)
            continue
        descriptor = os.open(folder / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb", buffering=0) as file:
            file.write(data)


def violations(image: Image) -> list[str]:
    """What this image broke of the promises; a machine that does not start broke them all."""
    try:
        found = list(_of_files(image))
        with start(image) as (machine, broken):
            found += [*broken, *_of_logs(image, machine), *_of_told(image, machine)]
            if image.goes_on and not found:
                found += _work(machine)
        if image.goes_on and not found:
            with start(image, again=True) as (machine, broken):
                found += [*broken, *incoherences(machine.logs), *_of_told(image, machine)]
        return found
    except Exception as error:
        return [f"does not start: {type(error).__name__}: {error}"]


# --- what every machine must hold ---------------------------------------------------------------


def _of_files(image: Image) -> Violations:
    """Settings and keys that an administrator was told of are there."""
    for mark in image.acknowledged:
        if mark.what == "kept":
            path = image.folder / mark.facts["path"]
            held = sha256(path.read_bytes()).hexdigest() if path.exists() else ""
            if held != mark.facts["content"]:
                yield f"{mark.facts['path']} is gone or another one"


def _of_state(image: Image) -> Violations:
    """The database is one of the committed states, none before the last acknowledged one."""
    states = image.truth.states
    told = max((m.facts["state"] for m in image.acknowledged if m.what == "committed"), default=0)
    state = digest(image.database)
    if len(states) < 2 or state in states[told:]:
        return
    if state in states:
        yield f"an acknowledged commit is lost: state {states.index(state)}, not {told}"
    else:
        yield "a state that was never committed"


def _of_logs(image: Image, machine: Machine) -> Violations:
    """Every log is a beginning of what was written, and ends where a transaction ended."""
    yield from incoherences(machine.logs)
    yield from (f"half a file has the name {name}" for name in half_files(machine))
    every = image.truth.entries
    for state in machine.logs.states() if every is not None else []:
        truth = (every or {}).get(state.origin, [])
        if entries_of(machine.logs, state) != truth[: state.size]:
            yield f"{state.origin}: other entries than were written"
        if state.size not in image.truth.ends.get(state.origin, [state.size]):
            yield f"half a case: {state.origin} ends at {state.size}"


def _of_told(image: Image, machine: Machine) -> Violations:
    # Of the reports on one log the last one says it all.
    latest = {(m.what, m.facts["origin"]): m for m in image.acknowledged if m.what == "reported"}
    others = [mark for mark in image.acknowledged if mark.what != "reported"]
    for mark in (*latest.values(), *others):
        if mark.what in TOLD and not _holds(machine, mark):
            yield f"acknowledged and not there: {mark.what} {mark.facts}"


def _holds(machine: Machine, mark: Mark) -> bool:
    try:
        return TOLD[mark.what](machine, mark.facts)
    except SyncError:
        return False


# --- starting and going on ----------------------------------------------------------------------


def start(image: Image, *, again: bool = False) -> AbstractContextManager[Started]:
    """Start the machine of an image as its unit does; where it was not set up yet, set it up.

    Gives the machine and what was wrong with its database. ``again``: it has worked since.
    """
    return (_hall if image.machine == HALL else _center)(image, again=again)


@contextmanager
def _hall(image: Image, *, again: bool) -> Iterator[Started]:
    if not (image.folder / "node.toml").exists():
        told = ["init", "--hall", SETTINGS.hall, "--name", SETTINGS.name, "--center", NAME]
        hall_commands.main([*told, "--data", str(image.folder)], standalone_mode=False)
    store = NodeStore(image.database)
    try:
        broken = [] if (whole := store.integrity()) == "ok" else [f"integrity: {whole}"]
        if not again:
            broken += _of_state(image)
        settings = HallSettings.load(image.folder)
        hall = Hall(image.folder, settings, TurnableClock().as_clock(), store)
        hall.db.create([*LOCAL_TABLES, *enrolment.DDL])
        yield hall, broken
    finally:
        store.close()


@contextmanager
def _center(image: Image, *, again: bool) -> Iterator[Started]:
    if not (image.folder / "center.toml").exists():
        told = ["init", "--center", NAME, "--name", OFFICE.name, "--data", str(image.folder)]
        center_commands.main(told, standalone_mode=False)
    store = CenterStore(f"sqlite:///{image.database}")
    try:
        whole = store.query("PRAGMA integrity_check(3)")[0]["integrity_check"]
        broken = [] if whole == "ok" else [f"integrity: {whole}"]
        if not again:
            broken += _of_state(image)
        settings = CenterSettings.load(image.folder)
        center = Center(image.folder, settings, TurnableClock().as_clock(), store)
        create_tables(center)
        yield center, broken
    finally:
        store.close()


def _work(machine: Machine) -> list[str]:
    """Take something in, and build the tables anew: they must come out the same."""
    if isinstance(machine, Hall):
        # As the next contact does, whatever comes of it.
        apply_down(machine)
        at = "2026-11-24T08:29:57+08:00"
        machine.write(Punch(staff_no="T01-009", punched_at=at, way="pin", grade="C"), actor="T01")
    else:
        machine.publish(NumberScheme(version=9, template="{hall}-{tail}"), actor="C-003")
    before = tables_of(machine.logs)
    rebuild(machine.logs)
    return [] if tables_of(machine.logs) == before else ["a rebuild gives other tables"]
