"""请假: a request and what follows from it, each a record of its own that names the request.

Why somebody asks, and on which ground (a birth, an illness, a doctor's paper), is personal and
travels sealed. What stands in the leaf is what a hall must know: from when to when, which kind, who
stands in, who decides.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from standards.leave_rules import minute_of
from standards.records.declare import Field, Owner, Record
from standards.records.files import MEDIA, FileBytes, FileHash, FileKey
from standards.records.wording import Code, Id, Line, StaffNo, Text, Year

_D2 = "[0-9]{2}"
# Begins at the start of the day, at midday, or at a time; ends at midday, with the day, at a time.
DayPoint = Annotated[str, msgspec.Meta(pattern=rf"^(am|pm|{_D2}:{_D2})\Z")]
LeaveMinutes = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

EMPLOYMENTS = {"civil": "公务员", "institution": "事业单位", "other": "聘用及其他"}
LEAVE_STATES = {
    "asked": "待顶岗人确认",
    "pending": "审批中",
    "granted": "已批准",
    "declined": "顶岗人不能顶岗",
    "refused": "未批准",
    "withdrawn": "已撤回",
    "returned": "已销假",
}


def check_day(text: str) -> str:
    """A day that is typed into a personal field.

    Raises:
        ValueError: no day.
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("请填写日期，如 2016-07-01") from None


def check_time(text: str) -> str:
    """A time of day. Raises ValueError."""
    minute_of(text)
    return text


