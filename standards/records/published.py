"""统一标准: what the center publishes to every hall: guides, calendars, the numbering scheme."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from standards.guides import Guide
from standards.records.declare import Field, Owner, Record
from standards.records.wording import ItemCode, Line, StaffNo, Version, Year
from standards.workdays import CalendarYear

# In UTF-8 a character takes up to three bytes here; a leaf holds 64 KiB.
RulesText = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]


class GuidePublished(Record, frozen=True, kw_only=True):
    """服务指南: one version of one item's guide; a case keeps the version it was accepted under."""

    kind: ClassVar[str] = "guide_published"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "服务指南"

    item: Annotated[ItemCode, Field(label="事项编码")]
    version: Annotated[Version, Field(label="版本")]
    published_on: Annotated[date, Field(label="发布日期")]
    drafted_by: Annotated[StaffNo, Field(label="起草人")]
    checked_by: Annotated[StaffNo, Field(label="审核人")]
    published_by: Annotated[StaffNo, Field(label="发布人")]
    guide: Annotated[Guide, Field(label="指南内容")]


class CalendarPublished(Record, frozen=True, kw_only=True):
    """工作日历: the official table of one year; a later version replaces an earlier one."""

    kind: ClassVar[str] = "calendar_published"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "工作日历"

    year: Annotated[Year, Field(label="年份")]
    version: Annotated[Version, Field(label="版本")]
    calendar: Annotated[CalendarYear, Field(label="日历内容")]


class NumberScheme(Record, frozen=True, kw_only=True):
    """编号规则: how a hall numbers its cases without asking anybody."""

    kind: ClassVar[str] = "number_scheme"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "编号规则"

    version: Annotated[Version, Field(label="版本")]
    template: Annotated[Line, Field(label="编号模板")]


class LeaveRulesPublished(Record, frozen=True, kw_only=True):
    """请假规则: the table of kinds, entitlements, chains and limits of leave, with its sources."""

    kind: ClassVar[str] = "leave_rules_published"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "请假规则"

    version: Annotated[Version, Field(label="版本")]
    rules: Annotated[RulesText, Field(label="规则表（TOML）")]


class TimetablesPublished(Record, frozen=True, kw_only=True):
    """作息时间: the table of hours, windows and grace by which halls rate, from a day on."""

    kind: ClassVar[str] = "timetables_published"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "作息时间"

    version: Annotated[Version, Field(label="版本")]
    since: Annotated[date, Field(label="生效日期")]
    rules: Annotated[RulesText, Field(label="作息时间表（TOML）")]
