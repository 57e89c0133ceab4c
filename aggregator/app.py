"""The central office's pages put together: one call gives the Flask application over a center."""

from __future__ import annotations

from flask import Blueprint

from aggregator import figures, home
from aggregator.center import Center
from aggregator.database import disk, rewriting

# Their routes join the sync interface, which the process or a test puts into the application, and
# the halls' pages.
from aggregator.files import file_intake as _file_intake  # noqa: F401
from aggregator.files import files, scanbook
from aggregator.halls import clocks, enrolment, halls, roster, silence
from aggregator.halls import succession_pages as _succession_pages  # noqa: F401
from aggregator.interface import listings
from aggregator.keys import key_pages
from aggregator.office import (
    ADMINISTRATOR,
    EXTENSION,
    INSPECTOR,
    RECONCILER,
    ROLES,
)
from aggregator.publishing import calendars, drafts, leave_rules, standards, timetables
from aggregator.receiving.rounds import CONTACT_DDL
from aggregator.reconciling import quarantine
from aggregator.reconciling import records as _records  # noqa: F401
from aggregator.safekeeping import erasures, return_pages, returning
from aggregator.sticks import stick_pages
from aggregator.supervision import attendance, cases, findings, inspections, presence
from aggregator.tiers import handing_on, tiers
from aggregator.tiers import tier_intake as _tier_intake  # noqa: F401
from web import api_pages
from web.app import TABLES, create_shell
from web.bodies import SealedRequest
from web.interface import interface
from web.shell import NavItem, Shell, ShellSettings

SITE = "center"
TITLE = "一个厅 · 中心"

NAVIGATION = (
    NavItem(endpoint="home.start", label="工作台", roles=tuple(ROLES), access_key="1"),
    NavItem(
        endpoint="halls.overview",
        label="对账总览",
        roles=(RECONCILER, INSPECTOR, ADMINISTRATOR),
        access_key="2",
    ),
    NavItem(endpoint="guides.listing", label="标准管理", roles=tuple(ROLES), access_key="3"),
    NavItem(
        endpoint="inspections.listing",
        label="督查",
        roles=(INSPECTOR, RECONCILER),
        access_key="4",
    ),
    NavItem(
        endpoint="findings.listing",
        label="问题清单",
        roles=(INSPECTOR, RECONCILER, ADMINISTRATOR),
        access_key="5",
    ),
    NavItem(endpoint="cases.listing", label="办件", roles=(RECONCILER, INSPECTOR), access_key="6"),
    NavItem(
        endpoint="attendance.now",
        label="考勤",
        roles=(RECONCILER, INSPECTOR),
        access_key="7",
        rooms=("presence",),
    ),
    NavItem(endpoint="enrolment.listing", label="分厅登记", roles=(ADMINISTRATOR,), access_key="8"),
    NavItem(endpoint="keys.overview", label="密钥", roles=(ADMINISTRATOR,)),
    NavItem(endpoint="erasures.listing", label="依法删除", roles=(ADMINISTRATOR,)),
    NavItem(endpoint="staff.listing", label="人员账号", roles=(ADMINISTRATOR,), access_key="9"),
    NavItem(endpoint="api_tokens.listing", label="接口令牌", roles=(ADMINISTRATOR,)),
)


LOCAL_TABLES = (
    *TABLES,
    *CONTACT_DDL,
    *drafts.DDL,
    *tiers.DDL,
    *handing_on.DDL,
    *rewriting.DDL,
    *cases.DDL,
    *attendance.INDEXES,
    *presence.INDEXES,
    *findings.INDEXES,
    *scanbook.INDEXES,
)
"""What is local to the center and never travels, as portable DDL."""


ROOMS: tuple[Blueprint, ...] = (
    home.pages,
    halls.pages,
    quarantine.pages,
    standards.pages,
    calendars.pages,
    leave_rules.pages,
    timetables.pages,
    inspections.pages,
    findings.pages,
    cases.pages,
    presence.pages,
    attendance.pages,
    enrolment.pages,
    erasures.pages,
    stick_pages.pages,
    key_pages.pages,
    files.pages,
    return_pages.pages,
)


def create_app(center: Center) -> Shell:
    """The staff pages of the central office.

    The center is found by views under ``app.extensions["center"]``. Creates the tables that are
    local to the center when they are missing.
    """
    create_tables(center)
    app = create_shell(
        __package__ or "aggregator",
        database=center.db,
        settings=ShellSettings(
            site=SITE,
            hall_name=center.settings.name,
            roles=ROLES,
            trusted_hosts=center.settings.trusted_hosts,
            https=bool(center.settings.proxy),
        ),
        title=TITLE,
        clock=center.clock.now,
    )
    app.request_class = SealedRequest
    app.extensions[EXTENSION] = center
    app.metrics_from = center.settings.metrics_from
    app.metrics.tell(lambda: figures.of_center(center))
    disk.told_by(app, center)
    for room in ROOMS:
        app.register_blueprint(room)
    app.jinja_env.globals.update(scanbook.WORDS)
    interface(app, listings(center))
    app.register_blueprint(api_pages.pages)
    app.add_navigation(*NAVIGATION)
    app.add_banners(home.warnings)
    app.health.register("logs", lambda: returning.health(center))
    app.health.register("halls", lambda: silence.health(center))
    app.health.register("clock", lambda: clocks.health(center))
    return app


def create_tables(center: Center) -> None:
    """Create what is local to the center and never travels; safe to run at every start."""
    roster.create(center)
    center.db.create(LOCAL_TABLES)
    returning.settle(center)
