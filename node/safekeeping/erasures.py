"""依法删除 at the hall: an administrator carries out what a supervisor decided."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from node.desk import actor, hall
from node.hall import Hall
from node.safekeeping.archives import archive_of
from standards.errors import Invalid
from standards.records import ErasureDecided
from web import access, page
from web.erasures import Sweeper, listed, matter_of, read_order, show, write_all

pages = Blueprint("erasures", __name__, url_prefix="/erasures")

MAY_DECIDE = ("supervisor", "administrator")


@pages.get("")
@access.roles("administrator")
def listing() -> str:
    """What was erased, and the form."""
    return _page({})


def _page(wrong: dict[str, str]) -> str:
    here, mine = hall(), hall().settings.hall
    days = here.settings.backup_days
    return show(here.logs, mine, wrong, done=listed(here.logs), halls={}, days=days)


@pages.post("")
@access.roles("administrator")
def decide() -> tuple[str, int] | Response:
    """Erase a case's or a person's data, here now and at the center with the next contact."""
    try:
        order = read_order(ErasureDecided, MAY_DECIDE, actor())
        return page.answer_once(lambda: _erase(order))
    except Invalid as wrong:
        return _page(wrong.fields), 422


def _erase(order: dict[str, str]) -> str:
    about, number = request.form.get("about", ""), request.form.get("number", "")
    erase(hall(), about, number, order)
    return url_for("erasures.listing")


def erase(here: Hall, about: str, number: str, order: dict[str, str]) -> int:
    """Write the decision and carry it out; how many entries it names.

    Raises:
        Invalid: unknown, or may not be erased now.
    """
    matter = matter_of(here.logs, here.settings.hall, about, number)
    if matter is None:
        raise Invalid({"number": "没有找到这个编号，请核对后重新输入"})
    who = order["carried_out_by"]
    return write_all(matter, order, ErasureDecided, lambda record: here.write(record, actor=who))


def sweeper(here: Hall) -> Sweeper:
    """What is done after an erasure, and once after each start."""
    return Sweeper(here.logs, here.db, archive_of(here).drop_unnamed)
