"""The branch hall as the program sees it: settings, database, logs, keys, standards in force.

Every page and command of the node works through one ``Hall``. It knows no Flask and no network.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from node.keys.keyring import HallRing
from node.outbox import epochs
from node.store import NodeStore
from standards.cases import PROJECTIONS
from standards.records import (
    RECORDS,
    CalendarPublished,
    GuidePublished,
    LeaveRulesPublished,
    NumberScheme,
    Record,
    TimetablesPublished,
)
from standards.shelf import Shelf, shelf_of
from sync.clock import Clock, system_clock
from sync.drafts import Draft
from sync.entries import Entry
from sync.errors import DiskFull, UnknownLog
from sync.keys.vault_key import VaultLost, open_vault
from sync.log import LogStore
from sync.notes import Signer
from sync.private.sealing import SealingKey
from sync.recovery.epochs import epoch_of
from sync.recovery.highwater import HighWater
from sync.safekeeping.reserve import MIB, RESERVE, Reserve
from sync.storage.durable import make_folder, write_file
from sync.storage.schema import LogState, holds_own_log
from sync.storage.tables import Tables, records
from web.settings import BACKUP_DAYS, read_settings, settings_text


@dataclass(frozen=True, kw_only=True)
class HallSettings:
    """``node.toml``, one for each machine. Every key is described in docs/node.md.

    Args:
        hall: the hall's id, e.g. ``T01``; part of every case number.
        name: what stands on pages and printed forms, e.g. ``公安分厅``.
        center: name of the center in log origins, e.g. ``tonghua.example``.
        center_url: where the aggregator answers now; empty for the address given at enrolment.
        center_ca: file of the authority that vouches for the center's certificate; empty for those
            that this machine trusts anyway.
        sync_seconds: how often to look for something to send or fetch.
        file_kbit_s: what files may take of the line, in kilobits a second; 0 for all of it.
        file_windows: when files may go, e.g. ``12:00-13:30``; empty for always.
        timetables: file in the data folder with the hall's own timetables; empty for those that
            ship.
        backup_days: backups older than this are deleted when a new one is made; 0 for never.
        reserve_mb: how much of the disk is kept aside for the day on which it is full; 0: none.
        listen: address of the staff pages; terminal_listen: of the terminals; zkteco_listen: of
            terminals of this maker, empty where there are none.
        liveness: at our own kiosks ``off``, ``ask`` (a met challenge gives grade L) or ``must``
            (without one, number and PIN beside the face).
        face_model: file of the network's weights; face_model_id: what templates call it;
            empty for face_recognition's own.
        face_eyes: measure eyes for blinks, with a model that is not for commercial use.
    """

    hall: str
    name: str
    center: str
    center_url: str = ""
    center_ca: str = ""
    sync_seconds: int = 20
    file_kbit_s: int = 0
    file_windows: tuple[str, ...] = ()
    listen: str = "127.0.0.1:8701"
    terminal_listen: str = "127.0.0.1:8711"
    zkteco_listen: str = ""
    trusted_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    metrics_from: tuple[str, ...] = ()
    restore_key: str = ""
    liveness: str = "off"
    timetables: str = ""
    backup_days: int = BACKUP_DAYS
    face_model: str = ""
    face_model_id: str = ""
    face_eyes: bool = False
    reserve_mb: int = 64

    @classmethod
    def load(cls, data: Path) -> HallSettings:
        """Read ``node.toml`` in the data folder.

        Raises:
            FileNotFoundError: run ``onehall-node init`` first.
            TypeError: an unknown or missing key.
        """
        return read_settings(cls, data / "node.toml")

    def save(self, data: Path) -> None:
        """Write ``node.toml``."""
        write_file(data / "node.toml", settings_text(self))


R = TypeVar("R", bound=Record)


class Hall:
    """One branch hall over its data folder.

    Args:
        data: folder with ``node.toml``, ``keys/`` and ``node.db``.
        clock, db, highwater: the simulation gives its own.
    """

    def __init__(
        self,
        data: Path,
        settings: HallSettings,
        clock: Clock | None = None,
        db: NodeStore | None = None,
        highwater: HighWater | None = None,
    ) -> None:
        self.data, self.settings = data, settings
        self.clock = clock or system_clock()
        keys = data / "keys"
        make_folder(data)
        self.db = db or NodeStore(data / "node.db")
        make = not holds_own_log(self.db)
        try:
            self.vault = open_vault(self.db, keys, make=make)
        except VaultLost:
            self.db.close()
            raise
        self.logs = LogStore(
            self.db, self.vault, Tables(RECORDS, PROJECTIONS), self.clock, self._policy
        )
        self.logs.create()
        self.keys = HallRing(keys, settings.center, settings.hall, make=make)
        self.highwater = highwater or HighWater(data / "highwater")
        self.logs.promise = self.highwater.promise
        epochs.begin(self)
        # Space kept aside while this hall serves; without it a full disk is met by writing.
        self.reserve: Reserve | None = None
        # Why this is a hall over a copy, which is only read (``node.safekeeping.disk``).
        self.reads_only = ""
        self._shelf = Shelf()
        self._shelf_lock = threading.Lock()

    @property
    def signer(self) -> Signer:
        """Signs requests."""
        return self.keys.current.signer

    @property
    def cosigner(self) -> Signer:
        """Signs receipts for the center's logs."""
        return self.keys.current.cosigner

    @property
    def sealing(self) -> SealingKey:
        """Opens what the center seals to this hall, with the key in force or one before it."""
        return self.keys.sealing

    @property
    def log_name(self) -> str:
        """What the origins of this hall's logs begin with; also the name of its keys."""
        return f"{self.settings.center}/{self.settings.hall}"

    def origin_of(self, epoch: int) -> str:
        """The log of this hall in one epoch."""
        return f"{self.log_name}/{epoch}"

    @property
    def epoch(self) -> int:
        """The last epoch, whose log is open. Asked of the database each time: a transaction that
        opened one may be undone.
        """
        rows = self.db.query(
            "SELECT origin FROM log WHERE own = 1 AND writer = :hall", hall=self.settings.hall
        )
        return max((epoch_of(row["origin"]) for row in rows), default=epochs.FIRST)

    @property
    def origin(self) -> str:
        """The log that is being written now: that of the last epoch."""
        return self.origin_of(self.epoch)

    @property
    def standards_origin(self) -> str:
        """The center's standards log, the same for every hall."""
        return f"{self.settings.center}/standards/1"

    @property
    def orders_origin(self) -> str:
        """The center's log of inspections and findings for this hall."""
        return f"{self.settings.center}/orders-{self.settings.hall}/1"

    def _policy(self) -> int:
        try:
            return self.logs.state(self.standards_origin).applied
        except UnknownLog:
            return 0

    def shelf(self) -> Shelf:
        """The standards in force, built anew only when more of them were applied."""
        size = self._policy()
        with self._shelf_lock:
            if self._shelf.size != size or not size:
                self._shelf = shelf_of(
                    records(self.db, GuidePublished),
                    records(self.db, CalendarPublished),
                    records(self.db, NumberScheme),
                    size,
                    records(self.db, LeaveRulesPublished) + records(self.db, TimetablesPublished),
                )
            return self._shelf

    def write(self, record: Record, *, actor: str, record_id: str | None = None) -> Entry:
        """Append a record of this hall to its log, with its row, in one transaction.

        Raises:
            DiskFull: nothing was written; also while only the space is left that was kept aside.
        """
        if self.reserve is not None and self.reserve.is_used:
            raise DiskFull("only the space is left that was kept aside")
        # Asked for in the writer's turn: a new epoch may have been opened a moment ago.
        with self.db.transaction():
            return self.logs.write(self.origin, record, actor=actor, record_id=record_id)

    def write_all(self, drafts: Sequence[Draft]) -> list[Entry]:
        """As :meth:`write`, many records at once, in this order."""
        with self.db.transaction():
            return self.logs.write_all(self.origin, drafts)

    def state(self) -> LogState:
        """Where the open log stands; ``mark.size`` is how far the center's receipts reach."""
        return self.logs.state(self.origin)

    def read(self, record_type: type[R], record_id: str) -> R | None:
        """A record with its personal part opened, by id; None when there is no such record."""
        return self.logs.read(record_type, record_id)

    def keep_room(self) -> Reserve:
        """Keep space aside from now on."""
        size = self.settings.reserve_mb * MIB
        self.reserve = Reserve(self.data / RESERVE, size)
        return self.reserve

    def close(self) -> None:
        """Close the database."""
        self.db.close()
