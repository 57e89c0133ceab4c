"""``wait-for-halls`` and ``go-on``: after a restore, whom the center waits for."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.center import Center
from aggregator.opening import DATA, opened
from aggregator.safekeeping import returning, set_aside, unheard


@click.command("wait-for-halls")
@DATA
def wait_for_halls(data: Path) -> None:
    """Write nothing of our own before every hall was in contact.

    For a database that was put back by other means than restore, with the file highwater or on
    PostgreSQL, where the center cannot know it.
    """
    with opened(data) as center:
        unheard.wait_for_all(center.db, center.clock.stamp())
        _tell(center)


@click.command("go-on")
@DATA
@click.option(
    "--hall", "halls", multiple=True, help="A hall that need not be heard; again for more."
)
@click.option("--log", "origins", multiple=True, help="A log whose rest nobody will bring.")
@click.option("--actor", default="", help="Staff number of who decides it; needed for a change.")
def go_on(data: Path, halls: tuple[str, ...], origins: tuple[str, ...], actor: str) -> None:
    """Tell what a restored center waits for; with options, go on without it.

    If a hall that is not waited for holds entries that this center has lost, both will differ later
    and somebody has to settle it.
    """
    with opened(data) as center:
        if (halls or origins) and not actor.strip():
            raise click.ClickException("Say who decides it: --actor.")
        for hall in halls:
            if hall not in unheard.waited_for(center.db):
                raise click.ClickException(f"Nobody waits for {hall}.")
            returning.go_on_unheard(center, hall)
        for origin in origins:
            if origin not in [name for name, _, _ in returning.missing(center)]:
                raise click.ClickException(f"Nothing of {origin} is missing.")
            returning.go_on_without(center, origin, actor.strip())
        _tell(center)


def _tell(center: Center) -> None:
    waited, lacking = unheard.waited_for(center.db), returning.missing(center)
    for hall, since in waited.items():
        click.echo(f"hall {hall} was not heard since {since}")
    for origin, size, once in lacking:
        click.echo(f"{origin} has {size} entries and once had {once}")
    for origin, count in set_aside.counts(center).items():
        click.echo(f"{origin}: {count} entries wait beside it")
    if not waited and not lacking:
        click.echo("Nothing is waited for.")
