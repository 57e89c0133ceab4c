"""The central office as the program sees it: settings, database, logs, keys, standards.

Every page and command of the aggregator works through one ``Center``. It knows no Flask.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from aggregator.database.dialect import PARTITIONS
from aggregator.database.store import CenterStore
from aggregator.keys.keyring import KeyRing
from aggregator.safekeeping import unheard
from aggregator.safekeeping.offered import Offered
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
from sync.entries import Entry
from sync.errors import ComesBack, DiskFull, StoreBusy
from sync.keys.vault_key import VaultLost, open_vault
from sync.log import LogStore
from sync.notes import Signer, Verifier
from sync.private.sealing import SealingKeys
from sync.private.vault import Vault
from sync.recovery.highwater import HighWater
from sync.safekeeping.reserve import MIB, RESERVE, Reserve
from sync.safekeeping.safekeeping import RESTORED
from sync.storage.durable import make_folder, write_file
from sync.storage.schema import LogState
from sync.storage.tables import Tables, records
from web.settings import BACKUP_DAYS, read_settings, settings_text

CENTER = "center"


@dataclass(frozen=True, kw_only=True)
class CenterSettings:
    """``center.toml``. Every key is described in docs/center.md.

    Args:
        center: name in every log's origin, e.g. ``tonghua.example``; never changes.
        name: what stands on pages, e.g. ``市政务公开办公室``.
        database: SQLAlchemy URL; empty for ``center.db`` in the data folder.
        silent_hours: after so many hours without a contact a hall is an alarm.
        backup_days: backups older than this are deleted when a new one is made; 0 for never.
        city: address of the center above this one, to which ``forward`` hands the halls' logs on.
        city_root: that center's root key, as it stands in its ``root.pub``.
        city_ca: file of the authority that vouches for its certificate; empty for the machine's.
        proxy: address of the reverse proxy that speaks TLS before this center, e.g. ``127.0.0.1``:
            pages are https then, and a browser's address is what the proxy says; empty for none.
        reserve_mb: how much of the disk is kept aside for the day on which it is full; 0: none.
        partitions: into how many each large table is split when it is created on PostgreSQL.
    """

    center: str
    name: str
    database: str = ""
    partitions: int = PARTITIONS
    silent_hours: int = 24
    listen: str = "127.0.0.1:8700"
    trusted_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    metrics_from: tuple[str, ...] = ()
    restore_key: str = ""
    backup_days: int = BACKUP_DAYS
    reserve_mb: int = 64
    city: str = ""
    city_root: str = ""
    city_ca: str = ""
    proxy: str = ""

    @classmethod
    def load(cls, data: Path) -> CenterSettings:
        """Read ``center.toml`` in the data folder.

        Raises:
            FileNotFoundError: run ``onehall-aggregator init`` first.
            TypeError: an unknown or missing key.
        """
        return read_settings(cls, data / "center.toml")

    def database_file(self, data: Path) -> Path | None:
        """The file of the database; None on PostgreSQL."""
        if not self.database:
            return data.resolve() / "center.db"
        kind, _, path = self.database.partition(":///")
        return Path(path) if kind.startswith("sqlite") else None

    def save(self, data: Path) -> None:
        """Write ``center.toml``."""
        write_file(data / "center.toml", settings_text(self))


class Center:
    """The central office over its data folder.

    Args:
        data: folder with ``center.toml``, ``keys/`` and, by default, ``center.db``.
        clock, db, highwater: the simulation gives its own.
    """

    # Why this is a center over a copy, which is only read (``aggregator.database.disk``).
    reads_only = ""

    def __init__(
        self,
        data: Path,
        settings: CenterSettings,
        clock: Clock | None = None,
        db: CenterStore | None = None,
        highwater: HighWater | None = None,
    ) -> None:
        self.data, self.settings = data, settings
        self.clock = clock or system_clock()
        keys = data / "keys"
        make_folder(data)
        home = f"sqlite:///{data.resolve() / 'center.db'}"
        self.db = db or CenterStore(settings.database or home, settings.partitions)
        make = not self._has_begun()
        self.vault = self._vault_of(keys, make=make)
        self.logs = LogStore(
            self.db, self.vault, Tables(RECORDS, PROJECTIONS), self.clock, self._policy
        )
        self.logs.create()
        self.highwater = highwater or HighWater(data / "highwater")
        self.db.create(unheard.DDL)
        self.offered = Offered(self.db)
        if self.offered.create() and not (data / RESTORED).exists():
            for origin, size in self.offered.sizes().items():
                self.highwater.promise(origin, size)
        self.logs.promise = self._promise
        # Halls that were left to prove what they hold of a log; forgotten at a restart.
        self.asked_to_prove: set[tuple[str, str, int]] = set()
        # True once something came back: what was judged before is then not judged again.
        self.was_restored = self._has_returned()
        self.keys = KeyRing(keys, settings.center, self.db, self.clock, make=make)
        self.logs.open(self.standards_origin, CENTER, own=True)
        # Until then the logs of a hall are asked for by name: a database server is away.
        self.named_until = 0.0
        # Space kept aside while this center serves; without it a full disk is met by writing.
        self.reserve: Reserve | None = None
        self._shelf, self._shelf_root = Shelf(), b""
        self._shelf_lock = threading.Lock()

    def _vault_of(self, keys: Path, *, make: bool) -> Vault:
        try:
            return open_vault(self.db, keys, make=make)
        except VaultLost:
            self.db.close()
            raise

    def _has_begun(self) -> bool:
        """Whether this database is a center's already; asks for one log, because those of halls may
        stand on a server that is away.
        """
        sql = "SELECT origin FROM log WHERE origin = :origin"
        return "log" in self.db.tables() and bool(self.db.query(sql, origin=self.standards_origin))

    def _has_returned(self) -> bool:
        known = "returned" in self.db.tables()
        return known and bool(self.db.query("SELECT origin FROM returned LIMIT 1"))

    @property
    def root(self) -> Verifier:
        """The root's public key; its private half may be anywhere."""
        return self.keys.root

    @property
    def roster(self) -> Signer:
        """Signs each hall's keys."""
        return self.keys.ring.roster

    @property
    def signer(self) -> Signer:
        """Signs heads and batches of the center's own logs."""
        return self.keys.ring.log

    @property
    def cosigner(self) -> Signer:
        """Signs receipts."""
        return self.keys.ring.receipts

    @property
    def sealing(self) -> SealingKeys:
        """Opens what halls seal, with the key in force or one before it."""
        return self.keys.ring.sealing

    @property
    def standards_origin(self) -> str:
        """The standards log, the same for every hall."""
        return f"{self.settings.center}/standards/1"

    def orders_origin(self, hall: str) -> str:
        """The log of inspections and findings for one hall."""
        return f"{self.settings.center}/orders-{hall}/1"

    def _policy(self) -> int:
        return self.logs.state(self.standards_origin).size

    def _promise(self, origin: str, size: int) -> None:
        """A head of this size is about to be signed: known in the database and beside it first.

        Raises:
            StoreBusy: the log ended earlier meanwhile, because a hall showed another end of it.
        """
        if not self.offered.covers(origin, size):
            with self.db.transaction():
                if self.logs.lock(origin).size < size:
                    raise StoreBusy("this log comes back from the halls first", origin)
                self.highwater.promise(origin, size)
                self.offered.note(origin, size)
            self.offered.remember(origin, size)
        self.highwater.promise(origin, size)

    def shelf(self) -> Shelf:
        """The standards in force, built anew only when others were published."""
        state = self.logs.state(self.standards_origin)
        size, root = state.size, state.frontier.root
        with self._shelf_lock:
            if self._shelf_root != root or not size:
                self._shelf = shelf_of(
                    records(self.db, GuidePublished),
                    records(self.db, CalendarPublished),
                    records(self.db, NumberScheme),
                    size,
                    records(self.db, LeaveRulesPublished) + records(self.db, TimetablesPublished),
                )
                self._shelf_root = root
            return self._shelf

    def publish(self, record: Record, *, actor: str) -> Entry:
        """Append to the standards log; every hall fetches it at its next contact."""
        with self.db.transaction():
            self._refuse_while_short(self.logs.lock(self.standards_origin))
            return self.logs.write(self.standards_origin, record, actor=actor)

    def order(self, hall: str, record: Record, *, actor: str) -> Entry:
        """Append to one hall's orders log (opened at its first entry)."""
        origin = self.orders_origin(hall)
        with self.db.transaction():
            self.logs.open(origin, CENTER, own=True)
            self._refuse_while_short(self.logs.lock(origin))
            return self.logs.write(origin, record, actor=actor)

    def _refuse_while_short(self, state: LogState) -> None:
        """Nothing is written into a log that was longer once, or may have been: its numbers were
        given out already.

        Raises:
            ComesBack: a hall brings the rest back at its next contact
                (``aggregator.safekeeping.returning``).
            DiskFull: only the space is left that was kept aside.
        """
        self.refuse_while_full()
        if max(state.size, self.highwater.reached(state.origin)) > state.applied:
            raise ComesBack("this log comes back from the halls first", state.origin)
        if unheard.holds(self.db, state.origin):
            raise ComesBack("the halls are heard first", state.origin)

    def refuse_while_full(self) -> None:
        """Nothing new is taken in while only the space is left that was kept aside.

        Raises:
            DiskFull.
        """
        if self.reserve is not None and self.reserve.is_used:
            raise DiskFull("only the space is left that was kept aside")

    def keep_room(self) -> Reserve:
        """Keep space aside from now on."""
        size = self.settings.reserve_mb * MIB
        self.reserve = Reserve(self.data / RESERVE, size)
        return self.reserve

    def close(self) -> None:
        """Close the database."""
        self.db.close()
