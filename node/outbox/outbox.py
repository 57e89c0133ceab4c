"""待上报: what the center has not received yet, what it found, and what came down.

Reads where the logs stand; the exchange itself is `node.syncing`. Nothing here ever stops the
window: what is late is said, no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from node.cases.findings import count_by_state
from node.desk import hall, sync
from node.files.file_traffic import file_traffic
from node.hall import Hall
from node.outbox import comparisons
from node.outbox.heads import split_heads, standards_code
from node.outbox.progress import duration, volume
from sync.contact.exchange import oldest_unsent
from sync.errors import UnknownLog
from web import access, logs

pages = Blueprint("outbox", __name__, url_prefix="/outbox")

# What the kinds of a local quarantine row and the states of the exchange are called.
STATES = {
    "unenrolled": ("warn", "尚未入网"),
    "pending": ("warn", "等待中心批准入网"),
    "waiting": ("ok", "正常，等待下一次"),
    "running": ("info", "正在上报"),
    "stuck": ("danger", "卡住了，长时间没有进展"),
    "offline": ("warn", "连不上中心，稍后自动再试"),
    "refused": ("danger", "被中心拒绝"),
    "stopped": ("idle", "已停止"),
}


@dataclass(frozen=True)
class Unsent:
    """What is still to be sent: how much, and since when the oldest waits (UTC text)."""

    count: int
    oldest: str | None


@dataclass(frozen=True)
class Receipt:
    """The center's latest receipt for this hall's log."""

    size: int
    at: str


@dataclass(frozen=True)
class Received:
    """One log that came down: how much of it is here, applied, and could not be applied."""

    label: str
    size: int
    applied: int
    quarantined: int
    latest: str | None


def unsent(here: Hall) -> Unsent:
    """What of this hall's log no checked receipt covers."""
    mine = (s for s in here.logs.states() if s.own and s.writer == here.settings.hall)
    count = sum(state.size - state.mark.size for state in mine)
    return Unsent(count, oldest_unsent(here.logs) or None)


def last_receipt(here: Hall) -> Receipt | None:
    """The receipt that reaches furthest, or None before the first."""
    rows = here.db.query(
        "SELECT size, at FROM receipt WHERE origin = :origin ORDER BY size DESC LIMIT 1",
        origin=here.origin,
    )
    return Receipt(int(rows[0]["size"]), str(rows[0]["at"])) if rows else None


def came_down(here: Hall) -> list[Received]:
    """The center's logs as this hall holds them."""
    return [
        _received(here, "统一标准", here.standards_origin),
        _received(here, "督查与问题", here.orders_origin),
    ]


def _received(here: Hall, label: str, origin: str) -> Received:
    try:
        state = here.logs.state(origin)
    except UnknownLog:
        return Received(label, 0, 0, 0, None)
    rows = here.db.query(
        "SELECT (SELECT COUNT(*) FROM quarantine WHERE origin = :origin) AS held, "
        "(SELECT MAX(at) FROM batch WHERE origin = :origin) AS latest",
        origin=origin,
    )
    return Received(label, state.size, state.applied, int(rows[0]["held"]), rows[0]["latest"])


def age_of(moment: str | None, now: datetime) -> timedelta:
    """How long ago a moment (UTC text) was; nothing for no moment or one ahead of the clock."""
    if moment is None:
        return timedelta()
    return max(now - datetime.fromisoformat(moment), timedelta())


@pages.get("")
@access.anyone_signed_in
def listing() -> str:
    """The whole page; its middle refreshes itself."""
    here, running = hall(), sync()
    return render_template(
        "outbox/listing.html",
        unsent=unsent(here),
        receipt=last_receipt(here),
        received=came_down(here),
        size=here.state().size,
        findings=count_by_state(here),
        status=running.status() if running else None,
        files=file_traffic(here),
        states=STATES,
        duration=duration,
        volume=volume,
        comparisons=comparisons.latest(here),
        epoch=here.origin.rpartition("/")[2],
        asked=request.args.get("asked", ""),
        standards=standards_code(here),
        splits=split_heads(here),
    )


@pages.post("/now")
@access.roles("clerk", "reviewer", "supervisor", "administrator")
def now() -> Response:
    """Ask for an exchange with the center at once; asking twice does no harm."""
    running = sync()
    if running is not None:
        running.poke()
        logs.event("sync.asked")
    return redirect(url_for("outbox.listing", asked="sync"), 303)


@pages.post("/compare")
@access.roles("supervisor", "administrator")
def compare() -> Response:
    """Ask for a comparison with the center at once; asking twice does no harm."""
    running = sync()
    if running is not None:
        running.compare()
        logs.event("comparison.asked")
    return redirect(url_for("outbox.listing", asked="compare"), 303)
