"""工作日历与编号规则: what the center publishes beside the guides.

A year's table is read from the State Council's notice or typed, looked at, and published; due dates
that ran into a year without a table are counted anew by every hall when it arrives.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, replace
from datetime import date

from flask import Blueprint, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from aggregator.center import Center
from aggregator.office import PUBLISHER, actor, center
from aggregator.publishing import notices
from standards.cases import case_number
from standards.errors import Invalid
from standards.records import CalendarPublished, NumberScheme
from standards.workdays import Calendar, CalendarYear, count_working_days
from sync.storage.store import Row
from web import access, once

pages = Blueprint("calendars", __name__, url_prefix="/standards/calendars")

FIRST_YEAR, LAST_YEAR = 2000, 2099
MOST_SOURCE = 100
MOST_NOTICE = 20_000
_PARTS = ("hall", "date", "epoch", "serial", "tail")
_SAMPLE_ID = "01900000-0000-7000-8000-0123456789ab"
_LONGEST_NUMBER = 50
_WIDTH = re.compile(r"(0[1-9]d)?")


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What stands in the form of a year, as texts."""

    year: str = ""
    source: str = ""
    notice: str = ""
    days_off: str = ""
    working_days: str = ""

    @classmethod
    def of(cls, form: MultiDict[str, str]) -> Typed:
        """The posted form."""
        return cls(**{name: form.get(name, "").strip() for name in cls.__dataclass_fields__})


def years_of(center: Center) -> list[CalendarYear]:
    """The tables in force, newest year first."""
    return sorted(center.shelf().calendar.years, key=lambda table: -table.year)


def working_days_of(table: CalendarYear) -> int:
    """Working days of a whole year by its table."""
    return count_working_days(date(table.year, 1, 1), date(table.year, 12, 31), Calendar([table]))


def schemes_of(center: Center) -> list[Row]:
    """Every numbering scheme, the one in force first."""
    return center.db.query(
        "SELECT version, template, actor, at FROM number_scheme ORDER BY version DESC"
    )


@pages.get("")
@access.anyone_signed_in
def listing() -> str:
    """The years that are published, and the form for the next one."""
    return _page(Typed(year=str(center().clock.today().year + 1)), {})


def _page(typed: Typed, errors: dict[str, str], template: str | None = None) -> str:
    schemes = schemes_of(center())
    return render_template(
        "standards/calendars.html",
        tables=[(table, working_days_of(table)) for table in years_of(center())],
        typed=typed,
        errors=errors,
        schemes=schemes,
        template=template if template is not None else center().shelf().number_template,
        sample=_sample(center().shelf().number_template),
        written=notices.written_days,
    )


@pages.post("")
@access.roles(PUBLISHER)
def publish() -> str | tuple[str, int] | Response:
    """Read the pasted notice into the two lists, or publish the lists as the year's table."""
    typed = Typed.of(request.form)
    try:
        if request.form.get("do") == "read":
            return _page(_read_notice(typed), {})
        return once.answer_once(lambda: _publish_year(center(), typed))
    except Invalid as wrong:
        return _page(typed, wrong.fields), 422


def _year(typed: Typed) -> int:
    text = typed.year
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else 0
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise Invalid({"year": "请填写四位年份，如 2027"})
    return year


def _read_notice(typed: Typed) -> Typed:
    year = _year(typed)
    if len(typed.notice) > MOST_NOTICE:
        raise Invalid({"notice": f"通知全文最多{MOST_NOTICE}字，请只粘贴放假安排部分"})
    off, work = notices.read_notice(typed.notice, year)
    if not off:
        raise Invalid({"notice": f"没有从文字中读出{year}年的放假日期，请检查年份或直接填写日期"})
    return replace(
        typed, days_off=notices.written_days(off), working_days=notices.written_days(work)
    )


def _publish_year(center: Center, typed: Typed) -> str:
    table = _table(typed)
    center.logs.lock(center.standards_origin)
    rows = center.db.query(
        "SELECT MAX(version) AS version FROM calendar_published WHERE year = :year",
        year=table.year,
    )
    version = int(rows[0]["version"] or 0) + 1
    table = CalendarYear(
        year=table.year,
        days_off=table.days_off,
        working_days=table.working_days,
        source=table.source,
        version=version,
    )
    center.publish(
        CalendarPublished(year=table.year, version=version, calendar=table), actor=actor()
    )
    return url_for("calendars.listing")


def _table(typed: Typed) -> CalendarYear:
    year = _year(typed)
    wrong: dict[str, str] = {}
    off = _days(wrong, "days_off", typed.days_off, year)
    work = _days(wrong, "working_days", typed.working_days, year)
    if len(typed.source) > MOST_SOURCE:
        wrong["source"] = f"文号最多{MOST_SOURCE}字"
    if wrong:
        raise Invalid(wrong)
    table = CalendarYear(year=year, days_off=off, working_days=work, source=typed.source)
    return notices.check_year(table)


def _days(wrong: dict[str, str], name: str, text: str, year: int) -> tuple[date, ...]:
    try:
        return notices.read_days(text, year)
    except ValueError as refused:
        wrong[name] = str(refused)
        return ()


# --- numbering ------------------------------------------------------------------------------------


@pages.post("/numbers")
@access.roles(PUBLISHER)
def publish_scheme() -> tuple[str, int] | Response:
    """Publish another template of case numbers; numbers already given stay."""
    template = request.form.get("template", "").strip()
    try:
        return once.answer_once(lambda: _publish_scheme(center(), check_template(template)))
    except Invalid as wrong:
        return _page(Typed(), wrong.fields, template), 422


def _publish_scheme(center: Center, template: str) -> str:
    center.logs.lock(center.standards_origin)
    rows = center.db.query("SELECT MAX(version) AS version FROM number_scheme")
    version = int(rows[0]["version"] or 0) + 1
    center.publish(NumberScheme(version=version, template=template), actor=actor())
    return url_for("calendars.listing")


def check_template(template: str) -> str:
    """A template whose numbers cannot collide between halls, days, epochs and copies.

    Raises:
        Invalid: a part is missing or unknown, or the numbers get too long.
    """
    try:
        parts = [part[1:] for part in string.Formatter().parse(template) if part[1] is not None]
        if sorted(name or "" for name, _, _ in parts) != sorted(_PARTS):
            told = "、".join(f"{{{part}}}" for part in _PARTS)
            raise Invalid({"template": f"模板应恰好包含这五个部分各一次：{told}"})
        # A width such as {serial:0999999999d} would fill the memory of every hall.
        if any(turned or not _WIDTH.fullmatch(width or "") for _, width, turned in parts):
            raise ValueError
        sample = _sample(template)
    except (ValueError, KeyError, IndexError):
        raise Invalid({"template": "模板的花括号或格式有误，请参照现行模板填写"}) from None
    if len(sample) > _LONGEST_NUMBER or not sample.isascii() or not sample.isprintable():
        raise Invalid({"template": f"编号只能用字母、数字和符号，最长{_LONGEST_NUMBER}位"})
    return template


def _sample(template: str) -> str:
    return case_number(template, ("T01", 1), date(2026, 11, 24), 1, _SAMPLE_ID)
