"""One hall at the center: its logs, what was compared, and the first record that differs.

Adds its pages to those of ``aggregator.halls.halls``.
"""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from aggregator.center import Center
from aggregator.halls import latency, succession
from aggregator.halls.hall_days import compared, days_by_kind, occurring, written_on
from aggregator.halls.halls import LABELS, HallFacts, one_hall, pages, signs, standards_size
from aggregator.halls.silence import patience
from aggregator.office import ADMINISTRATOR, INSPECTOR, RECONCILER, actor, center
from aggregator.reconciling import comparisons
from sync.applied import aside, mending
from sync.errors import Malformed
from sync.storage.store import Row
from web import access, logs
from web.leaves import Version, version_of

_ASTRAY_SHOWN = 200


def logs_of(center: Center, hall: str) -> list[Row]:
    """Where each log of a hall stands, one for each epoch."""
    return center.db.query(
        "SELECT origin, size, applied FROM log WHERE writer = :hall ORDER BY origin", hall=hall
    )


def receipts_of(center: Center, hall: str, most: int = 10) -> list[Row]:
    """The last receipts given for a hall's logs."""
    return center.db.query(
        "SELECT r.origin, r.size, r.signer, r.at FROM receipt r JOIN log l ON l.origin = r.origin "
        "WHERE l.writer = :hall ORDER BY r.at DESC, r.size DESC LIMIT :most",
        hall=hall,
        most=most,
    )


def batches_of(center: Center, hall: str, most: int = 10) -> list[Row]:
    """The last batches received from a hall."""
    return center.db.query(
        "SELECT b.origin, b.start, b.stop, b.plain_bytes, b.at FROM batch b "
        "JOIN log l ON l.origin = b.origin WHERE l.writer = :hall "
        "ORDER BY b.at DESC, b.start DESC LIMIT :most",
        hall=hall,
        most=most,
    )


def delivered_to(center: Center, hall: str) -> list[Row]:
    """How far a hall has signed for the center's own logs: proof of delivery."""
    return center.db.query(
        "SELECT l.origin, l.size, MAX(r.size) AS delivered, MAX(r.at) AS at FROM receipt r "
        "JOIN log l ON l.origin = r.origin WHERE l.own = 1 AND l.writer = 'center' "
        "AND r.signer = :hall GROUP BY l.origin, l.size ORDER BY l.origin",
        hall=hall,
    )


def hall_or_404(here: Center, hall: str) -> HallFacts:
    """The facts of a hall.

    Raises:
        NotFound: no such hall.
    """
    facts = one_hall(here, hall)
    if facts is None:
        raise NotFound()
    return facts


@pages.get("/<hall>")
@access.roles(RECONCILER, INSPECTOR, ADMINISTRATOR)
def one(hall: str) -> str:
    """One hall: what was proven, its logs, receipts and batches, and the counts by day and kind."""
    here = center()
    facts = hall_or_404(here, hall)
    size = standards_size(here)
    found = comparisons.of_hall(here, hall)
    proven, days = compared(found), days_by_kind(here, hall)
    return render_template(
        "halls/one.html",
        facts=facts,
        signs=signs(facts, size, here.clock.now(), patience(here)),
        standards_size=size,
        logs=logs_of(here, hall),
        receipts=receipts_of(here, hall),
        batches=batches_of(here, hall),
        delivered=delivered_to(here, hall),
        aside=aside.counts(here.logs, hall),
        latency=latency.every(here).get(hall),
        in_words=latency.in_words,
        comparisons=found,
        wished=comparisons.wished(here, hall),
        compared=proven,
        days=days,
        kinds=occurring(proven or days),
        labels=LABELS,
        asked="asked" in request.args,
        succession=succession.of_hall(here, hall),
    )


@pages.get("/<hall>/days/<day>/<kind>")
@access.roles(RECONCILER, INSPECTOR, ADMINISTRATOR)
def day(hall: str, day: str, kind: str) -> str:
    """The records behind one number of the table by day and kind."""
    here = center()
    facts = hall_or_404(here, hall)
    found = written_on(here, hall, day, kind)
    if not found:
        raise NotFound()
    return render_template(
        "halls/day.html", facts=facts, day=day, kind=LABELS.get(kind, kind), found=found
    )


@pages.post("/<hall>/compare")
@access.roles(RECONCILER, ADMINISTRATOR)
def compare(hall: str) -> Response:
    """Wish for a comparison; the hall makes it at its next contact."""
    here = center()
    hall_or_404(here, hall)
    comparisons.wish(here, hall, actor())
    logs.event("comparison.wished", hall=hall)
    return redirect(url_for("halls.one", hall=hall, asked=1), 303)


@pages.get("/<hall>/difference/<int:epoch>")
@access.roles(RECONCILER, INSPECTOR, ADMINISTRATOR)
def difference(hall: str, epoch: int) -> str:
    """The first record that differs, in both versions, and which of them was signed."""
    here = center()
    facts = hall_or_404(here, hall)
    origin = f"{here.settings.center}/{hall}/{epoch}"
    found = next((one for one in comparisons.of_hall(here, hall) if one.origin == origin), None)
    if found is None or found.index is None:
        raise NotFound()
    versions: list[tuple[str, Version | None]] = [
        ("分厅保存的", version_of(found.hall_leaf)),
        ("中心保存的", version_of(found.center_leaf)),
    ]
    return render_template(
        "halls/difference.html", facts=facts, found=found, epoch=epoch, versions=versions
    )


@pages.get("/<hall>/tables")
@access.roles(RECONCILER, ADMINISTRATOR)
def tables(hall: str) -> str:
    """Whether the tables say what the kept leaves say; reads every record of the hall."""
    here = center()
    facts = hall_or_404(here, hall)
    astray = mending.rows_astray(here.logs, hall)
    return render_template(
        "halls/tables.html",
        facts=facts,
        astray=astray[:_ASTRAY_SHOWN],
        total=len(astray),
        labels=LABELS,
        mended=request.args.get("mended", ""),
        refused=request.args.get("refused", ""),
    )


@pages.post("/<hall>/tables")
@access.roles(ADMINISTRATOR)
def mend(hall: str) -> Response:
    """Make this hall's tables anew from its kept leaves, when those are what was signed."""
    here = center()
    hall_or_404(here, hall)
    try:
        count = mending.mend(here.logs, hall)
    except Malformed as refused:
        logs.event("tables.mend_refused", hall=hall)
        index = refused.facts.get("index", "")
        return redirect(url_for("halls.tables", hall=hall, refused=index), 303)
    logs.event("tables.mended", hall=hall, entries=count)
    return redirect(url_for("halls.tables", hall=hall, mended=count), 303)
