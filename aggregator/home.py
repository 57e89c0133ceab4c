"""工作台: what waits for the signed-in person, by role."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint, render_template, url_for

from aggregator.center import Center
from aggregator.database import disk
from aggregator.halls import roster
from aggregator.halls.clocks import center_skew
from aggregator.halls.halls import every_hall, signs, standards_size
from aggregator.halls.silence import SilentHall, patience, silent_halls
from aggregator.office import (
    ADMINISTRATOR,
    CHECKER,
    EDITOR,
    INSPECTOR,
    PUBLISHER,
    RECONCILER,
    center,
)
from aggregator.publishing import drafts
from aggregator.safekeeping import return_pages
from aggregator.supervision.findings import Wanted, findings
from web import access
from web.shell import Banner

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
    lost_after = patience(center)
    lines = [(facts, signs(facts, size, now, lost_after)[0].state) for facts in every_hall(center)]
    silent = silent_halls(center, now)
    bad = sum(state == "danger" for _, state in lines)
    overview = url_for("halls.overview")
    quarantined = sum(facts.quarantined for facts, _ in lines)
    return [
        Tile("分厅", len(lines), "对账总览", "ok", overview),
        Tile("失联", len(silent), _named(silent), _waiting(len(silent), "danger"),
             url_for("halls.overview", order="contact")),
        Tile("需要处理", bad, "失联、未达、隔离或不一致", _waiting(bad, "danger"), overview),
        Tile("隔离记录", quarantined, "等待处理", _waiting(quarantined, "danger"),
             url_for("quarantine.listing")),
    ]  # fmt: skip


def _named(silent: list[SilentHall]) -> str:
    names = "、".join(one.name for one in silent[:2])
    return f"{names}等" if len(silent) > 2 else names or "都有联系"


def warnings() -> Iterable[Banner]:
    """The lines above every page of the people who reconcile: halls that have gone silent."""
    staff = access.staff_or_none()
    if staff is None:
        return
    here = center()
    yield from disk.warnings(here)
    if not staff.holds(RECONCILER, ADMINISTRATOR):
        return
    yield from disk.shut_parts(here)
    yield from return_pages.warnings()
    yield from _clock_warning(here)
    silent = silent_halls(here, here.clock.now())
    if silent:
        longest = silent[0]
        yield Banner(
            level="danger",
            text=f"{len(silent)}个分厅失联：{_named(silent)}，最长已{longest.words}没有联系。"
            "请电话询问，并检查线路。",
            href="/halls?order=contact",
            link="对账总览",
        )


def _clock_warning(center: Center) -> Iterable[Banner]:
    skew = center_skew(center, center.clock.now())
    if skew:
        way = "快" if skew > 0 else "慢"
        yield Banner(
            level="warn",
            text=f"各分厅的时钟都与中心不同，中心{way}{abs(skew)}秒：多半是中心的时钟不对，请管理员校准。"
            "收件、上报照常。",
        )


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
