"""Commands that keep a hall in a backup and put it back; the handbook page is 备份与恢复."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from node.hall import HallSettings
from node.keys.keyring import HallRing
from node.lock import Taken, exclusive
from node.opening import DATA
from node.store import NodeStore, copy_database
from sync.clock import system_clock
from sync.safekeeping.retention import Retention
from sync.safekeeping.safekeeping import Machine
from web import backups
from web.backup_options import KEEP, TO, WITH_KEYS, WITHOUT_FILES, said
from web.backups import Copy, Kind, Wish


@contextmanager
def _opened(database: Path) -> Iterator[Copy]:
    store = NodeStore(database)
    try:
        yield store, store.integrity
    finally:
        store.close()


KIND = Kind(
    machine="node",
    other="a center",
    settings="node.toml",
    database="node.db",
    after="the center is asked at once for what was written after that",
    load=HallSettings.load,
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
@click.option("--with-templates", is_flag=True, help="Keep face templates: stay inside the hall.")
@WITHOUT_FILES
def backup(data: Path, into: Path, keep: int, **chosen: bool) -> None:
    """Keep this hall in one encrypted and verified file, also while it serves.

    Backups that are too many or older than backup_days go, never the last one that was verified.
    """
    with said():
        settings = HallSettings.load(data)
        ring = HallRing(data / "keys", settings.center, settings.hall, make=False)
        machine = Machine(
            kind=KIND.machine,
            name=settings.hall,
            data=data,
            signer=ring.current.signer,
            restore_key=settings.restore_key,
            at=system_clock().stamp(),
        )
        retention = Retention(keep, settings.backup_days)
        wish = Wish(into, retention, chosen["with_keys"], not chosen["without_files"])
        take = partial(snap, data, with_templates=chosen["with_templates"])
        backups.back_up(KIND, machine, take, wish)


def snap(data: Path, snapshot: Path, *, with_templates: bool) -> None:
    """The database of one moment; a serving node is read beside its writing connection."""
    source = data / KIND.database
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
    if "face_frame" in known:
        store.execute("DELETE FROM face_frame")
    if "face_decision" in known:
        store.execute("DELETE FROM face_decision")
    if "kiosk_match" in known:
        store.execute("DELETE FROM kiosk_match")
    bare = snapshot.with_suffix(".bare")
    # What was deleted still stands in free pages, which a copy leaves behind.
    store.copy_to(bare)
    store.close()
    bare.replace(snapshot)
