"""What every command of a hall needs: its data folder, and errors said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from node import enrolment
from node.app import LOCAL_TABLES
from node.hall import Hall, HallSettings
from node.lock import NetworkFolder, Taken, exclusive
from node.store import DatabaseDamaged
from web.command_line import Advice, data_folder, in_a_sentence

DATA = data_folder("this hall")
_ADVICE: Advice = {
    NetworkFolder: "put it on a disk of this machine",
    DatabaseDamaged: "keep a copy of node.db, then put back the last backup (handbook: 备份与恢复)",
}


@contextmanager
def opened(data: Path) -> Iterator[Hall]:
    """The hall of a data folder, held exclusively; errors become one sentence and exit status 1."""
    try:
        with in_a_sentence("node.toml", "onehall-node init", _ADVICE), exclusive(data):
            hall = Hall(data, HallSettings.load(data))
            hall.db.create([*LOCAL_TABLES, *enrolment.DDL])
            try:
                yield hall
            finally:
                hall.close()
    except Taken as taken:
        raise click.ClickException(f"{taken}; stop it, or use its pages.") from None
