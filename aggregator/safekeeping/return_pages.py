"""恢复回补页: what the center lost by a restore, what came back, and what still has to."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from aggregator.halls.halls import hall_names
from aggregator.office import ADMINISTRATOR, RECONCILER, center
from aggregator.safekeeping import forks, returning, set_aside, unheard
from standards.errors import Invalid
from sync.errors import StoreBusy
from web import access, logs
from web.shell import Banner

pages = Blueprint("returned", __name__, url_prefix="/returned")

WAYS = {
    returning.OWN: "中心日志，由分厅送回",
    returning.AGAIN: "分厅日志，由分厅重新上报",
    returning.NEVER: "被更换的机器写过、从未收到，请对照纸质回执补录",
    returning.BEHIND: "中心恢复后所写，接在送回的记录后面",
}


def warnings() -> Iterator[Banner]:
    """The center was restored and waits for halls: nothing is written into those logs meanwhile.
    And two histories of one of its logs, of which somebody has to look at both.
    """
    here = center()
    try:
        lacking, waited = returning.missing(here), unheard.waited_for(here.db)
        split = forks.open_splits(here)
    except StoreBusy:
        # One of several database servers is away: other lines above the page say so.
        return
    for said in _said(len(lacking), len(waited), split):
        yield Banner(level="danger", text=said, href=url_for("returned.listing"), link="恢复回补")


def _said(lacking: int, waited: int, split: int) -> Iterator[str]:
    if lacking:
        yield f"中心从备份恢复后还有{lacking}份日志没有补齐，分厅下次联系时自动送回。"
    if waited:
        yield (
            f"中心的数据可能来自旧备份：还要等{waited}个分厅联系，才能继续发布标准和下发督查。"
            "收报和查询照常。"
        )
    if split:
        yield f"中心日志分叉：有{split}处与分厅所存的不一致，双方签名都已留证，请尽快查明。"


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
        waited=unheard.waited_for(here.db),
        aside=set_aside.counts(here),
        splits=forks.split_heads(here),
        names=hall_names(here),
    )


@pages.post("/go-on")
@access.roles(ADMINISTRATOR)
def go_on() -> Response:
    """Nobody will bring the rest of this log: it goes on where it ends now."""
    here, origin = center(), request.form.get("origin", "")
    if origin not in [name for name, _, _ in returning.missing(here)]:
        raise Invalid({"": "这份日志没有缺失"})
    returning.go_on_without(here, origin, access.current_staff().staff_no)
    logs.event("returned.go_on", origin=origin)
    return redirect(url_for("returned.listing"), 303)


@pages.post("/unheard")
@access.roles(ADMINISTRATOR)
def go_on_unheard() -> Response:
    """This hall need not be heard before the center writes again."""
    here, hall = center(), request.form.get("hall", "")
    if hall not in unheard.waited_for(here.db):
        raise Invalid({"": "中心没有在等这个分厅"})
    returning.go_on_unheard(here, hall)
    logs.event("returned.unheard", hall=hall)
    return redirect(url_for("returned.listing"), 303)


@pages.post("/settled")
@access.roles(ADMINISTRATOR)
def settled() -> Response:
    """Somebody has looked at two histories of one log, and dealt with it."""
    here, form = center(), request.form
    size = form.get("size", "")
    one = form.get("origin", ""), form.get("hall", ""), int(size) if size.isdecimal() else -1
    if not forks.settle_split(here, one, access.current_staff().staff_no):
        raise Invalid({"": "没有这一处分叉，或已处置"})
    logs.event("returned.settled", origin=one[0], hall=one[1])
    return redirect(url_for("returned.listing"), 303)
