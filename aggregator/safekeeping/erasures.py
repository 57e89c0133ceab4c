"""依法删除 at the center: an order to one hall, carried out at both."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from aggregator.center import Center
from aggregator.database.rewriting import Rewriting, waiting
from aggregator.files.archives import archive_of
from aggregator.halls.halls import hall_names
from aggregator.office import ADMINISTRATOR, RECONCILER, actor, center
from standards.errors import Invalid
from standards.records import ErasureOrdered
from web import access, page
from web.erasures import Sweeper, listed, matter_of, read_order, show, write_all

pages = Blueprint("erasures", __name__, url_prefix="/erasures")

MAY_DECIDE = (RECONCILER, ADMINISTRATOR)


@pages.get("")
@access.roles(ADMINISTRATOR)
def listing() -> str:
    """What was erased, at which hall, and the form."""
    return _page({})


def _page(wrong: dict[str, str]) -> str:
    here, hall = center(), request.values.get("hall", "")[:12]
    days, halls = here.settings.backup_days, hall_names(here)
    more = {"done": listed(here.logs), "halls": halls, "days": days, "dead": waiting(here)}
    return show(here.logs, hall, wrong, **more)


@pages.post("")
@access.roles(ADMINISTRATOR)
def order() -> tuple[str, int] | Response:
    """Order it: erased here now, and at the hall when it fetches its orders."""
    try:
        told = read_order(ErasureOrdered, MAY_DECIDE, actor())
        return page.answer_once(lambda: _order(told))
    except Invalid as wrong:
        return _page(wrong.fields), 422


def _order(told: dict[str, str]) -> str:
    about, number = request.form.get("about", ""), request.form.get("number", "")
    erase(center(), request.form.get("hall", ""), (about, number), told)
    return url_for("erasures.listing")


def erase(here: Center, hall: str, what: tuple[str, str], told: dict[str, str]) -> int:
    """Write the order and carry it out; how many entries it names.

    Args:
        what: a key of ``ABOUT``, and the case's number or the staff number.

    Raises:
        Invalid: unknown, or may not be erased now.
    """
    matter = matter_of(here.logs, hall, *what)
    if matter is None:
        raise Invalid({"number": "没有找到这个编号，请核对后重新输入"})
    who = told["carried_out_by"]
    return write_all(
        matter,
        told,
        partial(ErasureOrdered, for_hall=hall),
        lambda record: here.order(hall, record, actor=who),
    )


def sweeper(here: Center) -> Sweeper:
    """What is done after an erasure, and once after each start."""

    def drop(origin: str, index: int) -> None:
        _, name, _ = origin.rsplit("/", 2)
        archive_of(here, name.removeprefix("orders-")).drop_unnamed(origin, index)

    return Sweeper(here.logs, Rewriting(here), drop)
