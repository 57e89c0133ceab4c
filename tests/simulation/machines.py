"""The machines of a world: the real `Hall` and `Center` over fake disks, booted again at will."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Annotated, Any, ClassVar, cast

import sync.keys.keysets
from aggregator.center import Center, CenterSettings
from aggregator.database.store import CenterStore
from aggregator.halls import roster
from aggregator.keys import ceremony
from aggregator.receiving.rounds import CONTACT_DDL
from aggregator.safekeeping import returning
from node.hall import Hall, HallSettings
from node.keys import enrolment
from node.store import NodeStore
from standards.cases import PROJECTIONS
from standards.catalogue import starter_guides
from standards.guides import Guide
from standards.records import RECORDS, GuidePublished
from standards.records.declare import Field, Owner, Record
from standards.records.wording import Line, StaffNo
from sync.errors import DiskFull
from sync.log import Portions
from sync.notes import Verifier
from sync.recovery.highwater import HighWater
from sync.storage.tables import Tables
from tests.simulation.clocks import MachineClock, Time
from tests.simulation.disk import Disk
from tests.simulation.door import Straight
from tests.simulation.folders import KEYS

_keysets: Any = sync.keys.keysets

CENTER = "c.example"
URL = "http://c.example"
HALLS = ("T01", "T02", "T03")
FAST = Path("/dev/shm")
# So small that a few entries need several batches and several chunks.
PORTIONS = Portions(batch_entries=4, batch_plain_bytes=8_000, chunk_entries=3)
GUIDE: Guide = min(starter_guides(), key=lambda guide: len(guide.materials))


class Appointment(Record, frozen=True, kw_only=True):
    """预约: a kind of record that a newer hall writes and the center learns only later."""

    kind: ClassVar[str] = "appointment"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "预约"

    staff_no: Annotated[StaffNo, Field(label="工号")]
    name: Annotated[Line, Field(label="姓名", personal=True)]


class ForeignTables(Tables):
    """The tables of a hall whose software is not ours: it checks nothing that it writes."""

    def keep(self, *args: object, **kw: object) -> None:
        """Keeps its rows in a way of its own."""


def guide_published(version: int, day: date) -> GuidePublished:
    """One more version of the one guide of this world."""
    staff = {"drafted_by": "C-01", "checked_by": "C-02", "published_by": "C-03"}
    return GuidePublished(item=GUIDE.item, version=version, published_on=day, guide=GUIDE, **staff)


@dataclass(frozen=True)
class Stock:
    """What every world starts from: key files, an enrolled roster, empty logs."""

    folder: Path
    center: sqlite3.Connection
    halls: dict[str, sqlite3.Connection]


# Where the root is kept, away from the center's machine.
SAFE = "safe"
_KEYS = {
    "center": ("vault", "root", "roster", "log", "receipts", "sealing"),
    **dict.fromkeys(HALLS, ("vault", "signing", "cosigning", "sealing")),
}


@contextmanager
def stocked() -> Iterator[Stock]:
    """Prepare the stock once for many worlds; the folder goes at the end."""
    where = FAST if FAST.is_dir() else None
    with TemporaryDirectory(prefix="onehall-simulation-", dir=where) as name:
        folder = Path(name)
        for machine, keys in _KEYS.items():
            for key in keys:
                _write_key(folder / machine / KEYS, key, f"{machine}/{key}")
        with repeatable(Random(0).randbytes):
            stock = _prepared(folder)
        yield stock


def _write_key(folder: Path, name: str, seed: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.key"
    path.write_text(sha256(seed.encode()).hexdigest() + "\n", encoding="ascii")
    os.chmod(path, 0o600)


def _prepared(folder: Path) -> Stock:
    time = Time()
    disk = Disk()
    disk.create(CONTACT_DDL)
    center = CenterMachine(folder, disk, time)
    roster.create(center.office)
    ceremony.move_root(folder / CenterMachine.name / KEYS, folder / SAFE, CENTER)
    images = {}
    for name in HALLS:
        hall = HallMachine(folder, name, Disk(), time)
        _enrol(center.office, hall.hall)
        images[name] = hall.disk.copy()
    center.office.publish(guide_published(1, center.office.clock.today()), actor="C-03")
    return Stock(folder, disk.copy(), images)


def _enrol(office: Center, hall: Hall) -> None:
    name, line = hall.settings.hall, Straight(office, hall)
    hall.db.create(enrolment.DDL)
    roster.register_hall(office, name, "分厅")
    asked = enrolment.ask(hall, line, URL, roster.new_code(office, name))
    roster.approve(office, enrolment_of(office, asked.digits), "C-00")
    enrolment.ask_again(hall, line)


def enrolment_of(office: Center, digits: str) -> str:
    """The id of the undecided request on whose screen these digits stand; empty for none."""
    waiting = [one for one in roster.pending(office) if one.state == "pending"]
    return next((one.id for one in waiting if one.digits == digits), "")


class CenterMachine:
    """The center's machine. ``learned`` is true once it runs the software of the newer hall."""

    name = "center"

    def __init__(self, folder: Path, disk: Disk, time: Time) -> None:
        self._folder, self.disk = folder / self.name, disk
        disk.owner = self.name
        self.clock = MachineClock(time)
        self.learned = False
        self.restored = False
        self.marks = HighWater(None)
        self.boot()

    @property
    def keys_folder(self) -> Path:
        """Where its key files stand."""
        return self._folder / KEYS

    def boot(self) -> None:
        """Start the program over what the disk holds."""
        settings = CenterSettings(center=CENTER, name="市政务公开办公室")
        # The fake passes the contract of the store it stands in for.
        store = cast(CenterStore, self.disk)
        office = Center(self._folder, settings, self.clock.boot(), store, self.marks)
        office.logs.portions = PORTIONS
        if self.learned:
            office.logs.tables = Tables((*RECORDS, Appointment), PROJECTIONS)
            office.logs.create()
        returning.settle(office)
        self.office = office

    def learn(self) -> None:
        """Start the software of the newer hall."""
        self.learned = True
        try:
            self.boot()
        except DiskFull:
            self.learned = False
            raise


