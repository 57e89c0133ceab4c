"""The administrator's pages of staff accounts: list, open, close, roles, new password, sessions."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from standards.errors import Invalid
from web import access, logs, once, passwords
from web.accounts import Account, NewAccount, check_account
from web.shell import shell
from web.signin import accounts, attempts, sessions

pages = Blueprint("staff", __name__, url_prefix="/staff-accounts")

_EMPTY = NewAccount(login="", staff_no="", display_name="", roles=())


@pages.get("")
@access.roles("administrator")
def listing() -> str:
    """Every account with its state."""
    everybody = accounts().all()
    locked = attempts().locked_logins([account.login for account in everybody])
    return render_template("accounts.html", accounts=everybody, locked=locked)


@pages.get("/new")
@access.roles("administrator")
def new() -> str:
    """Ask for the data of a new account."""
    return render_template("account_new.html", given=_EMPTY, errors={})


@pages.post("")
@access.roles("administrator")
def create() -> tuple[str, int] | str | Response:
    """Open an account and show its first password, once."""
    given = NewAccount(
        login=request.form.get("login", ""),
        staff_no=request.form.get("staff_no", ""),
        display_name=request.form.get("display_name", ""),
        roles=tuple(request.form.getlist("roles")),
    )
    password = passwords.initial_password()
    try:
        with shell().database.transaction():
            if once.earlier_answer() is None:
                given = check_account(given, shell().settings.roles)
                accounts().create(given, password)
                once.remember_answer(url_for("staff.one", login=given.login))
            else:
                return redirect(url_for("staff.listing"), 303)
    except Invalid as wrong:
        return render_template("account_new.html", given=given, errors=wrong.fields), 422
    logs.event("account.created", account=given.staff_no)
    return render_template("account_password.html", login=given.login, password=password)


@pages.get("/<login>")
@access.roles("administrator")
def one(login: str) -> str:
    """One account with its sessions."""
    account = _account(login)
    return render_template(
        "account.html",
        account=account,
        sessions=sessions().of(login),
        locked=login in attempts().locked_logins([login]),
        errors={},
    )


@pages.post("/<login>/roles")
@access.roles("administrator")
def set_roles(login: str) -> tuple[str, int] | Response:
    """Change the roles; they hold from the person's next request on."""
    account = _account(login)
    wanted = tuple(request.form.getlist("roles"))
    try:
        _check_roles(account, wanted)
    except Invalid as wrong:
        shown = render_template(
            "account.html", account=account, sessions=[], locked=False, errors=wrong.fields
        )
        return shown, 422
    accounts().set_roles(login, wanted)
    logs.event("account.roles", account=account.staff_no, roles=list(wanted))
    return redirect(url_for("staff.one", login=login), 303)


def _check_roles(account: Account, wanted: tuple[str, ...]) -> None:
    check_account(
        NewAccount(
            login=account.login,
            staff_no=account.staff_no,
            display_name=account.display_name,
            roles=wanted,
        ),
        shell().settings.roles,
    )
    own = account.login == access.current_staff().login
    if own and "administrator" not in wanted:
        raise Invalid({"roles": "不能取消自己的管理员岗位，请另一位管理员操作"})


@pages.post("/<login>/disable")
@access.roles("administrator")
def disable(login: str) -> Response:
    """Close an account and end its sessions; not one's own, or nobody could open it again."""
    account = _account(login)
    if login == access.current_staff().login:
        raise Invalid({"": "不能停用自己的账号，请另一位管理员操作"})
    with shell().database.transaction():
        accounts().set_disabled(login, True)
        sessions().revoke_all(login)
    logs.event("account.disabled", account=account.staff_no)
    return redirect(url_for("staff.one", login=login), 303)


@pages.post("/<login>/enable")
@access.roles("administrator")
def enable(login: str) -> Response:
    """Open an account again."""
    account = _account(login)
    accounts().set_disabled(login, False)
    logs.event("account.enabled", account=account.staff_no)
    return redirect(url_for("staff.one", login=login), 303)


@pages.post("/<login>/reset-password")
@access.roles("administrator")
def reset_password(login: str) -> str | Response:
    """Give a new first password, show it once, end the sessions, lift the lock."""
    account = _account(login)
    password = passwords.initial_password()
    with shell().database.transaction():
        if once.earlier_answer() is not None:
            return redirect(url_for("staff.one", login=login), 303)
        accounts().set_password(login, password, must_change=True)
        sessions().revoke_all(login)
        attempts().forgive(login)
        once.remember_answer(url_for("staff.one", login=login))
    logs.event("account.password_reset", account=account.staff_no)
    return render_template("account_password.html", login=login, password=password)


@pages.post("/<login>/unlock")
@access.roles("administrator")
def unlock(login: str) -> Response:
    """Lift the lock after failed sign-ins."""
    account = _account(login)
    attempts().forgive(login)
    logs.event("account.unlocked", account=account.staff_no)
    return redirect(url_for("staff.one", login=login), 303)


@pages.post("/<login>/revoke-sessions")
@access.roles("administrator")
def revoke_sessions(login: str) -> Response:
    """End every session of an account."""
    account = _account(login)
    sessions().revoke_all(login)
    logs.event("account.sessions_revoked", account=account.staff_no)
    return redirect(url_for("staff.one", login=login), 303)


def _account(login: str) -> Account:
    found = accounts().find(login)
    if found is None:
        raise NotFound()
    return found
