"""对账总览: whether every hall and the center hold the same, as facts side by side.

Reads what intake, receipts and judging left behind; writes nothing. What a hall said at its last
contact (``hall_contact``: own size, oldest entry without a receipt, size of the standards log that
it has applied, seconds by which its clock is ahead) stands beside what is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from flask import Blueprint, render_template
from werkzeug.exceptions import NotFound

from aggregator.center import Center
from aggregator.office import ADMINISTRATOR, INSPECTOR, RECONCILER, center
from standards.records import RECORDS
from sync.store import Row
from web import access
from web.moments import CHINA, stamp

pages = Blueprint("halls", __name__, url_prefix="/halls")

State = Literal["ok", "info", "warn", "danger", "idle"]

# A node looks for something to exchange every 20 s; these many misses are worth a look.
QUIET_AFTER = timedelta(minutes=10)
LOST_AFTER = timedelta(days=1)
UNSENT_TOO_LONG = timedelta(hours=4)
MOST_SKEW_S = 120
DAYS_SHOWN = 14

LABELS = {record.kind: record.label for record in RECORDS}


@dataclass(frozen=True, kw_only=True)
class HallFacts:
    """One hall's line of the overview. Sizes and counts are entries; stamps are UTC text."""

    hall: str
    name: str
    state: str
    local: int | None
    received: int
    applied: int
    quarantined: int
    findings: int
    open_findings: int
    oldest_unsent: str
    standards_size: int
    skew_s: int
    software: str
    contact_at: str
    receipt_at: str


@dataclass(frozen=True)
class Sign:
    """One thing to know about a hall, in shape and words."""

    state: State
    text: str


_GRAVITY: dict[State, int] = {"danger": 0, "warn": 1, "info": 2, "idle": 3, "ok": 4}


def signs(facts: HallFacts, standards_size: int, now: datetime) -> list[Sign]:
    """What the facts of one hall say, gravest first; never empty.

    Args:
        standards_size: entries in the center's standards log.
    """
    found = [*_of_line(facts, now), *_of_content(facts, standards_size)]
    return sorted(found, key=lambda sign: _GRAVITY[sign.state]) or [Sign("ok", "一致")]


def _of_line(facts: HallFacts, now: datetime) -> Iterator[Sign]:
    if not facts.contact_at:
        yield Sign("idle", "尚未联系")
        return
    silent = now - datetime.fromisoformat(facts.contact_at)
    if silent > LOST_AFTER:
        yield Sign("danger", f"失联{silent.days}天")
    elif silent > QUIET_AFTER:
        yield Sign("warn", f"{int(silent.total_seconds()) // 60}分钟未联系")
    if abs(facts.skew_s) > MOST_SKEW_S:
        yield Sign("warn", f"时钟{'快' if facts.skew_s > 0 else '慢'}{abs(facts.skew_s)}秒")
    if facts.oldest_unsent:
        waiting = now - datetime.fromisoformat(facts.oldest_unsent)
        if waiting > UNSENT_TOO_LONG:
            yield Sign("warn", f"有记录{int(waiting.total_seconds()) // 3600}小时未送达")


def _of_content(facts: HallFacts, standards_size: int) -> Iterator[Sign]:
    if facts.quarantined:
        yield Sign("danger", f"隔离{facts.quarantined}条")
    if facts.applied < facts.received:
        yield Sign("info", f"待入库{facts.received - facts.applied}条")
    if facts.local is None:
        return
    if facts.received > facts.local:
        yield Sign("danger", f"分厅少{facts.received - facts.local}条，可能从备份恢复")
    elif facts.received < facts.local:
        yield Sign("info", f"待上传{facts.local - facts.received}条")
    if facts.standards_size < standards_size:
        yield Sign("info", f"标准落后{standards_size - facts.standards_size}条")


# --- questions ----------------------------------------------------------------------------------

_FACTS = """
SELECT h.hall, h.name, h.state, c.local_size, c.oldest_unsent, c.standards_size, c.clock_skew_s,
  c.software, c.at AS contact_at, l.received, l.applied, q.quarantined, f.findings, p.passed,
  r.receipt_at
FROM hall h
LEFT JOIN hall_contact c ON c.hall = h.hall
LEFT JOIN (SELECT writer, SUM(size) AS received, SUM(applied) AS applied FROM log GROUP BY writer) l
  ON l.writer = h.hall
LEFT JOIN (SELECT g.writer, COUNT(*) AS quarantined FROM quarantine x JOIN log g
  ON g.origin = x.origin GROUP BY g.writer) q ON q.writer = h.hall
LEFT JOIN (SELECT for_hall, COUNT(*) AS findings FROM finding GROUP BY for_hall) f
  ON f.for_hall = h.hall
LEFT JOIN (SELECT for_hall, COUNT(DISTINCT finding_id) AS passed FROM recheck
  WHERE result = 'passed' GROUP BY for_hall) p ON p.for_hall = h.hall
LEFT JOIN (SELECT g.writer, MAX(x.at) AS receipt_at FROM receipt x JOIN log g
  ON g.origin = x.origin GROUP BY g.writer) r ON r.writer = h.hall
WHERE (:hall = '' OR h.hall = :hall)
ORDER BY h.hall
"""


