"""Commands that keep the center in a backup and put it back; the handbook page is 备份与恢复."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.center import CenterSettings
from aggregator.opening import DATA, opened
from aggregator.store import CenterStore
from standards.cases import PROJECTIONS
from standards.records import RECORDS
from sync.backup import BackupRefused, Contents, KeptLog
from sync.clock import system_clock
from sync.keyfiles import key_file
from sync.log import LogStore
from sync.safekeeping import (
    Machine,
    check_logs,
    keep_machine,
    make_restore_key,
    put_back,
    room_in,
    verified_logs,
    what_stands,
)
from sync.tables import Tables
from sync.vault import Vault
from web.backup_options import FILE, FOLDER, KEEP, KEY, KEYS, TO, WITH_KEYS, WITHOUT_FILES, said

DATABASE, SETTINGS = "center.db", "center.toml"


@click.command("restore-key")
@click.argument("folder", type=FOLDER)
def restore_key(folder: Path) -> None:
    """Make the key that opens backups, in a folder that is kept offline, and print its setting."""
    with said():
        click.echo(f'restore_key = "{make_restore_key(folder)}"')
    click.echo("Put that line into center.toml, and lock this folder away.", err=True)


@click.command()
@DATA
@TO
@KEEP
@WITH_KEYS
@WITHOUT_FILES
def backup(data: Path, into: Path, keep: int, **chosen: bool) -> None:
    """Keep the center in one encrypted and verified file, also while it serves (SQLite)."""
    with said(), opened(data) as center, room_in(data) as folder:
        if not center.db.is_sqlite:
            raise BackupRefused("the database is on PostgreSQL: keep it with pg_dump")
        machine = Machine(
            kind="center",
            name=center.settings.center,
            data=data,
            signer=center.signer,
            restore_key=center.settings.restore_key,
            at=center.clock.stamp(),
        )
        snapshot = folder / DATABASE
        center.db.outside("VACUUM INTO ?", str(snapshot))
        logs = look_at(snapshot, data / "keys")
        names = {DATABASE: snapshot, SETTINGS: data / SETTINGS}
        names |= what_stands(
            data, with_keys=chosen["with_keys"], with_files=not chosen["without_files"]
        )
        kept = keep_machine(machine, into, names, logs, keep)
        click.echo(f"{kept}  {sum(log.size for log in logs)} entries")


def look_at(database: Path, keys: Path, contents: Contents | None = None) -> list[KeptLog]:
    """Open a copy, check it, and hash every log in it to its head."""
    store = CenterStore(f"sqlite:///{database.resolve()}")
    try:
        checked = store.outside("PRAGMA integrity_check(3)")
        if checked != "ok":
            raise BackupRefused(f"the database is damaged: {checked}")
        vault = Vault(key_file(keys, "vault", make=False))
        logs = LogStore(store, vault, Tables(RECORDS, PROJECTIONS), system_clock())
        if contents is not None:
            check_logs(logs, contents)
        return list(verified_logs(logs))
    finally:
        store.close()


@click.command()
@click.argument("source", type=FILE)
@DATA
@KEY
@KEYS
def restore(source: Path, data: Path, key: Path, keys: Path | None) -> None:
    """Put the center back from a backup into an empty data folder; whole, or not at all."""

    def check(folder: Path, contents: Contents) -> None:
        if contents.machine != "center":
            raise BackupRefused(f"{source.name} is the backup of a hall")
        CenterSettings.load(folder)
        look_at(folder / DATABASE, folder / "keys", contents)

    with said():
        contents = put_back(source, data, key, keys, check)
    click.echo(f"{data} stands as of {contents.at}, with {len(contents.logs)} logs.")
    click.echo("Start it: the halls send again what came after that.", err=True)
