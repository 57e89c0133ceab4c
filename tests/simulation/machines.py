"""The machines of a world: the real `Hall` and `Center` over fake disks, booted again at will."""

from __future__ import annotations

import os
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
from typing import Annotated, ClassVar, cast

from aggregator.center import Center, CenterSettings
from aggregator.database.store import CenterStore
from aggregator.halls import roster
from aggregator.receiving.rounds import CONTACT_DDL
from aggregator.safekeeping import returning
from node.hall import Hall, HallSettings
from node.outbox.epochs import HallLogBook
from node.store import NodeStore
from standards.cases import PROJECTIONS
from standards.catalogue import starter_guides
from standards.guides import Guide
from standards.records import RECORDS, GuidePublished
from standards.records.declare import Field, Owner, Record
from standards.records.wording import Line, StaffNo
from sync.client import Peer
from sync.contact.messages import EnrolAsk
from sync.contact.receiving import Receiver
from sync.errors import DiskFull
from sync.keys.keysets import CenterKeys, Request, code_key, code_mac
from sync.log import Portions
from sync.notes import Verifier
from sync.recovery.highwater import HighWater
from sync.storage.tables import Tables
from tests.simulation.clocks import MachineClock, Time
from tests.simulation.disk import Disk

CENTER = "c.example"
HALLS = ("T01", "T02", "T03")
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
    root: str


_KEYS = {
    "center": ("vault", "root", "roster", "log", "receipts", "sealing"),
    **dict.fromkeys(HALLS, ("vault", "signing", "cosigning", "sealing")),
}


@contextmanager
def stocked() -> Iterator[Stock]:
    """Prepare the stock once for many worlds; the folder goes at the end."""
    with TemporaryDirectory(prefix="onehall-simulation-") as name:
        folder = Path(name)
        for machine, keys in _KEYS.items():
            for key in keys:
                _write_key(folder / machine / "keys", key, f"{machine}/{key}")
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
    images = {}
    for name in HALLS:
        hall = HallMachine(folder, name, Disk(), time)
        _enrol(center.office, hall.hall)
        images[name] = hall.disk.copy()
    center.office.publish(guide_published(1, center.office.clock.today()), actor="C-03")
    return Stock(folder, disk.copy(), images, str(center.office.root))


def _enrol(office: Center, hall: Hall) -> None:
    name = hall.settings.hall
    roster.register_hall(office, name, "分厅")
    code = roster.new_code(office, name)
    request = Request(name, hall.signer.verifier, hall.cosigner.verifier, hall.sealing.public)
    mac = code_mac(code_key(code, name), request.text, "ask")
    roster.ask(office, EnrolAsk(text=request.text, mac=mac))
    waiting = next(e for e in roster.pending(office) if e.hall == name)
    roster.approve(office, waiting.id, "C-00")


class CenterMachine:
    """The center's machine. ``learned`` is true once it runs the software of the newer hall."""

    name = "center"

    def __init__(self, folder: Path, disk: Disk, time: Time) -> None:
        self._folder, self.disk = folder / "center", disk
        disk.owner = self.name
        self.clock = MachineClock(time)
        self.learned = False
        self.restored = False
        self.marks = HighWater(None)
        self.boot()

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

    def peer(self, keys: CenterKeys, root: str) -> Peer:
        """Whom this hall syncs with, and as whom."""
        hall = self.hall
        receiver = Receiver(hall.sealing, hall.cosigner)
        return Peer(self.name, Verifier.parse(root), keys, receiver, HallLogBook(hall))


@contextmanager
def repeatable(noise: Callable[[int], bytes]) -> Iterator[None]:
    """Random bytes come from the seed, so that a run can be replayed.

    Whether a signature holds is a pure question that a world asks again and again: the answer is
    remembered, which makes a run a third faster and nothing else.
    """
    urandom, verify = os.urandom, Verifier.verify
    for place, name, twin in (
        (os, "urandom", noise),
        (Verifier, "verify", lru_cache(4096)(verify)),
    ):
        setattr(place, name, twin)
    try:
        yield
    finally:
        for place, name, real in ((os, "urandom", urandom), (Verifier, "verify", verify)):
            setattr(place, name, real)
