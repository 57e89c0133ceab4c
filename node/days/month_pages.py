"""月度封存页: how each month stands, and the button that freezes it."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response

from node.days import months
from node.days.correction_pages import names
from node.desk import actor, hall
from standards.errors import Invalid
from web import access, logs, page

pages = Blueprint("months", __name__, url_prefix="/months")


@pages.get("")
@access.roles("supervisor", "administrator")
def listing() -> str:
    """Every month that is over."""
    return _listing({})


def _listing(wrong: dict[str, str]) -> str:
    here = hall()
    return render_template(
        "months/listing.html",
        states=[months.month_state(here, month) for month in months.months(here)],
        names=names(here),
        errors=wrong,
        done=request.args.get("done", ""),
    )


@pages.post("/<month>/freeze")
@access.roles("supervisor")
def freeze(month: str) -> tuple[str, int] | Response:
    """Freeze a month."""
    try:

        def effect() -> str:
            months.freeze(hall(), month, actor())
            logs.event("month.frozen", month=month)
            return url_for("months.listing", done=month)

        return page.answer_once(effect)
    except Invalid as wrong:
        return _listing(wrong.fields), 422
