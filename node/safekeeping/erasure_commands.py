"""``onehall-node erase``: erasing a person's data by order, at the hall's machine."""

from __future__ import annotations

from pathlib import Path

import click

from node.opening import DATA, opened
from node.safekeeping.erasures import erase, sweeper
from standards.erasures import hindrance
from web.erasure_options import about_options, order_of, order_options, tell
from web.erasures import matter_of


@click.command("erase")
@DATA
@about_options
@order_options
@click.option("--yes", is_flag=True, help="Do it; without it, only tell what would be erased.")
def erase_data(data: Path, about: str, number: str, yes: bool, **order: str) -> None:
    """Erase the personal data of a case or of a former member of staff, for good.

    It is an entry of the log: the center erases the same with the next contact. Two people are
    named, who decided and who carries it out.
    """
    with opened(data) as hall:
        matter = matter_of(hall.logs, hall.settings.hall, about, number)
        if not tell(matter, hindrance(matter) if matter else "", yes):
            return
        count = erase(hall, about, number, order_of(order))
        sweeper(hall)()
        click.echo(f"Erased: the personal parts of {count} entries.")
