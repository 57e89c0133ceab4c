"""作息时间: the center publishes hours, windows and grace; halls rate by them from a day on.

The table is text in TOML with its sources beside the numbers; it is published only when it can be
used. Days before its first day stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response

from aggregator.center import Center
from aggregator.office import PUBLISHER, actor, center
from aggregator.publishing.rule_texts import LONGEST, capped, next_version, typed_text
from standards.errors import Invalid
from standards.packaged import packaged_text
from standards.records import TimetablesPublished
from standards.timetables import TimetableBook, book_of, hours
from sync.storage.store import Row
from web import access, logs, once

pages = Blueprint("timetables", __name__, url_prefix="/standards/timetables")


def versions_of(office: Center) -> list[Row]:
    """Every published table, the newest first."""
    return office.db.query(
        "SELECT version, since, rules, actor, at FROM timetables_published ORDER BY version DESC"
    )


@pages.get("")
@access.anyone_signed_in
def listing() -> str:
    """The timetables in words, and the text to publish others."""
    return _page(None, {})


def _page(typed: str | None, errors: Mapping[str, str]) -> str:
    published = versions_of(center())
    current = str(published[0]["rules"]) if published else packaged_text("timetables.toml")
    since, book = center().shelf().timetables[-1]
    return render_template(
        "standards/timetables.html",
        book=book,
        since=since if published else None,
        hours=hours,
        published=published,
        text=current if typed is None else typed,
        typed_since=request.form.get("since", ""),
        errors=errors,
        longest=LONGEST,
    )


@pages.post("")
@access.roles(PUBLISHER)
def publish() -> tuple[str, int] | Response:
    """Publish a table that can be used."""
    typed = typed_text()
    try:
        capped(typed)
        since = _since()
        _read(typed)
        return once.answer_once(lambda: _publish(center(), since, typed))
    except Invalid as wrong:
        return _page(typed, wrong.fields), 422


def _since() -> date:
    today = center().clock.today()
    try:
        since = date.fromisoformat(request.form.get("since", ""))
    except ValueError:
        raise Invalid({"since": "请选择生效日期"}) from None
    if since <= today:
        raise Invalid({"since": "生效日期应在今天以后，已过的日子不改"})
    return since


def _read(text: str) -> TimetableBook:
    try:
        return book_of(text)
    except Invalid as wrong:
        told = "；".join(f"{name}：{said}" for name, said in wrong.fields.items())
        raise Invalid({"rules": told}) from wrong
    except ValueError as wrong:
        raise Invalid({"rules": f"读不懂这张表：{wrong}"}) from wrong


def _publish(office: Center, since: date, text: str) -> str:
    office.logs.lock(office.standards_origin)
    record = TimetablesPublished(version=next_version(versions_of(office)), since=since, rules=text)
    office.publish(record, actor=actor())
    logs.event("timetables.published", version=record.version)
    return url_for("timetables.listing")
