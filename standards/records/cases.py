"""办件: a case as it travels. The receipt of an application, and every later step of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

from standards.identity import check_mobile, mask_id, mask_name, mask_phone
from standards.records.declare import Field, Owner, Record
from standards.records.wording import (
    APPLICANT_KINDS,
    PAPER_KINDS,
    CaseNo,
    Code,
    Id,
    ItemCode,
    Line,
    StaffNo,
    Text,
    Version,
)

STEPS = {
    "notified": "一次性告知补正",
    "corrected": "补正材料",
    "accepted": "受理",
    "deemed_accepted": "视为受理",
    "not_accepted": "不予受理",
    "decided": "审批决定",
    "withdrawn": "撤回申请",
}

OUTCOMES = {"": "—", "granted": "准予", "denied": "不予"}

# Grounds for 不予受理 (行政许可法 32(1)(2)) and for 不予许可 (38), as a closed list; the
# reasons in words are personal data and travel sealed.
GROUNDS = {
    "": "—",
    "no_permit_needed": "依法不需要取得行政许可",
    "not_our_power": "不属于本机关职权范围",
    "forbidden": "属于禁止性情形",
    "not_corrected": "逾期未补正材料",
    "conditions_not_met": "不符合法定条件、标准",
    "false_materials": "隐瞒情况或者提供虚假材料",
    "quota_exhausted": "数量限制已满",
}


class CaseReceived(Record, frozen=True, kw_only=True):
    """收件: an application and its materials were handed in at a window."""

    kind: ClassVar[str] = "case_received"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "收件"

    case_no: Annotated[CaseNo, Field(label="办件编号", typed=False)]
    item: Annotated[ItemCode, Field(label="事项编码", typed=False)]
    guide_version: Annotated[Version, Field(label="指南版本", typed=False)]
    received_on: Annotated[date, Field(label="收件日期", typed=False)]
    window: Annotated[Code, Field(label="窗口", typed=False)] = ""
    applicant_kind: Annotated[Code, Field(label="申请人类型", choices=APPLICANT_KINDS)] = "person"
    paper_kind: Annotated[Code, Field(label="证件类型", choices=PAPER_KINDS)] = "111"
    materials: Annotated[tuple[str, ...], Field(label="已收材料", typed=False)] = ()
    applicant_name: Annotated[
        Line, Field(label="申请人", personal=True, mask=mask_name, hint="姓名或单位全称")
    ]
    paper_no: Annotated[Code, Field(label="证件号码", personal=True, search=True, mask=mask_id)]
    mobile: Annotated[
        Code,
        Field(label="手机号码", personal=True, search=True, check=check_mobile, mask=mask_phone),
    ]
    contact_name: Annotated[
        Line, Field(label="联系人", personal=True, mask=mask_name, hint="与申请人相同可不填")
    ] = ""
    address: Annotated[Line, Field(label="地址", personal=True)] = ""
    subject: Annotated[Text, Field(label="申请内容摘要", personal=True)] = ""


class CaseStep(Record, frozen=True, kw_only=True):
    """办件环节: one step in a case's life; the case itself is named, never changed."""

    kind: ClassVar[str] = "case_step"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "办件环节"

    case_id: Annotated[Id, Field(label="办件", typed=False)]
    step: Annotated[Code, Field(label="环节", choices=STEPS, typed=False)]
    day: Annotated[date, Field(label="日期", typed=False)]
    materials: Annotated[tuple[str, ...], Field(label="已收材料", typed=False)] = ()
    missing: Annotated[tuple[str, ...], Field(label="待补材料", typed=False)] = ()
    legal_due: Annotated[date | None, Field(label="法定期限", typed=False)] = None
    promised_due: Annotated[date | None, Field(label="承诺期限", typed=False)] = None
    provisional: Annotated[bool, Field(label="期限暂定", typed=False)] = False
    outcome: Annotated[Code, Field(label="决定", choices=OUTCOMES)] = ""
    ground: Annotated[Code, Field(label="理由类别", choices=GROUNDS)] = ""
    opinion: Annotated[Text, Field(label="意见", personal=True)] = ""


class CaseStanding(Record, frozen=True, kw_only=True):
    """办件现状: where a case stands after its steps (a projection, it never travels)."""

    kind: ClassVar[str] = "case_standing"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "办件现状"

    id: Annotated[Id, Field(label="办件")]
    case_no: Annotated[CaseNo, Field(label="办件编号")]
    item: Annotated[ItemCode, Field(label="事项编码")]
    guide_version: Annotated[Version, Field(label="指南版本")]
    stage: Annotated[Code, Field(label="状态")]
    window: Annotated[Code, Field(label="窗口")]
    received_on: Annotated[date, Field(label="收件日期")]
    received_by: Annotated[StaffNo, Field(label="收件人")]
    materials: Annotated[tuple[str, ...], Field(label="已收材料")]
    missing: Annotated[tuple[str, ...], Field(label="待补材料")] = ()
    notices: Annotated[int, Field(label="补正告知次数")] = 0
    notified_on: Annotated[date | None, Field(label="告知日期")] = None
    accepted_on: Annotated[date | None, Field(label="受理日期")] = None
    accepted_by: Annotated[Code, Field(label="受理人")] = ""
    legal_due: Annotated[date | None, Field(label="法定期限")] = None
    promised_due: Annotated[date | None, Field(label="承诺期限")] = None
    provisional: Annotated[bool, Field(label="期限暂定")] = False
    decided_on: Annotated[date | None, Field(label="决定日期")] = None
    decided_by: Annotated[Code, Field(label="决定人")] = ""
    outcome: Annotated[Code, Field(label="决定", choices=OUTCOMES)] = ""
    ground: Annotated[Code, Field(label="理由类别", choices=GROUNDS)] = ""
