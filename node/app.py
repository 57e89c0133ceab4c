"""The staff's application of one hall: the shell with every counter in it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint

from node import figures, home
from node.cases import cases, findings, guides, notices, reveals, review, windows
from node.cases.deemed import deem_overdue
from node.cases.items import ItemFinder
from node.days import (
    absent,
    correction_pages,
    corrections,
    day_pages,
    days,
    month_pages,
    reckoning,
    shift_pages,
    timetables,
    void_pages,
    voids,
)
from node.desk import FACES, HALL
from node.files import scanbook, scans
from node.hall import Hall
from node.interface import listings
from node.keys import enrolment_page
from node.leave import (
    comp,
    leave,
    leave_desk,
    leave_facts,
    leave_pages,
    leave_papers,
    leave_steps,
    office_pages,
)
from node.outbox import epoch_page, outbox, quarantine, records, stick_pages
from node.presence import holders, number_pages, presence, raw_punches, sign_ins, statistics
from node.safekeeping import erasures
from node.staff import card_pages, face_pages, face_report, staff
from node.staff.face_gallery import Faces, delete_templates_without_ground
from node.terminals import (
    certificate_pages,
    clock_health,
    kiosk_sessions,
    terminal_blobs,
    terminal_events,
    terminal_keys,
    terminal_orders,
    terminal_pages,
    terminal_reports,
    terminals,
)
from node.zkteco import zkteco_calls, zkteco_notes, zkteco_orders, zkteco_pages, zkteco_terminals
from sync.errors import DiskFull
from web import api_pages, logs
from web.app import TABLES, create_shell
from web.bodies import SealedRequest
from web.interface import interface
from web.shell import NavItem, Shell, ShellSettings

ROLES = {
    "clerk": "窗口人员",
    "reviewer": "审批人员",
    "supervisor": "督导（厅负责人）",
    "administrator": "管理员",
}

# Local tables of the counters; the tables of records are made by the log.
LOCAL_TABLES = (
    *TABLES,
    *windows.TABLES,
    *reveals.TABLES,
    *scanbook.INDEXES,
    *notices.TABLES,
    *staff.TABLES,
    *terminals.TABLES,
    *raw_punches.TABLES,
    *holders.TABLES,
    *terminal_keys.TABLES,
    *terminal_events.TABLES,
    *terminal_blobs.TABLES,
    *terminal_reports.TABLES,
    *terminal_orders.TABLES,
    *kiosk_sessions.TABLES,
    *sign_ins.TABLES,
    *clock_health.TABLES,
    *zkteco_terminals.TABLES,
    *zkteco_calls.TABLES,
    *zkteco_notes.TABLES,
    *zkteco_orders.TABLES,
    *leave.TABLES,
    *statistics.INDEXES,
    *enrolment_page.TABLES,
    *days.TABLES,
    *absent.INDEXES,
    *voids.INDEXES,
    *reckoning.TABLES,
)

ROOMS: tuple[Blueprint, ...] = (
    home.pages,
    windows.pages,
    cases.pages,
    scans.pages,
    review.pages,
    notices.pages,
    findings.pages,
    outbox.pages,
    epoch_page.pages,
    quarantine.pages,
    records.pages,
    stick_pages.pages,
    guides.pages,
    presence.pages,
    leave_pages.pages,
    leave_steps.pages,
    leave_desk.pages,
    leave_papers.pages,
    comp.pages,
    leave_facts.pages,
    office_pages.pages,
    statistics.pages,
    day_pages.pages,
    shift_pages.pages,
    correction_pages.pages,
    void_pages.pages,
    month_pages.pages,
    staff.pages,
    card_pages.pages,
    face_pages.pages,
    face_report.pages,
    terminal_pages.pages,
    zkteco_pages.pages,
    number_pages.pages,
    certificate_pages.pages,
    enrolment_page.pages,
    erasures.pages,
)

_CASEWORK = ("clerk", "reviewer", "supervisor")
_OVERSEES = ("supervisor", "administrator")
NAVIGATION = (
    NavItem(endpoint="home.start", label="首页"),
    NavItem(endpoint="windows.find", label="窗口收件", roles=("clerk",), access_key="s"),
    NavItem(endpoint="cases.listing", label="办件", roles=_CASEWORK, access_key="b"),
    NavItem(endpoint="review.listing", label="审批", roles=("reviewer", "supervisor")),
    NavItem(endpoint="findings.listing", label="问题整改", roles=(*_CASEWORK, "administrator")),
    NavItem(endpoint="outbox.listing", label="待上报", rooms=("epochs", "sticks", "quarantine")),
    NavItem(endpoint="days.mine", label="我的考勤", roles=("clerk", "reviewer")),
    NavItem(
        endpoint="leave.listing",
        label="请假",
        rooms=("leave_steps", "leave_desk", "leave_papers", "leave_facts", "comp", "offices"),
    ),
    NavItem(
        endpoint="presence.listing", label="在岗", roles=_OVERSEES, rooms=("statistics", "numbers")
    ),
    NavItem(
        endpoint="days.listing",
        label="考勤",
        roles=_OVERSEES,
        rooms=("shifts", "corrections", "voids", "months"),
    ),
    NavItem(
        endpoint="members.listing",
        label="工作人员",
        roles=_OVERSEES,
        rooms=("faces", "face_report"),
    ),
    NavItem(
        endpoint="terminals.listing",
        label="签到终端",
        roles=("administrator",),
        rooms=("zkteco", "certificate"),
    ),
    NavItem(endpoint="staff.listing", label="人员账号", roles=("administrator",)),
    NavItem(endpoint="api_tokens.listing", label="接口令牌", roles=("administrator",)),
    NavItem(endpoint="enrolment.show", label="入网", roles=("administrator",)),
    NavItem(endpoint="erasures.listing", label="依法删除", roles=("administrator",)),
)


def create_app(hall: Hall, *, https: bool = False) -> Shell:
    """The staff pages of a hall.

    Args:
        hall: open, and held by this process alone.
        https: the listener speaks TLS with the hall's own certificate.
    """
    _make_ready(hall)
    app = _shell_of(hall, https=https)
    app.extensions[HALL] = hall
    app.metrics_from = hall.settings.metrics_from
    app.extensions[FACES] = Faces(hall, None)
    app.extensions[windows.FINDER] = ItemFinder()
    for room in ROOMS:
        app.register_blueprint(room)
    interface(app, listings(hall))
    app.register_blueprint(api_pages.pages)
    app.add_navigation(*NAVIGATION)
    app.jinja_env.globals.update(
        scan_states=scanbook.STATES,
        scans_told=scanbook.told,
        waiting=lambda: corrections.count_open(hall),
    )
    app.add_banners(home.warnings)
    app.add_banners(terminal_pages.warnings)
    app.before_request(_each_day(hall))
    _tell_health(app, hall)
    return app


def _make_ready(hall: Hall) -> None:
    """Raises standards.errors.Invalid when the hall's own timetables cannot be used: now, and not
    when somebody is rated by them.
    """
    hall.db.create(LOCAL_TABLES)
    timetables.books(hall)
    delete_templates_without_ground(hall)


def _tell_health(app: Shell, hall: Hall) -> None:
    app.metrics.tell(lambda: figures.of_hall(hall))
    app.health.register("database", lambda: home.database_health(hall))
    app.health.register("disk", lambda: home.disk_health(hall))
    app.health.register("clock", lambda: home.clock_health(hall))
    app.health.register("log", lambda: (True, f"{hall.state().size} entries"))


def _shell_of(hall: Hall, *, https: bool) -> Shell:
    app = create_shell(
        __package__ or "node",
        database=hall.db,
        settings=ShellSettings(
            site=hall.settings.hall.lower(),
            hall_name=hall.settings.name,
            roles=ROLES,
            trusted_hosts=hall.settings.trusted_hosts,
            https=https,
        ),
        title="分厅业务",
        clock=hall.clock.now,
    )
    app.request_class = SealedRequest
    return app


def _each_day(hall: Hall) -> Callable[[], None]:
    """Deemed acceptance at the first request after start-up and of each day, whoever asks."""
    done: list[object] = [None]

    def deem() -> None:
        day = hall.clock.today()
        if done[0] == day:
            return
        done[0] = day
        try:
            deem_overdue(hall)
        except DiskFull:
            logs.event("deemed.disk_full")

    return deem
