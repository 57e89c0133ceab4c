"""Keeping a machine in a backup and putting it back, as the commands of both programs do it.

What differs between a hall and the center is told by a :class:`Kind`. Knows no store of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from standards.cases import PROJECTIONS
from standards.records import RECORDS
from sync.clock import system_clock
from sync.keys.vault_key import VaultLost, open_vault
from sync.log import LogStore
from sync.private.vault import Vault
from sync.safekeeping.backup import BackupRefused, Contents, KeptLog
from sync.safekeeping.retention import Retention, let_go
from sync.safekeeping.safekeeping import (
    Machine,
    check_logs,
    keep_machine,
    make_restore_key,
    put_back,
    room_in,
    verified_logs,
    what_stands,
)
from sync.storage.store import Database
from sync.storage.tables import Tables
from web.backup_options import FOLDER, said

# A copy of a database, opened, and what its own check says of it.
Copy = tuple[Database, Callable[[], object]]


@dataclass(frozen=True)
class Kind:
    """What differs between the two machines.

    Args:
        machine: ``node`` or ``center``; other: what the other one is called.
        after: what happens at the first start after a restore.
        load: reads the settings in a folder.
        opened: opens a copy of the database; raises DatabaseDamaged where it can.
    """

    machine: str
    other: str
    settings: str
    database: str
    after: str
    load: Callable[[Path], object]
    opened: Callable[[Path], AbstractContextManager[Copy]]


def restore_key_command(kind: Kind) -> click.Command:
    """The command ``restore-key``."""

    @click.command("restore-key")
    @click.argument("folder", type=FOLDER)
    def restore_key(folder: Path) -> None:
        """Make the key that opens backups, in a folder kept offline, and print its setting."""
        with said():
            click.echo(f'restore_key = "{make_restore_key(folder)}"')
        click.echo(f"Put that line into {kind.settings}, and lock this folder away.", err=True)

    return restore_key


def look_at(
    kind: Kind, database: Path, keys: Path, contents: Contents | None = None
) -> list[KeptLog]:
    """Open a copy, check it, and hash every log in it to its head.

    Raises:
        BackupRefused, DatabaseDamaged: it is damaged, or not what the list says.
    """
    with kind.opened(database) as (store, integrity):
        if (checked := integrity()) != "ok":
            raise BackupRefused(f"the database is damaged: {checked}")
        vault = _vault(store, keys, restoring=contents is not None)
        logs = LogStore(store, vault, Tables(RECORDS, PROJECTIONS), system_clock())
        if contents is not None:
            check_logs(logs, contents)
        return list(verified_logs(logs))


def _vault(store: Database, keys: Path, *, restoring: bool) -> Vault:
    """The vault of this copy. What is restored without it stands at least, and says what to do."""
    try:
        return open_vault(store, keys, make=False)
    except VaultLost as lost:
        if not restoring:
            raise
        click.echo(f"WARNING: {lost}: run keys vault before you start it.", err=True)
        return Vault(os.urandom(32))


@dataclass(frozen=True)
class Wish:
    """Where a backup goes, which ones stay, and what is in it beside database and evidence."""

    into: Path
    retention: Retention
    with_keys: bool
    with_files: bool


def back_up(kind: Kind, machine: Machine, snap: Callable[[Path], object], wish: Wish) -> None:
    """Look at a copy of the database, keep it with all that belongs to it, and say so; then let old
    ones go.

    Args:
        snap: writes the database of one moment to a path.
    """
    made = False
    try:
        with room_in(machine.data) as folder:
            snapshot = folder / kind.database
            snap(snapshot)
            logs = tuple(look_at(kind, snapshot, machine.data / "keys"))
            names = {kind.database: snapshot, kind.settings: machine.data / kind.settings}
            names |= what_stands(machine.data, with_keys=wish.with_keys, with_files=wish.with_files)
            kept = keep_machine(machine, wish.into, names, logs)
        click.echo(f"{kept}  {sum(log.size for log in logs)} entries")
        made = True
    finally:
        _let_old_go(machine, wish, made=made)


def _let_old_go(machine: Machine, wish: Wish, *, made: bool) -> None:
    """Delete what is over, and say so; never the last one that was verified.

    Args:
        made: a new one stands; otherwise only age counts, not how many there are.
    """
    retention = wish.retention if made else replace(wish.retention, most=0)
    for name in let_go(wish.into, machine.stem, retention, system_clock().now()):
        click.echo(f"deleted: {name}", err=True)


def restore_backup(kind: Kind, source: Path, data: Path, key: Path, keys: Path | None) -> None:
    """Put a machine back from a backup into an empty folder; whole and checked, or not at all."""

    def check(folder: Path, contents: Contents) -> None:
        if contents.machine != kind.machine:
            raise BackupRefused(f"{source.name} is the backup of {kind.other}")
        kind.load(folder)
        look_at(kind, folder / kind.database, folder / "keys", contents)

    with said():
        contents = put_back(source, data, key, keys, check)
    click.echo(f"{data} stands as of {contents.at}, with {len(contents.logs)} logs.")
    click.echo(f"Start it: {kind.after}.", err=True)
