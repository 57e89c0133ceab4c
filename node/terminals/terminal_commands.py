"""``onehall-node terminal``: a kiosk from the command line of the hall's machine."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import click

from node.opening import DATA, opened
from node.terminals import certificate, terminal_keys, terminals
from web.command_line import AS_JSON


@click.command()
@DATA
@click.argument("name")
@click.option("--location", default="", help="Where it stands.")
@click.option("--prepared", is_flag=True, help="Make its key here and approve it at once.")
@AS_JSON
def terminal(data: Path, name: str, location: str, prepared: bool, as_json: bool) -> None:
    """Add a sign-in terminal and print the address that pairs it within 15 minutes.

    A prepared one needs no comparing of words: its address holds the key. Whoever has that address
    has the terminal, so open it once in its browser and keep it nowhere.
    """
    with opened(data) as hall:
        terminal_id, code = terminals.create_terminal(hall, name, location, "onehall-node")
        facts = {"kind": "kiosk", "serial": terminal_id, "name": name}
        address = terminals.kiosk_address(hall, https=certificate.is_held(hall))
        if prepared:
            private = terminal_keys.prepare(hall, terminal_id, "onehall-node")
            key = urlsafe_b64encode(private).decode()
            facts["url"] = f"{address}#terminal={terminal_id}&key={key}"
        else:
            facts |= {"url": f"{address}#pair={code}", "code": code}
        if as_json:
            click.echo(json.dumps(facts, ensure_ascii=False))
            return
        click.echo(f"Open this address once in the browser of the terminal:\n{facts['url']}")
