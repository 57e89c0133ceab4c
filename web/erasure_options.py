"""What the commands ``erase`` of hall and center ask for, and what they say before they act."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from standards.erasures import Matter
from standards.errors import Invalid
from standards.records.erasures import ABOUT as ABOUTS
from standards.records.erasures import GROUNDS

Command = Callable[..., Any]
_STAFF_NO = re.compile(r"[A-Z0-9-]{2,20}")


def about_options(command: Command) -> Command:
    """``case NUMBER`` or ``staff STAFF_NO``."""
    number = click.argument("number")
    return click.argument("about", type=click.Choice(list(ABOUTS)))(number(command))


def order_options(command: Command) -> Command:
    """The ground, the decision and the two people."""
    for option in (
        click.option("--ground", required=True, type=click.Choice(list(GROUNDS))),
        click.option("--document", required=True, help="Number of the decision; no name."),
        click.option("--ordered-by", required=True, help="Staff number of who decided."),
        click.option("--carried-out-by", required=True, help="Staff number of who does it."),
    ):
        command = option(command)
    return command


def order_of(given: Mapping[str, str]) -> dict[str, str]:
    """The order as a record takes it. Raises Invalid."""
    order = {name: text.strip() for name, text in given.items()}
    for name in ("ordered_by", "carried_out_by"):
        if not _STAFF_NO.fullmatch(order[name]):
            raise Invalid({name: "工号是2至20位大写字母、数字、横线"})
    if not 0 < len(order["document"]) <= 200:
        raise Invalid({"document": "请填写决定文号，最多200个字"})
    return order


def tell(matter: Matter | None, hindrance: str, go_on: bool) -> bool:
    """Say what would be erased; whether to go on.

    Raises:
        click.ClickException: nothing can be erased.
    """
    if matter is None:
        raise click.ClickException("There is no such case or member of staff here.")
    if hindrance:
        raise click.ClickException(hindrance)
    click.echo(f"{matter.about} {matter.title}: {len(matter.entries)} entries with personal data")
    if not go_on:
        click.echo("Nothing was erased; give --yes to erase them for good.")
    return go_on
