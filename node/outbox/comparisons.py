"""对账: this hall's logs compared with what the center keeps of them, and evidence where it
contradicts its own receipts.

Runs after a contact: once a day, when the center wishes it, or when a person asks. Changes no log.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from node.hall import Hall
from node.keys import enrolment
from sync.client import Line
from sync.errors import SyncError
from sync.evidence import comparison
from sync.evidence.comparison import Comparing, Comparison, spread
from sync.evidence.kept import inclusion_path
from sync.notes import b64
from sync.storage.durable import make_folder, write_file

EVERY = timedelta(days=1)
_SAMPLES = 8


@dataclass(frozen=True)
class Outcome:
    """What one comparison came to, and the file of evidence when one was written."""

    found: Comparison
    evidence: Path | None = None


def own_origins(hall: Hall) -> list[str]:
    """The logs that this hall has written, in the order of their epochs."""
    rows = hall.db.query(
        "SELECT origin FROM log WHERE own = 1 AND writer = :hall ORDER BY LENGTH(origin), origin",
        hall=hall.settings.hall,
    )
    return [row["origin"] for row in rows]


def compare(hall: Hall, line: Line, samples: int = _SAMPLES) -> list[Outcome]:
    """Compare every own log up to its latest receipt.

    Raises:
        SyncError: not enrolled, no line, or the center refuses.
    """
    peer = enrolment.peer(hall)
    if peer is None:
        raise SyncError("this hall is not enrolled")
    comparing, outcomes = Comparing(hall.logs, line, peer), []
    for origin in own_origins(hall):
        found = comparing.run(origin, _some(hall, origin, samples))
        comparison.keep(hall.logs, found)
        evidence = save_evidence(hall, found) if found.contradicts else None
        outcomes.append(Outcome(found, evidence))
    return outcomes


def _some(hall: Hall, origin: str, count: int) -> list[int]:
    """Indexes all over the log, others each time: nobody can know which are asked for."""
    size = hall.logs.state(origin).mark.size
    lows = [*spread(size, count), size]
    return [low + secrets.randbelow(high - low) for low, high in pairwise(lows)]


def is_due(hall: Hall, now: datetime) -> bool:
    """Whether a day has passed since the log that is being written was compared."""
    last = comparison.kept(hall.logs, hall.origin)
    if last is None:
        return hall.state().mark.size > 0
    past = now - datetime.fromisoformat(last.at)
    return past >= EVERY or past < -EVERY


def latest(hall: Hall) -> list[Comparison]:
    """The latest comparison of each own log."""
    found = (comparison.kept(hall.logs, origin) for origin in own_origins(hall))
    return [one for one in found if one is not None]


def save_evidence(hall: Hall, found: Comparison) -> Path:
    """Everything with which a third party sees that the center contradicts its own receipt.

    The receipt (the center's cosignature over our head), the center's signed answers with the
    questions they answer, and our version of the record with its path to that head.
    """
    folder = hall.data / "evidence"
    make_folder(folder)
    when = "".join(c for c in found.at if c.isdigit())
    path = folder / f"center-{found.origin.replace('/', '_')}-{found.size}-{when}.json"
    write_file(path, json.dumps(_evidence(hall, found), ensure_ascii=False, indent=1))
    return path


def _evidence(hall: Hall, found: Comparison) -> dict[str, object]:
    known = enrolment.trust(hall)
    shown: dict[str, object] = {}
    if found.index is not None and found.hall_leaf is not None:
        path = inclusion_path(hall.logs, found.origin, found.index, found.size)
        shown = {
            "index": found.index,
            "leaf": found.hall_leaf.decode(),
            "path": [b64(one) for one in path],
        }
    return {
        "type": "onehall/evidence/v1",
        "what": f"{found.state}: the center's signed answers contradict its own receipt",
        "origin": found.origin,
        "receipt": found.receipt.decode(),
        "exchanges": [
            {"question": question.decode(), "answer": answer.decode()}
            for question, answer in found.proof
        ],
        "record": shown,
        "keys": known.keys.decode() if known else "",
        "root": str(known.root) if known else "",
    }
