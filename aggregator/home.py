"""工作台: what waits for the signed-in person, by role."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template, url_for

from aggregator import drafts, roster
from aggregator.center import Center
from aggregator.findings import Wanted, findings
from aggregator.halls import every_hall, signs, standards_size
from aggregator.office import (
    ADMINISTRATOR,
    CHECKER,
    EDITOR,
    INSPECTOR,
    PUBLISHER,
    RECONCILER,
    center,
)
from web import access

pages = Blueprint("home", __name__)


@dataclass(frozen=True)
class Tile:
    """One figure with what it stands for, and the page behind it."""

    label: str
    value: int
    note: str
    state: str
    href: str


@pages.get("/")
@access.anyone_signed_in
def start() -> str:
    """The tiles of each role that the person holds."""
    here, staff = center(), access.current_staff()
    return render_template(
        "home/start.html",
        sections=[
            (heading, tiles(here)) for heading, roles, tiles in _SECTIONS if staff.holds(*roles)
        ],
        today=here.clock.today(),
    )


def _waiting(count: int, state: str = "warn") -> str:
    return state if count else "ok"


def _halls(center: Center) -> list[Tile]:
    size, now = standards_size(center), center.clock.now()
    lines = [(facts, signs(facts, size, now)[0].state) for facts in every_hall(center)]
    bad = sum(state == "danger" for _, state in lines)
    overview = url_for("halls.overview")
    quarantined = sum(facts.quarantined for facts, _ in lines)
    return [
        Tile("分厅", len(lines), "对账总览", "ok", overview),
        Tile("需要处理", bad, "失联、隔离或少记录", _waiting(bad, "danger"), overview),
        Tile("隔离记录", quarantined, "等待处理", _waiting(quarantined, "danger"), overview),
    ]


def _drafts(center: Center) -> list[Tile]:
    rows = drafts.listed(center)
    drafting = [row for row in rows if row["state"] == "draft"]
    back = sum(bool(row["remark"]) for row in drafting)
    checked = sum(row["state"] == "checked" for row in rows)
    unverified = sum(not guide.verified for guide in center.shelf().current())
    return [
        Tile("起草中、待审核", len(drafting), f"其中退回修改{back}件", _waiting(len(drafting)),
             url_for("guides.draft_listing", state="draft")),
        Tile("待发布", checked, "已审核", _waiting(checked),
             url_for("guides.draft_listing", state="checked")),
        Tile("未核对的指南", unverified, f"共{len(center.shelf().latest)}个事项",
             _waiting(unverified), url_for("guides.listing", status="unverified")),
    ]  # fmt: skip


def _findings(center: Center) -> list[Tile]:
    counts = findings(center, Wanted(), most=0).counts
    answered, overdue = counts["answered"], counts["overdue"]
    waiting = counts["waiting"] + counts["failed"]
    return [
        Tile("待复查", answered, "分厅已回复", _waiting(answered),
             url_for("findings.listing", state="answered")),
        Tile("待分厅整改", waiting, "未回复或复查不合格", "", url_for("findings.listing")),
        Tile("超期未改", overdue, "已过整改期限", _waiting(overdue, "danger"),
             url_for("findings.listing", overdue="1")),
    ]  # fmt: skip


def _enrolment(center: Center) -> list[Tile]:
    waiting = sum(one.state == "pending" for one in roster.pending(center))
    return [
        Tile("入网申请", waiting, "等待电话核对", _waiting(waiting), url_for("enrolment.listing")),
    ]


_SECTIONS = (
    ("对账", (RECONCILER, ADMINISTRATOR), _halls),
    ("标准", (EDITOR, CHECKER, PUBLISHER), _drafts),
    ("督查", (INSPECTOR,), _findings),
    ("分厅登记", (ADMINISTRATOR,), _enrolment),
)
