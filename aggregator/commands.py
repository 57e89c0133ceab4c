"""``onehall-aggregator``: what an administrator does at the center's machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from aggregator import serving
from aggregator.center import CenterSettings
from aggregator.database import spreading
from aggregator.database.rewriting import waiting
from aggregator.halls import roster, succession_commands
from aggregator.keys import key_commands
from aggregator.office import ROLES
from aggregator.opening import DATA, opened, opened_to_serve
from aggregator.receiving.apply import apply_all, replay
from aggregator.receiving.rounds import logs_of
from aggregator.reconciling import audit_commands
from aggregator.safekeeping import backup_commands, return_commands
from aggregator.safekeeping.erasure_commands import erase_data
from aggregator.sticks.stick_commands import export_stick, import_stick
from aggregator.tiers.tier_commands import county, forward_logs
from sync.applied.applying import rebuild as rebuild_tables
from sync.evidence.proving import receipt_that_fails
from sync.storage.durable import write_file
from web import logs
from web.account_commands import account_command
from web.command_line import AS_JSON
from web.interface_lists import NAMES
from web.token_commands import token_commands


@click.group()
def main() -> None:
    """Run the central office."""


main.add_command(key_commands.root)
main.add_command(key_commands.keys)
main.add_command(spreading.spread)
main.add_command(erase_data)
main.add_command(key_commands.revoke)


@main.command()
@DATA
@click.option("--center", required=True, help="Name in every log's origin; it never changes.")
@click.option("--name", required=True, help="Name of the office on pages.")
@click.option("--listen", default="127.0.0.1:8700", help="Address of pages and sync.")
@click.option("--database", default="", help="SQLAlchemy URL; SQLite in the folder when empty.")
@click.option(
    "--root",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="root.pub of a root key that is kept elsewhere (root new); made here when not given.",
)
def init(data: Path, root: Path | None, **given: str) -> None:
    """Set up an empty center: its settings, keys and database."""
    if (data / "center.toml").exists():
        raise click.ClickException("This folder holds a center already; nothing was changed.")
    CenterSettings(**given).save(data)  # type: ignore[arg-type]
    if root is not None:
        write_file(data / "keys" / "root.pub", root.read_text(encoding="utf-8"))
    with opened(data) as center:
        click.echo(f"Center {center.settings.center} is set up.")
        click.echo(f"Root key: {center.root}")
        if root is None:
            click.echo("The root key is on this machine; take it away soon: root move FOLDER.")
        else:
            click.echo("Next: keys request, root sign where the root is, keys install.")


@main.command()
@DATA
def starter(data: Path) -> None:
    """Publish the starter catalogue, the official calendars and the numbering scheme, once."""
    from aggregator.publishing.starter import load_starter

    with opened(data) as center:
        click.echo(f"{load_starter(center, 'SETUP')} records published.")


@main.command()
@DATA
def serve(data: Path) -> None:
    """Serve the pages and the sync interface until SIGTERM."""
    logs.set_up()
    with opened_to_serve(data) as center:
        serve_pages = serving.serve_reading if center.reads_only else serving.serve
        serve_pages(center)


@main.command()
@DATA
@click.argument("hall")
@click.option("--name", required=True, help="Name of the hall.")
def register(data: Path, hall: str, name: str) -> None:
    """Put a hall on the list, before it has keys."""
    with opened(data) as center:
        roster.register_hall(center, hall, name)
        click.echo(f"Hall {hall} is on the list.")


@main.command()
@DATA
@click.argument("hall")
def code(data: Path, hall: str) -> None:
    """Make a one-time code with which a hall may enrol; it holds for 15 minutes."""
    with opened(data) as center:
        click.echo(roster.new_code(center, hall))


@main.command()
@DATA
@click.argument("hall")
@click.option("--digits", required=True, help="The 30 digits as the hall reads them out.")
@click.option("--actor", required=True, help="Staff number of who compared them.")
@click.option("--replaces", is_flag=True, help="The hall is enrolled; this machine takes over.")
def approve(data: Path, hall: str, digits: str, actor: str, replaces: bool) -> None:
    """Admit a hall whose 30 digits agree with those that the center computed."""
    with opened(data) as center:
        waiting = [e for e in roster.pending(center) if (e.hall, e.state) == (hall, "pending")]
        match = [e for e in waiting if e.digits.split() == digits.split()]
        if not match:
            raise click.ClickException("The digits differ; do not admit this machine.")
        roster.approve(center, match[0].id, actor, replaces=replaces)
        click.echo(f"Hall {hall} is admitted.")


@main.command()
@DATA
@AS_JSON
def status(data: Path, as_json: bool) -> None:
    """Show for every log how much was received and applied."""
    with opened(data) as center:
        facts = [
            {"origin": s.origin, "size": s.size, "applied": s.applied, "own": s.own}
            for s in center.logs.states()
        ]
        click.echo(json.dumps(facts) if as_json else "\n".join(map(str, facts)))
        if dead := waiting(center):
            click.echo(f"{dead} erasures wait for the night: VACUUM FULL of their tables", err=True)


@main.command()
@DATA
def verify(data: Path) -> None:
    """Hash every kept entry again and name the first one that is not what was signed.

    Checks every receipt that was given against the kept entries, too.
    """
    with opened(data) as center:
        broken = 0
        for state in center.logs.states():
            first = center.logs.verify(state.origin)
            broken += first is not None
            said = "holds" if first is None else f"BROKEN at entry {first}"
            click.echo(f"{state.origin}  {state.size} entries  {said}")
            size = None if state.own else receipt_that_fails(center.logs, state.origin)
            if size is not None:
                broken += 1
                click.echo(f"{state.origin}  BROKEN: not what the receipt for {size} confirmed")
        checked = center.db.outside("PRAGMA integrity_check(3)") if center.db.is_sqlite else "ok"
        if checked != "ok":
            click.echo(f"database  {checked}")
        sys.exit(1 if broken or checked != "ok" else 0)


@main.command()
@DATA
def rebuild(data: Path) -> None:
    """Fill every table that follows from entries again from the kept bytes."""
    with opened(data) as center:
        click.echo(f"{rebuild_tables(center.logs)} entries applied anew.")


@main.command("replay")
@DATA
@click.argument("hall")
def replay_hall(data: Path, hall: str) -> None:
    """Try a hall's quarantined entries again, after an upgrade or a mended rule."""
    with opened(data) as center:
        apply_all(center)
        freed = sum(replay(center, state.origin) for state in logs_of(center, hall))
        click.echo(f"{freed} entries could be applied now.")


main.add_command(account_command(DATA, opened, ROLES))
main.add_command(backup_commands.restore_key)
main.add_command(backup_commands.backup)
main.add_command(backup_commands.restore)
main.add_command(return_commands.wait_for_halls)
main.add_command(return_commands.go_on)
main.add_command(export_stick)
main.add_command(import_stick)
main.add_command(audit_commands.prove)
main.add_command(succession_commands.close_hall)
main.add_command(forward_logs)
main.add_command(county)
main.add_command(token_commands(DATA, opened, NAMES))


if __name__ == "__main__":
    main()
