"""Commands that keep a hall in a backup and put it back; the handbook page is 备份与恢复."""

from __future__ import annotations

from pathlib import Path

import click

from node.hall import HallSettings
from node.keyring import HallRing
from node.lock import Taken, exclusive
from node.opening import DATA
from node.store import DatabaseDamaged, NodeStore, copy_database
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
from web.backup_options import FOLDER, KEEP, TO, WITH_KEYS, WITHOUT_FILES, said

DATABASE, SETTINGS = "node.db", "node.toml"


@click.command("restore-key")
@click.argument("folder", type=FOLDER)
def restore_key(folder: Path) -> None:
    """Make the key that opens backups, in a folder that is kept offline, and print its setting."""
    with said():
        click.echo(f'restore_key = "{make_restore_key(folder)}"')
    click.echo("Put that line into node.toml, and lock this folder away.", err=True)


@click.command()
@DATA
@TO
@KEEP
@WITH_KEYS
@click.option("--with-templates", is_flag=True, help="Keep face templates: stay inside the hall.")
@WITHOUT_FILES
def backup(data: Path, into: Path, keep: int, **chosen: bool) -> None:
    """Keep this hall in one encrypted and verified file, also while it serves."""
    with said(), room_in(data) as folder:
        settings = HallSettings.load(data)
        ring = HallRing(data / "keys", settings.center, settings.hall, make=False)
        machine = Machine(
            kind="node",
            name=settings.hall,
            data=data,
            signer=ring.current.signer,
            restore_key=settings.restore_key,
            at=system_clock().stamp(),
        )
        snapshot = folder / DATABASE
        try:
            snap(data, snapshot, with_templates=chosen["with_templates"])
        except DatabaseDamaged as damaged:
            raise BackupRefused(f"the database is damaged: {damaged}") from None
        logs = tuple(look_at(snapshot, data / "keys"))
        names = {DATABASE: snapshot, SETTINGS: data / SETTINGS}
        names |= what_stands(
            data, with_keys=chosen["with_keys"], with_files=not chosen["without_files"]
        )
        kept = keep_machine(machine, into, names, logs, keep)
        click.echo(f"{kept}  {sum(log.size for log in logs)} entries")


def snap(data: Path, snapshot: Path, *, with_templates: bool) -> None:
    """The database of one moment; a serving node is read beside its writing connection."""
    source = data / DATABASE
    try:
        with exclusive(data):
            # Nobody serves: what a crash left in the write-ahead log is brought in first.
            store = NodeStore(source)
            store.copy_to(snapshot)
            store.close()
    except Taken:
        copy_database(source, snapshot)
    if not with_templates:
        _forget_faces(snapshot)


def _forget_faces(snapshot: Path) -> None:
    store = NodeStore(snapshot)
    known = store.tables()
    if "face_template" in known:
        store.execute("DELETE FROM face_template")
    if "face_decision" in known:
        store.execute("DELETE FROM face_decision")
    bare = snapshot.with_suffix(".bare")
    # What was deleted still stands in free pages, which a copy leaves behind.
    store.copy_to(bare)
    store.close()
    bare.replace(snapshot)


def _open(database: Path) -> NodeStore:
    try:
        return NodeStore(database)
    except DatabaseDamaged as damaged:
        raise BackupRefused(f"the database is damaged: {damaged}") from None


def look_at(database: Path, keys: Path, contents: Contents | None = None) -> list[KeptLog]:
    """Open a copy, check it, and hash every log in it to its head."""
    store = _open(database)
    try:
        checked = store.integrity()
        if checked != "ok":
            raise BackupRefused(f"the database is damaged: {checked}")
        vault = Vault(key_file(keys, "vault", make=False))
        logs = LogStore(store, vault, Tables(RECORDS, PROJECTIONS), system_clock())
        if contents is not None:
            check_logs(logs, contents)
        return list(verified_logs(logs))
    except DatabaseDamaged as damaged:
        raise BackupRefused(f"the database is damaged: {damaged}") from None
    finally:
        store.close()


def restore_backup(source: Path, data: Path, key: Path, keys: Path | None) -> None:
    """Put a hall back from a backup into an empty data folder; whole and checked, or not at all."""

    def check(folder: Path, contents: Contents) -> None:
        if contents.machine != "node":
            raise BackupRefused(f"{source.name} is the backup of a center")
        look_at(folder / DATABASE, folder / "keys", contents)

    with said():
        contents = put_back(source, data, key, keys, check)
    click.echo(f"{data} stands as of {contents.at}, with {len(contents.logs)} logs.")
    click.echo("Start it: the center is asked at once for what was written after that.", err=True)
