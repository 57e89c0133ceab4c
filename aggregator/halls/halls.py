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

from flask import Blueprint, render_template, request

from aggregator.center import Center
from aggregator.halls import latency
from aggregator.halls.clocks import MOST_SKEW_S
from aggregator.halls.silence import patience, silent_halls
from aggregator.office import ADMINISTRATOR, INSPECTOR, RECONCILER, center
from standards.records import RECORDS
from sync.evidence.comparison import DAMAGED, DIFFERENT, SHORT
from sync.storage.store import Row
from web import access
from web.moments import CHINA
from web.page import page_number

pages = Blueprint("halls", __name__, url_prefix="/halls")

State = Literal["ok", "info", "warn", "danger", "idle"]

# A node looks for something to exchange every 20 s; these many misses are worth a look.
QUIET_AFTER = timedelta(minutes=10)
LOST_AFTER = timedelta(hours=24)
UNSENT_TOO_LONG = timedelta(hours=4)

LABELS = {record.kind: record.label for record in RECORDS}


@dataclass(frozen=True, kw_only=True)
class HallFacts:
    """One hall's line of the overview. Sizes and counts are entries; stamps are UTC text.

    ``newer``: quarantined entries of a newer program. ``equal_size``: how many entries were
    proven equal on both sides, at ``equal_at``. ``differs``: state of a comparison that was not.
    """

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
    newer: int = 0
    equal_at: str = ""
    equal_size: int = 0
    differs: str = ""


DIFFERS = {
    DIFFERENT: "比对不一致",
    SHORT: "中心少于回执",
    DAMAGED: "分厅原始记录被改动",
}


@dataclass(frozen=True)
class Sign:
    """One thing to know about a hall, in shape and words."""

    state: State
    text: str


_GRAVITY: dict[State, int] = {"danger": 0, "warn": 1, "info": 2, "idle": 3, "ok": 4}


def signs(
    facts: HallFacts, standards_size: int, now: datetime, lost_after: timedelta = LOST_AFTER
) -> list[Sign]:
    """What the facts of one hall say, gravest first; never empty.

    Args:
        standards_size: entries in the center's standards log.
        lost_after: how long a hall may be silent.
    """
    found = [
        *_of_line(facts, now, lost_after),
        *_of_arrival(facts, now),
        *_of_content(facts, standards_size),
    ]
    return sorted(found, key=lambda sign: _GRAVITY[sign.state]) or [Sign("ok", "一致")]


def _of_line(facts: HallFacts, now: datetime, lost_after: timedelta) -> Iterator[Sign]:
    if not facts.contact_at:
        yield Sign("idle", "尚未联系")
        return
    silent = now - datetime.fromisoformat(facts.contact_at)
    if silent > lost_after:
        yield Sign("danger", f"失联{_long(silent)}")
    elif silent > QUIET_AFTER:
        yield Sign("warn", f"{int(silent.total_seconds()) // 60}分钟未联系")
    if abs(facts.skew_s) > MOST_SKEW_S:
        yield Sign("warn", f"时钟{'快' if facts.skew_s > 0 else '慢'}{abs(facts.skew_s)}秒")


def _long(time: timedelta) -> str:
    hours = int(time.total_seconds()) // 3600
    return f"{time.days}天" if time.days >= 2 else f"{hours}小时"


def _of_arrival(facts: HallFacts, now: datetime) -> Iterator[Sign]:
    """A hall that speaks and does not deliver: it hides entries, or somebody on the way does.

    Its own word for how long is not needed: the last receipt tells it too (T15).
    """
    local, waiting = facts.local or 0, timedelta()
    since = facts.oldest_unsent or (facts.receipt_at if local > facts.received else "")
    if since:
        waiting = now - datetime.fromisoformat(since)
    if waiting <= UNSENT_TOO_LONG:
        if local > facts.received:
            yield Sign("info", f"待上传{local - facts.received}条")
        return
    if local > facts.received:
        yield Sign("danger", f"本地{local}条，只收到{facts.received}条，已{_long(waiting)}")
    else:
        yield Sign("warn", f"有记录{_long(waiting)}未送达")


def _of_content(facts: HallFacts, standards_size: int) -> Iterator[Sign]:
    if facts.differs:
        yield Sign("danger", DIFFERS.get(facts.differs, "比对不一致"))
    if facts.quarantined > facts.newer:
        yield Sign("danger", f"隔离{facts.quarantined - facts.newer}条")
    if facts.newer:
        yield Sign("warn", f"较新版本{facts.newer}条，升级后入库")
    if facts.applied < facts.received:
        yield Sign("info", f"待入库{facts.received - facts.applied}条")
    if facts.local is None:
        return
    if facts.received > facts.local:
        yield Sign("danger", f"分厅少{facts.received - facts.local}条，可能从备份恢复")
    if facts.standards_size < standards_size:
        yield Sign("info", f"标准落后{standards_size - facts.standards_size}条")


# --- questions ----------------------------------------------------------------------------------

