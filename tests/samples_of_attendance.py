"""One sample of every record type of attendance; part of `tests.samples`, never changed."""

from __future__ import annotations

from datetime import date

from standards.records import (
    AttendanceDecision,
    AttendanceRequest,
    DayException,
    DayExcused,
    DayResult,
    MonthFrozen,
    NumberHeld,
    PunchConfirmed,
    PunchVoided,
    Record,
    ShiftAssigned,
    StandIn,
    TerminalOutage,
    TimetablesPublished,
)
from standards.records.attendance import Outcome, SlotResult

_DAY = date(2026, 11, 24)
_ZHANG, _LI, _CHEN = "T01-021", "T01-022", "T01-005"


_OLD = Outcome(revision=1, status="late", provisional=True, late=12)


def attendance_samples(record_id: str, other_id: str) -> tuple[Record, ...]:
    """The samples, with the ids that samples name."""
    return (*_of_days(record_id, other_id), *_of_rosters(other_id), *_decided(record_id, other_id))


def _of_days(record_id: str, other_id: str) -> tuple[Record, ...]:
    return (
        DayResult(
            staff_no=_ZHANG,
            day=_DAY,
            revision=2,
            status="normal",
            timetable="four",
            slots=(
                SlotResult(
                    label="上午签到",
                    state="ok",
                    due="2026-11-24T09:00:00+08:00",
                    at="2026-11-24T08:51:20+08:00",
                    punch=record_id,
                ),
                SlotResult(label="上午签退", state="leave", due="2026-11-24T12:00:00+08:00"),
            ),
            leave=60,
            doubtful=(other_id,),
            change="punch",
            old=_OLD,
        ),
        DayException(
            staff_no=_ZHANG,
            day=_DAY,
            change="leave",
            standing=_OLD,
            found=Outcome(revision=2, status="leave", halves=0),
            digest="cd" * 16,
        ),
    )


def _of_rosters(other_id: str) -> tuple[Record, ...]:
    return (
        ShiftAssigned(
            target="person",
            whose=_ZHANG,
            timetable="two",
            first_day=_DAY,
            last_day=date(2026, 11, 30),
            every_day=True,
            replaces=other_id,
        ),
        StandIn(staff_no=_LI, post_of=_ZHANG, first_day=_DAY, last_day=_DAY, frees=True),
        TerminalOutage(
            terminal="K-1A2B3C",
            since="2026-11-24T08:00:00+08:00",
            until="2026-11-24T10:00:00+08:00",
            reason="主板损坏，已送修",
        ),
    )


def _decided(record_id: str, other_id: str) -> tuple[Record, ...]:
    return (
        DayExcused(
            staff_no=_ZHANG,
            day=_DAY,
            labels=("上午签到",),
            ground="told_before",
            request=record_id,
            reason="前一天电话报备，送孩子就医",
        ),
        AttendanceRequest(
            matter="bulk",
            staff=(_ZHANG, _LI),
            day=_DAY,
            moments=("2026-11-24T08:55:00+08:00",),
            labels=("上午签到",),
            terminal="K-1A2B3C",
            about=other_id,
            adopt=True,
            reason="8点至10点签到机断电",
        ),
        AttendanceDecision(request=record_id, granted=True, reason="已核对监控"),
        PunchConfirmed(punch=record_id, staff_no=_ZHANG, day=_DAY, stands=True, reason="钟慢两分"),
        MonthFrozen(month="2026-11", people=24, results=504, digest="ab" * 16),
    )


# At the very end of all samples: the number of a sample stands in its golden leaf.
HOURS_SAMPLES: tuple[Record, ...] = (
    TimetablesPublished(version=2, since=_DAY, rules="# 本市冬令时间\nversion = 2\n"),
)


def void_samples(record_id: str, other_id: str) -> tuple[Record, ...]:
    """Of records about signs of a wrong number."""
    return (
        PunchVoided(
            punch=record_id,
            staff_no=_ZHANG,
            day=_DAY,
            request=other_id,
            asked_by=_CHEN,
            moved_to=other_id,
            reason="37号是李四，登记时写成了张三",
        ),
        NumberHeld(
            pin="37",
            device="CKUH1234567",
            staff_no=_LI,
            valid_from=_DAY,
            valid_to=date(2026, 12, 1),
            replaces=other_id,
        ),
    )
