"""请假规则: the center publishes the table of leave rules; every hall asks by it from then on.

The table is text in TOML with its sources beside the numbers; it is published only when it can be
read and fits together. Leave that was asked for keeps the chain it was asked with.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, render_template, url_for
from werkzeug.wrappers import Response

from aggregator.center import Center
from aggregator.office import PUBLISHER, actor, center
from aggregator.publishing.rule_texts import LONGEST, capped, next_version, typed_text
from standards.errors import Invalid
from standards.leave_rules import rules_of
from standards.packaged import packaged_text
from standards.records import LeaveRulesPublished
from sync.storage.store import Row
from web import access, logs, once

pages = Blueprint("leave_rules", __name__, url_prefix="/standards/leave-rules")


def versions_of(office: Center) -> list[Row]:
    """Every published table, the newest first."""
    return office.db.query(
        "SELECT version, rules, actor, at FROM leave_rules_published ORDER BY version DESC"
    )


@pages.get("")
@access.anyone_signed_in
def listing() -> str:
    """The rules in force in words, and the text to publish another table."""
    return _page(None, {})


def _page(typed: str | None, errors: Mapping[str, str]) -> str:
    published = versions_of(center())
    current = str(published[0]["rules"]) if published else packaged_text("leave.toml")
    return render_template(
        "standards/leave_rules.html",
        rules=center().shelf().leave_rules,
        published=published,
        text=current if typed is None else typed,
        errors=errors,
        longest=LONGEST,
    )


@pages.post("")
@access.roles(PUBLISHER)
def publish() -> tuple[str, int] | Response:
    """Publish a table that can be read and fits together."""
    typed = typed_text()
    try:
        rules_of(capped(typed))
        return once.answer_once(lambda: _publish(center(), typed))
    except Invalid as wrong:
        return _page(typed, wrong.fields), 422


def _publish(office: Center, text: str) -> str:
    office.logs.lock(office.standards_origin)
    published = versions_of(office)
    if published and published[0]["rules"] == text:
        raise Invalid({"rules": "与现行规则相同，没有发布"})
    version = next_version(published)
    office.publish(LeaveRulesPublished(version=version, rules=text), actor=actor())
    logs.event("leave_rules.published", version=version)
    return url_for("leave_rules.listing")
