"""What the commands ``export`` and ``import`` of both applications print about a stick."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from sync.safekeeping.reserve import free_bytes
from web.sticks import Given, Place, Taken, bytes_in_words

FILES = click.option(
    "--files", default=1000, show_default=True, help="Megabytes that scans may take; 0 for none."
)


def tell_room(stick: Path, as_json: bool) -> None:
    """How much room the stick has, before anything is written."""
    if stick.is_dir() and not as_json:
        click.echo(f"U盘可用空间 {bytes_in_words(free_bytes(stick))}。")


def tell_given(given: list[Given], place: Place, as_json: bool) -> None:
    """What was written."""
    if as_json:
        click.echo(json.dumps([one.facts() for one in given], ensure_ascii=False))
        return
    for one in given:
        click.echo(one.line(place))
    click.echo("请先在系统里弹出U盘，再拔下。")


def tell(taken: list[Taken], place: Place, as_json: bool) -> None:
    """What came in and what was refused; ends with exit status 1 when something was."""
    if as_json:
        click.echo(json.dumps([one.facts(place) for one in taken], ensure_ascii=False))
    for one in taken if not as_json else ():
        for line in one.lines(place):
            click.echo(line, err=one.refused is not None)
    if any(one.refused for one in taken):
        sys.exit(1)