class HallMachine:
    """One hall's machine. ``foreign``: it runs software of another make."""

    def __init__(
        self, folder: Path, name: str, disk: Disk, time: Time, *, foreign: bool = False
    ) -> None:
        self.folder, self.name, self.disk = folder, name, disk
        disk.owner = name
        self.clock = MachineClock(time)
        self.foreign = foreign
        self.marks = HighWater(None)
        self.boot()

    def boot(self) -> None:
        """Start the program over what the disk holds."""
        settings = HallSettings(hall=self.name, name="分厅", center=CENTER)
        store = cast(NodeStore, self.disk)
        self.hall = Hall(self.folder / self.name, settings, self.clock.boot(), store, self.marks)
        self.hall.logs.portions = PORTIONS
        if self.foreign:
            self.hall.logs.tables = ForeignTables((*RECORDS, Appointment), PROJECTIONS)
            self.hall.logs.create()

    @property
    def keys_folder(self) -> Path:
        """Where its key files stand."""
        return self.folder / self.name / KEYS


@contextmanager
def repeatable(noise: Callable[[int], bytes]) -> Iterator[None]:
    """Random bytes come from the seed, so that a run can be replayed.

    Whether a signature holds is a pure question that a world asks again and again: the answer is
    remembered, which makes a run a third faster and nothing else. What is slow so that a code is
    not guessed is quick here.
    """
    places = (
        (os, "urandom", noise),
        (secrets, "choice", lambda some: some[noise(1)[0] % len(some)]),
        (_keysets, "scrypt", _quick),
        (Verifier, "verify", lru_cache(4096)(Verifier.verify)),
    )
    kept = [(place, name, getattr(place, name)) for place, name, _ in places]
    for place, name, twin in places:
        setattr(place, name, twin)
    try:
        yield
    finally:
        for place, name, real in kept:
            setattr(place, name, real)


def _quick(plain: bytes, *, salt: bytes, **cost: int) -> bytes:
    return sha256(salt + b"\n" + plain).digest()
