"""Sign-in, sign-out, own password, own sessions. The pages of accounts are in `staff_pages`."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import NotFound, TooManyRequests, Unauthorized
from werkzeug.wrappers import Response

from standards.errors import Invalid
from web import access, logs, passwords, refusals
from web.accounts import Accounts
from web.attempts import Attempts
from web.sessions import Sessions
from web.shell import shell

pages = Blueprint("signin", __name__)

_WRONG = "登录名或密码不对，或账号已停用"
_KEPT = "kept:"
# The old form token is worth nothing; passwords and PINs must not stand in a page.
_NEVER_KEPT = frozenset({"csrf", "old", "password", "again", "pin"})


def accounts() -> Accounts:
    """The accounts of this application."""
    found = current_app.extensions["onehall.accounts"]
    assert isinstance(found, Accounts)
    return found


def sessions() -> Sessions:
    """The sessions of this application."""
    found = current_app.extensions["onehall.sessions"]
    assert isinstance(found, Sessions)
    return found


def attempts() -> Attempts:
    """The failed sign-ins of this application."""
    found = current_app.extensions["onehall.attempts"]
    assert isinstance(found, Attempts)
    return found


def safe_way_back(asked: str) -> str:
    """A path of this application to return to after sign-in; anything else becomes the start page.

    Browsers read ``//host`` and ``/\\host`` as another site.
    """
    parts = urlsplit(asked)
    plain = asked.startswith("/") and not asked.startswith(("//", "/\\"))
    if not plain or parts.scheme or parts.netloc or not asked.isprintable() or "\\" in asked:
        return "/"
    return asked


@pages.get("/sign-in")
@access.public
def form() -> str | Response:
    """Ask for name and password; who is signed in already goes on."""
    back = safe_way_back(request.args.get("next", "/"))
    if access.staff_or_none() is not None:
        return redirect(back, 303)
    return _sign_in_page(back, "登录已过期，请重新登录。" if g.get("session_is_over") else "")


def _sign_in_page(back: str, notice: str = "", wrong: str = "", login: str = "") -> str:
    return render_template(
        "sign_in.html", back=back, notice=notice, wrong=wrong, login=login, kept=_kept_fields()
    )


def _kept_fields() -> list[tuple[str, str]]:
    """What a person had typed when the session ended: carried along through the sign-in."""
    typed = list(request.form.items(multi=True))
    if request.endpoint == "signin.sign_in":
        return [(name[len(_KEPT) :], text) for name, text in typed if name.startswith(_KEPT)]
    return [(name, text) for name, text in typed if name not in _NEVER_KEPT]


@pages.app_errorhandler(Unauthorized)
def ask_again(error: Unauthorized) -> Response | tuple[str, int]:
    """A form that comes after its session ended is not lost: sign in, then send it on."""
    resendable = request.method == "POST" and not (request.files or access.is_background())
    if not resendable or refusals.wants_json() or not request.form:
        return refusals.of_http(error)
    notice = "登录已过期。请重新登录，登录后可继续提交刚才填写的内容（还没有保存）。"
    return _sign_in_page(request.path, notice), 401


@pages.post("/sign-in")
@access.public
def sign_in() -> tuple[str, int] | Response:
    """Check name and password, open a session and go on where the person wanted to go."""
    login = request.form.get("login", "").strip().lower()[:64]
    password = request.form.get("password", "")
    back = safe_way_back(request.form.get("next", "/"))
    address = access.origin_of_request().address
    _refuse_locked(login, address)
    if not accounts().password_is(login, password):
        attempts().failed(login, address)
        logs.event("sign-in.refused")
        return _sign_in_page(back, wrong=_WRONG, login=login), 422
    token = _open_session(login)
    g.session_token = token
    kept = _kept_fields()
    if kept:
        answer = make_response(render_template("resume.html", back=back, kept=kept))
    else:
        answer = make_response(redirect(back, 303))
    access.set_session_cookie(answer, token, shell().settings)
    return answer


def _refuse_locked(login: str, address: str) -> None:
    until = attempts().locked_until(login, address)
    if until is not None:
        logs.event("sign-in.locked")
        g.refused_because = "locked"
        raise TooManyRequests(retry_after=_whole_seconds(until))


def _whole_seconds(until: datetime) -> int:
    return max(1, int((until - shell().clock()).total_seconds()))


def _open_session(login: str) -> str:
    with shell().database.transaction():
        old = request.cookies.get(access.cookie_name(shell().settings), "")
        if old:
            sessions().end(old)
        attempts().succeeded(login, access.origin_of_request().address)
        accounts().note_sign_in(login)
        token = sessions().open(login, access.origin_of_request())
    account = accounts().find(login)
    logs.event("sign-in.done", staff_no=account.staff_no if account else None)
    return token


@pages.post("/sign-out")
@access.anyone_signed_in
def sign_out() -> Response:
    """End the session on the server, then in the browser."""
    sessions().end(g.session_token)
    logs.event("sign-out")
    answer = redirect(url_for("signin.form"), 303)
    access.drop_session_cookie(answer, shell().settings)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


@pages.get("/password")
@access.anyone_signed_in
def password() -> str:
    """Ask for the old and the new password."""
    return render_template("password.html", errors={})


@pages.post("/password")
@access.anyone_signed_in
def change_password() -> tuple[str, int] | Response:
    """Change the own password; every other session of the person ends."""
    staff = access.current_staff()
    new = request.form.get("password", "")
    _refuse_locked(staff.login, access.origin_of_request().address)
    try:
        _check_change(staff.login, request.form.get("old", ""), new)
    except Invalid as wrong:
        return render_template("password.html", errors=wrong.fields), 422
    accounts().set_password(staff.login, new, must_change=False)
    sessions().revoke_all(staff.login, except_id=staff.session.session_id)
    logs.event("password.changed")
    return redirect(url_for("signin.own_sessions", changed=1), 303)


def _check_change(login: str, old: str, new: str) -> None:
    if not accounts().password_is(login, old):
        attempts().failed(login, access.origin_of_request().address)
        raise Invalid({"old": "现在的密码不对"})
    if new != request.form.get("again", ""):
        raise Invalid({"again": "两次输入的新密码不一样"})
    if new == old:
        raise Invalid({"password": "新密码不能与现在的密码相同"})
    passwords.check_new_password(new, login)


@pages.get("/sessions")
@access.anyone_signed_in
def own_sessions() -> str:
    """Where the person is signed in."""
    staff = access.current_staff()
    return render_template(
        "sessions.html",
        sessions=sessions().of(staff.login),
        current=staff.session.session_id,
        changed="changed" in request.args,
    )


@pages.post("/sessions/<session_id>/revoke")
@access.anyone_signed_in
def revoke_session(session_id: str) -> Response:
    """End one of the person's own sessions."""
    if not sessions().revoke(access.current_staff().login, session_id):
        raise NotFound()
    logs.event("session.revoked")
    return redirect(url_for("signin.own_sessions"), 303)


@pages.post("/sessions/revoke-others")
@access.anyone_signed_in
def revoke_other_sessions() -> Response:
    """End all of the person's sessions but this one."""
    staff = access.current_staff()
    sessions().revoke_all(staff.login, except_id=staff.session.session_id)
    logs.event("session.revoked_others")
    return redirect(url_for("signin.own_sessions"), 303)


@pages.post("/still-here")
@access.anyone_signed_in
def still_here() -> tuple[str, int]:
    """A person is typing: asking is enough to keep the session from idling out."""
    return "", 204
