"""恢复回补页: what the center lost by a restore, what came back, and what still has to."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from aggregator.office import ADMINISTRATOR, RECONCILER, center
from aggregator.safekeeping import returning
from standards.errors import Invalid
from sync.errors import StoreBusy
from web import access, logs
from web.shell import Banner

pages = Blueprint("returned", __name__, url_prefix="/returned")

WAYS = {
    returning.OWN: "中心日志，由分厅送回",
    returning.AGAIN: "分厅日志，由分厅重新上报",
    returning.NEVER: "被更换的机器写过、从未收到，请对照纸质回执补录",
}


def warnings() -> Iterator[Banner]:
    """The center was restored and waits for halls: nothing is written into those logs meanwhile."""
    try:
        lacking = returning.missing(center())
    except StoreBusy:
        # One of several database servers is away: other lines above the page say so.
        return
    if lacking:
        said = f"中心从备份恢复后还有{len(lacking)}份日志没有补齐，分厅下次联系时自动送回。"
        yield Banner(level="danger", text=said, href=url_for("returned.listing"), link="恢复回补")


@pages.get("")
@access.roles(RECONCILER, ADMINISTRATOR)
def listing() -> str:
    """What is missing still, and everything that came back."""
    here = center()
    return render_template(
        "returned/listing.html",
        missing=returning.missing(here),
        returned=returning.returned(here),
        ways=WAYS,
    )


@pages.post("/go-on")
@access.roles(ADMINISTRATOR)
def go_on() -> Response:
    """Nobody will bring the rest of this log: it goes on where it ends now."""
    here, origin = center(), request.form.get("origin", "")
    if origin not in [name for name, _, _ in returning.missing(here)]:
        raise Invalid({"": "这份日志没有缺失"})
    returning.go_on_without(here, origin)
    logs.event("returned.go_on", origin=origin)
    return redirect(url_for("returned.listing"), 303)