_FACTS = """
SELECT h.hall, h.name, h.state, c.local_size, c.oldest_unsent, c.standards_size, c.clock_skew_s,
  c.software, c.at AS contact_at, l.received, l.applied, q.quarantined, q.newer, f.findings,
  p.passed, r.receipt_at, e.equal_at, e.equal_size, e.differs
FROM hall h
LEFT JOIN hall_contact c ON c.hall = h.hall
LEFT JOIN (SELECT writer, SUM(size) AS received, SUM(applied) AS applied FROM log GROUP BY writer) l
  ON l.writer = h.hall
LEFT JOIN (SELECT g.writer, COUNT(*) AS quarantined,
  SUM(CASE WHEN x.reason LIKE 'a kind or field of a newer version%' THEN 1 ELSE 0 END) AS newer
  FROM quarantine x JOIN log g ON g.origin = x.origin GROUP BY g.writer) q ON q.writer = h.hall
LEFT JOIN (SELECT g.writer, MIN(x.equal_at) AS equal_at, SUM(x.equal_size) AS equal_size,
  MIN(CASE WHEN x.state IN ('different', 'short', 'damaged') THEN x.state END) AS differs
  FROM comparison x JOIN log g ON g.origin = x.origin GROUP BY g.writer) e ON e.writer = h.hall
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
        oldest_unsent=_still_unsent(row),
        standards_size=count("standards_size"),
        skew_s=count("clock_skew_s"),
        software=row["software"] or "",
        contact_at=row["contact_at"] or "",
        receipt_at=row["receipt_at"] or "",
        newer=count("newer"),
        equal_at=row["equal_at"] or "",
        equal_size=count("equal_size"),
        differs=row["differs"] or "",
    )


def _still_unsent(row: Row) -> str:
    """The hall says it when a contact begins; what that contact then brought is unsent no more."""
    arrived = row["local_size"] is not None and int(row["received"] or 0) >= row["local_size"]
    return "" if arrived else row["oldest_unsent"] or ""


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


# --- pages --------------------------------------------------------------------------------------


def files_missing(center: Center) -> dict[str, int]:
    """Hall -> how many files its records name that are not here yet, or no more."""
    rows = center.db.query(
        "SELECT l.writer, COUNT(DISTINCT n.hash) AS n FROM file_named n "
        "JOIN log l ON l.origin = n.origin WHERE l.writer <> 'center' AND NOT EXISTS "
        "(SELECT 1 FROM file_held h WHERE h.hall = l.writer AND h.hash = n.hash) GROUP BY l.writer"
    )
    return {row["writer"]: int(row["n"]) for row in rows}


ORDERS = {"trouble": "按轻重", "hall": "按编号", "contact": "按联系时间", "unsent": "按待上传"}
PAGE_SIZE = 100

Line = tuple[HallFacts, list[Sign]]


def sorted_lines(lines: list[Line], order: str) -> list[Line]:
    """The lines as a person wants to read them; the gravest first unless asked otherwise."""
    by_hall = sorted(lines, key=lambda line: line[0].hall)
    if order == "hall":
        return by_hall
    if order == "contact":
        return sorted(by_hall, key=lambda line: line[0].contact_at)
    if order == "unsent":
        return sorted(by_hall, key=lambda line: line[0].received - (line[0].local or 0))
    return sorted(by_hall, key=_trouble)


def _trouble(line: Line) -> tuple[int, int]:
    _, found = line
    return _GRAVITY[found[0].state], -len(found)


@pages.get("")
@access.roles(RECONCILER, INSPECTOR, ADMINISTRATOR)
def overview() -> str:
    """Every hall in one line, those in trouble first; refreshes itself."""
    here = center()
    size, now = standards_size(here), here.clock.now()
    order = request.args.get("order", "trouble")
    number = page_number()
    lost_after = patience(here)
    lines = [(facts, signs(facts, size, now, lost_after)) for facts in every_hall(here)]
    shown = sorted_lines(lines, order)[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    return render_template(
        "halls/overview.html",
        lines=shown,
        standards_size=size,
        totals=_totals(lines),
        silent=silent_halls(here, now),
        patience_hours=here.settings.silent_hours,
        files_missing=files_missing(here),
        latencies=latency.every(here),
        in_words=latency.in_words,
        now=now,
        brief=lambda moment: brief(moment, here.clock.local()),
        order=order if order in ORDERS else "trouble",
        orders=ORDERS,
        number=number,
        page_count=max(1, -(-len(lines) // PAGE_SIZE)),
    )


def brief(moment: str, now: datetime) -> str:
    """A moment in a full table: the hour of today, otherwise the day too; a dash for none."""
    if not moment:
        return "—"
    local = datetime.fromisoformat(moment).astimezone(CHINA)
    if local.date() == now.date():
        return f"{local:%H:%M}"
    return f"{local:%m-%d %H:%M}" if local.year == now.year else f"{local:%Y-%m-%d}"


def _totals(lines: list[Line]) -> dict[str, int]:
    worst = [found[0].state for _, found in lines]
    return {
        "halls": len(lines),
        "even": worst.count("ok"),
        "danger": worst.count("danger"),
        "differs": sum(bool(facts.differs) for facts, _ in lines),
        "newer": sum(facts.newer for facts, _ in lines),
        "quarantined": sum(facts.quarantined for facts, _ in lines),
        "open_findings": sum(facts.open_findings for facts, _ in lines),
        "received": sum(facts.received for facts, _ in lines),
    }
