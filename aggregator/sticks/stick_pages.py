"""U盘交换 on the center's pages: take in a hall's file, give its answer back.

What is on a stick and what is believed is said in `aggregator.sticks.sticks`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from aggregator.halls import roster
from aggregator.office import ADMINISTRATOR, RECONCILER, center
from aggregator.receiving.intake import Worker
from aggregator.sticks.sticks import (
    apply_taken,
    bring_in_files_behind,
    export_down,
    files_behind,
    import_up,
)
from sync.errors import StickRefused, UnknownKey
from web import access, logs
from web.sticks import MAX_UPLOAD_BYTES, Taken, download, picked_megabytes, sentences, uploaded

pages = Blueprint("sticks", __name__, url_prefix="/halls/stick")
MIB = 1024 * 1024
# A sealed file is opened whole: one stick at a time bounds what is in memory.
_turn = threading.Lock()


@contextmanager
def _alone() -> Iterator[None]:
    if not _turn.acquire(blocking=False):
        raise StickRefused("busy")
    try:
        yield
    finally:
        _turn.release()


@pages.get("")
@access.roles(RECONCILER, ADMINISTRATOR)
def show() -> str:
    """The form, what the last file brought, and a file for each hall to take back."""
    done = Taken.of_query(request.args)
    return _page([*done.arrived("center")] if done else [], hall=done.hall if done else "")


def _page(said: list[str], wrong: list[str] | None = None, hall: str = "") -> str:
    enrolled = [row for row in roster.halls(center()) if row.state == "enrolled"]
    return render_template(
        "sticks/listing.html", halls=enrolled, said=said, wrong=wrong or [], brought=hall
    )


@pages.post("")
@access.roles(RECONCILER, ADMINISTRATOR)
@access.limits(body=MAX_UPLOAD_BYTES, fields=10, memory=MIB)
def take() -> Response | tuple[str, int]:
    """Take in a hall's file; twice does no harm."""
    try:
        with _alone():
            taken = import_up(center(), uploaded("stick"))
            if taken.manifest is not None and taken.manifest.files:
                # A file is kept only when an entry that was applied names it.
                apply_taken(center(), taken)
                bring_in_files_behind(center(), taken)
    except StickRefused as refused:
        logs.event("stick.refused", reason=refused.reason)
        return _page([], sentences(refused, "center")), 422
    worker: Worker | None = current_app.extensions.get("applying")
    if worker is not None:
        for origin in taken.logs:
            worker.wake(origin)
    logs.event(
        "stick.imported", hall=taken.hall, new=taken.new, known=taken.known, scans=taken.scans
    )
    if taken.refused:
        said = [*taken.arrived("center")]
        return _page(said, sentences(taken.refused, "center"), taken.hall), 422
    return redirect(url_for("sticks.show", **taken.query()), 303)


@pages.get("/<hall>")
@access.roles(RECONCILER, ADMINISTRATOR)
def give(hall: str) -> Response | tuple[str, int]:
    """One file for a hall: receipts, and what of standards and orders it has not confirmed."""
    here, everything = center(), "all" in request.args
    files = files_behind(here, hall, picked_megabytes())
    try:
        answer = download(
            lambda target_of: export_down(here, hall, target_of, everything, files.pieces),
            files,
            f"{hall}-DOWN.OHS",
        )
    except UnknownKey:
        raise NotFound() from None
    except StickRefused as refused:
        return _page([], sentences(refused, "center"), hall), 409
    logs.event(
        "stick.exported",
        hall=hall,
        everything=everything,
        files=len(files.pieces),
        left=files.left,
    )
    return answer
