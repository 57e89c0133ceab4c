"""One record of this hall as it is kept here, and the proof of it to carry away.

Shows leaves only: no personal part.
"""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from werkzeug.exceptions import NotFound

from node.desk import hall
from node.hall import Hall
from node.keys import enrolment
from node.outbox import comparisons
from standards.records import RECORDS
from sync.errors import Malformed, SyncError
from sync.evidence import proving
from sync.evidence.kept import kept_leaves
from sync.evidence.proving import KeyChain
from web import access, logs
from web.leaves import place_of, version_of

pages = Blueprint("records", __name__, url_prefix="/records")

LABELS = {record.kind: record.label for record in RECORDS}


def proof(here: Hall, origin: str, index: int) -> str:
    """The proof of one record of this hall.

    Raises:
        SyncError: not enrolled, or what ``sync.evidence.proving`` refuses.
    """
    known = enrolment.trust(here)
    if known is None or not known.keys:
        raise Malformed("this hall is not enrolled")
    chain = KeyChain(known.root, known.keys, known.hall)
    return proving.proof_of(here.logs, origin, index, chain)


def _origin(here: Hall, epoch: int, index: int) -> str:
    origin = f"{here.settings.center}/{here.settings.hall}/{epoch}"
    if origin not in comparisons.own_origins(here) or index >= here.logs.state(origin).size:
        raise NotFound()
    return origin


@pages.get("/<int:epoch>/<int:index>")
@access.roles("supervisor", "administrator")
def one(epoch: int, index: int) -> str:
    """One record: its bytes, its place, and the receipt of the center that confirms it."""
    here = hall()
    origin = _origin(here, epoch, index)
    leaf = next(iter(kept_leaves(here.logs, origin, index, index + 1)))
    return render_template(
        "records/one.html",
        origin=origin,
        epoch=epoch,
        index=index,
        size=here.logs.state(origin).size,
        version=version_of(leaf),
        place=place_of(leaf or b""),
        labels=LABELS,
        receipt=proving.receipt_over(here.logs, origin, index),
    )


@pages.get("/<int:epoch>/<int:index>/proof")
@access.roles("supervisor", "administrator")
def export(epoch: int, index: int) -> Response | tuple[str, int]:
    """The proof of one record as a file."""
    here = hall()
    origin = _origin(here, epoch, index)
    try:
        text = proof(here, origin, index)
    except SyncError as refused:
        return render_template("records/no_proof.html", reason=refused.rule), 409
    logs.event("proof.exported", index=index)
    name = proving.file_name(origin, index)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, mimetype="application/json", headers=headers)
