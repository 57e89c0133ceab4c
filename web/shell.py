"""The application object of the shell, and what an application tells it once.

Holds no rule and no page; `web.app.create_shell` puts the parts together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from flask import Flask, current_app

from sync.storage.store import Database
from web.health import Health
from web.metrics import Metrics
from web.moments import Clock

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class ShellSettings:
    """What an application decides about its shell; read from its own configuration file.

    Args:
        site: short ASCII name of this installation. Part of the cookie names, because browsers
            share cookies between the ports of one machine.
        hall_name: stands in the top bar.
        roles: role -> Chinese name, the whole set of this application.
        trusted_hosts: names the listener answers to, without port; ``.example`` covers sub-domains.
        https: the browser reaches this application by https; decides about Secure, ``__Host-``
            and HSTS.
        sign_in: False for a public listener: no cookie, no session, no sign-in page.
        idle_minutes: a session unused that long is over.
        session_hours: a session is over after that long in any case (ASVS 7.3.2).
        bind_address: a session is good only from the address it was opened from (T29).
        max_body: bytes of a request; single views raise it with `access.limits`.
        max_fields: fields of a form.
    """

    site: str
    hall_name: str
    roles: Mapping[str, str]
    trusted_hosts: tuple[str, ...]
    https: bool = False
    sign_in: bool = True
    idle_minutes: int = 30
    session_hours: int = 12
    bind_address: bool = True
    max_body: int = 1 * MIB
    max_fields: int = 1000


@dataclass(frozen=True, kw_only=True)
class NavItem:
    """One entry of the top navigation; shown to whoever holds one of ``roles`` (empty: all).

    ``rooms``: further blueprints whose pages belong to it.
    """

    endpoint: str
    label: str
    roles: tuple[str, ...] = ()
    access_key: str = ""
    rooms: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Banner:
    """A line above every page. ``level`` decides shape and colour; the text says who can act."""

    level: Literal["info", "warn", "danger"]
    text: str
    href: str = ""
    link: str = ""


BannerSource = Callable[[], Iterable[Banner]]


class Undeclared(Exception):
    """A view was registered without saying who may use it; the developer must add a decorator."""


@dataclass
class Furniture:
    """What the rooms of an application add to the shell while they register."""

    navigation: list[NavItem] = field(default_factory=list)
    banner_sources: list[BannerSource] = field(default_factory=list)


class Shell(Flask):
    """A Flask application that refuses a view without declared access."""

    database: Database
    settings: ShellSettings
    clock: Clock
    health: Health
    metrics: Metrics
    listener: str
    metrics_from: tuple[str, ...]
    furniture: Furniture
    check_access: Callable[[str, Callable[..., Any]], None]

    def add_url_rule(self, rule: str, endpoint: str | None = None, *args: Any, **kw: Any) -> None:
        """Register a route.

        Raises:
            Undeclared: the view carries none of the decorators of `web.access`.
        """
        view = args[0] if args else kw.get("view_func")
        if view is not None and not (endpoint or "").endswith("static"):
            self.check_access(endpoint or rule, view)
        super().add_url_rule(rule, endpoint, *args, **kw)

    def add_navigation(self, *items: NavItem) -> None:
        """Add entries to the top navigation, in this order."""
        self.furniture.navigation.extend(items)

    def add_banners(self, source: BannerSource) -> None:
        """Ask ``source`` for banners each time a page is drawn; it must be quick."""
        self.furniture.banner_sources.append(source)


def shell() -> Shell:
    """The shell of the current request or command."""
    return cast(Shell, current_app._get_current_object())  # type: ignore[attr-defined]
