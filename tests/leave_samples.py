"""One sample of each kind of record about leave, for `tests.samples`."""

from __future__ import annotations

from datetime import date

from standards.records import (
    LeaveDecision,
    LeaveFacts,
    LeavePaper,
    LeaveRequest,
    LeaveReturned,
    LeaveRulesPublished,
    LeaveStandIn,
    LeaveWithdrawn,
    OfficeHeld,
    Overtime,
    OvertimeDecision,
    Record,
)
from standards.records.leave import LeaveStep, Leg

_REQUEST = "01920000-0000-7000-8000-000000000001"
_OVERTIME = "01920000-0000-7000-8000-000000000002"
_DAY = date(2026, 11, 24)

LEAVE_SAMPLES: tuple[Record, ...] = (
    LeaveRequest(
        staff_no="T01-003",
        first=_DAY,
        last=date(2026, 12, 1),
        legs=(
            Leg(leave="outing", first=_DAY, last=_DAY, begins="14:00", ends="16:30"),
            Leg(leave="annual", first=date(2026, 11, 25), last=date(2026, 12, 1), ends="am"),
            Leg(
                leave="protection",
                first=date(2026, 11, 25),
                last=date(2026, 11, 26),
                begins="16:30",
                ends="17:30",
                daily=True,
            ),
        ),
        steps=(
            LeaveStep(office="chief", rank=0),
            LeaveStep(office="head", rank=1, planned="leader"),
            LeaveStep(office="department", rank=1, side="department"),
        ),
        minutes=2430,
        rules_version=1,
        stand_in="T01-004",
        told_to="T01-005",
        told_at="2026-11-24T08:10",
        grounds="outing/0/1 annual/0/1 nursing/0/2",
        reason="回老家照顾父亲",
    ),
    LeaveStandIn(request_id=_REQUEST, agreed=True, opinion="已交接在办件"),
    LeaveDecision(request_id=_REQUEST, office="chief", granted=True, opinion="同意"),
    LeaveWithdrawn(request_id=_REQUEST),
    LeaveReturned(
        request_id=_REQUEST, back_on=date(2026, 11, 27), back_from="pm", opinion="提前返岗"
    ),
    LeavePaper(
        request_id=_REQUEST,
        media="image/jpeg",
        size=120_455,
        file="ef" * 32,
        name="诊断证明.jpg",
        key="0e" * 32,
    ),
    LeaveFacts(
        staff_no="T01-003",
        year=2026,
        employment="civil",
        carried=960,
        taken_before=480,
        school_holidays=True,
        work_start="2016-07-01",
    ),
    Overtime(
        staff_no="T01-003",
        day=date(2026, 11, 21),
        begins="08:30",
        ends="12:00",
        minutes=210,
        reason="系统升级值守",
    ),
    OvertimeDecision(
        overtime_id=_OVERTIME, minutes=180, expires_on=date(2027, 11, 21), opinion="按3小时核定"
    ),
    OfficeHeld(
        staff_no="T01-003",
        office="chief",
        department="公安局",
        since=date(2026, 1, 1),
        until=date(2027, 12, 31),
    ),
)

# At the very end of all samples: the number of a sample stands in its golden leaf.
LATER_SAMPLES: tuple[Record, ...] = (
    LeaveRulesPublished(version=2, rules="# 职工带薪年休假条例 3\nversion = 2\n"),
)
