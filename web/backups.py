"""Keeping a machine in a backup and putting it back, as the commands of both programs do it.

What differs between a hall and the center is told by a :class:`Kind`. Knows no store of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from standards.cases import PROJECTIONS
from standards.records import RECORDS
from sync.clock import system_clock
from sync.keys.keyfiles import key_file
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
        opened: opens a copy of the database; raises BackupRefused where it is damaged.
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
        BackupRefused: it is damaged, or not what the list says.
    """
    with kind.opened(database) as (store, integrity):
        if (checked := integrity()) != "ok":
            raise BackupRefused(f"the database is damaged: {checked}")
        vault = Vault(key_file(keys, "vault", make=False))
        logs = LogStore(store, vault, Tables(RECORDS, PROJECTIONS), system_clock())
        if contents is not None:
            check_logs(logs, contents)
        return list(verified_logs(logs))


def keep(kind: Kind, machine: Machine, snapshot: Path, into: Path, chosen: dict[str, Any]) -> None:
    """Look at a copy of the database, keep it with all that belongs to it, and say so.

    Args:
        chosen: ``with_keys``, ``without_files``.
    """
    logs = tuple(look_at(kind, snapshot, machine.data / "keys"))
    names = {kind.database: snapshot, kind.settings: machine.data / kind.settings}
    names |= what_stands(
        machine.data, with_keys=chosen["with_keys"], with_files=not chosen["without_files"]
    )
    kept = keep_machine(machine, into, names, logs)
    click.echo(f"{kept}  {sum(log.size for log in logs)} entries")


def let_old_go(machine: Machine, into: Path, retention: Retention, *, made: bool) -> None:
    """Delete what is over, and say so; never the last one that was verified.

    Args:
        made: a new one stands; otherwise only age counts, not how many there are.
    """
    if not made:
        retention = replace(retention, most=0)
    for name in let_go(into, machine.stem, retention, system_clock().now()):
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
