"""U盘交换 on the hall's pages: one file to carry to the center, one to bring back.

What is on a stick and what is believed is said in `node.sticks`.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from node.desk import hall
from node.outbox.sticks import (
    bring_in_files_behind,
    export_up,
    files_behind,
    import_down,
    own_logs,
)
from sync.errors import StickRefused
from web import access, logs
from web.sticks import MAX_UPLOAD_BYTES, Taken, download, picked_megabytes, sentences, uploaded

pages = Blueprint("sticks", __name__, url_prefix="/outbox/stick")
MIB = 1024 * 1024


@pages.get("")
@access.roles("supervisor", "administrator")
def show() -> str:
    """What is waiting, the two files, and what the last one brought."""
    done = Taken.of_query(request.args)
    return _page([*done.arrived("hall")] if done else [])


def _page(said: list[str], wrong: list[str] | None = None) -> str:
    return render_template(
        "sticks/one.html",
        waiting=sum(state.size - state.mark.size for state in own_logs(hall())),
        said=said,
        wrong=wrong or [],
    )


@pages.get("/file")
@access.roles("supervisor", "administrator")
def give() -> Response | tuple[str, int]:
    """One file with everything the center has not confirmed, or with everything there is."""
    here, everything = hall(), "all" in request.args
    files = files_behind(here, picked_megabytes())
    try:
        answer = download(
            lambda target_of: export_up(here, target_of, everything, files.pieces),
            files,
            f"{here.settings.hall}-UP.OHS",
        )
    except StickRefused as refused:
        return _page([], sentences(refused, "hall")), 409
    logs.event("stick.exported", everything=everything, files=len(files.pieces), left=files.left)
    return answer


@pages.post("")
@access.roles("supervisor", "administrator")
@access.limits(body=MAX_UPLOAD_BYTES, fields=10, memory=MIB)
def take() -> Response | tuple[str, int]:
    """Take in the file that came back from the center; twice does no harm."""
    try:
        taken = import_down(hall(), [uploaded("stick")])
        bring_in_files_behind(hall(), taken)
    except StickRefused as refused:
        logs.event("stick.refused", reason=refused.reason)
        return _page([], sentences(refused, "hall")), 422
    logs.event(
        "stick.imported",
        new=taken.new,
        known=taken.known,
        receipts=taken.receipts,
        scans=taken.scans,
    )
    if taken.refused:
        return _page([*taken.arrived("hall")], sentences(taken.refused, "hall")), 422
    return redirect(url_for("sticks.show", **taken.query()), 303)
