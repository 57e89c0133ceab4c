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
from standards.errors import Invalid
from sync.errors import DiskFull, NewerDatabase, SyncError
from sync.keyfiles import KeyMissing
from web.listener import CannotListen

DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The data folder of this hall.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")

# What an administrator does about what a command met with.
_ADVICE: dict[type[Exception], str] = {
    CannotListen: "stop the other program, or change the address in node.toml",
    DiskFull: "free some space, then start again",
    NewerDatabase: "install the program that was here before, or a newer one",
    KeyMissing: "bring the folder keys back from the backup",
    NetworkFolder: "put it on a disk of this machine",
    DatabaseDamaged: "keep a copy of node.db, then put back the last backup (handbook: 备份与恢复)",
    PermissionError: "give that file back to the account that runs this",
}


@contextmanager
def opened(data: Path) -> Iterator[Hall]:
    """The hall of a data folder, held exclusively; errors become one sentence and exit status 1."""
    try:
        with exclusive(data):
            hall = Hall(data, HallSettings.load(data))
            hall.db.create([*LOCAL_TABLES, *enrolment.DDL])
            try:
                yield hall
            finally:
                hall.close()
    except Taken as taken:
        raise click.ClickException(f"{taken}; stop it, or use its pages.") from None
    except FileNotFoundError:
        raise click.ClickException("No node.toml here; run onehall-node init first.") from None
    except Invalid as invalid:
        raise click.ClickException("; ".join(invalid.fields.values())) from None
    except SyncError as error:
        raise click.ClickException(f"{error.code}: {error.rule}") from None
    except tuple(_ADVICE) as wrong:
        told = next(told for kind, told in _ADVICE.items() if isinstance(wrong, kind))
        raise click.ClickException(f"{wrong}; {told}.") from None
