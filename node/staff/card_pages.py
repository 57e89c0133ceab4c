"""员工卡: on the member's page a supervisor holds a card to a reader, or deletes a lost one."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from node.desk import hall
from node.staff import cards, staff
from standards.errors import Invalid
from web import access, logs, page

pages = Blueprint("cards", __name__, url_prefix="/staff")


@pages.post("/<staff_no>/card")
@access.roles("supervisor", "administrator")
def register(staff_no: str) -> tuple[str, int] | Response:
    """Keep what the reader typed as the person's card; one registered before is good no longer."""
    who = staff.known(staff_no)

    def effect() -> str:
        if not who.staff.active:
            raise Invalid({"card": "已离岗，不能登记卡；请先恢复在岗"})
        cards.register(hall(), staff_no, request.form.get("card", ""))
        logs.event("member.card", member=staff_no)
        return url_for("members.one", staff_no=staff_no, done="card")

    try:
        return page.answer_once(effect)
    except Invalid as wrong:
        return staff.shown(who, wrong.fields), 422


@pages.post("/<staff_no>/card/remove")
@access.roles("supervisor", "administrator")
def remove(staff_no: str) -> Response:
    """The card is lost or given back: it signs nobody in from now on."""
    who = staff.known(staff_no)

    def effect() -> str:
        cards.forget_card(hall(), who.staff_no)
        logs.event("member.card_removed", member=staff_no)
        return url_for("members.one", staff_no=staff_no, done="no_card")

    return page.answer_once(effect)
