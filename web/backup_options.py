"""What the commands that keep and put back a machine have in common: options, and errors said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from sync.errors import DatabaseDamaged
from sync.keys.keyfiles import KeyMissing
from sync.safekeeping.backup import BackupRefused

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, exists=True, path_type=Path)

TO = click.option("--to", "into", type=FOLDER, required=True, help="Folder of the backups.")
KEEP = click.option("--keep", default=14, show_default=True, help="How many stay; 0 for all.")
WITH_KEYS = click.option("--with-keys", is_flag=True, help="Keep the folder keys too, sealed.")
WITHOUT_FILES = click.option("--without-files", is_flag=True, help="Leave out the folder files.")
KEY = click.option("--key", type=FILE, required=True, help="restore.key, as it was kept offline.")
KEYS = click.option(
    "--keys", type=FOLDER, help="A copy of the folder keys, if the backup has none."
)


@contextmanager
def said() -> Iterator[None]:
    """Errors as one sentence and exit status 1."""
    try:
        yield
    except DatabaseDamaged as damaged:
        raise click.ClickException(f"the database is damaged: {damaged}.") from None
    except (BackupRefused, KeyMissing, PermissionError) as refused:
        raise click.ClickException(f"{refused}.") from None
    except FileNotFoundError as missing:
        raise click.ClickException(f"{missing.filename} is missing.") from None
    except OSError as error:
        raise click.ClickException(f"the disk is full or fails ({error.strerror}).") from None
