"""``onehall-aggregator close``: a hall is closed, and others carry its business on."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.halls import succession
from aggregator.opening import DATA, opened
from standards.errors import Invalid


@click.command("close")
@DATA
@click.argument("hall")
@click.option("--into", multiple=True, required=True, help="Who goes on; several for a split.")
@click.option("--document", required=True, help="Number of the decision; no name.")
@click.option("--actor", required=True, help="Staff number of who does it.")
@click.option("--anyway", is_flag=True, help="Though entries are unsent or cases open.")
@click.option("--yes", is_flag=True, help="Do it; without it, only tell what is left behind.")
def close_hall(data: Path, hall: str, anyway: bool, yes: bool, **told: object) -> None:
    """Close a hall: nothing more is taken of it, its history stays, its successors name it.

    Before that, its last entries should have arrived and its cases be over: nobody else can go on
    with a case of this hall.
    """
    with opened(data) as center:
        left = succession.hindrances(center, hall)
        for line in left:
            click.echo(line)
        if left and not anyway:
            raise click.ClickException("Nothing was changed; settle that, or give --anyway.")
        if not yes:
            click.echo("Nothing was changed; give --yes to close it for good.")
            return
        into = tuple(map(str, told["into"]))  # type: ignore[call-overload]
        try:
            done = succession.close(center, hall, into, str(told["document"]), str(told["actor"]))
        except Invalid as wrong:
            raise click.ClickException("; ".join(wrong.fields.values())) from None
        place = f"entry {done.size} of epoch {done.epoch}"
        click.echo(f"Hall {hall} is closed after {place}; {'、'.join(into)} goes on.")
