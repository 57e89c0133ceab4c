"""``onehall-node certificate``: the hall's own authority and certificate, by one command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from node.opening import DATA, opened
from node.terminals.certificate import folder
from web import certificates
from web.command_line import AS_JSON


@click.command()
@DATA
@click.option("--name", "names", multiple=True, help="A name or address of this machine.")
@click.option("--anew", is_flag=True, help="A new authority, which every machine must then trust.")
@AS_JSON
def certificate(data: Path, names: tuple[str, ...], anew: bool, as_json: bool) -> None:
    """Make the hall's own certificate, so that its pages are https and the camera works.

    It is good for the names in trusted_hosts and for those given here, which are added there.
    The first time an authority is made too; the page /trust tells how machines are told to trust
    it. Start the hall again afterwards.
    """
    with opened(data) as hall:
        settings = hall.settings
        wanted = tuple(dict.fromkeys((*settings.trusted_hosts, *names)))
        plain = tuple(name.removeprefix(".") for name in wanted)
        try:
            held = certificates.issue(
                folder(hall),
                f"{settings.name}（{settings.hall}）",
                plain,
                hall.clock.now(),
                anew=anew,
            )
        except certificates.OutsideNames as outside:
            raise click.ClickException(
                f"The hall's authority may not vouch for {outside}; make a new one with --anew."
            ) from None
        except ValueError as wrong:
            raise click.ClickException(f"{wrong}") from None
        if wanted != settings.trusted_hosts:
            replace(settings, trusted_hosts=wanted).save(data)
        facts = {
            "names": list(held.names),
            "until": held.until.date().isoformat(),
            "fingerprint": held.fingerprint,
        }
        if as_json:
            click.echo(json.dumps(facts))
            return
        click.echo(f"Certificate for {', '.join(held.names)}, good until {facts['until']}.")
        click.echo(f"Fingerprint of the authority (SHA-256):\n{held.fingerprint}")
        click.echo("Start the hall again; then /trust on its pages tells how to trust it.")
