"""Sticks, backups and upgrades, ended at named points."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from aggregator.center import CenterSettings
from aggregator.database.store import CenterStore
from node.hall import HallSettings
from node.store import NodeStore
from sync.safekeeping.backup import ENDING, read_contents
from sync.safekeeping.safekeeping import make_restore_key
from sync.storage.migrations import STEPS, Step, migrate
from sync.storage.store import Database
from tests.failpoints.machines import DATABASES, Machines
from tests.failpoints.promises import check_at_once
from tests.failpoints.work import PROGRAMS, SERIALS, data
from tests.releases.content import NAME


def _stick(machines: Machines) -> Path:
    stick = machines.folder / "stick"
    stick.mkdir(exist_ok=True)
    return stick


def more(machines: Machines) -> None:
    """New entries on both sides."""
    machines.work(newer=False)


def exported(machines: Machines) -> None:
    """New entries on both sides, and all of it on the stick."""
    # What the hall fetched at a contact it confirms at the next one.
    machines.hall_runs("sync")
    more(machines)
    exports_up(machines, "")
    exports_down(machines, "")


def exports_up(machines: Machines, armed: str) -> bool:
    """The hall writes the stick."""
    return machines.runs("node", "export", _stick(machines), *data(machines, "hall"), armed=armed)


def exports_down(machines: Machines, armed: str) -> bool:
    """The center writes the stick."""
    words = ("export", _stick(machines), "--hall", "T01", *data(machines, "center"))
    return machines.runs("aggregator", *words, armed=armed)


def imports_up(machines: Machines, armed: str) -> bool:
    """The center takes the stick in."""
    words = ("import", _stick(machines), *data(machines, "center"))
    return machines.runs("aggregator", *words, armed=armed)


def imports_down(machines: Machines, armed: str) -> bool:
    """The hall takes the stick in."""
    return machines.runs("node", "import", _stick(machines), *data(machines, "hall"), armed=armed)


def with_restore_keys(machines: Machines) -> None:
    """Both machines know a restore key."""
    for machine, kind in (("hall", HallSettings), ("center", CenterSettings)):
        folder = machines.folder / f"offline-{machine}"
        if not folder.exists():
            setting = make_restore_key(folder)
            data = machines.folder / machine
            replace(kind.load(data), restore_key=setting).save(data)


def backs_up(machine: str) -> Callable[[Machines, str], bool]:
    """A backup is written, and the one before it removed."""

    def run(machines: Machines, armed: str) -> bool:
        words = ("backup", *data(machines, machine), "--to", machines.folder / "backups")
        # A name tells the second, and a second is long here.
        for old in _backups(machines, machine):
            old.rename(old.with_name(f"{_STEMS[machine]}-20000101T00{next(SERIALS)}Z{ENDING}"))
        return machines.runs(PROGRAMS[machine], *words, "--keep", "1", armed=armed)

    return run


_STEMS = {"hall": "onehall-node-T01", "center": f"onehall-center-{NAME}"}


def _backups(machines: Machines, machine: str) -> list[Path]:
    return sorted((machines.folder / "backups").glob(f"{_STEMS[machine]}-*{ENDING}"))


def backups_are_whole(machines: Machines) -> None:
    """Whatever has the name of a backup is one."""
    check_at_once(machines)
    for machine in _STEMS:
        for path in _backups(machines, machine):
            read_contents(path)


def puts_back(machine: str) -> Callable[[Machines, str], bool]:
    """The newest backup is put back into a new folder."""

    def run(machines: Machines, armed: str) -> bool:
        newest = _backups(machines, machine)[-1]
        new, key = machines.folder / "new", machines.folder / f"offline-{machine}" / "restore.key"
        if new.exists():
            # It stands whole, or it would not have its name: see that it opens.
            assert not machines.runs(PROGRAMS[machine], "verify", "--data", new)
            shutil.rmtree(new)
        words = ("restore", newest, "--data", new, "--key", key)
        keys = ("--keys", machines.folder / machine / "keys")
        return machines.runs(PROGRAMS[machine], *words, *keys, armed=armed)

    return run


def is_back(machine: str) -> Callable[[Machines], None]:
    """What was put back opens, and every log in it holds."""

    def check(machines: Machines) -> None:
        new = machines.folder / "new"
        assert not machines.runs(PROGRAMS[machine], "verify", "--data", new)
        assert b"BROKEN" not in machines.told.log.read_bytes()
        shutil.rmtree(new)

    return check


_STEPS = (
    *STEPS,
    Step("a log has a colour", lambda db: db.execute(_WIDEN)),
)
_WIDEN = "ALTER TABLE log ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'"


def migrate_hall(folder: Path) -> None:
    """In a process of its own: a newer program's first start over a copy of the hall."""
    _migrate(NodeStore(folder / "copied" / "node.db"))


def migrate_center(folder: Path) -> None:
    """The same at the center."""
    _migrate(CenterStore(f"sqlite:///{folder / 'copied' / 'center.db'}"))


def _migrate(store: Database) -> None:
    migrate(store, "2026-11-24T00:00:00.000Z", _STEPS)
    store.close()  # type: ignore[attr-defined]


def copied(machine: str) -> Callable[[Machines], None]:
    """A copy of the database, which only a newer program will open."""

    def prepare(machines: Machines) -> None:
        copy = machines.folder / "copied" / DATABASES[machine]
        copy.parent.mkdir(exist_ok=True)
        copy.unlink(missing_ok=True)
        machines.rows(machine, "VACUUM INTO :copy", copy=str(copy))

    return prepare


def migrates(task: Callable[[Path], object]) -> Callable[[Machines, str], bool]:
    """A newer program starts."""

    def run(machines: Machines, armed: str) -> bool:
        return machines.does(task, armed)

    return run


def migrated_once(machine: str) -> Callable[[Machines], None]:
    """The step is noted and done, once."""

    def check(machines: Machines) -> None:
        with closing(sqlite3.connect(machines.folder / "copied" / DATABASES[machine])) as db:
            assert set(db.execute("SELECT colour FROM log")) == {("red",)}
            noted = db.execute("SELECT 1 FROM migration WHERE name = ?", (_STEPS[-1].name,))
            assert noted.fetchall() == [(1,)]

    return check
