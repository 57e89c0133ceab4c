"""What every command of the center needs: its data folder, and errors said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from aggregator.app import create_tables
from aggregator.center import Center, CenterSettings
from aggregator.faults import UnfitDatabase
from standards.errors import Invalid
from sync.errors import DiskFull, NewerDatabase, StoreBusy, SyncError
from sync.keyfiles import KeyMissing
from web.listener import CannotListen

DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The data folder of the center.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")

# What an administrator does about what a command met with.
_ADVICE: dict[type[Exception], str] = {
    CannotListen: "stop the other program, or change the address in center.toml",
    DiskFull: "free some space, then start again",
    NewerDatabase: "install the program that was here before, or a newer one",
    KeyMissing: "bring the folder keys back from the backup",
    PermissionError: "give that file back to the account that runs this",
    UnfitDatabase: "mend that on the database's machine",
    StoreBusy: "see that the server runs and that database in center.toml names it",
}


@contextmanager
def opened(data: Path) -> Iterator[Center]:
    """The center of a data folder; errors become one sentence and exit status 1."""
    try:
        center = Center(data, CenterSettings.load(data))
        create_tables(center)
        try:
            yield center
        finally:
            center.close()
    except FileNotFoundError:
        raise click.ClickException("No center.toml here; run init first.") from None
    except Invalid as invalid:
        raise click.ClickException("; ".join(invalid.fields.values())) from None
    except SyncError as error:
        raise click.ClickException(f"{error.code}: {error.rule}") from None
    except tuple(_ADVICE) as wrong:
        told = next(told for kind, told in _ADVICE.items() if isinstance(wrong, kind))
        raise click.ClickException(f"{wrong}; {told}.") from None
