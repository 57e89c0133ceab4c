"""What the commands of both programs share: the data folder, and errors said in one sentence."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from standards.errors import Invalid
from sync.errors import DiskFull, NewerDatabase, SyncError
from sync.keys.keyfiles import KeyMissing
from web.listener import CannotListen

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")

# What an administrator does about what a command met with.
Advice = Mapping[type[Exception], str]
_ADVICE: Advice = {
    DiskFull: "free some space, then start again",
    NewerDatabase: "install the program that was here before, or a newer one",
    KeyMissing: "bring the folder keys back from the backup",
    PermissionError: "give that file back to the account that runs this",
}


def data_folder(whose: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that names the data folder."""
    return click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        required=True,
        callback=_ours,
        help=f"The data folder of {whose}.",
    )


def _ours(_context: click.Context, _option: click.Parameter, data: Path) -> Path:
    if os.geteuid() == 0 and data.exists() and (owner := other_owner(data.stat().st_uid, 0)):
        raise click.ClickException(
            f"{data} belongs to {owner}: run this as that account (runuser -u {owner} -- ...). "
            "What root writes into it the server could not read any more."
        )
    return data


def other_owner(owner: int, me: int) -> str:
    """Whose folder root is about to write into; empty when it is its own, or it is not root."""
    if me != 0 or owner == 0:
        return ""
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return f"#{owner}"


@contextmanager
def in_a_sentence(settings: str, init: str, advice: Advice) -> Iterator[None]:
    """An error becomes one sentence and exit status 1; a fault of the program stays a traceback.

    Args:
        settings: the file of settings. init: the command that makes it.
        advice: what to do about what only this program meets with.
    """
    listening: Advice = {
        CannotListen: f"stop the other program, or change the address in {settings}"
    }
    # What this program says of it goes before what is said of a wider kind.
    every = {**advice, **_ADVICE, **listening}
    try:
        yield
    except FileNotFoundError as missing:
        name = Path(missing.filename or settings).name
        told = f"No {settings} here; run {init} first" if name == settings else f"{name} is missing"
        raise click.ClickException(f"{told}.") from None
    except Invalid as invalid:
        raise click.ClickException("; ".join(invalid.fields.values())) from None
    except SyncError as error:
        raise click.ClickException(f"{error.code}: {error.rule}") from None
    except tuple(every) as wrong:
        told = next(told for kind, told in every.items() if isinstance(wrong, kind))
        raise click.ClickException(f"{wrong}; {told}.") from None


def there(database: Path) -> Path:
    """This file, which no command but ``init`` makes.

    Raises:
        FileNotFoundError: a sentence says so.
    """
    if not database.exists():
        raise FileNotFoundError(2, "no such file", str(database))
    return database
