"""依法删除: the personal part of named entries is erased by order, at the hall and at the center.

The order is an entry itself and names no person: who is meant follows from the entries it names.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from standards.records.declare import Field, Named, Owner, Record
from standards.records.wording import Code, HallId, Line, StaffNo

# 个人信息保护法 47(1), items 1 to 5.
GROUNDS = {
    "purpose_over": "处理目的已实现、无法实现或者不再必要",
    "retention_over": "保存期限已届满",
    "consent_withdrawn": "个人撤回同意",
    "unlawful": "违反法律、行政法规或者约定处理",
    "other_law": "法律、行政法规规定的其他情形",
}
ABOUT = {"case": "办件", "staff": "工作人员"}
MOST_ENTRIES = 200

Entries = Annotated[tuple[Named, ...], msgspec.Meta(min_length=1, max_length=MOST_ENTRIES)]


class ErasureOrdered(Record, frozen=True, kw_only=True):
    """删除令: the center orders that entries of one hall tell nothing of a person any more."""

    kind: ClassVar[str] = "erasure_ordered"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "删除令"

    for_hall: Annotated[HallId, Field(label="分厅", typed=False)]
    entries: Annotated[Entries, Field(label="删除的记录", typed=False, erases=True)]
    about: Annotated[Code, Field(label="涉及", choices=ABOUT, typed=False)]
    about_id: Annotated[Code, Field(label="办件标识或工号", typed=False)]
    ground: Annotated[Code, Field(label="法定情形", choices=GROUNDS)]
    document: Annotated[Line, Field(label="决定文号", hint="只写文号，不写姓名")]
    ordered_by: Annotated[StaffNo, Field(label="决定人", typed=False)]
    carried_out_by: Annotated[StaffNo, Field(label="执行人", typed=False)]


class ErasureDecided(Record, frozen=True, kw_only=True):
    """删除决定: entries of this hall tell nothing of a person any more, here and at the center."""

    kind: ClassVar[str] = "erasure_decided"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "删除决定"

    entries: Annotated[Entries, Field(label="删除的记录", typed=False, erases=True)]
    about: Annotated[Code, Field(label="涉及", choices=ABOUT, typed=False)]
    about_id: Annotated[Code, Field(label="办件标识或工号", typed=False)]
    ground: Annotated[Code, Field(label="法定情形", choices=GROUNDS)]
    document: Annotated[Line, Field(label="决定文号", hint="只写文号，不写姓名")]
    ordered_by: Annotated[StaffNo, Field(label="决定人", typed=False)]
    carried_out_by: Annotated[StaffNo, Field(label="执行人", typed=False)]
