"""``onehall-node keys``: how this hall's keys stand, and going over to new ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from node.keys import rotation
from node.opening import DATA, held, opened
from node.safekeeping.disk import DATABASE
from node.store import NodeStore
from sync.storage.store import Database
from web.command_line import AS_JSON, there
from web.vault_commands import Whose, vault_command


@click.group()
def keys() -> None:
    """Show and change this hall's keys."""


@keys.command("show")
@DATA
@AS_JSON
def show(data: Path, as_json: bool) -> None:
    """Show which key signs for this hall, from which epoch on, and whether new keys wait."""
    with opened(data) as hall:
        facts = asdict(rotation.standing(hall))
        if as_json:
            click.echo(json.dumps(facts))
            return
        for name, value in facts.items():
            click.echo(f"{name:>14}  {value}")


@keys.command("rotate")
@DATA
@click.option("--actor", required=True, help="Staff number of who decided it.")
def rotate(data: Path, actor: str) -> None:
    """Make new keys and say so in the log; they hold when the center has listed them."""
    with opened(data) as hall:
        rotation.ask(hall, actor)
        click.echo("New keys are made and written into the log; the next contacts do the rest.")


@contextmanager
def _database(data: Path) -> Iterator[Database]:
    with held(data), closing(NodeStore(there(data / DATABASE))) as store:
        yield store


def _forget(db: Database) -> Sequence[str]:
    """Faces, PINs, cards and terminals' names were locked with the lost key, or made with it."""
    known = db.tables()
    with db.transaction():
        if "face_template" in known:
            db.execute("DELETE FROM face_template")
        if "face_frame" in known:
            db.execute("DELETE FROM face_frame")
        if "staff_pin" in known:
            db.execute("DELETE FROM staff_pin")
        if "staff_card" in known:
            db.execute("DELETE FROM staff_card")
        if "zkteco_name" in known:
            db.execute("DELETE FROM zkteco_name")
    return (
        "Everybody enrols the face, registers the card and sets the PIN anew.",
        "ZKTeco terminals get another address: type it in as its page shows it now.",
        "The check codes on papers printed before are not known again.",
    )


keys.add_command(
    vault_command(
        Whose(
            data=DATA,
            held=_database,
            forget=_forget,
            back="The next contacts fetch what the center has; what was never sent it has not.",
        )
    )
)
