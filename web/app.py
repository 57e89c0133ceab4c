"""Puts the shell together: one call gives a Flask application with every protection on.

The application adds its own blueprints, navigation and banners afterwards; it need not and cannot
switch a protection off.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from sync.storage.store import Database
from web import (
    access,
    accounts,
    api_tokens,
    attempts,
    headers,
    logs,
    moments,
    once,
    refusals,
    sessions,
    signin,
    staff_pages,
    sticks,
    uploads,
)
from web.health import Health
from web.metrics import CONTENT_TYPE, Metrics, may_read
from web.moments import Clock
from web.shell import Banner, Furniture, NavItem, Shell, ShellSettings, shell

TABLES: tuple[str, ...] = (
    *accounts.TABLES,
    *attempts.TABLES,
    *sessions.TABLES,
    *once.TABLES,
    *api_tokens.TABLES,
)
"""The shell's own tables, as portable DDL: the application creates them with `Database.create`."""

pages = Blueprint(
    "web", __name__, template_folder="templates", static_folder="static", static_url_path="/shell"
)


def now() -> datetime:
    """The wall clock; the only place of the shell that reads it."""
    return datetime.now(UTC)


def create_shell(
    import_name: str,
    *,
    database: Database,
    settings: ShellSettings,
    title: str,
    clock: Clock = now,
) -> Shell:
    """A Flask application with headers, limits, errors, sign-in and health in place.

    Args:
        import_name: the application's package; its ``templates/`` come before the shell's.
        database: holds the tables of :data:`TABLES` already.
        settings: see `ShellSettings`.
        title: name of the application in the browser's title bar.
        clock: answers an aware moment; given by tests.
    """
    app = Shell(import_name, static_folder=None)
    app.database, app.settings, app.clock = database, settings, clock
    app.health, app.furniture = Health(), Furniture()
    app.check_access = access.check_declared(settings)
    app.config.update(
        TITLE=title,
        TRUSTED_HOSTS=list(settings.trusted_hosts),
        MAX_CONTENT_LENGTH=settings.max_body,
        MAX_FORM_PARTS=settings.max_fields,
        PROPAGATE_EXCEPTIONS=False,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.before_request(logs.begin_request)
    app.before_request(access.guard(app, _sign_in_parts(app)))
    app.after_request(headers.dress(settings))
    app.after_request(logs.end_request)
    refusals.register(app)
    _dress_pages(app)
    app.register_blueprint(pages)
    if settings.sign_in:
        app.register_blueprint(signin.pages)
        app.register_blueprint(staff_pages.pages)
    return app


def _sign_in_parts(app: Shell) -> sessions.Sessions | None:
    settings = app.settings
    if not settings.sign_in:
        return None
    rules = sessions.SessionRules(
        idle=timedelta(minutes=settings.idle_minutes),
        longest=timedelta(hours=settings.session_hours),
        bind_address=settings.bind_address,
    )
    kept = sessions.Sessions(app.database, app.clock, rules)
    app.extensions["onehall.sessions"] = kept
    app.extensions["onehall.accounts"] = accounts.Accounts(app.database, app.clock)
    app.extensions["onehall.attempts"] = attempts.Attempts(app.database, app.clock)
    return kept


def _measure(app: Shell) -> None:
    app.metrics, app.listener, app.metrics_from = Metrics(), "staff", ()
    app.after_request(_count)


def _dress_pages(app: Shell) -> None:
    _measure(app)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.add_template_filter(moments.show_moment, "moment")
    app.add_template_filter(moments.show_day, "day")
    app.add_template_global(access.csrf, "csrf")
    app.add_template_global(once.once_field, "once")
    app.add_template_global(asset)
    app.jinja_env.globals["accepted_files"] = uploads.ACCEPT
    app.jinja_env.globals["stick_sizes"] = sticks.MEGABYTES
    app.context_processor(_furnish)


def asset(filename: str, endpoint: str = "web.static") -> str:
    """Address of a static file with the hash of its content, so that browsers may keep it."""
    blueprint = shell().blueprints[endpoint.partition(".")[0]]
    assert blueprint.static_folder is not None
    digest = _digest(Path(blueprint.static_folder) / filename)
    return url_for(endpoint, filename=filename, v=digest)


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _furnish() -> dict[str, Any]:
    app = shell()
    staff = access.staff_or_none()
    shown = [item for item in app.furniture.navigation if _may_open(item, staff, app)]
    return {
        "title": app.config["TITLE"],
        "settings": app.settings,
        "staff": staff,
        "my_roles": access.my_roles(),
        "csrf_token": access.csrf_token(),
        "navigation": shown,
        "current": _current(shown),
        "banners": _banners(app),
        "large": request.cookies.get(large_cookie(app.settings)) == "1" or "large" in request.args,
    }


def _may_open(item: NavItem, staff: access.Staff | None, app: Shell) -> bool:
    """Whoever has to sign in first is offered nothing that would only lead back to the sign-in."""
    if staff is None:
        return not item.roles and not app.settings.sign_in
    return not item.roles or staff.holds(*item.roles)


def _current(shown: list[NavItem]) -> str:
    """The entry of the page one is on: the page itself, else the first of the same room."""
    here = request.endpoint or ""
    endpoints = [item.endpoint for item in shown]
    if here in endpoints:
        return here
    room = here.partition(".")[0]
    own = (name for name in endpoints if name.partition(".")[0] == room)
    further = (item.endpoint for item in shown if room in item.rooms)
    return next(chain(own, further), "")


def _banners(app: Shell) -> list[Banner]:
    found: list[Banner] = []
    for source in app.furniture.banner_sources:
        try:
            found.extend(source())
        except Exception as broken:
            # The page must be drawn, the error page above all; that a warning is missing is said.
            logs.failure("banner", broken)
            found.append(Banner(level="danger", text="有一项状态检查出错，请告诉管理员。"))
    return found


def large_cookie(settings: ShellSettings) -> str:
    """Name of the cookie that remembers large type; tells nothing about anybody."""
    return f"onehall-{settings.site}-large"


@pages.post("/large-type")
@access.public
def large_type() -> AnyResponse:
    """Switch large type on or off for this browser and go back."""
    app = shell()
    answer = redirect(signin.safe_way_back(request.form.get("back", "/")), 303)
    if app.settings.sign_in:
        on = request.form.get("large") == "1"
        answer.set_cookie(
            large_cookie(app.settings),
            "1" if on else "0",
            max_age=365 * 86_400,
            secure=app.settings.https,
            httponly=True,
            samesite="Lax",
        )
    return answer


@pages.get("/healthz")
@access.public
def healthz() -> Response:
    """Whether all is well, with a reason for each check: 200 or 503."""
    well, report = shell().health.report()
    answer = jsonify(report)
    answer.status_code = 200 if well else 503
    return answer


@pages.get("/metrics")
@access.public
def metrics() -> Response:
    """Figures for Prometheus; for this machine and the addresses of the settings, else 404."""
    app = shell()
    if not may_read(request.remote_addr or "", request.host, app.metrics_from):
        raise NotFound()
    return Response(app.metrics.text(), content_type=CONTENT_TYPE)


def _count(answer: Response) -> Response:
    app = shell()
    app.metrics.answered(app.listener, answer)
    return answer