class Leg(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One stretch of a request: a kind, from a point of a day to a point of a day.

    ``daily``: the times hold on each day between (an hour of nursing).
    """

    leave: Code
    first: date
    last: date
    begins: DayPoint = "am"
    ends: DayPoint = "pm"
    daily: bool = False


class LeaveStep(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One approval that a request needs; those of one rank come in any order.

    ``planned``: the office that the table names, where another one stands for it.
    """

    office: Code
    rank: Annotated[int, msgspec.Meta(ge=0, le=20)]
    side: Code = "hall"
    planned: Code = ""


Legs = Annotated[tuple[Leg, ...], msgspec.Meta(min_length=1, max_length=10)]
LeaveSteps = Annotated[tuple[LeaveStep, ...], msgspec.Meta(max_length=20)]


class LeaveRequest(Record, frozen=True, kw_only=True):
    """请假申请: somebody asks for leave, in one or several stretches."""

    kind: ClassVar[str] = "leave_request"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "请假申请"

    staff_no: Annotated[StaffNo, Field(label="申请人工号", typed=False)]
    first: Annotated[date, Field(label="开始日期", typed=False)]
    last: Annotated[date, Field(label="结束日期", typed=False)]
    legs: Annotated[Legs, Field(label="时段", typed=False)]
    steps: Annotated[LeaveSteps, Field(label="审批环节", typed=False)]
    minutes: Annotated[LeaveMinutes, Field(label="时长（分钟）", typed=False)]
    rules_version: Annotated[
        int, msgspec.Meta(ge=1, le=1_000_000), Field(label="请假规则版本", typed=False)
    ]
    stand_in: Annotated[Code, Field(label="顶岗人", typed=False)] = ""
    told_to: Annotated[Code, Field(label="电话报告给", typed=False)] = ""
    told_at: Annotated[Code, Field(label="电话报告时间", typed=False)] = ""
    grounds: Annotated[Line, Field(label="事由类别", personal=True, typed=False)] = ""
    reason: Annotated[Text, Field(label="事由", personal=True, hint="写清为什么、去哪里")] = ""


class LeaveStandIn(Record, frozen=True, kw_only=True):
    """顶岗确认: the stand-in says whether the post is covered; before anybody decides."""

    kind: ClassVar[str] = "leave_stand_in"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "顶岗确认"

    request_id: Annotated[Id, Field(label="请假申请", typed=False)]
    agreed: Annotated[bool, Field(label="同意顶岗", typed=False)]
    opinion: Annotated[Text, Field(label="交接说明", personal=True)] = ""


class LeaveDecision(Record, frozen=True, kw_only=True):
    """请假审批: one office has decided; never the applicant."""

    kind: ClassVar[str] = "leave_decision"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "请假审批"

    request_id: Annotated[Id, Field(label="请假申请", typed=False)]
    office: Annotated[Code, Field(label="职务", typed=False)]
    granted: Annotated[bool, Field(label="批准", typed=False)]
    opinion: Annotated[Text, Field(label="审批意见", personal=True)] = ""


class LeaveWithdrawn(Record, frozen=True, kw_only=True):
    """撤回请假: the applicant does not go after all; only before it has begun."""

    kind: ClassVar[str] = "leave_withdrawn"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "撤回请假"

    request_id: Annotated[Id, Field(label="请假申请", typed=False)]


class LeaveReturned(Record, frozen=True, kw_only=True):
    """销假: back on post, early, in time or late; what was not used is given back."""

    kind: ClassVar[str] = "leave_returned"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "销假"

    request_id: Annotated[Id, Field(label="请假申请", typed=False)]
    back_on: Annotated[date, Field(label="到岗日期")]
    back_from: Annotated[DayPoint, Field(label="到岗时间", typed=False)] = "am"
    opinion: Annotated[Text, Field(label="销假说明", personal=True)] = ""


class LeavePaper(Record, frozen=True, kw_only=True):
    """请假附件: a certificate or another paper of a request, as a file."""

    kind: ClassVar[str] = "leave_paper"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "请假附件"

    request_id: Annotated[Id, Field(label="请假申请", typed=False)]
    media: Annotated[Code, Field(label="文件类型", choices=MEDIA, typed=False)]
    size: Annotated[FileBytes, Field(label="文件大小", typed=False)]
    file: Annotated[FileHash, Field(label="密文散列", typed=False, file=True)]
    name: Annotated[Line, Field(label="文件名", typed=False, personal=True)] = ""
    key: Annotated[FileKey, Field(label="文件密钥", typed=False, personal=True)]


class LeaveFacts(Record, frozen=True, kw_only=True):
    """休假核定: from what a person's annual leave of one year follows; a later one replaces it."""

    kind: ClassVar[str] = "leave_facts"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "休假核定"

    staff_no: Annotated[StaffNo, Field(label="工号", typed=False)]
    year: Annotated[Year, Field(label="年度", typed=False)]
    employment: Annotated[Code, Field(label="编制类型", choices=EMPLOYMENTS)] = "institution"
    carried: Annotated[LeaveMinutes, Field(label="上年结转（分钟）", typed=False)] = 0
    taken_before: Annotated[LeaveMinutes, Field(label="启用前已休（分钟）", typed=False)] = 0
    school_holidays: Annotated[bool, Field(label="享受寒暑假且多于年休假")] = False
    work_start: Annotated[
        Code,
        Field(label="参加工作日期", personal=True, check=check_day, hint="累计工作年限由此起算"),
    ] = ""


class Overtime(Record, frozen=True, kw_only=True):
    """加班登记: somebody worked beyond the hours; counts once a supervisor has confirmed it."""

    kind: ClassVar[str] = "overtime"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "加班登记"

    staff_no: Annotated[StaffNo, Field(label="工号", typed=False)]
    day: Annotated[date, Field(label="加班日期")]
    begins: Annotated[Code, Field(label="开始时间", check=check_time, hint="如 17:30")]
    ends: Annotated[Code, Field(label="结束时间", check=check_time, hint="如 20:30")]
    minutes: Annotated[LeaveMinutes, Field(label="时长（分钟）", typed=False)]
    reason: Annotated[Text, Field(label="加班事由", personal=True)] = ""


class OvertimeDecision(Record, frozen=True, kw_only=True):
    """加班核定: a supervisor confirms overtime, whole or in part, or does not."""

    kind: ClassVar[str] = "overtime_decision"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "加班核定"

    overtime_id: Annotated[Id, Field(label="加班登记", typed=False)]
    minutes: Annotated[LeaveMinutes, Field(label="核定时长（分钟）", typed=False)]
    expires_on: Annotated[date | None, Field(label="调休有效期至", typed=False)] = None
    opinion: Annotated[Text, Field(label="核定意见", personal=True)] = ""


class OfficeHeld(Record, frozen=True, kw_only=True):
    """任职: somebody holds an office that approves leave; a later entry about it replaces this."""

    kind: ClassVar[str] = "office_held"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "任职"

    staff_no: Annotated[StaffNo, Field(label="工号", typed=False)]
    office: Annotated[Code, Field(label="职务", typed=False)]
    department: Annotated[Line, Field(label="派驻部门", typed=False)] = ""
    since: Annotated[date, Field(label="任职开始")]
    until: Annotated[date | None, Field(label="任职结束", hint="不填为长期")] = None


class LeaveStanding(Record, frozen=True, kw_only=True):
    """请假现状: where a request stands after all that followed it (a projection, never travels)."""

    kind: ClassVar[str] = "leave_standing"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "请假现状"

    id: Annotated[Id, Field(label="请假申请")]
    staff_no: Annotated[StaffNo, Field(label="申请人工号")]
    stand_in: Annotated[Code, Field(label="顶岗人")]
    first: Annotated[date, Field(label="开始日期")]
    last: Annotated[date, Field(label="结束日期")]
    legs: Annotated[Legs, Field(label="时段")]
    steps: Annotated[LeaveSteps, Field(label="审批环节")]
    minutes: Annotated[LeaveMinutes, Field(label="时长（分钟）")]
    stage: Annotated[Code, Field(label="状态", choices=LEAVE_STATES)]
    asked_at: Annotated[Line, Field(label="申请时间")]
    decided: Annotated[tuple[Code, ...], Field(label="已批准的职务")] = ()
    deciders: Annotated[tuple[Code, ...], Field(label="审批人")] = ()
    settled_at: Annotated[Line, Field(label="办结时间")] = ""
    back_on: Annotated[date | None, Field(label="到岗日期")] = None
    back_from: Annotated[DayPoint, Field(label="到岗时间")] = "am"


__all__ = [
    "EMPLOYMENTS",
    "LEAVE_STATES",
    "LeaveDecision",
    "LeaveFacts",
    "LeavePaper",
    "LeaveRequest",
    "LeaveReturned",
    "LeaveStandIn",
    "LeaveStanding",
    "LeaveStep",
    "LeaveWithdrawn",
    "Leg",
    "OfficeHeld",
    "Overtime",
    "OvertimeDecision",
]
