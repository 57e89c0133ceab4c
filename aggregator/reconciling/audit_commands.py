"""``onehall-aggregator prove``: one record's proof as a file."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.opening import DATA, opened
from aggregator.reconciling.records import chain_of
from sync.evidence import proving


@click.command()
@DATA
@click.argument("hall")
@click.argument("index", type=click.IntRange(0))
@click.option("--epoch", type=click.IntRange(1), default=1, help="Epoch of the hall's log; 1.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def prove(data: Path, hall: str, index: int, epoch: int, out: Path | None) -> None:
    """Write the proof of one record to a file, for somebody who trusts the root key alone.

    INDEX is the record's place in the hall's log, from 0. The program deploy/verify-proof checks
    the proof.
    """
    with opened(data) as center:
        origin = f"{center.settings.center}/{hall}/{epoch}"
        text = proving.proof_of(center.logs, origin, index, chain_of(center, hall, epoch))
    path = out or Path(proving.file_name(origin, index))
    path.write_text(text, encoding="utf-8")
    click.echo(
        f"Written to {path}. It is checked anywhere by deploy/verify-proof --root KEY {path};"
    )
    click.echo("KEY is the line in the center's keys/root.pub, from a source that is trusted.")
