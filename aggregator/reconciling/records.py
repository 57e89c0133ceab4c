"""One record of a hall as the center keeps it, and the proof of it to carry away.

Adds its pages to those of ``aggregator.halls.halls``. Shows leaves only: no personal part.
"""

from __future__ import annotations

from flask import Response, render_template
from werkzeug.exceptions import NotFound

from aggregator.center import Center
from aggregator.halls import roster
from aggregator.halls.hall_page import hall_or_404
from aggregator.halls.halls import LABELS, pages
from aggregator.keys import keybook
from aggregator.office import ADMINISTRATOR, INSPECTOR, RECONCILER, center
from sync.applied import aside
from sync.errors import SyncError
from sync.evidence import proving
from sync.evidence.kept import kept_leaves
from sync.evidence.proving import KeyChain
from sync.storage.store import Row
from web import access, logs
from web.leaves import place_of, version_of


def chain_of(center: Center, hall: str, epoch: int) -> KeyChain:
    """The notes that lead from the root's key to the key that wrote this epoch.

    Raises:
        UnknownKey: the hall is not enrolled.
    """
    return KeyChain(
        center.root, roster.keys_note(center), keybook.note_of_epoch(center, hall, epoch)
    )


def origin_of(center: Center, hall: str, epoch: int) -> str:
    """The log of a hall and epoch.

    Raises:
        NotFound: nothing of it was received.
    """
    rows = center.db.query(
        "SELECT origin FROM log WHERE writer = :hall AND origin = :origin",
        hall=hall,
        origin=f"{center.settings.center}/{hall}/{epoch}",
    )
    if not rows:
        raise NotFound()
    return str(rows[0]["origin"])


def batch_of(center: Center, origin: str, index: int) -> Row | None:
    """The batch in which a record came."""
    rows = center.db.query(
        "SELECT start, stop, at FROM batch WHERE origin = :origin AND start <= :index "
        "AND stop > :index",
        origin=origin,
        index=index,
    )
    return rows[0] if rows else None


@pages.get("/<hall>/record/<int:epoch>/<int:index>")
@access.roles(RECONCILER, INSPECTOR, ADMINISTRATOR)
def record(hall: str, epoch: int, index: int) -> str:
    """One record: its bytes, its place, when it came, and which receipt confirms it."""
    here = center()
    facts = hall_or_404(here, hall)
    origin = origin_of(here, hall, epoch)
    size = here.logs.state(origin).size
    if index >= size:
        raise NotFound()
    leaf = next(iter(kept_leaves(here.logs, origin, index, index + 1)))
    return render_template(
        "halls/record.html",
        facts=facts,
        origin=origin,
        epoch=epoch,
        index=index,
        size=size,
        version=version_of(leaf),
        place=place_of(leaf or b""),
        labels=LABELS,
        batch=batch_of(here, origin, index),
        receipt=proving.receipt_over(here.logs, origin, index),
        held=aside.one(here.logs, origin, index),
        applied=here.logs.state(origin).applied > index,
    )


@pages.get("/<hall>/record/<int:epoch>/<int:index>/proof")
@access.roles(RECONCILER, INSPECTOR, ADMINISTRATOR)
def proof(hall: str, epoch: int, index: int) -> Response | tuple[str, int]:
    """The proof of one record as a file."""
    here = center()
    facts = hall_or_404(here, hall)
    origin = origin_of(here, hall, epoch)
    if index >= here.logs.state(origin).size:
        raise NotFound()
    try:
        text = proving.proof_of(here.logs, origin, index, chain_of(here, hall, epoch))
    except SyncError as refused:
        return render_template("halls/no_proof.html", facts=facts, reason=refused.rule), 409
    logs.event("proof.exported", hall=hall, index=index)
    name = proving.file_name(origin, index)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, mimetype="application/json", headers=headers)
