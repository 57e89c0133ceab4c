"""ZKTeco 终端页: take terminals in, approve them, see how they stand and what they have not sent.

Knows what a person reads and presses, nothing of the wire.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from attendance.terminals.clocks import DRIFT_ALARM_S
from attendance.terminals.zkteco_orders import Order
from attendance.terminals.zkteco_speech import DIALECTS
from node.desk import actor, hall, sync
from node.hall import Hall
from node.presence.raw_punches import last_reported, unknown_numbers
from node.terminals.clock_health import clock_trouble, confirm_clock
from node.zkteco import zkteco_notes, zkteco_orders, zkteco_terminals
from node.zkteco.zkteco_calls import forget_visitors, visitors
from node.zkteco.zkteco_terminals import Wish, ZkTerminal
from standards.errors import Invalid
from web import access, logs, page

pages = Blueprint("zkteco", __name__, url_prefix="/terminals/zkteco")

LOST_AFTER = timedelta(minutes=5)
_ORDERS = {
    Order.INFO.value: "请终端报告状态",
    Order.CHECK.value: "请终端重新检查上传",
    Order.REBOOT.value: "重启终端",
}


def state_of(terminal: ZkTerminal, now: datetime) -> tuple[str, str]:
    """How a terminal stands: shape of the chip, and words."""
    if terminal.disabled_at:
        return "idle", "已停用"
    if terminal.doors_at:
        return "danger", "门禁模式"
    if not terminal.approved_at:
        return ("warn", "待批准") if terminal.seen_at else ("idle", "待连接")
    if not terminal.seen_at:
        return "warn", "未联系"
    lost = now - datetime.fromisoformat(terminal.seen_at) > LOST_AFTER
    return ("warn", "未联系") if lost else ("ok", "在用")


def drift_words(terminal: ZkTerminal) -> tuple[str, str]:
    """How its clock stands: shape of the chip, and words."""
    if terminal.set_by_hand_at:
        return "warn", "被改过，待核"
    if terminal.drift is None:
        return "idle", "未知"
    way = "慢" if terminal.drift > 0 else "快"
    if abs(terminal.drift) > DRIFT_ALARM_S:
        return "danger", f"{way} {abs(terminal.drift)} 秒"
    return "ok", f"{way} {abs(terminal.drift)} 秒" if terminal.drift else "一致"


def address_of(here: Hall, terminal: ZkTerminal, host: str = "") -> str:
    """What is typed into the terminal as the server's address.

    Args:
        host: by which name the reader reached this machine, for a port on all addresses.
    """
    listening, _, port = here.settings.zkteco_listen.rpartition(":")
    if listening in ("", "0.0.0.0", "[::]"):
        listening = host or "127.0.0.1"
    secret = "" if terminal.bare_path else f"/{zkteco_terminals.secret_of(here, terminal)}"
    return f"http://{listening}:{port or '—'}{secret}"


def _known(serial: str) -> ZkTerminal:
    found = zkteco_terminals.terminal_of(hall(), serial)
    if found is None:
        raise NotFound()
    return found


def _skew() -> float | None:
    running = sync()
    return running.status().center_clock_skew_s if running is not None else None


@pages.get("")
@access.roles("administrator")
def listing() -> str:
    """Every terminal, what needs a person, and the form for one more."""
    return _listing({})


def _listing(wrong: dict[str, str]) -> str:
    here = hall()
    return render_template(
        "zkteco/listing.html",
        terminals=zkteco_terminals.zkteco_terminals(here),
        state_of=state_of,
        drift_words=drift_words,
        now=here.clock.now(),
        reported=last_reported(here),
        alarms=zkteco_notes.open_alarms(here),
        lines=zkteco_notes.lines_aside(here),
        visitors=visitors(here),
        unknown=len(unknown_numbers(here)),
        clock=clock_trouble(here, _skew()),
        dialects={name: one.label for name, one in DIALECTS.items()},
        listening=here.settings.zkteco_listen,
        errors=wrong,
        typed=request.form or request.args,
    )


@pages.post("")
@access.roles("administrator")
def create() -> tuple[str, int] | Response:
    """Take a terminal in."""
    form = request.form
    wish = Wish(
        serial=form.get("serial", "").strip(),
        name=form.get("name", "").strip(),
        location=form.get("location", "").strip(),
        sources=form.get("sources", "").strip(),
        dialect=form.get("dialect", "standard"),
        bare_path="bare_path" in form,
        always_ok="always_ok" in form,
    )

    def effect() -> str:
        made = zkteco_terminals.take_terminal_in(hall(), wish, actor())
        logs.event("zkteco.taken_in", terminal=made.serial)
        return url_for("zkteco.one", serial=made.serial)

    try:
        return page.answer_once(effect)
    except Invalid as wrong:
        return _listing(wrong.fields), 422


@pages.get("/<serial>")
@access.roles("administrator")
def one(serial: str) -> str:
    """One terminal: the address to type, how it stands, the counts of both sides."""
    here, terminal = hall(), _known(serial)
    waits, given_up = zkteco_orders.waiting(here, serial)
    return render_template(
        "zkteco/one.html",
        terminal=terminal,
        state=state_of(terminal, here.clock.now()),
        drift=drift_words(terminal),
        address=address_of(here, terminal, request.host.partition(":")[0]),
        listening=here.settings.zkteco_listen,
        counts=zkteco_orders.counts(here, serial),
        received=zkteco_orders.received(here, serial),
        waits=waits,
        given_up=given_up,
        orders=_ORDERS,
        reported=last_reported(here).get(serial),
        alarms=zkteco_notes.open_alarms(here, serial),
        lines=zkteco_notes.lines_aside(here, serial),
    )


@pages.post("/<serial>/approve")
@access.roles("administrator")
def approve(serial: str) -> Response:
    """Let it send."""
    _known(serial)
    if zkteco_terminals.approve(hall(), serial, actor()):
        logs.event("zkteco.approved", terminal=serial)
    return redirect(url_for("zkteco.one", serial=serial), 303)


@pages.post("/<serial>/disable")
@access.roles("administrator")
def disable(serial: str) -> Response:
    """Let it send no more."""
    _known(serial)
    if zkteco_terminals.disable(hall(), serial):
        logs.event("zkteco.disabled", terminal=serial)
    return redirect(url_for("zkteco.one", serial=serial), 303)


@pages.post("/<serial>/order")
@access.roles("administrator")
def order(serial: str) -> Response:
    """Tell it something of the closed list."""
    terminal, wish = _known(serial), request.form.get("order", "")
    if wish == "count":
        zkteco_orders.plan_counts(hall(), terminal, today_too=True)
    elif wish in _ORDERS:
        zkteco_orders.give(hall(), terminal, Order(wish), by=actor())
    else:
        raise NotFound()
    return redirect(url_for("zkteco.one", serial=serial), 303)


@pages.post("/<serial>/accept/<day>")
@access.roles("administrator")
def accept(serial: str, day: str) -> Response:
    """What is here of a day stands, although the terminal counts more."""
    _known(serial)
    try:
        known = zkteco_orders.accept_count(hall(), serial, date.fromisoformat(day))
    except ValueError:
        known = False
    if not known:
        raise NotFound()
    return redirect(url_for("zkteco.one", serial=serial), 303)


@pages.post("/alarms/<int:alarm_id>")
@access.roles("administrator")
def put_alarm_aside(alarm_id: int) -> Response:
    """Somebody has looked into an alarm."""
    zkteco_notes.put_alarm_aside(hall(), alarm_id, actor())
    return redirect(url_for("zkteco.listing") + "#alarms", 303)


@pages.post("/lines/<int:line_id>")
@access.roles("administrator")
def settle_line(line_id: int) -> Response:
    """Somebody has dealt with a line that nobody could read."""
    zkteco_notes.settle_line(hall(), line_id, actor())
    return redirect(url_for("zkteco.listing") + "#lines", 303)


@pages.post("/visitors")
@access.roles("administrator")
def forget() -> Response:
    """The serial numbers that called and are not known are nobody's."""
    forget_visitors(hall())
    return redirect(url_for("zkteco.listing"), 303)


@pages.post("/clock")
@access.roles("administrator")
def confirm() -> Response:
    """Somebody compared this machine's clock with a right one."""
    confirm_clock(hall(), actor())
    logs.event("clock.confirmed")
    return redirect(url_for("zkteco.listing"), 303)
