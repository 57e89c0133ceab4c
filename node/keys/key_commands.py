"""``onehall-node keys``: how this hall's keys stand, and going over to new ones."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from node.keys import rotation
from node.opening import DATA, opened
from web.command_line import AS_JSON


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
