"""考勤: shifts, what a day was for somebody and why it changed, requests and who decided them.

Staff numbers only, never a name; what people wrote is personal. Nothing of a face stands here.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from standards.records.declare import Field, Owner, Record
from standards.records.presence import Moment
from standards.records.wording import Code, Id, Line, StaffNo, Text
from standards.timetables import MOST_SLOTS

# Why a day was worked out; stands in each result and in its history.
CHANGES = {
    "first": "首次核算",
    "running": "当天陆续签到",
    "punch": "后到签到",
    "leave": "请假生效",
    "leave_withdrawn": "请假撤销",
    "returned": "销假",
    "roster": "班次调整",
    "calendar": "作息或日历调整",
    "terminal": "终端补报完成",
    "bulk": "故障补签",
    "missed": "漏签补签",
    "excuse": "免计",
    "appeal": "申诉成立",
    "confirmed": "时钟核实",
    "voided": "签到作废",
    "exception": "封存后处理",
}
SLOT_STATES = {
    "ok": "正常",
    "late": "迟到",
    "early": "早退",
    "over": "超时",
    "missing": "缺签",
    "excused": "免计",
    "leave": "请假",
    "duty": "公出",
    "unsure": "待核实",
    "open": "待定",
}
DAY_STATES = {
    "normal": "正常",
    "late": "迟到",
    "early": "早退",
    "late_early": "迟到并早退",
    "missing": "缺签",
    "absent_half": "旷工半天",
    "absent": "旷工",
    "leave": "请假",
    "leave_part": "部分请假",
    "duty": "公出",
    "excused": "免计",
    "unsure": "待核实",
    "open": "待定",
    "covered": "由他人顶岗",
    "rest": "休息",
}
SHIFT_TARGETS = {"person": "个人", "window": "窗口", "department": "部门", "hall": "全厅"}
MATTERS = {
    "missed": "漏签补签",
    "bulk": "故障补签",
    "appeal": "考勤申诉",
    "exception": "封存后情况",
    "void": "签到作废",
}
EFFECTS = {"leave": "请假", "duty": "公出", "outing": "临时外出"}
GROUNDS = {
    "told_before": "事先报备",
    "on_duty": "工作原因",
    "appeal": "申诉成立",
    "other": "其他",
}

MOST_AWAY = 20
MOST_VOIDED = 500
_Minutes = Annotated[int, msgspec.Meta(ge=0, le=2880)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
_Halves = Annotated[int, msgspec.Meta(ge=0, le=2)]
_Revision = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
_State = Annotated[str, msgspec.Meta(max_length=20)]
Month = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])\Z")]


class SlotResult(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One sign that a shift asked for; ``punch`` is the id of the punch that counts for it."""

    label: Line
    state: _State
    due: Moment
    at: Moment | None = None
    punch: Code = ""
    minutes: _Minutes = 0


