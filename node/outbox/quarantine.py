"""隔离: what came down from the center and could not be applied here, why, and trying again.

Replaying changes tables only; the kept bytes stand as they came. Each replay is a line of the log.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from node.desk import hall
from node.hall import Hall
from node.outbox.records import LABELS
from sync.applied import aside
from sync.applied.applying import replay_quarantined
from sync.applied.aside import Aside
from sync.evidence.kept import kept_leaves
from web import access, logs
from web.leaves import version_of

pages = Blueprint("quarantine", __name__, url_prefix="/quarantine")

ROLES = ("supervisor", "administrator")
_MOST_SHOWN = 200


def names_of(here: Hall) -> dict[str, str]:
    """Origin -> what the page calls a log that comes down; its key in addresses is the place."""
    return {here.standards_origin: "统一标准", here.orders_origin: "督查与问题"}


def _origin(here: Hall, place: int) -> str:
    origins = list(names_of(here))
    if place >= len(origins):
        raise NotFound()
    return origins[place]


def _held(here: Hall, place: int, index: int) -> Aside:
    held = aside.one(here.logs, _origin(here, place), index)
    if held is None:
        raise NotFound()
    return held


@pages.get("")
@access.roles(*ROLES)
def listing() -> str:
    """Everything in quarantine."""
    here = hall()
    names = names_of(here)
    return render_template(
        "quarantine/listing.html",
        counts=aside.counts(here.logs),
        newer=aside.newer_kinds(here.logs),
        held=aside.listed(here.logs, most=_MOST_SHOWN),
        names=names,
        places=list(names),
        labels=LABELS,
        freed=request.args.get("freed", ""),
    )


@pages.post("")
@access.roles(*ROLES)
def replay_all() -> Response:
    """Try everything again; what still cannot be applied stays."""
    here = hall()
    freed = sum(
        replay_quarantined(here.logs, state.origin) for state in here.logs.states() if not state.own
    )
    logs.event("quarantine.replayed", freed=freed)
    return redirect(url_for("quarantine.listing", freed=freed), 303)


@pages.get("/<int:place>/<int:index>")
@access.roles(*ROLES)
def one(place: int, index: int) -> str:
    """One entry in quarantine: its bytes, the reason, and what waits behind it."""
    here = hall()
    held = _held(here, place, index)
    leaf = next(iter(kept_leaves(here.logs, held.origin, index, index + 1)))
    return render_template(
        "quarantine/one.html",
        place=place,
        held=held,
        name=names_of(here)[held.origin],
        version=version_of(leaf),
        behind=aside.behind(here.logs, held),
        labels=LABELS,
        tried="tried" in request.args,
    )


@pages.post("/<int:place>/<int:index>")
@access.roles(*ROLES)
def replay_one(place: int, index: int) -> Response:
    """Try one entry again."""
    here = hall()
    held = _held(here, place, index)
    freed = aside.replay_one(here.logs, held.origin, index)
    logs.event("quarantine.replayed", index=index, freed=int(freed))
    if freed:
        return redirect(url_for("quarantine.listing", freed=1), 303)
    return redirect(url_for("quarantine.one", place=place, index=index, tried=1), 303)
