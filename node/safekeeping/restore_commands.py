"""``onehall-node restore``: a hall comes back, from a backup or from what the center holds."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from node.hall import HallSettings
from node.lock import Taken, exclusive
from node.opening import DATA, opened
from node.safekeeping.backup_commands import restore_backup
from node.safekeeping.replacing import Plan, lost_keys, make_keys_anew, take_over
from sync.keys.keyfiles import KeyMissing
from web.backup_options import FILE, KEYS
from web.command_line import AS_JSON

_SAID = {
    "keys": "New keys are made; what this hall wrote stays and goes on under them.",
    "digits": "Compare these digits with the center's screen by telephone; there the machine is\n"
    "approved as a replacement (更换机器). This goes on by itself then.\n{digits}",
    "enrolled": "Enrolled; this machine writes epoch {epoch}.",
    "history": "{entries} entries of this hall stand here; {fetched} of the center's came.",
    "files": "{fetched} files came, {left} to go.",
    "files_later": "{left} files are not here yet; the serving program fetches them.",
    "done": "Hall {hall} is back: {entries} entries, {cases} cases, standards {standards}, "
    "{files} files here, {files_missing} at no machine.\n"
    "Accounts and faces never travel: open accounts anew (onehall-node account), then serve.",
}


@click.command()
@click.argument("source", type=FILE, required=False)
@DATA
@click.option("--key", type=FILE, help="restore.key, as it was kept offline; for a backup.")
@KEYS
@click.option("--hall", default="", help="Id of the hall whose machine this replaces, e.g. T01.")
@click.option("--name", default="", help="Name of the hall on pages and printed forms.")
@click.option("--center", default="", help="Name of the center, e.g. tonghua.example.")
@click.option("--url", default="", help="Address of the aggregator.")
@click.option("--code", default="", help="One-time code that the center shows for 15 minutes.")
@click.option("--wait", default=60, show_default=True, help="Minutes to wait for the approval.")
@click.option("--without-files", is_flag=True, help="Leave the files to the serving program.")
@AS_JSON
def restore(source: Path | None, data: Path, **given: Any) -> None:
    """Bring a hall back: from the backup SOURCE, or without one from what the center holds.

    From a backup into an empty folder, whole and checked, or not at all. Without one this machine
    gets new keys, enrols with the center's one-time code, and fetches history, standards and
    files; what was never sent is listed. Where the keys are gone and the data are there, the data
    stay. Broken off, it goes on when it is run again.
    """
    if source is not None:
        if given["key"] is None:
            raise click.UsageError("A backup is opened with --key restore.key.")
        restore_backup(source, data, given["key"], given["keys"])
        return
    _prepare(data, given)
    plan = Plan(
        url=given["url"],
        code=given["code"],
        patience_s=given["wait"] * 60,
        files=not given["without_files"],
        sleep=time.sleep,
    )
    with opened(data) as hall:
        take_over(hall, plan, lambda step, **facts: _tell(step, facts, given["as_json"]))


def _prepare(data: Path, given: dict[str, Any]) -> None:
    """Settings for a new machine; new keys where those of the data are gone."""
    if (data / "node.toml").exists():
        try:
            with exclusive(data):
                if lost_keys(data):
                    make_keys_anew(data)
                    _tell("keys", {}, given["as_json"])
        except Taken as taken:
            raise click.ClickException(f"{taken}; stop it first.") from None
        except KeyMissing as gone:
            raise click.ClickException(
                f"{gone}: nobody can read the personal parts in node.db any more. Bring vault.key "
                "back from a copy of the folder keys; without one put this folder aside and run "
                "this with a new folder: the center brings back all that it received."
            ) from None
        return
    named = {name: given[name] for name in ("hall", "name", "center")}
    missing = [f"--{name}" for name in (*named, "url", "code") if not given[name]]
    if missing:
        raise click.UsageError(f"A new machine needs {', '.join(missing)}.")
    if data.exists() and any(data.iterdir()):
        raise click.ClickException(f"{data} is not empty; name a new folder.")
    HallSettings(**named).save(data)


def _tell(step: str, facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"step": step, **facts}, ensure_ascii=False))
        return
    click.echo(_SAID[step].format_map(facts))
    for gap in facts.get("lost", ()):
        first, last = gap["first"], gap["stop"] - 1
        click.echo(
            f"LOST: epoch {gap['epoch']}, numbers {first} to {last}: written on the old machine "
            "and never sent; enter them anew from the receipts on paper."
        )
