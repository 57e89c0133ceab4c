"""``onehall-aggregator forward`` at a county, ``county`` at a city."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from aggregator.opening import DATA, opened
from aggregator.tiers import tiers
from aggregator.tiers.handing_on import HandedOn, confirmed, hand_on, line_to_city, logs_of_halls
from sync.notes import Verifier
from web.command_line import AS_JSON


@click.command("forward")
@DATA
@click.option("--status", is_flag=True, help="Only show what the city has confirmed.")
@AS_JSON
def forward_logs(data: Path, status: bool, as_json: bool) -> None:
    """Hand the logs of this center's halls on to the city, from where the city's copies end.

    The address and the root key of the city stand in center.toml (city, city_root). Broken off, it
    goes on at the next run; exit status 1 when the city refused a log.
    """
    with opened(data) as center:
        if status:
            known = confirmed(center)
            done = [
                HandedOn(origin, 0, known.get(origin, 0), center.logs.state(origin).size)
                for origin in logs_of_halls(center)
            ]
        else:
            done = hand_on(center, line_to_city(center), lambda one: _tell(one, as_json))
        if as_json:
            click.echo(json.dumps([asdict(one) for one in done]))
        elif status:
            for one in done:
                _tell(one, as_json)
        sys.exit(1 if any(one.refused for one in done) else 0)


def _tell(one: HandedOn, as_json: bool) -> None:
    if not as_json:
        said = f"REFUSED: {one.refused}" if one.refused else f"{one.sent} sent"
        click.echo(f"{one.origin}  {one.held} of {one.size} at the city  {said}")


@click.group()
def county() -> None:
    """The counties whose centers hand their halls' logs on to this one."""


@county.command("pin")
@DATA
@click.argument("root", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def pin(data: Path, root: Path) -> None:
    """Believe a county's root key from now on; ROOT is its file keys/root.pub.

    Bring it by hand, or read the printed key out by telephone: all else follows from it.
    """
    with opened(data) as center:
        key = Verifier.parse(root.read_text(encoding="utf-8").strip())
        tiers.pin_county(center, key)
        click.echo(f"Pinned: {key}")


@county.command("list")
@DATA
@AS_JSON
def listing(data: Path, as_json: bool) -> None:
    """Show the counties, and how many entries of how many logs came from each."""
    with opened(data) as center:
        facts = tiers.counties(center)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for one in facts:
        click.echo(f"{one['county']}  {one['logs']} logs  {one['entries']} entries  {one['root']}")
