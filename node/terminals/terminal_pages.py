"""签到终端页: how every terminal stands, who is waiting for approval, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from node.desk import actor, hall
from node.hall import Hall
from node.presence import raw_punches
from node.terminals import (
    terminal_events,
    terminal_keys,
    terminal_orders,
    terminal_reports,
    terminals,
)
from node.terminals.kiosk_judging import SENTENCES
from node.terminals.terminal_keys import STATES, DeviceKey
from node.terminals.terminal_reports import Known
from node.terminals.terminals import ALARMS, CODE_VALID, Terminal
from standards.errors import Invalid
from standards.records.presence import GRADES
from sync.clock import BEIJING
from web import access, logs, page
from web.shell import Banner

pages = Blueprint("terminals", __name__, url_prefix="/terminals")

KINDS = {
    "match": "刷脸",
    "manual": "工号口令",
    "card": "刷卡",
    "frame": "断网时的画面",
    "app_start": "打开页面",
    "clock_set": "时钟改动",
}
STATUSES = {
    "stored": ("ok", "已记录"),
    "held": ("warn", "待核实"),
    "rejected": ("idle", "未签上"),
}
CLOCKS = {"": "", "suspect": "时钟存疑", "unanchored": "时间未核"}
CAMERAS = {"on": "可用", "off": "没有或打不开", "insecure": "网址不安全，浏览器不给用"}
DRIFTED_S = 120


@dataclass(frozen=True)
class Standing:
    """One terminal with its keys and its last report."""

    terminal: Terminal
    keys: tuple[DeviceKey, ...]
    known: Known | None

    @property
    def pending(self) -> DeviceKey | None:
        """The key that waits for the administrator."""
        return next((key for key in self.keys if key.state == "pending"), None)

    @property
    def current(self) -> DeviceKey | None:
        """The key that counts, or that was put in quarantine."""
        states = ("approved", "quarantined")
        return next((key for key in self.keys if key.state in states), None)

    @property
    def chip(self) -> tuple[str, str]:
        """How it stands: shape of the chip, and words."""
        if self.terminal.revoked_at:
            return "idle", "已停用"
        if self.current is not None and self.current.state == "quarantined":
            return "danger", "已隔离"
        if self.current is None:
            return ("warn", "待核对") if self.pending else ("warn", "待配对")
        if self.known is not None and self.known.holds_back:
            return "warn", "有未报记录"
        return ("warn", "未联系") if self.terminal.lost else ("ok", "在用")


def standings(here: Hall) -> list[Standing]:
    """Every terminal of ours."""
    keys, known = terminal_keys.keys_of(here), terminal_reports.reports(here)
    return [
        Standing(one, tuple(keys.get(one.id, ())), known.get(one.id))
        for one in terminals.terminals(here)
    ]


def warnings() -> Iterable[Banner]:
    """What the administrator must see on every page."""
    person = access.staff_or_none()
    if person is None or not person.holds("administrator"):
        return
    for alarm in terminals.open_alarms(hall())[:3]:
        yield Banner(
            level="danger",
            text=f"签到终端“{alarm['name']}”：{ALARMS.get(alarm['kind'], alarm['kind'])}。",
            href=url_for("terminals.one", terminal_id=alarm["terminal"]),
            link="处理",
        )


@pages.get("")
@access.roles("administrator")
def listing() -> str:
    """Every terminal, and the form for one more."""
    return _listing({})


def _listing(wrong: dict[str, str]) -> str:
    here = hall()
    return render_template(
        "terminals/listing.html",
        standings=standings(here),
        shares=_shares(here),
        cameras=CAMERAS,
        grades=GRADES,
        errors=wrong,
        typed=request.form,
        address=_address(),
    )


def _shares(here: Hall) -> list[tuple[str, int, int]]:
    """(grade, punches, percent) of the last thirty days: how well sign-ins are proven."""
    since = (here.clock.today() - timedelta(days=30)).isoformat()
    rows = here.db.query(
        "SELECT grade, COUNT(*) AS n FROM punch WHERE hall = :hall AND punched_at >= :since "
        "GROUP BY grade ORDER BY grade",
        hall=here.settings.hall,
        since=since,
    )
    total = sum(int(row["n"]) for row in rows) or 1
    return [(str(row["grade"]), int(row["n"]), round(100 * row["n"] / total)) for row in rows]


def _address() -> str:
    return terminals.kiosk_address(
        hall(), request.host.partition(":")[0], https=request.scheme == "https"
    )


@pages.post("")
@access.roles("administrator")
def create() -> tuple[str, int] | str | Response:
    """Make a terminal and show its code, once."""
    here = hall()
    try:
        with here.db.transaction():
            if page.earlier_answer() is not None:
                return redirect(url_for("terminals.listing"), 303)
            name, location = request.form.get("name", ""), request.form.get("location", "")
            terminal_id, code = terminals.create_terminal(here, name, location, actor())
            page.remember_answer(url_for("terminals.listing"))
    except Invalid as wrong:
        return _listing(wrong.fields), 422
    logs.event("terminal.created", terminal=terminal_id)
    return _code_page(code, name, terminal_id)


@pages.get("/<terminal_id>")
@access.roles("administrator")
def one(terminal_id: str) -> str:
    """One terminal: the words to compare, its report, its events, its orders."""
    return _one(terminal_id, {})


def _one(terminal_id: str, wrong: dict[str, str]) -> str:
    here = hall()
    found = _standing(here, terminal_id)
    pending = found.pending
    return render_template(
        "terminals/one.html",
        standing=found,
        words=terminal_keys.words(here, pending) if pending else [],
        facts=_facts(here, found),
        alarms=[alarm for alarm in terminals.open_alarms(here) if alarm["terminal"] == terminal_id],
        theft=terminals.thefts(here).get(terminal_id),
        events=terminal_events.recent(here, terminal_id),
        orders=terminal_orders.given(here, terminal_id),
        missing=_missing(here, found),
        texts={"alarms": ALARMS, "kinds": KINDS, "statuses": STATUSES, "reasons": SENTENCES,
               "clocks": CLOCKS, "orders": terminal_orders.KINDS, "keys": STATES},
        now=here.clock.local().strftime("%Y-%m-%dT%H:%M"),
        errors=wrong,
        typed=request.form,
    )  # fmt: skip


def _standing(here: Hall, terminal_id: str) -> Standing:
    found = {one.terminal.id: one for one in standings(here)}.get(terminal_id)
    if found is None:
        raise NotFound()
    return found


def _missing(here: Hall, found: Standing) -> list[list[int]]:
    return terminal_events.standing(here, found.current)[1] if found.current else []


def _facts(here: Hall, found: Standing) -> list[tuple[str, Any]]:
    """What the last report says, in words."""
    if found.known is None:
        return []
    report, drift = found.known.report, found.known.drift_s
    used = f"{report.storage_used / 1024**2:.1f} MB"
    waiting = f"{report.queue} 条" + (f"，其中画面 {report.pictures} 张" if report.pictures else "")
    oldest = page_moment(report.oldest) if report.oldest else "—"
    acked, _ = terminal_events.standing(here, found.current) if found.current else (0, [])
    ahead = "快" if drift > 0 else "慢"
    return [
        ("最近报告", page_moment(found.known.at)),
        ("待上报", waiting if report.queue else "没有"),
        ("最早未报", oldest),
        ("已收齐到序号", acked),
        ("时钟", "准" if abs(drift) < DRIFTED_S else f"{ahead} {abs(drift) / 60:.0f} 分钟"),
        ("占用空间", used),
        ("摄像头", CAMERAS.get(report.camera, "未报")),
        ("页面版本", report.version or "—"),
    ]  # fmt: skip


def page_moment(text: str) -> str:
    """A moment that a kiosk told, or what it wrote."""
    try:
        return datetime.fromisoformat(text).astimezone(BEIJING).strftime("%m-%d %H:%M")
    except ValueError:
        return text


@pages.post("/<terminal_id>/code")
@access.roles("administrator")
def renew(terminal_id: str) -> str | Response:
    """Show a new code: the first was not used in time, or the machine was exchanged."""
    here = hall()
    known = terminals.terminal(here, terminal_id)
    if known is None or known.revoked_at:
        raise NotFound()
    with here.db.transaction():
        if page.earlier_answer() is not None:
            return redirect(url_for("terminals.listing"), 303)
        code = terminals.give_code(here, terminal_id)
        page.remember_answer(url_for("terminals.listing"))
    logs.event("terminal.code", terminal=terminal_id)
    return _code_page(code, known.name, terminal_id)


def _code_page(code: str, name: str, terminal_id: str) -> str:
    address = _address()
    return render_template(
        "terminals/code.html",
        name=name,
        code=code,
        address=address,
        link=f"{address}#pair={code}",
        back=url_for("terminals.one", terminal_id=terminal_id),
        minutes=int(CODE_VALID.total_seconds() // 60),
    )


@pages.post("/<terminal_id>/keys/<key_id>")
@access.roles("administrator")
def decide(terminal_id: str, key_id: str) -> Response:
    """The words are the same on both screens, or they are not."""
    here = hall()
    if request.form.get("same") == "1":
        changed = terminal_keys.approve(here, terminal_id, key_id, actor())
        logs.event("terminal.approved", terminal=terminal_id)
    else:
        changed = terminal_keys.refuse(here, terminal_id, key_id)
        logs.event("terminal.refused", terminal=terminal_id)
    if not changed:
        raise NotFound()
    return _back(terminal_id)


@pages.post("/<terminal_id>/revoke")
@access.roles("administrator")
def revoke(terminal_id: str) -> Response:
    """Stop a terminal."""
    if not _stop(hall(), terminal_id):
        raise NotFound()
    logs.event("terminal.revoked", terminal=terminal_id)
    return _back(terminal_id)


def _stop(here: Hall, terminal_id: str) -> bool:
    with here.db.transaction():
        # Nobody waits for what it has not sent.
        raw_punches.withdraw_report(here, terminal_id)
        return terminal_keys.revoke(here, terminal_id)


@pages.post("/<terminal_id>/stolen")
@access.roles("administrator")
def stolen(terminal_id: str) -> tuple[str, int] | Response:
    """Stop a terminal that is gone, and flag what it sent since then."""
    here = hall()
    _standing(here, terminal_id)
    try:
        since = datetime.fromisoformat(request.form.get("since", "")).replace(tzinfo=BEIJING)
    except ValueError:
        return _one(terminal_id, {"since": "请写最后一次看到它的时间"}), 422
    with here.db.transaction():
        _stop(here, terminal_id)
        terminals.report_stolen(here, terminal_id, min(since, here.clock.local()), actor())
    logs.event("terminal.stolen", terminal=terminal_id)
    return _back(terminal_id)


@pages.post("/<terminal_id>/orders")
@access.roles("administrator")
def order(terminal_id: str) -> tuple[str, int] | Response:
    """Ask something of a kiosk."""
    here, given = hall(), request.form
    _standing(here, terminal_id)
    try:
        with here.db.transaction():
            if page.earlier_answer() is None:
                kind = given.get("kind", "")
                terminal_orders.give(here, terminal_id, kind, given.get("argument", ""), actor())
                page.remember_answer(url_for("terminals.one", terminal_id=terminal_id))
    except Invalid as wrong:
        return _one(terminal_id, wrong.fields), 422
    return _back(terminal_id)


@pages.post("/<terminal_id>/gaps")
@access.roles("administrator")
def gaps(terminal_id: str) -> Response:
    """What is missing is lost; the kiosk may go on."""
    found = _standing(hall(), terminal_id)
    if found.current is None:
        raise NotFound()
    lost = terminal_events.accept_gaps(hall(), found.current)
    logs.event("terminal.gaps_accepted", terminal=terminal_id, lost=lost)
    return _back(terminal_id)


@pages.post("/<terminal_id>/alarms/<int:alarm_id>")
@access.roles("administrator")
def close_alarm(terminal_id: str, alarm_id: int) -> Response:
    """The administrator has seen to it."""
    if not terminals.close_alarm(hall(), alarm_id, actor()):
        raise NotFound()
    return _back(terminal_id)


def _back(terminal_id: str) -> Response:
    return redirect(url_for("terminals.one", terminal_id=terminal_id), 303)
