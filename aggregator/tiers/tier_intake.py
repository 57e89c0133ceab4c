"""The sync interface between a county's center and its city's (docs/wire.md 4.6)."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request

from aggregator.office import center as the_center
from aggregator.receiving.intake import JSON, NOTE, Worker, intake, taking
from aggregator.tiers import tiers
from sync.batch import MAX_BATCH_BYTES
from sync.contact import messages
from sync.contact.forwarding import MEDIA_TYPE
from sync.contact.messages import MAX_MESSAGE_BYTES, ForwardAsk
from sync.contact.signed_requests import check_request
from sync.errors import Malformed
from sync.notes import Verifier
from web.access import limits, signed_by_other_means


@intake.post("/forwards")
@signed_by_other_means("RFC 9421 signature of the county's log key, under its pinned root")
@limits(body=MAX_MESSAGE_BYTES)
def forwards() -> Response:
    """How much of a county's logs stands here, and to whom parts are to be sealed."""
    if request.mimetype != JSON:
        raise Malformed(f"the content type must be {JSON}")
    body = request.get_data(cache=False)
    ask = messages.read(body, ForwardAsk)
    key = tiers.log_key_of(the_center(), ask)

    def key_of(name: str) -> Verifier:
        return key

    target = request.environ.get("REQUEST_URI") or request.full_path.removesuffix("?")
    headers: dict[str, Any] = dict(request.headers.items())
    check_request(headers, request.method, target, body, key_of)
    return Response(messages.write(tiers.answer(the_center(), ask)), content_type=JSON)


@intake.post("/forwards/<county>")
@signed_by_other_means("the batch itself: the hall's key, the county's keys, its pinned root")
@limits(body=MAX_BATCH_BYTES + 256 * 1024)
def forwarded(county: str) -> Response:
    """Take in what a county hands on; the receipt is kept before it is answered."""
    if request.mimetype != MEDIA_TYPE:
        raise Malformed(f"the content type must be {MEDIA_TYPE}")
    with taking(request.content_length or 0):
        origin, receipt = tiers.take_in(the_center(), county, request.get_data(cache=False))
    worker: Worker | None = current_app.extensions.get("applying")
    if worker is not None:
        worker.wake(origin)
    return Response(receipt, content_type=NOTE)
