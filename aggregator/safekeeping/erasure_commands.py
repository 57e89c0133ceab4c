"""``onehall-aggregator erase``: ordering that a person's data are erased, at the center."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.opening import DATA, opened
from aggregator.safekeeping.erasures import erase, sweeper
from standards.erasures import hindrance
from web.erasure_options import about_options, order_of, order_options, tell
from web.erasures import matter_of


@click.command("erase")
@DATA
@click.argument("hall")
@about_options
@order_options
@click.option("--yes", is_flag=True, help="Do it; without it, only tell what would be erased.")
def erase_data(data: Path, hall: str, about: str, number: str, yes: bool, **order: str) -> None:
    """Order that the personal data of a hall's case or former member of staff are erased, for good.

    Erased here at once, and at the hall when it fetches its orders. Two people are named, who
    decided and who carries it out.
    """
    with opened(data) as center:
        matter = matter_of(center.logs, hall, about, number)
        if not tell(matter, hindrance(matter) if matter else "", yes):
            return
        count = erase(center, hall, (about, number), order_of(order))
        sweeper(center)()
        click.echo(f"Erased: the personal parts of {count} entries.")