def facts_of(row: Row) -> HallFacts:
    """A row of the overview's question; what nobody said yet counts as nothing."""

    def count(name: str) -> int:
        return int(row[name] or 0)

    return HallFacts(
        hall=row["hall"],
        name=row["name"],
        state=row["state"],
        local=None if row["local_size"] is None else int(row["local_size"]),
        received=count("received"),
        applied=count("applied"),
        quarantined=count("quarantined"),
        findings=count("findings"),
        open_findings=count("findings") - count("passed"),
        oldest_unsent=row["oldest_unsent"] or "",
        standards_size=count("standards_size"),
        skew_s=count("clock_skew_s"),
        software=row["software"] or "",
        contact_at=row["contact_at"] or "",
        receipt_at=row["receipt_at"] or "",
    )


def every_hall(center: Center) -> list[HallFacts]:
    """The facts of every registered hall, by id."""
    return [facts_of(row) for row in center.db.query(_FACTS, hall="")]


def one_hall(center: Center, hall: str) -> HallFacts | None:
    """The facts of one hall, or None when it is not registered."""
    rows = center.db.query(_FACTS, hall=hall)
    return facts_of(rows[0]) if rows else None


def hall_names(center: Center) -> dict[str, str]:
    """Hall id -> name, for lists and selections."""
    rows = center.db.query("SELECT hall, name FROM hall ORDER BY hall")
    return {row["hall"]: row["name"] for row in rows}


def standards_size(center: Center) -> int:
    """Entries in the standards log: the newest standards version a hall can have."""
    return center.logs.state(center.standards_origin).size


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


def quarantined_of(center: Center, hall: str, most: int = 100) -> list[Row]:
    """What could not be applied, with its reason; oldest first."""
    return center.db.query(
        "SELECT q.origin, q.idx, q.entity, q.kind, q.reason, q.at FROM quarantine q "
        "JOIN log l ON l.origin = q.origin WHERE l.writer = :hall ORDER BY q.origin, q.idx "
        "LIMIT :most",
        hall=hall,
        most=most,
    )


_HOURS = """
SELECT kind, hour, COUNT(*) AS n FROM (
  SELECT 'case_received' AS kind, substr(at, 1, 13) AS hour FROM case_received
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'case_step', substr(at, 1, 13) FROM case_step
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'staff_member', substr(at, 1, 13) FROM staff_member
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'face_consent', substr(at, 1, 13) FROM face_consent
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'punch', substr(at, 1, 13) FROM punch
    WHERE hall = :hall AND at >= :since
  UNION ALL SELECT 'finding_answer', substr(at, 1, 13) FROM finding_answer
    WHERE hall = :hall AND at >= :since
) entries GROUP BY kind, hour
"""

HALL_KINDS = tuple(record.kind for record in RECORDS if record.owner == "hall")
"""Kinds that a hall writes, in the order of their columns."""


def days_by_kind(center: Center, hall: str, days: int = DAYS_SHOWN) -> dict[str, dict[str, int]]:
    """Day -> kind -> applied entries written on that day (the hall's own day), newest first."""
    midnight = center.clock.local().replace(hour=0, minute=0, second=0, microsecond=0)
    since = stamp(midnight - timedelta(days=days - 1))
    found: dict[str, dict[str, int]] = {}
    for row in center.db.query(_HOURS, hall=hall, since=since):
        hour = datetime.fromisoformat(f"{row['hour']}:00:00+00:00").astimezone(CHINA)
        counts = found.setdefault(hour.date().isoformat(), {})
        counts[row["kind"]] = counts.get(row["kind"], 0) + int(row["n"])
    return dict(sorted(found.items(), reverse=True))


# --- pages --------------------------------------------------------------------------------------


@pages.get("")
@access.roles(RECONCILER, INSPECTOR, ADMINISTRATOR)
def overview() -> str:
    """Every hall in one line; refreshes itself."""
    here = center()
    size, now = standards_size(here), here.clock.now()
    lines = [(facts, signs(facts, size, now)) for facts in every_hall(here)]
    return render_template(
        "halls/overview.html", lines=lines, standards_size=size, totals=_totals(lines), now=now
    )


def _totals(lines: list[tuple[HallFacts, list[Sign]]]) -> dict[str, int]:
    worst = [found[0].state for _, found in lines]
    return {
        "halls": len(lines),
        "even": worst.count("ok"),
        "danger": worst.count("danger"),
        "quarantined": sum(facts.quarantined for facts, _ in lines),
        "open_findings": sum(facts.open_findings for facts, _ in lines),
        "received": sum(facts.received for facts, _ in lines),
    }


@pages.get("/<hall>")
@access.roles(RECONCILER, INSPECTOR, ADMINISTRATOR)
def one(hall: str) -> str:
    """One hall: its logs, receipts, batches, quarantine and the counts by day and kind."""
    here = center()
    facts = one_hall(here, hall)
    if facts is None:
        raise NotFound()
    size = standards_size(here)
    return render_template(
        "halls/one.html",
        facts=facts,
        signs=signs(facts, size, here.clock.now()),
        standards_size=size,
        logs=logs_of(here, hall),
        receipts=receipts_of(here, hall),
        batches=batches_of(here, hall),
        delivered=delivered_to(here, hall),
        quarantined=quarantined_of(here, hall),
        days=days_by_kind(here, hall),
        kinds=HALL_KINDS,
        heads=["日期", *(f"#{LABELS[kind]}" for kind in HALL_KINDS), "#合计"],
        labels=LABELS,
    )
