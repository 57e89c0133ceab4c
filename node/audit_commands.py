"""``onehall-node compare`` and ``audit``: is what this hall has receipts for really at the center.

Knows no page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from node import comparisons, enrolment
from node.comparisons import Outcome
from node.hall import Hall
from node.opening import AS_JSON, DATA, opened
from sync.client import HttpLine
from sync.comparison import DAMAGED, DIFFERENT, EQUAL, NOTHING, SHORT, head_of
from sync.errors import SyncError
from sync.kept import kept_leaves
from sync.merkle import Frontier, leaf_hash

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
    return HttpLine(url, hall.signer, lambda: hall.clock.posix_ms() // 1000)


def receipts_that_fail(hall: Hall) -> Iterator[str]:
    """The kept receipts whose root our own bytes do not lead to, as sentences."""
    for origin in comparisons.own_origins(hall):
        rows = hall.db.query(
            "SELECT size, note FROM receipt WHERE origin = :origin ORDER BY size", origin=origin
        )
        reached = Frontier()
        for row in rows:
            leaves = kept_leaves(hall.logs, origin, reached.size, row["size"])
            reached = reached.extended(leaf_hash(leaf or b"") for leaf in leaves)
            if head_of(bytes(row["note"])).root != reached.root:
                yield f"{origin}  the receipt for {row['size']} entries is for another history"
                break


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
        for sentence in receipts_that_fail(hall):
            fine = False
            click.echo(sentence)
        fine = (
            _tell(comparisons.compare(hall, line_to_center(hall), _AUDIT_SAMPLES), False) and fine
        )
    sys.exit(0 if fine else 1)
