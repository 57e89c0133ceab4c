"""Types and closed lists that several record types share: ids, dates, staff numbers, papers."""

from __future__ import annotations

from typing import Annotated

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
ItemCode = Annotated[str, msgspec.Meta(min_length=1, max_length=36)]
HallId = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9]{2,11}\Z")]
StaffNo = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{2,20}\Z")]
CaseNo = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
Code = Annotated[str, msgspec.Meta(max_length=40)]
Line = Annotated[str, msgspec.Meta(max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=2000)]
Version = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Year = Annotated[int, msgspec.Meta(ge=1949, le=9999)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

APPLICANT_KINDS = {"person": "自然人", "organisation": "法人或其他组织"}

# GA/T 2000.156 codes of personal papers; the credit code stands in for organisations (GB 32100).
PAPER_KINDS = {
    "111": "居民身份证",
    "414": "普通护照",
    "511": "台湾居民来往大陆通行证",
    "516": "港澳居民来往内地通行证",
    "553": "外国人永久居留身份证",
    "USCC": "统一社会信用代码",
}