class AwaySpan(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Time of a day for which somebody may be away: the effect (``EFFECTS``), never the kind."""

    since: Moment
    until: Moment
    effect: _State


class Outcome(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What a day was, in short: the old value beside a new one."""

    revision: _Revision
    status: _State
    provisional: bool = False
    late: _Minutes = 0
    early: _Minutes = 0
    absent: _Minutes = 0
    halves: _Halves = 0


class DayResult(Record, frozen=True, kw_only=True):
    """日考勤: what one day was for somebody; each visible change is a further revision."""

    kind: ClassVar[str] = "day_result"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "日考勤"

    staff_no: Annotated[StaffNo, Field(label="工号", typed=False)]
    day: Annotated[date, Field(label="日期", typed=False)]
    revision: Annotated[_Revision, Field(label="第几版", typed=False)]
    status: Annotated[_State, Field(label="结果", choices=DAY_STATES, typed=False)]
    provisional: Annotated[bool, Field(label="暂定", typed=False)] = False
    timetable: Annotated[Code, Field(label="作息时间", typed=False)] = ""
    late: Annotated[_Minutes, Field(label="迟到分钟", typed=False)] = 0
    early: Annotated[_Minutes, Field(label="早退分钟", typed=False)] = 0
    absent: Annotated[_Minutes, Field(label="旷工分钟", typed=False)] = 0
    halves: Annotated[_Halves, Field(label="旷工半天数", typed=False)] = 0
    leave: Annotated[_Minutes, Field(label="请假分钟", typed=False)] = 0
    duty: Annotated[_Minutes, Field(label="公出分钟", typed=False)] = 0
    outings: Annotated[_Minutes, Field(label="临时外出次数", typed=False)] = 0
    holds_for: Annotated[Code, Field(label="顶替谁的岗", typed=False)] = ""
    held_by: Annotated[Code, Field(label="由谁顶岗", typed=False)] = ""
    slots: Annotated[
        Annotated[tuple[SlotResult, ...], msgspec.Meta(max_length=MOST_SLOTS)],
        Field(label="各次签到", typed=False),
    ] = ()
    doubtful: Annotated[
        Annotated[tuple[Code, ...], msgspec.Meta(max_length=50)],
        Field(label="待核实的签到", typed=False),
    ] = ()
    away: Annotated[
        Annotated[tuple[AwaySpan, ...], msgspec.Meta(max_length=MOST_AWAY)],
        Field(label="不在岗时段", typed=False),
    ] = ()
    change: Annotated[Code, Field(label="变更原因", choices=CHANGES, typed=False)]
    old: Annotated[Outcome | None, Field(label="原结果", typed=False)] = None


class ShiftAssigned(Record, frozen=True, kw_only=True):
    """排班: by which timetable somebody works, or a window, a department, the whole hall."""

    kind: ClassVar[str] = "shift_assigned"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "排班"

    target: Annotated[Code, Field(label="范围", choices=SHIFT_TARGETS)]
    whose: Annotated[Line, Field(label="对象", hint="工号、窗口或部门；全厅不填")] = ""
    timetable: Annotated[Code, Field(label="作息时间", hint="不选为休息")] = ""
    first_day: Annotated[date, Field(label="自")]
    last_day: Annotated[date | None, Field(label="至", hint="不填为长期")] = None
    every_day: Annotated[bool, Field(label="休息日也上班")] = False
    replaces: Annotated[Code, Field(label="代替哪条排班", typed=False)] = ""
    void: Annotated[bool, Field(label="撤销", typed=False)] = False


class StandIn(Record, frozen=True, kw_only=True):
    """顶岗: one person holds another's post (AB岗), by the hours of that post."""

    kind: ClassVar[str] = "stand_in"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "顶岗"

    staff_no: Annotated[StaffNo, Field(label="顶岗人工号")]
    post_of: Annotated[StaffNo, Field(label="被顶岗人工号")]
    first_day: Annotated[date, Field(label="自")]
    last_day: Annotated[date, Field(label="至")]
    frees: Annotated[bool, Field(label="换班：被顶岗人当天不必到岗")] = False
    own_hours: Annotated[bool, Field(label="按本人班次", typed=False)] = False
    leave_id: Annotated[Code, Field(label="因哪次请假", typed=False)] = ""
    replaces: Annotated[Code, Field(label="代替哪条顶岗", typed=False)] = ""
    void: Annotated[bool, Field(label="撤销", typed=False)] = False


class TerminalOutage(Record, frozen=True, kw_only=True):
    """终端停用时段: a terminal could tell nothing then; days do not wait for it."""

    kind: ClassVar[str] = "terminal_outage"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "终端停用时段"

    terminal: Annotated[Code, Field(label="终端")]
    since: Annotated[Moment, Field(label="自", typed=False)]
    until: Annotated[Moment, Field(label="至", typed=False)]
    reason: Annotated[Text, Field(label="原因", personal=True)]


class DayExcused(Record, frozen=True, kw_only=True):
    """免计: a supervisor decided that signs of a day are not held against somebody."""

    kind: ClassVar[str] = "day_excused"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "免计"

    staff_no: Annotated[StaffNo, Field(label="工号", typed=False)]
    day: Annotated[date, Field(label="日期", typed=False)]
    labels: Annotated[
        Annotated[tuple[Line, ...], msgspec.Meta(min_length=1, max_length=MOST_SLOTS)],
        Field(label="哪几次", typed=False),
    ]
    ground: Annotated[Code, Field(label="依据", choices=GROUNDS)]
    request: Annotated[Code, Field(label="哪件申请", typed=False)] = ""
    reason: Annotated[Text, Field(label="说明", personal=True)]


class AttendanceRequest(Record, frozen=True, kw_only=True):
    """考勤申请: a missed or lost sign, an appeal, a fact after freezing; another person decides."""

    kind: ClassVar[str] = "attendance_request"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "考勤申请"

    matter: Annotated[Code, Field(label="事由", choices=MATTERS, typed=False)]
    staff: Annotated[
        Annotated[tuple[StaffNo, ...], msgspec.Meta(min_length=1, max_length=1000)],
        Field(label="涉及工号", typed=False),
    ]
    day: Annotated[date, Field(label="日期", typed=False)]
    moments: Annotated[
        Annotated[tuple[Moment, ...], msgspec.Meta(max_length=MOST_SLOTS)],
        Field(label="补签时间", typed=False),
    ] = ()
    labels: Annotated[
        Annotated[tuple[Line, ...], msgspec.Meta(max_length=MOST_SLOTS)],
        Field(label="申诉哪几次", typed=False),
    ] = ()
    terminal: Annotated[Code, Field(label="终端", typed=False)] = ""
    about: Annotated[Code, Field(label="所针对的记录", typed=False)] = ""
    adopt: Annotated[bool, Field(label="采用新结果", typed=False)] = False
    punches: Annotated[
        Annotated[tuple[Id, ...], msgspec.Meta(max_length=MOST_VOIDED)],
        Field(label="作废哪些签到", typed=False),
    ] = ()
    belongs_to: Annotated[Code, Field(label="改记到工号", typed=False)] = ""
    reason: Annotated[Text, Field(label="理由", personal=True)]


class AttendanceDecision(Record, frozen=True, kw_only=True):
    """考勤决定: what another person decided on a request."""

    kind: ClassVar[str] = "attendance_decision"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "考勤决定"

    request: Annotated[Id, Field(label="哪件申请", typed=False)]
    granted: Annotated[bool, Field(label="同意", typed=False)]
    reason: Annotated[Text, Field(label="答复", personal=True)]


class PunchConfirmed(Record, frozen=True, kw_only=True):
    """时钟核实: whether a sign whose time was in doubt counts."""

    kind: ClassVar[str] = "punch_confirmed"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "时钟核实"

    punch: Annotated[Id, Field(label="哪次签到", typed=False)]
    staff_no: Annotated[StaffNo, Field(label="工号", typed=False)]
    day: Annotated[date, Field(label="日期", typed=False)]
    stands: Annotated[bool, Field(label="时间属实", typed=False)]
    reason: Annotated[Text, Field(label="说明", personal=True)]


class PunchVoided(Record, frozen=True, kw_only=True):
    """签到作废: a sign that was written for the wrong person; it stays, and counts no more."""

    kind: ClassVar[str] = "punch_voided"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "签到作废"

    punch: Annotated[Id, Field(label="哪次签到", typed=False)]
    staff_no: Annotated[StaffNo, Field(label="工号", typed=False)]
    day: Annotated[date, Field(label="日期", typed=False)]
    request: Annotated[Id, Field(label="哪件申请", typed=False)]
    asked_by: Annotated[StaffNo, Field(label="提出人工号", typed=False)]
    moved_to: Annotated[Code, Field(label="改记为哪次签到", typed=False)] = ""
    reason: Annotated[Text, Field(label="原因", personal=True)]


class MonthFrozen(Record, frozen=True, kw_only=True):
    """月度封存: the results of a month stand; what comes later opens an exception."""

    kind: ClassVar[str] = "month_frozen"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "月度封存"

    month: Annotated[Month, Field(label="月份")]
    people: Annotated[_Count, Field(label="人数", typed=False)]
    results: Annotated[_Count, Field(label="日考勤条数", typed=False)]
    digest: Annotated[Code, Field(label="摘要", typed=False)] = ""


class DayException(Record, frozen=True, kw_only=True):
    """封存后情况: a fact that would change a day of a frozen month; a person decides."""

    kind: ClassVar[str] = "day_exception"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "封存后情况"

    staff_no: Annotated[StaffNo, Field(label="工号", typed=False)]
    day: Annotated[date, Field(label="日期", typed=False)]
    change: Annotated[Code, Field(label="变更原因", choices=CHANGES, typed=False)]
    standing: Annotated[Outcome | None, Field(label="封存的结果", typed=False)] = None
    found: Annotated[Outcome, Field(label="按新情况的结果", typed=False)]
    digest: Annotated[Code, Field(label="摘要", typed=False)]
