"""督查: inspections, findings (found by a person or by the rules), answers and re-checks."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

from standards.records.declare import Field, Owner, Record
from standards.records.wording import Code, Count, HallId, Id, Line, StaffNo, Text

# The seven dimensions of the branch-hall inspection (source report, part 3).
DIMENSIONS = {
    "premises": "场所面积",
    "windows": "窗口设置",
    "staffing": "人员配备",
    "amenities": "便民设施",
    "rules": "管理制度",
    "service": "服务机制",
    "supervision": "监督管理",
}

MODES = {"overt": "明查", "covert": "暗访"}
SOURCES = {"judged": "系统比对", "inspected": "督查发现"}
SEVERITIES = {"notice": "提示", "minor": "一般", "major": "严重"}
MEASURES = {"rectified": "已整改", "planned": "限期整改", "disputed": "申诉"}
RECHECKS = {"passed": "复查合格", "failed": "复查不合格"}


class Inspection(Record, frozen=True, kw_only=True):
    """检查: one visit to one hall over the seven dimensions."""

    kind: ClassVar[str] = "inspection"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "检查"

    for_hall: Annotated[HallId, Field(label="分厅", typed=False)]
    mode: Annotated[Code, Field(label="检查方式", choices=MODES)]
    day: Annotated[date, Field(label="检查日期")]
    inspector: Annotated[StaffNo, Field(label="检查人", typed=False)]
    passed: Annotated[tuple[str, ...], Field(label="合格的方面", typed=False)] = ()
    faulted: Annotated[tuple[str, ...], Field(label="有问题的方面", typed=False)] = ()
    remarks: Annotated[Text, Field(label="总体情况", personal=True)] = ""


class Finding(Record, frozen=True, kw_only=True):
    """问题: something is not as the standard wants it; the hall answers it."""

    kind: ClassVar[str] = "finding"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "问题"

    for_hall: Annotated[HallId, Field(label="分厅", typed=False)]
    source: Annotated[Code, Field(label="来源", choices=SOURCES, typed=False)]
    severity: Annotated[Code, Field(label="程度", choices=SEVERITIES)] = "minor"
    dimension: Annotated[Code, Field(label="方面", choices={"": "—", **DIMENSIONS})] = ""
    rule: Annotated[Code, Field(label="规则", typed=False)] = ""
    clause: Annotated[Line, Field(label="依据")] = ""
    evidence: Annotated[Line, Field(label="证据", typed=False)] = ""
    inspection_id: Annotated[Code, Field(label="检查", typed=False)] = ""
    subject_kind: Annotated[Code, Field(label="对象类型", typed=False)] = ""
    subject_id: Annotated[Code, Field(label="对象", typed=False)] = ""
    subject_origin: Annotated[Line, Field(label="对象日志", typed=False)] = ""
    subject_index: Annotated[Count, Field(label="对象序号", typed=False)] = 0
    due_on: Annotated[date | None, Field(label="整改期限")] = None
    text: Annotated[Text, Field(label="问题描述", personal=True)] = ""


class FindingAnswer(Record, frozen=True, kw_only=True):
    """整改回复: what the hall says and does about a finding."""

    kind: ClassVar[str] = "finding_answer"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "整改回复"

    finding_id: Annotated[Id, Field(label="问题", typed=False)]
    measure: Annotated[Code, Field(label="处理", choices=MEASURES)]
    done_on: Annotated[date, Field(label="日期")]
    text: Annotated[Text, Field(label="情况说明", personal=True)]


class Recheck(Record, frozen=True, kw_only=True):
    """复查: the center looks again and closes the finding or opens it anew."""

    kind: ClassVar[str] = "recheck"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "复查"

    for_hall: Annotated[HallId, Field(label="分厅", typed=False)]
    finding_id: Annotated[Id, Field(label="问题", typed=False)]
    answer_id: Annotated[Id, Field(label="整改回复", typed=False)]
    result: Annotated[Code, Field(label="复查结果", choices=RECHECKS)]
    day: Annotated[date, Field(label="复查日期")]
    text: Annotated[Text, Field(label="说明", personal=True)] = ""
