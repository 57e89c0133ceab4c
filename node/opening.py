"""What every command of a hall needs: its data folder, and errors said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from node.app import LOCAL_TABLES
from node.hall import Hall, HallSettings
from node.keys import enrolment
from node.lock import Taken, exclusive
from node.presence import holders
from node.safekeeping import disk
from sync.clock import system_clock
from sync.errors import DatabaseDamaged, DiskFull
from sync.keys.vault_key import VaultLost
from sync.safekeeping.reserve import MIB, RESERVE, Reserve, room_may_help
from web.command_line import Advice, data_folder, in_a_sentence
from web.damage import keep_aside, look
from web.mounts import NetworkFolder
from web.reading import READ_ONLY, VAULT_LOST, can_be_written

DATA = data_folder("this hall")
_ADVICE: Advice = {
    NetworkFolder: "put it on a disk of this machine",
    VaultLost: "bring it back from a copy or backup of keys/; without one: keys vault (备份与恢复)",
    DatabaseDamaged: "a copy is in damaged-<day>; put back the last backup (handbook: 备份与恢复)",
}


def started(data: Path) -> Hall:
    """The hall of a data folder; on a full disk the space kept aside is let go first.

    Raises:
        DiskFull, OSError: the disk is full, and nothing was kept aside.
    """
    try:
        return _begun(data)
    except DatabaseDamaged:
        keep_aside(data / disk.DATABASE, system_clock().stamp()[:10])
        raise
    except (DiskFull, OSError) as error:
        settings = HallSettings.load(data)
        reserve = Reserve(data / RESERVE, settings.reserve_mb * MIB)
        if not room_may_help(error) or not reserve.let_go():
            raise
        return _begun(data)


def _begun(data: Path) -> Hall:
    hall = Hall(data, HallSettings.load(data))
    try:
        hall.db.create([*LOCAL_TABLES, *enrolment.DDL])
        holders.adopt(hall)
    except BaseException:
        hall.close()
        raise
    return hall


@contextmanager
def opened_to_serve(data: Path) -> Iterator[Hall]:
    """As :func:`opened`; what cannot or must not be written can be read at least."""
    if not can_be_written(data / disk.DATABASE):
        with in_a_sentence("node.toml", "onehall-node init", _ADVICE), _read(data, READ_ONLY) as it:
            yield it
        return
    with held(data):
        try:
            hall = started(data)
        except VaultLost:
            with _read(data, VAULT_LOST) as hall:
                yield hall
            return
        try:
            why = look(data / disk.DATABASE, hall.db, hall.logs)
            if not why:
                hall.keep_room()
                disk.look(hall)
                yield hall
        finally:
            hall.close()
        if why:
            with _read(data, why) as hall:
                yield hall


@contextmanager
def _read(data: Path, why: str) -> Iterator[Hall]:
    with disk.reading(data, why) as hall:
        hall.db.create([*LOCAL_TABLES, *enrolment.DDL])
        yield hall


@contextmanager
def opened(data: Path) -> Iterator[Hall]:
    """The hall of a data folder, held exclusively; errors become one sentence and exit status 1."""
    with held(data):
        hall = started(data)
        try:
            yield hall
        finally:
            hall.close()


@contextmanager
def held(data: Path) -> Iterator[None]:
    """Nobody else works on this data folder; errors become one sentence and exit status 1."""
    try:
        with in_a_sentence("node.toml", "onehall-node init", _ADVICE), exclusive(data):
            yield
    except Taken as taken:
        raise click.ClickException(f"{taken}; stop it, or use its pages.") from None
