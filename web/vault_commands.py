"""``keys vault`` of both programs: whether the key of personal parts is there, and another one when
it is lost for good.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from standards.cases import PROJECTIONS
from standards.records import RECORDS
from sync.clock import system_clock
from sync.keys.keyfiles import key_file
from sync.keys.vault_key import VaultLost, open_vault, renew
from sync.log import LogStore
from sync.private import shut
from sync.private.vault import Vault
from sync.recovery.refilling import reopen
from sync.storage.store import Database
from sync.storage.tables import Tables
from web.backup_options import FILE
from web.command_line import AS_JSON

Option = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Whose:
    """What differs between a hall and the center.

    Args:
        held: the database of a data folder, opened without the key; nobody else works on it.
        forget: deletes what else the lost key had locked; says in sentences what is to be done.
        back: from where parts come again.
    """

    data: Option
    held: Callable[[Path], AbstractContextManager[Database]]
    forget: Callable[[Database], Sequence[str]]
    back: str


def vault_command(whose: Whose) -> click.Command:
    """The command ``vault``."""

    @click.command("vault")
    @whose.data
    @click.option("--renew", "anew", is_flag=True, help="Another key: the old one is lost.")
    @click.option("--actor", default="", help="Staff number of who decided it.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @click.option("--found", type=FILE, help="The lost vault.key, after another took its place.")
    @click.option("--ask-again", is_flag=True, help="Ask the other side for everything once more.")
    @AS_JSON
    def vault(data: Path, as_json: bool, **given: Any) -> None:
        """Show whether vault.key opens the personal parts; renew it when it is lost for good.

        Another key opens nothing of what the lost one locked: those parts are put aside and asked
        of the other side, and what nobody else has stays shut.
        """
        with whose.held(data) as db, _said():
            if given["anew"]:
                _renew(whose, db, data, given)
            elif given["found"]:
                _reopen(db, data, given["found"])
            elif given["ask_again"]:
                open_vault(db, data / "keys", make=False)
                shut.ask_again(db)
            _show(whose, db, data, as_json)

    return vault


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except VaultLost as lost:
        raise click.ClickException(f"{lost}; see --renew.") from None


def _state(db: Database, data: Path) -> str:
    try:
        open_vault(db, data / "keys", make=False)
    except VaultLost as lost:
        return str(lost)
    return "vault.key opens what stands here"


def _renew(whose: Whose, db: Database, data: Path, given: dict[str, Any]) -> None:
    try:
        open_vault(db, data / "keys", make=False)
    except VaultLost:
        pass
    else:
        raise click.ClickException("vault.key opens what stands here; nothing was changed.")
    if not given["actor"]:
        raise click.UsageError("--renew needs --actor: it is written down who decided it.")
    click.echo("A copy of vault.key, put back into keys/, would open everything again.", err=True)
    if not given["yes"]:
        click.confirm("There is none. Go on with another key?", abort=True)
    renew(db, data / "keys", system_clock().stamp(), given["actor"])
    for sentence in whose.forget(db):
        click.echo(sentence)


def _reopen(db: Database, data: Path, found: Path) -> None:
    vault = open_vault(db, data / "keys", make=False)
    logs = LogStore(db, vault, Tables(RECORDS, PROJECTIONS), system_clock())
    count = reopen(logs, Vault(key_file(found.parent, found.stem, make=False)))
    click.echo(f"{count} parts are open again.", err=True)


def _show(whose: Whose, db: Database, data: Path, as_json: bool) -> None:
    state, counts = _state(db, data), shut.counts(db)
    if as_json:
        click.echo(json.dumps({"key": state, "shut": counts}))
        return
    click.echo(state)
    for origin, most in sorted(counts.items()):
        click.echo(f"{origin}  at most {most} entries whose personal part cannot be opened")
    if counts:
        click.echo(whose.back)
