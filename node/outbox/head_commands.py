"""``onehall-node head`` and ``compare-heads``: does the center show every hall the same?"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from node.hall import Hall
from node.keys import enrolment
from node.opening import DATA, opened
from node.outbox.heads import evidence_file, standards_code
from sync.evidence.heads import Compared, compare_head, latest_head
from sync.storage.durable import write_file

SENTENCES = {
    "same": "the same history: they hold what this hall holds, up to entry {size}",
    "longer": "they hold {size} entries and this hall {held}: make a contact, then compare again",
    "split": "ANOTHER HISTORY: the center signed two roots for {size} entries; evidence: {kept}",
}


@click.command()
@DATA
@click.option("--size", type=int, help="Digits of this many entries, when others hold fewer.")
@click.option("--to", "into", type=click.Path(dir_okay=False, path_type=Path), help="A file.")
def head(data: Path, size: int | None, into: Path | None) -> None:
    """Show the digits of the standards that this hall holds, and write the head that was signed."""
    with opened(data) as hall:
        at, digits = standards_code(hall, size)
        note = latest_head(hall.logs, hall.standards_origin)
        if not at or note is None:
            raise click.ClickException("This hall holds no standards yet.")
        click.echo(f"{hall.standards_origin}  {at} entries  {digits}")
        if into is not None:
            write_file(into, note.decode())
            click.echo(f"Give {into} to the other hall: compare-heads.", err=True)


@click.command("compare-heads")
@DATA
@click.argument("other", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def compare_heads(data: Path, other: Path) -> None:
    """Compare another hall's head, as ``head --to`` wrote it there, with what this hall holds.

    Exit status 1 when the center showed another history there: both heads are kept as evidence.
    """
    with opened(data) as hall:
        peer = enrolment.peer(hall)
        if peer is None:
            raise click.ClickException("This hall is not enrolled.")
        note, origin = other.read_bytes(), hall.standards_origin
        found = compare_head(hall.logs, origin, note, peer.keys.log_keys)
        kept = _keep(hall, found, note) if found.verdict == "split" else ""
        said = SENTENCES[found.verdict].format(size=found.size, held=found.held, kept=kept)
        click.echo(f"{found.origin}  {said}")
        sys.exit(found.verdict == "split")


def _keep(hall: Hall, found: Compared, theirs: bytes) -> str:
    ours = latest_head(hall.logs, hall.standards_origin) or b""
    path = evidence_file(hall, found.origin, found.size, (theirs, ours))
    return str(path.relative_to(hall.data))
