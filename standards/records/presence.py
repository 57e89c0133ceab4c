"""在岗: staff, consent to face sign-in, numbers, punches. No picture, vector or score: ever."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

import msgspec

from standards.identity import check_mobile, mask_name, mask_phone
from standards.records.declare import Field, Owner, Record
from standards.records.wording import Code, Line, StaffNo, Text, Version

PUNCH_WAYS = {
    "face": "人脸",
    "face_pin": "人脸加口令",
    "pin": "工号口令",
    "supervisor": "督导代签",
    # What terminals of other makers tell (attendance/terminals), and the rest of equal right.
    "device_face": "终端人脸",
    "finger": "指纹",
    "palm": "掌纹",
    "card": "刷卡",
    "qr": "扫码",
    "bulk": "故障补签",
    "other": "其他",
}

# How strong the evidence of presence is; the only thing about a face that leaves the node.
GRADES = {
    "A": "当面见证",
    "L": "人脸（活体）",
    "B": "人脸",
    "C": "口令",
    "V": "终端未签名",
    "D": "人工补签",
}

# Whether the time of a punch can be believed. Order never comes from it.
CLOCKS = {"": "正常", "suspect": "时钟存疑", "unanchored": "时间未核"}

# Which key was pressed at the terminal; people rarely press the right one, so it decides nothing.
HINTS = {"": "未按", "in": "签到键", "out": "签退键"}

# Digits of ASCII only, and nothing after the end: ``\d`` and ``$`` would let other bytes through.
_D2 = "[0-9]{2}"
Moment = Annotated[
    str, msgspec.Meta(pattern=rf"^[0-9]{{4}}-{_D2}-{_D2}T{_D2}:{_D2}:{_D2}[+-]{_D2}:{_D2}\Z")
]

# SHA-256 of what a terminal sent, so that a line forged later is told from it.
Sha = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]


class StaffMember(Record, frozen=True, kw_only=True):
    """工作人员: a member of staff of this hall; a later entry with the same number replaces it."""

    kind: ClassVar[str] = "staff_member"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "工作人员"

    staff_no: Annotated[StaffNo, Field(label="工号", hint="大写字母和数字,如 T01-003")]
    department: Annotated[Line, Field(label="派驻部门")] = ""
    window: Annotated[Code, Field(label="窗口")] = ""
    active: Annotated[bool, Field(label="在岗", typed=False)] = True
    name: Annotated[Line, Field(label="姓名", personal=True, mask=mask_name)]
    mobile: Annotated[
        Code, Field(label="手机号码", personal=True, check=check_mobile, mask=mask_phone)
    ] = ""


class FaceConsent(Record, frozen=True, kw_only=True):
    """人脸签到同意: separate consent given or withdrawn (个人信息保护法 14, 15, 29)."""

    kind: ClassVar[str] = "face_consent"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "人脸签到同意"

    staff_no: Annotated[StaffNo, Field(label="工号", typed=False)]
    notice_version: Annotated[Version, Field(label="告知书版本", typed=False)]
    given: Annotated[bool, Field(label="同意", typed=False)]
    day: Annotated[date, Field(label="日期", typed=False)]


class Punch(Record, frozen=True, kw_only=True):
    """签到: somebody was here at that time. In or out is derived later, never stored."""

    kind: ClassVar[str] = "punch"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "签到"

    staff_no: Annotated[StaffNo, Field(label="工号")]
    punched_at: Annotated[Moment, Field(label="时间", typed=False)]
    way: Annotated[Code, Field(label="方式", choices=PUNCH_WAYS, typed=False)]
    grade: Annotated[Code, Field(label="证据等级", choices=GRADES, typed=False)]
    terminal: Annotated[Code, Field(label="终端", typed=False)] = ""
    witness: Annotated[Code, Field(label="见证人工号", typed=False)] = ""
    reason: Annotated[Text, Field(label="补签原因", personal=True)] = ""
    clock: Annotated[Code, Field(label="时钟", choices=CLOCKS, typed=False)] = ""
    line_sha: Annotated[Sha, Field(label="终端原始行摘要", typed=False)] = ""
    hint: Annotated[Code, Field(label="终端按键", choices=HINTS, typed=False)] = ""


class NumberHeld(Record, frozen=True, kw_only=True):
    """工号对照: whose number at which terminal, from which day to which; told by a person."""

    kind: ClassVar[str] = "number_held"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "工号对照"

    pin: Annotated[
        Annotated[str, msgspec.Meta(min_length=1, max_length=32)], Field(label="终端工号")
    ]
    device: Annotated[Code, Field(label="终端序列号", hint="不填为所有终端")] = ""
    staff_no: Annotated[StaffNo, Field(label="工作人员工号")]
    valid_from: Annotated[date, Field(label="从这天起")]
    valid_to: Annotated[date | None, Field(label="到这天止（不含）")] = None
    replaces: Annotated[Code, Field(label="代替哪条对照", typed=False)] = ""
    void: Annotated[bool, Field(label="撤销", typed=False)] = False
