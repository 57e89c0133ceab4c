"""入网: where the administrator types the center's address and the one-time code.

Then the page shows the 30 digits that are compared by telephone, and how the request stands. What
is asked and believed is said in `node.enrolment`; the background exchange asks again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from node.desk import actor, hall, sync
from node.hall import Hall
from node.keys import enrolment, rotation
from node.outbox.center_line import line_to
from node.outbox.syncing import WORDS
from standards.errors import Invalid
from sync.client import HttpLine
from sync.errors import SyncError, Unreachable
from sync.keys.keysets import CODE_LENGTH, CODE_MINUTES
from web import access, logs, once

pages = Blueprint("enrolment", __name__, url_prefix="/enrolment")
TABLES = enrolment.DDL

STATES = {
    "pending": ("warn", "等待中心核对"),
    "approved": ("ok", "已入网"),
    "refused": ("danger", "中心已拒绝"),
}
_LONGEST_ADDRESS = 200


class PageLine(HttpLine):
    """A line for somebody who waits at a page: it gives up sooner."""

    connect_s, read_s, total_s = 3.0, 8.0, 10.0


@pages.get("")
@access.roles("administrator")
def show() -> str:
    """How this hall's enrolment stands; before it is approved, the form."""
    return _page({})


def _page(wrong: Mapping[str, str]) -> str:
    here = hall()
    known = enrolment.trust(here)
    usual = here.settings.center_url or (known.url if known else "")
    return render_template(
        "enrolment/one.html",
        known=known,
        states=STATES,
        groups=known.digits.split() if known else (),
        url=request.form.get("url", usual),
        center=here.settings.center,
        hall_id=here.settings.hall,
        code_length=CODE_LENGTH,
        minutes=CODE_MINUTES,
        errors=wrong,
        keys=rotation.standing(here),
        anew="anew" in request.values,
    )


@pages.post("")
@access.roles("administrator")
def ask() -> tuple[str, int] | Response:
    """Send this hall's keys under the code. Asking twice with one code is one request."""
    try:
        _ask(hall(), checked_address(request.form.get("url", "")), request.form.get("code", ""))
    except Invalid as wrong:
        return _page(wrong.fields), 422
    except Unreachable:
        return _page({"url": "连不上这个地址，没有发出申请。请核对地址和网线"}), 503
    except SyncError as refused:
        logs.event("enrolment.refused", code=refused.code)
        return _page({"": WORDS.get(refused.code, WORDS["refused"])}), 422
    return redirect(url_for("enrolment.show"), 303)


@pages.post("/rotate")
@access.roles("administrator")
def rotate() -> tuple[str, int] | Response:
    """Go over to new keys; the center lists them when it has received the entry."""

    def effect() -> str:
        rotation.ask(hall(), actor())
        logs.event("keys.rotation_asked")
        return url_for("enrolment.show")

    try:
        answer = once.answer_once(effect)
    except Invalid as wrong:
        return _page(wrong.fields), 422
    running = sync()
    if running is not None:
        running.poke()
    return answer


def _ask(here: Hall, url: str, code: str) -> None:
    if len("".join(code.replace("-", "").split())) != CODE_LENGTH:
        raise Invalid({"code": f"入网口令是{CODE_LENGTH}位字母和数字，请向中心要"})
    line = line_to(here, url, PageLine)
    asked = enrolment.ask(here, line, url, code, anew=request.form.get("anew") == "1")
    logs.event("enrolment.asked", state=asked.state)
    running = sync()
    if running is not None:
        running.poke()


def checked_address(text: str) -> str:
    """The address of a center: http or https, a host, perhaps a port and a path; nothing else.

    Raises:
        Invalid: not such an address.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
        # A name that cannot be asked for (an empty part, more than 63 letters) is a ValueError.
        (parts.hostname or "").encode("idna")
        plain = parts.hostname and not (parts.username or parts.query or parts.fragment)
        is_address = plain and parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or len(text) > _LONGEST_ADDRESS or not text.isprintable() or " " in text:
        raise Invalid({"url": "请填写中心的网址，以 https:// 或 http:// 开头"})
    return text.rstrip("/")
