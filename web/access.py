"""Who may use which view: declared on the view, enforced before it runs.

A view carries exactly one of `roles`, `anyone_signed_in`, `public`, `signed_by_other_means`; one
without refuses to register. Unsafe methods of signed-in people must come from our own pages
(form token, Origin, Sec-Fetch-Site). Knows no page of its own.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from flask import g, redirect, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import Forbidden, RequestEntityTooLarge, Unauthorized
from werkzeug.wrappers import Response

from sync.errors import DiskFull
from web import logs
from web.accounts import Account
from web.sessions import Origin, Session, Sessions, csrf_of
from web.shell import Shell, ShellSettings, Undeclared, shell

View = TypeVar("View", bound=Callable[..., Any])
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a view declares about who may use it."""

    kind: Literal["public", "signed-in", "roles", "other-means"]
    roles: frozenset[str] = frozenset()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one view reads at most: bytes of the body, fields of a form, bytes of all fields."""

    body: int
    fields: int | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class Staff:
    """The signed-in person of this request."""

    account: Account
    session: Session

    @property
    def login(self) -> str:
        return self.account.login

    @property
    def staff_no(self) -> str:
        return self.account.staff_no

    @property
    def display_name(self) -> str:
        return self.account.display_name

    @property
    def roles(self) -> tuple[str, ...]:
        return self.account.roles

    def holds(self, *roles: str) -> bool:
        """Whether the person has one of these roles."""
        return bool(set(roles) & set(self.account.roles))


def _declare(access: Access) -> Callable[[View], View]:
    def mark(view: View) -> View:
        if hasattr(view, "access"):
            raise Undeclared(f"{view.__name__} declares its access twice")
        view.access = access  # type: ignore[attr-defined]
        return view

    return mark


def roles(*names: str) -> Callable[[View], View]:
    """The view is for people who hold one of these roles."""
    if not names:
        raise Undeclared("roles() names no role; use anyone_signed_in")
    return _declare(Access(kind="roles", roles=frozenset(names)))


def anyone_signed_in(view: View) -> View:
    """The view is for everybody who is signed in, whatever the role."""
    return _declare(Access(kind="signed-in"))(view)


def public(view: View) -> View:
    """The view is for everybody, without sign-in; it must show no personal data."""
    return _declare(Access(kind="public"))(view)


def signed_by_other_means(reason: str) -> Callable[[View], View]:
    """The view checks by itself who calls (a terminal's key, a hall's signature); no form token.

    Args:
        reason: how it checks, in a sentence; shown by the list of routes.
    """
    if not reason.strip():
        raise Undeclared("signed_by_other_means() needs the reason")
    return _declare(Access(kind="other-means", reason=reason))


def limits(
    *, body: int, fields: int | None = None, memory: int | None = None
) -> Callable[[View], View]:
    """Let one view read more (or less) than the shell's default; files are not in ``memory``."""

    def mark(view: View) -> View:
        view.limits = Limits(body=body, fields=fields, memory=memory)  # type: ignore[attr-defined]
        return view

    return mark


def access_of(view: Callable[..., Any]) -> Access | None:
    """What a view declared, or None."""
    found = getattr(view, "access", None)
    return found if isinstance(found, Access) else None


def check_declared(settings: ShellSettings) -> Callable[[str, Callable[..., Any]], None]:
    """The check that each route passes when it is registered."""

    def check(endpoint: str, view: Callable[..., Any]) -> None:
        access = access_of(view)
        if access is None:
            raise Undeclared(f"view {endpoint} does not say who may use it")
        unknown = access.roles - set(settings.roles)
        if unknown:
            raise Undeclared(f"view {endpoint} names unknown roles {sorted(unknown)}")
        if not settings.sign_in and access.kind in ("roles", "signed-in"):
            raise Undeclared(f"view {endpoint} needs a sign-in; this listener has none")

    return check


def cookie_name(settings: ShellSettings) -> str:
    """Name of the session cookie; ``__Host-`` ties it to https, host and path (RFC 6265bis)."""
    return ("__Host-" if settings.https else "") + f"onehall-{settings.site}"


def set_session_cookie(answer: Response, token: str, settings: ShellSettings) -> None:
    """Give the browser its session; it ends with the browser (shared window machines)."""
    answer.set_cookie(
        cookie_name(settings), token, secure=settings.https, httponly=True, samesite="Lax"
    )


def drop_session_cookie(answer: Response, settings: ShellSettings) -> None:
    """Take the session cookie back."""
    answer.delete_cookie(
        cookie_name(settings), secure=settings.https, httponly=True, samesite="Lax"
    )


def origin_of_request() -> Origin:
    """Address and browser of the current request."""
    return Origin(address=request.remote_addr or "", agent=request.user_agent.string)


def staff_or_none() -> Staff | None:
    """The signed-in person, or None."""
    found = g.get("staff")
    return found if isinstance(found, Staff) else None


def current_staff() -> Staff:
    """The signed-in person.

    Raises:
        werkzeug.exceptions.Unauthorized: nobody is signed in.
    """
    found = staff_or_none()
    if found is None:
        raise Unauthorized()
    return found


