"""``onehall-node``: what an administrator does at a hall's machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from node import serving
from node.app import ROLES
from node.hall import HallSettings
from node.keys import enrolment, key_commands
from node.opening import DATA, opened, opened_to_serve
from node.outbox import audit_commands, head_commands, syncing
from node.outbox.center_line import line_to
from node.outbox.stick_commands import export_stick, import_stick
from node.safekeeping import backup_commands
from node.safekeeping.erasure_commands import erase_data
from node.safekeeping.restore_commands import restore
from node.terminals import certificate_commands, terminal_commands
from node.zkteco.trial_commands import try_terminal
from sync.client import HttpLine
from web import logs
from web.account_commands import account_command
from web.command_line import AS_JSON
from web.interface_lists import NAMES
from web.token_commands import token_commands


@click.group()
def main() -> None:
    """Run one branch hall."""


main.add_command(key_commands.keys)


@main.command()
@DATA
@click.option("--hall", required=True, help="Id of the hall, e.g. T01; part of case numbers.")
@click.option("--name", required=True, help="Name of the hall on pages and printed forms.")
@click.option("--center", required=True, help="Name of the center, e.g. tonghua.example.")
@click.option("--listen", default="127.0.0.1:8701", help="Address of the staff pages.")
@click.option("--terminal-listen", default="127.0.0.1:8711", help="Address for terminals.")
@click.option("--zkteco-listen", default="", help="Address for ZKTeco terminals, if any.")
@click.option("--sync-seconds", default=20, help="Seconds between contacts with the center.")
def init(data: Path, **given: str | int) -> None:
    """Set up an empty hall: its settings, keys and database."""
    if (data / "node.toml").exists():
        raise click.ClickException("This folder holds a hall already; nothing was changed.")
    settings = HallSettings(**given)  # type: ignore[arg-type]
    settings.save(data)
    with opened(data) as hall:
        click.echo(f"Hall {hall.settings.hall} is set up; its log is {hall.origin}.")


@main.command()
@DATA
def serve(data: Path) -> None:
    """Serve the staff pages, the terminals and the background sync until SIGTERM."""
    logs.set_up()
    with opened_to_serve(data) as hall:
        serve_pages = serving.serve_reading if hall.reads_only else serving.serve
        serve_pages(hall)


@main.command()
@DATA
@click.option("--url", required=True, help="Address of the aggregator.")
@click.option("--code", required=True, help="One-time code that the center shows for 15 minutes.")
@click.option("--anew", is_flag=True, help="With new keys: the old ones are revoked or lost.")
@AS_JSON
def enrol(data: Path, url: str, code: str, anew: bool, as_json: bool) -> None:
    """Ask the center to admit this hall, and show the 30 digits to compare by telephone."""
    with opened(data) as hall:
        line = line_to(hall, url, HttpLine)
        asked = enrolment.ask(hall, line, url, code, anew=anew)
        if as_json:
            click.echo(json.dumps({"state": asked.state, "digits": asked.digits}))
            return
        click.echo(f"Compare these digits with the center's screen by telephone:\n{asked.digits}")
        click.echo("The hall is enrolled as soon as the center has approved it.")


@main.command()
@DATA
@AS_JSON
def sync(data: Path, as_json: bool) -> None:
    """Make one contact with the center now: send what is unsent, fetch what is new."""
    with opened(data) as hall:
        status = syncing.Syncing(hall).turn()
        if as_json:
            click.echo(json.dumps(asdict(status), default=str, ensure_ascii=False))
        elif status.error_code:
            click.echo(f"{status.error_code}: {status.last_error}", err=True)
        else:
            click.echo(f"{status.state}: {status.sent} sent, {status.fetched} fetched.")
        sys.exit(1 if status.error_code else 0)


@main.command()
@DATA
@AS_JSON
def status(data: Path, as_json: bool) -> None:
    """Show where this hall's log stands and what the center has not received yet."""
    with opened(data) as hall:
        state, known = hall.state(), enrolment.trust(hall)
        facts = {
            "hall": hall.settings.hall,
            "origin": state.origin,
            "size": state.size,
            "received": state.mark.size,
            "unsent": state.size - state.mark.size,
            "standards": hall.shelf().size,
            "enrolment": known.state if known else "none",
        }
        if as_json:
            click.echo(json.dumps(facts))
            return
        for name, value in facts.items():
            click.echo(f"{name:>10}  {value}")


@main.command()
@DATA
def verify(data: Path) -> None:
    """Hash every kept entry again and name the first one that is not what was written."""
    with opened(data) as hall:
        broken = 0
        for state in hall.logs.states():
            first = hall.logs.verify(state.origin)
            broken += first is not None
            said = "holds" if first is None else f"BROKEN at entry {first}"
            click.echo(f"{state.origin}  {state.size} entries  {said}")
        checked = hall.db.integrity()
        click.echo(f"database  {checked}")
        sys.exit(1 if broken or checked != "ok" else 0)


main.add_command(account_command(DATA, opened, ROLES))
main.add_command(terminal_commands.terminal)
main.add_command(certificate_commands.certificate)
main.add_command(backup_commands.restore_key)
main.add_command(backup_commands.backup)
main.add_command(restore)
main.add_command(audit_commands.compare)
main.add_command(audit_commands.audit)
main.add_command(export_stick)
main.add_command(import_stick)
main.add_command(audit_commands.prove)
main.add_command(head_commands.head)
main.add_command(head_commands.compare_heads)
main.add_command(erase_data)
main.add_command(try_terminal)
main.add_command(token_commands(DATA, opened, NAMES))


if __name__ == "__main__":
    main()
