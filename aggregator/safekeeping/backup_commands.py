"""Commands that keep the center in a backup and put it back; the handbook page is 备份与恢复."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from aggregator.center import CenterSettings
from aggregator.database.store import CenterStore
from aggregator.opening import DATA, opened
from sync.safekeeping.backup import BackupRefused
from sync.safekeeping.retention import Retention
from sync.safekeeping.safekeeping import Machine
from web import backups
from web.backup_options import FILE, KEEP, KEY, KEYS, TO, WITH_KEYS, WITHOUT_FILES, said
from web.backups import Copy, Kind, Wish


@contextmanager
def _opened(database: Path) -> Iterator[Copy]:
    store = CenterStore(f"sqlite:///{database.resolve()}")
    try:
        yield store, lambda: store.outside("PRAGMA integrity_check(3)")
    finally:
        store.close()


KIND = Kind(
    machine="center",
    other="a hall",
    settings="center.toml",
    database="center.db",
    after="the halls send again what came after that",
    load=CenterSettings.load,
    opened=_opened,
)
restore_key = backups.restore_key_command(KIND)
restore_backup = partial(backups.restore_backup, KIND)
look_at = partial(backups.look_at, KIND)


@click.command()
@DATA
@TO
@KEEP
@WITH_KEYS
@WITHOUT_FILES
def backup(data: Path, into: Path, keep: int, **chosen: bool) -> None:
    """Keep the center in one encrypted and verified file, also while it serves (SQLite).

    Backups that are too many or older than backup_days go, never the last one that was verified.
    """
    with said(), opened(data) as center:
        if not center.db.is_sqlite:
            raise BackupRefused("the database is on PostgreSQL: keep it with pg_dump")
        machine = Machine(
            kind=KIND.machine,
            name=center.settings.center,
            data=data,
            signer=center.signer,
            restore_key=center.settings.restore_key,
            at=center.clock.stamp(),
        )
        retention = Retention(keep, center.settings.backup_days)
        wish = Wish(into, retention, chosen["with_keys"], not chosen["without_files"])
        backups.back_up(
            KIND, machine, lambda copy: center.db.outside("VACUUM INTO ?", str(copy)), wish
        )


@click.command()
@click.argument("source", type=FILE)
@DATA
@KEY
@KEYS
def restore(source: Path, data: Path, key: Path, keys: Path | None) -> None:
    """Put the center back from a backup into an empty data folder; whole, or not at all."""
    restore_backup(source, data, key, keys)
