"""What every command of the center needs: its data folder, and errors said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aggregator.app import create_tables
from aggregator.center import Center, CenterSettings
from aggregator.database import disk
from aggregator.database.faults import UnfitDatabase
from sync.clock import system_clock
from sync.errors import ComesBack, DatabaseDamaged, DiskFull, StoreBusy
from sync.keys.vault_key import VaultLost
from sync.safekeeping.reserve import MIB, RESERVE, Reserve, room_may_help
from web import mounts
from web.command_line import Advice, data_folder, in_a_sentence
from web.damage import keep_aside, look
from web.mounts import NetworkFolder, refuse_network
from web.reading import READ_ONLY, VAULT_LOST, can_be_written

DATA = data_folder("the center")
ADVICE: Advice = {
    NetworkFolder: "put it on a disk of this machine, or the database on PostgreSQL",
    ComesBack: "see what is waited for with go-on",
    UnfitDatabase: "mend that on the database's machine",
    StoreBusy: "see that the server runs and that database in center.toml names it",
    VaultLost: "bring it back from a copy or backup of keys/; without one: keys vault (备份与恢复)",
    DatabaseDamaged: "a copy is in damaged-<day>; put back the last backup (handbook: 备份与恢复)",
}


def started(data: Path) -> Center:
    """The center of a data folder; on a full disk the space kept aside is let go first.

    Raises:
        DiskFull, OSError: the disk is full, and nothing was kept aside.
    """
    settings = CenterSettings.load(data)
    if (database := settings.database_file(data)) is not None:
        refuse_network(database.parent, mounts.MOUNTS.read_text(encoding="utf-8"))
    try:
        return _begun(data)
    except DatabaseDamaged:
        if database is not None:
            keep_aside(database, system_clock().stamp()[:10])
        raise
    except (DiskFull, OSError) as error:
        reserve = Reserve(data / RESERVE, settings.reserve_mb * MIB)
        if not room_may_help(error) or not reserve.let_go():
            raise
        return _begun(data)


def _begun(data: Path) -> Center:
    center = Center(data, CenterSettings.load(data))
    try:
        create_tables(center)
    except BaseException:
        center.close()
        raise
    return center


@contextmanager
def opened_to_serve(data: Path) -> Iterator[Center]:
    """As :func:`opened`; what cannot or must not be written can be read at least (SQLite)."""
    with in_a_sentence("center.toml", "init", ADVICE):
        database = CenterSettings.load(data).database_file(data)
        if database is None:
            with opened(data) as center:
                yield center
            return
        why = "" if can_be_written(database) else READ_ONLY
        if not why:
            try:
                center = started(data)
            except VaultLost:
                why = VAULT_LOST
            else:
                try:
                    why = look(database, center.db, center.logs)
                    if not why:
                        yield center
                finally:
                    center.close()
        if why:
            with disk.reading(data, database, why) as center:
                create_tables(center)
                yield center


@contextmanager
def opened(data: Path) -> Iterator[Center]:
    """The center of a data folder; errors become one sentence and exit status 1."""
    with in_a_sentence("center.toml", "init", ADVICE):
        center = started(data)
        try:
            yield center
        finally:
            center.close()