def csrf_token() -> str:
    """The form token of this session, or empty text without a session."""
    token = g.get("session_token", "")
    return csrf_of(token) if token else ""


def csrf() -> Markup:
    """The hidden field that every form of a signed-in page carries."""
    token = csrf_token()
    return (
        Markup('<input type="hidden" name="csrf" value="{}">').format(token) if token else Markup()
    )


def is_background() -> bool:
    """Whether a page asked by itself (light refresh), without a person doing anything."""
    return "X-Refresh" in request.headers


def guard(app: Shell, sessions: Sessions | None) -> Callable[[], Response | None]:
    """The check that runs before every view."""

    def before_view() -> Response | None:
        view = app.view_functions.get(request.endpoint or "")
        access = access_of(view) if view is not None else None
        _check_size(app.settings, getattr(view, "limits", None))
        if sessions is not None and (access is None or access.kind != "other-means"):
            _recognise(app.settings, sessions)
        if access is None or access.kind == "other-means":
            return None
        return _admit(access, app.settings)

    return before_view


def _check_size(settings: ShellSettings, raised: Limits | None) -> None:
    most = raised.body if raised else settings.max_body
    fields = (raised.fields if raised else None) or settings.max_fields
    request.max_content_length = most
    request.max_form_parts = fields
    request.max_form_memory_size = (raised.memory if raised else None) or most
    if (request.content_length or 0) > most:
        raise RequestEntityTooLarge()
    if request.mimetype != "application/x-www-form-urlencoded":
        return
    # Who raises the body without naming fields expects no form, and it is read before any check.
    if raised and raised.fields is None and (request.content_length or 0) > settings.max_body:
        raise RequestEntityTooLarge()
    # Werkzeug's cap on parts counts multipart only; 60,000 fields fit into one MiB.
    if request.get_data(cache=True, parse_form_data=False).count(b"&") >= fields:
        raise RequestEntityTooLarge()


def _recognise(settings: ShellSettings, sessions: Sessions) -> None:
    token = request.cookies.get(cookie_name(settings), "")
    if not token:
        return
    found = sessions.find(token, origin_of_request())
    if found is None:
        g.session_is_over = True
        return
    session, account = found
    g.session_token = token
    g.staff = Staff(account=account, session=session)
    if not is_background():
        try:
            sessions.seen(session)
        except DiskFull:
            # Reading goes on with a full disk; the writing view answers 507 by itself.
            logs.event("session.seen.disk_full")


def _admit(access: Access, settings: ShellSettings) -> Response | None:
    if request.method not in SAFE:
        check_same_origin(settings)
    if access.kind == "public":
        return None
    staff = staff_or_none()
    if staff is None:
        return _ask_to_sign_in()
    if request.method not in SAFE:
        _check_form_token()
    if staff.account.must_change and not (request.endpoint or "").startswith("signin."):
        return redirect(url_for("signin.password"), 303)
    if access.kind == "roles" and not staff.holds(*access.roles):
        g.needed_roles = access.roles
        logs.event("access.refused", needed=sorted(access.roles))
        raise Forbidden()
    return None


def check_same_origin(settings: ShellSettings) -> None:
    """Refuse an unsafe request that another site's page sent (ASVS 3.5.1, 3.5.3).

    Browsers state the sender in Sec-Fetch-Site (https and loopback only) and in Origin; whatever
    states neither is no browser, and the form token still decides.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    scheme = "https" if settings.https else "http"
    foreign_site = site is not None and site not in ("same-origin", "none")
    foreign_origin = origin is not None and origin != f"{scheme}://{request.host}"
    if foreign_site or foreign_origin:
        logs.event("access.cross_origin")
        g.refused_because = "cross-origin"
        raise Forbidden()


def _check_form_token() -> None:
    given = request.headers.get("X-CSRF") or request.form.get("csrf", "")
    if not hmac.compare_digest(given.encode(), csrf_token().encode()):
        logs.event("access.form_token")
        g.refused_because = "form-token"
        raise Forbidden()


def _ask_to_sign_in() -> Response:
    wants_page = request.accept_mimetypes.accept_html and not request.is_json
    if request.method not in SAFE or is_background() or not wants_page:
        raise Unauthorized()
    back = request.full_path if request.query_string else request.path
    return redirect(url_for("signin.form", next=back), 303)


def routes_by_access(app: Shell) -> list[tuple[str, str, Access]]:
    """Every route with its methods and declared access, for the test that lists them all."""
    found = []
    for rule in app.url_map.iter_rules():
        access = access_of(app.view_functions[rule.endpoint])
        if access is not None:
            found.append((rule.rule, ",".join(sorted(rule.methods or ())), access))
    return sorted(found, key=lambda row: row[:2])


def names_of(settings: ShellSettings, wanted: Collection[str]) -> str:
    """Chinese names of roles, for a sentence."""
    return "、".join(name for role, name in settings.roles.items() if role in wanted)


def my_roles() -> str:
    """Chinese names of the signed-in person's roles."""
    staff = staff_or_none()
    return names_of(shell().settings, staff.roles) if staff else ""
