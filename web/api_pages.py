"""接口令牌: the administrator's page of tokens for other systems."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from standards.errors import Invalid
from web import access, logs, once
from web.api_tokens import ApiTokens
from web.interface import LISTINGS, TOKENS
from web.shell import shell

pages = Blueprint("api_tokens", __name__, url_prefix="/api-tokens")


def _tokens() -> ApiTokens:
    found: ApiTokens = shell().extensions[TOKENS]
    return found


def _page(errors: dict[str, str], secret: str = "") -> str:
    return render_template(
        "api_tokens.html",
        tokens=_tokens().all(),
        lists=shell().extensions[LISTINGS],
        now=shell().clock(),
        errors=errors,
        secret=secret,
    )


@pages.get("")
@access.roles("administrator")
def listing() -> str:
    """Every token, and a form for a new one."""
    return _page({})


@pages.post("")
@access.roles("administrator")
def make() -> tuple[str, int] | str | Response:
    """Make a token and show it, once."""
    lists = shell().extensions[LISTINGS]
    scopes = [name for name in request.form.getlist("scopes") if name in lists]
    days = request.form.get("days", "")
    try:
        with shell().database.transaction():
            if once.earlier_answer() is not None:
                return redirect(url_for("api_tokens.listing"), 303)
            secret = _tokens().make(
                request.form.get("label", ""),
                scopes,
                int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0,
                access.current_staff().staff_no,
            )
            once.remember_answer(url_for("api_tokens.listing"))
    except Invalid as wrong:
        return _page(dict(wrong.fields)), 422
    logs.event("api.token_made", scopes=scopes)
    return _page({}, secret)


@pages.post("/<token_id>/revoke")
@access.roles("administrator")
def revoke(token_id: str) -> Response:
    """End a token now."""
    if not _tokens().revoke(token_id):
        raise NotFound()
    logs.event("api.token_revoked", token=token_id)
    return redirect(url_for("api_tokens.listing"), 303)
