"""撤并页: a hall is closed, after what would be left behind was read and its id was typed.

Adds its pages to those of ``aggregator.halls.halls``.
"""

from __future__ import annotations

from flask import render_template, request, url_for
from werkzeug.wrappers import Response

from aggregator.center import Center
from aggregator.halls import succession
from aggregator.halls.hall_page import hall_or_404
from aggregator.halls.halls import hall_names, pages
from aggregator.office import ADMINISTRATOR, actor, center
from standards.errors import Invalid
from web import access, logs, once


@pages.get("/<hall>/close")
@access.roles(ADMINISTRATOR)
def ask_to_close(hall: str) -> str:
    """What would be left behind, and who goes on."""
    return _page(center(), hall, {})


def _page(here: Center, hall: str, errors: dict[str, str]) -> str:
    facts = hall_or_404(here, hall)
    others = {
        one: f"{name}（{one}）"
        for one, name in hall_names(here).items()
        if one != hall and succession.of_hall(here, one).closed is None
    }
    return render_template(
        "halls/close.html",
        facts=facts,
        closed=succession.of_hall(here, hall).closed,
        left=succession.hindrances(here, hall),
        others=others,
        chosen=request.form.getlist("successors"),
        given=request.form,
        errors=errors,
    )


@pages.post("/<hall>/close")
@access.roles(ADMINISTRATOR)
def close(hall: str) -> tuple[str, int] | Response:
    """Close it for good."""
    here = center()
    hall_or_404(here, hall)

    def effect() -> str:
        _check(here, hall)
        form = request.form
        succession.close(here, hall, form.getlist("successors"), form["document"], actor())
        logs.event("hall.closed", hall=hall)
        return url_for("halls.one", hall=hall)

    try:
        return once.answer_once(effect)
    except Invalid as wrong:
        return _page(here, hall, wrong.fields), 422


def _check(here: Center, hall: str) -> None:
    form, wrong = request.form, {}
    if not form.get("document", "").strip() or len(form["document"]) > 80:
        wrong["document"] = "请填写批准撤并的文号（80字以内）"
    if not form.getlist("successors"):
        wrong["successors"] = "请选定承接的分厅"
    if form.get("confirm", "").strip().upper() != hall:
        wrong["confirm"] = f"请输入要撤销的分厅编号 {hall}"
    if succession.hindrances(here, hall) and not form.get("anyway"):
        wrong["anyway"] = "还有没有上报或没有办结的，先处理完；确要撤并的请勾选"
    if wrong:
        raise Invalid(wrong)
