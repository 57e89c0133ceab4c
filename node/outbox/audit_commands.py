"""``onehall-node compare``, ``audit`` and ``prove``: what this hall has receipts for, proved.

Knows no page.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from node.hall import Hall
from node.keys import enrolment
from node.opening import DATA, opened
from node.outbox import comparisons, records
from node.outbox.center_line import line_to
from node.outbox.comparisons import Outcome
from sync.client import HttpLine
from sync.errors import SyncError
from sync.evidence import proving
from sync.evidence.comparison import DAMAGED, DIFFERENT, EQUAL, NOTHING, SHORT
from web.command_line import AS_JSON

_AUDIT_SAMPLES = 64

SENTENCES = {
    EQUAL: "proven equal up to entry {size}",
    DIFFERENT: "the center keeps another entry {index} than it gave a receipt for",
    SHORT: "the center gave a receipt for {size} entries and holds {held}",
    DAMAGED: "entry {index} here is not what this hall once signed; the center's copy is",
    NOTHING: "nothing to compare: the center has given no receipt yet",
}


def said_of(outcome: Outcome) -> str:
    """One comparison as a line for an administrator."""
    found = outcome.found
    sentence = SENTENCES[found.state].format(size=found.size, held=found.held, index=found.index)
    kept = f"; evidence: {outcome.evidence}" if outcome.evidence else ""
    return f"{found.origin}  {sentence}{kept}"


def facts_of(outcome: Outcome) -> dict[str, object]:
    """One comparison for a script."""
    found = outcome.found
    return {
        "origin": found.origin,
        "state": found.state,
        "size": found.size,
        "held": found.held,
        "index": found.index,
        "evidence": str(outcome.evidence) if outcome.evidence else None,
    }


def line_to_center(hall: Hall) -> HttpLine:
    """The hall's line to its center.

    Raises:
        SyncError: this hall never asked to be enrolled.
    """
    known = enrolment.trust(hall)
    if known is None:
        raise SyncError("this hall is not enrolled")
    url = hall.settings.center_url or known.url
    return line_to(hall, url, HttpLine)


def _tell(outcomes: list[Outcome], as_json: bool) -> bool:
    """Print them; whether every log is as it should be."""
    if as_json:
        click.echo(json.dumps([facts_of(one) for one in outcomes]))
    else:
        for one in outcomes:
            click.echo(said_of(one))
    return all(one.found.state in (EQUAL, NOTHING) for one in outcomes)


@click.command()
@DATA
@AS_JSON
def compare(data: Path, as_json: bool) -> None:
    """Compare this hall's logs with what the center keeps of them, day by day and as a whole.

    Exit status 1 when something differs. A center that contradicts its own receipts leaves a
    file of evidence in the folder evidence.
    """
    with opened(data) as hall:
        fine = _tell(comparisons.compare(hall, line_to_center(hall)), as_json)
    sys.exit(0 if fine else 1)


@click.command()
@DATA
def audit(data: Path) -> None:
    """Prove with this hall's own log and its receipts what the center must hold.

    Checks the log, then every receipt against it, then asks the center for its roots and for
    records all over the log, and keeps signed evidence where it contradicts its receipts.
    """
    with opened(data) as hall:
        fine = True
        for origin in comparisons.own_origins(hall):
            first = hall.logs.verify(origin)
            fine = fine and first is None
            said = "holds" if first is None else f"BROKEN at entry {first}"
            click.echo(f"{origin}  own log: {said}")
            if (size := proving.receipt_that_fails(hall.logs, origin)) is not None:
                fine = False
                click.echo(f"{origin}  the receipt for {size} entries is for another history")
        fine = (
            _tell(comparisons.compare(hall, line_to_center(hall), _AUDIT_SAMPLES), False) and fine
        )
    sys.exit(0 if fine else 1)


@click.command()
@DATA
@click.argument("index", type=click.IntRange(0))
@click.option("--epoch", type=click.IntRange(1), help="Epoch of the log; the one in use if not.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def prove(data: Path, index: int, epoch: int | None, out: Path | None) -> None:
    """Write the proof of one record to a file, for somebody who trusts the root key alone.

    INDEX is the record's place in the log, from 0. The program deploy/verify-proof checks it.
    """
    with opened(data) as hall:
        origin = hall.origin
        if epoch is not None:
            origin = f"{hall.settings.center}/{hall.settings.hall}/{epoch}"
        text = records.proof(hall, origin, index)
    path = out or Path(proving.file_name(origin, index))
    path.write_text(text, encoding="utf-8")
    click.echo(
        f"Written to {path}. It is checked anywhere by deploy/verify-proof --root KEY {path};"
    )
    click.echo("KEY is the line in the center's keys/root.pub, from a source that is trusted.")
