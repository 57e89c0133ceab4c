"""隔离: what was received and could not be applied, why, what waits behind it, and trying again.

Replaying changes tables only; the kept bytes stand as they came. Each replay is a line of the log.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from aggregator.center import Center
from aggregator.halls.halls import LABELS, hall_names
from aggregator.office import ADMINISTRATOR, INSPECTOR, RECONCILER, center
from aggregator.receiving import apply
from sync.applied import aside
from sync.evidence.kept import kept_leaves
from web import access, logs
from web.leaves import version_of
from web.page import page_number

pages = Blueprint("quarantine", __name__, url_prefix="/quarantine")

PAGE_SIZE = 100


def origins_of(center: Center, hall: str) -> list[str]:
    """The received logs of one hall, or of all when none is named, in the order of their epochs."""
    rows = center.db.query(
        "SELECT origin FROM log WHERE own = 0 AND (:hall = '' OR writer = :hall) "
        "ORDER BY writer, LENGTH(origin), origin",
        hall=hall,
    )
    return [row["origin"] for row in rows]


def epoch_of(origin: str) -> int:
    """The epoch that an origin ends with."""
    last = origin.rpartition("/")[2]
    return int(last) if last.isdigit() else 0


@pages.get("")
@access.roles(RECONCILER, INSPECTOR, ADMINISTRATOR)
def listing() -> str:
    """What is in quarantine, of one hall or of all."""
    here, hall, number = center(), request.args.get("hall", ""), page_number()
    counts = aside.counts(here.logs, hall)
    return render_template(
        "quarantine/listing.html",
        hall=hall,
        halls=hall_names(here),
        counts=counts,
        newer=aside.newer_kinds(here.logs, hall),
        held=aside.listed(here.logs, hall, PAGE_SIZE, (number - 1) * PAGE_SIZE),
        labels=LABELS,
        epoch_of=epoch_of,
        number=number,
        page_count=max(1, -(-counts.total // PAGE_SIZE)),
        freed=request.args.get("freed", ""),
    )


@pages.post("")
@access.roles(RECONCILER, ADMINISTRATOR)
def replay_all() -> Response:
    """Try everything of one hall again, or of all; what still cannot be applied stays."""
    here, hall = center(), request.form.get("hall", "")
    freed = sum(apply.replay(here, origin) for origin in origins_of(here, hall))
    logs.event("quarantine.replayed", hall=hall or "all", freed=freed)
    return redirect(url_for("quarantine.listing", hall=hall or None, freed=freed), 303)


@pages.get("/<hall>/<int:epoch>/<int:index>")
@access.roles(RECONCILER, INSPECTOR, ADMINISTRATOR)
def one(hall: str, epoch: int, index: int) -> str:
    """One entry in quarantine: its bytes, the reason, and what waits behind it."""
    here = center()
    origin = f"{here.settings.center}/{hall}/{epoch}"
    held = aside.one(here.logs, origin, index)
    if held is None:
        raise NotFound()
    leaf = next(iter(kept_leaves(here.logs, origin, index, index + 1)))
    return render_template(
        "quarantine/one.html",
        hall=hall,
        name=hall_names(here).get(hall, hall),
        epoch=epoch,
        held=held,
        version=version_of(leaf),
        behind=aside.behind(here.logs, held),
        labels=LABELS,
        tried="tried" in request.args,
    )


@pages.post("/<hall>/<int:epoch>/<int:index>")
@access.roles(RECONCILER, ADMINISTRATOR)
def replay_one(hall: str, epoch: int, index: int) -> Response:
    """Try one entry again."""
    here = center()
    origin = f"{here.settings.center}/{hall}/{epoch}"
    if aside.one(here.logs, origin, index) is None:
        raise NotFound()
    freed = apply.replay_one(here, origin, index)
    logs.event("quarantine.replayed", hall=hall, index=index, freed=int(freed))
    if freed:
        return redirect(url_for("quarantine.listing", hall=hall, freed=1), 303)
    where = url_for("quarantine.one", hall=hall, epoch=epoch, index=index, tried=1)
    return redirect(where, 303)
