"""The service guide (服务指南) of 36 elements, and what a window asks of it.

A guide is a value with a version; every case keeps the version it was accepted under.  The list
of 36 is a reconstruction (DB22/T 2850-2017 itself was not at hand), so which element is which is
data in `standards.guide_elements`.  Field names follow the national item tables where they have
one.  This module refuses to judge a guide; that is done by `standards.guide_rules`.
"""

from collections.abc import Collection
from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from standards.errors import Invalid
from standards.guide_codes import (
    Delivery,
    DeptType,
    HandleType,
    ItemClass,
    ItemType,
    MaterialFormat,
    MaterialType,
    Need,
    NetDepth,
    PowerSource,
    ProjectType,
    RemedyKind,
    ResultType,
    ReviewType,
    ServerType,
    SourceType,
    SpecialKind,
    StepType,
    UseLevel,
)
from standards.workdays import LONGEST_LIMIT, Calendar, Due, TimeLimit, Unit

LARGEST_GUIDE = 60 * 1024
"""Bytes of a guide in JSON; an entry of the log has room for 64 KiB."""

Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,40}\Z")]
Text50 = Annotated[str, Meta(max_length=50)]
Text100 = Annotated[str, Meta(max_length=100)]
Text200 = Annotated[str, Meta(max_length=200)]
Text500 = Annotated[str, Meta(max_length=500)]
Text1000 = Annotated[str, Meta(max_length=1000)]
Days = Annotated[int, Meta(ge=0, le=LONGEST_LIMIT)]
Count = Annotated[int, Meta(ge=0, le=99)]
Fen = Annotated[int, Meta(ge=0, le=10**12)]


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A piece of a guide: immutable, defaults left out of the bytes."""


class Basis(_Part, frozen=True, kw_only=True):
    """One article of law; `expires` is the first day on which it no longer holds."""

    law: Text200
    article: Text100
    text: Text1000 = ""
    expires: date | None = None

    @property
    def label(self) -> str:
        """Citation as it is printed."""
        return f"《{self.law}》{self.article}"


class Condition(_Part, frozen=True, kw_only=True):
    """One numbered condition of acceptance and what it rests on."""

    text: Text500
    basis: Text200 = ""


class Material(_Part, frozen=True, kw_only=True):
    """One material of the list; `code` is what a ticked box and a case refer to."""

    code: Code
    material_name: Text200
    is_need: Need = Need.REQUIRED
    material_type: MaterialType = MaterialType.ORIGINAL
    material_format: MaterialFormat = MaterialFormat.PAPER
    original_num: Count = 1
    copy_num: Count = 0
    page_format: Text50 = "A4"
    source_type: SourceType = SourceType.APPLICANT
    source_explain: Text200 = ""
    issuer: Text200 = ""
    issuer_time: Text200 = ""
    form_guid: Text200 = ""
    example_guid: Text200 = ""
    fill_explain: Text500 = ""
    accept_stand: Text500 = ""
    by_law: Text500 = ""
    remark: Text500 = ""


class Step(_Part, frozen=True, kw_only=True):
    """One step (环节) of the flow: its limit in the unit of the promise, and who does it."""

    step_type: StepType
    name: Text50
    days: Days = 0
    officer: Text100 = ""
    standard: Text500 = ""
    counts: bool = True
    """Whether its days are part of the promised limit."""


class SpecialProcedure(_Part, frozen=True, kw_only=True):
    """A special procedure, and whether its time runs on the legal and the promised clock."""

    special_kind: SpecialKind
    name: Text100
    limit: TimeLimit
    by_law: Basis
    fee_basis: Text200 = ""
    counts_in_legal: bool = False
    counts_in_promise: bool = False


class Fee(_Part, frozen=True, kw_only=True):
    """One fee; `amount` is in fen where the standard is a fixed sum, else None."""

    fee_name: Text100
    fee_stand: Text500
    by_law: Basis
    amount: Fen | None = None
    reducible: bool = False
    reduce_basis: Text200 = ""


class Question(_Part, frozen=True, kw_only=True):
    """A frequent question with its answer."""

    question: Text200
    answer: Text500


class Remedy(_Part, frozen=True, kw_only=True):
    """Where and until when an applicant can seek redress."""

    remedy_kind: RemedyKind
    organ: Text100
    within: Text100
    address: Text200 = ""
    phone: Text50 = ""


class Guide(_Part, frozen=True, kw_only=True):
    """One version of the guide of one service item; `guide_elements` numbers its elements."""

    # what the item is called here, and which version this is
    item: Code
    version: Annotated[int, Meta(ge=1, le=1_000_000)]
    item_class: ItemClass
    department: Text50
    # 1-11: the same everywhere
    task_name: Text200
    catalog_code: Text50
    task_code: Text50
    task_handle_item: Text50 = ""
    task_type: ItemType
    by_law: Annotated[tuple[Basis, ...], Meta(min_length=1, max_length=20)]
    power_source: PowerSource = PowerSource.OWN
    use_level: UseLevel
    power_division: Text500 = ""
    dept_name: Text100
    dept_code: Text50
    dept_type: DeptType = DeptType.ORGAN
    # 12-19: who does it, for whom, in which way
    accept_org: Text100
    decide_org: Text100
    other_dept: Annotated[tuple[Text100, ...], Meta(max_length=20)] = ()
    entrust_name: Text100 = ""
    server_type: Annotated[tuple[ServerType, ...], Meta(min_length=1, max_length=6)]
    scope: Text500
    project_type: ProjectType
    review_type: ReviewType
    # 20-25: what it takes
    accept_condition: Annotated[tuple[Condition, ...], Meta(min_length=1, max_length=40)]
    refusal_cases: Annotated[tuple[Text500, ...], Meta(max_length=40)] = ()
    limit_explain: Text200 = "无数量限制"
    materials: Annotated[tuple[Material, ...], Meta(min_length=1, max_length=60)]
    handle_type: Annotated[tuple[HandleType, ...], Meta(min_length=1, max_length=5)]
    handle_flow: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=20)]
    # 26-31: how long, at what price, with what result
    anticipate_day: Days
    anticipate_type: Unit = Unit.WORKING
    anticipate_explain: Text500 = ""
    promise_day: Days
    promise_type: Unit = Unit.WORKING
    promise_explain: Text500 = ""
    special_procedure: Annotated[tuple[SpecialProcedure, ...], Meta(max_length=10)] = ()
    fees: Annotated[tuple[Fee, ...], Meta(max_length=20)] = ()
    result_name: Text200
    result_type: ResultType
    result_guid: Text200 = ""
    delivery: Annotated[tuple[Delivery, ...], Meta(min_length=1, max_length=4)]
    delivery_days: Annotated[int, Meta(ge=0, le=10)] = 0
    """Working days after the decision, at most 10 (行政许可法 44)."""
    # 32-36: where, when, and whom to ask or to tell
    limit_scene_num: Count
    limit_scene_explain: Text500
    transact_addr: Text500
    transact_time: Text500
    transact_traffic: Text500 = ""
    link_way: Text200
    supervise_way: Text200
    rights: Text1000
    remedies: Annotated[tuple[Remedy, ...], Meta(min_length=1, max_length=4)]
    # extras, beyond the 36
    implement_law: Annotated[tuple[Basis, ...], Meta(max_length=20)] = ()
    supervise_law: Annotated[tuple[Basis, ...], Meta(max_length=20)] = ()
    natural_topics: Annotated[tuple[Text50, ...], Meta(max_length=10)] = ()
    legal_topics: Annotated[tuple[Text50, ...], Meta(max_length=10)] = ()
    net_depth: NetDepth = NetDepth.ADVICE
    online_payment: bool | None = None
    """Whether a fee can be paid online; None where that was not stated."""
    questions: Annotated[tuple[Question, ...], Meta(max_length=40)] = ()
    effective_on: date | None = None
    closed_from: date | None = None
    """First day on which no new case is taken in; None while the item is open."""
    count_day0: bool = False
    """Whether the city counts the day of acceptance (民法典 201 does not)."""
    verified: bool = False
    """Whether somebody has checked this guide against the law and the department's own text."""

    @property
    def legal_limit(self) -> TimeLimit:
        """The limit that the law sets."""
        return TimeLimit(self.anticipate_day, self.anticipate_type)

    @property
    def promised_limit(self) -> TimeLimit:
        """The limit that the department promises."""
        return TimeLimit(self.promise_day, self.promise_type)

    @property
    def is_fee(self) -> bool:
        """Whether anything is charged."""
        return bool(self.fees)

    @property
    def is_express(self) -> bool:
        """Whether the result can be sent by post."""
        return Delivery.POST in self.delivery

    def open_on(self, day: date) -> bool:
        """Whether a new case may be taken in on `day`."""
        started = self.effective_on is None or self.effective_on <= day
        return started and (self.closed_from is None or day < self.closed_from)

    def bases(self) -> tuple[Basis, ...]:
        """Every article of law that this guide rests on."""
        return (
            *self.by_law,
            *self.implement_law,
            *self.supervise_law,
            *(special.by_law for special in self.special_procedure),
            *(fee.by_law for fee in self.fees),
        )


def encode_guide(guide: Guide) -> bytes:
    """The guide as deterministic JSON; raises `Invalid` when it is larger than an entry takes."""
    encoded = msgspec.json.encode(guide, order="sorted")
    if len(encoded) > LARGEST_GUIDE:
        raise Invalid({"": f"服务指南过大({len(encoded)}字节),请精简到{LARGEST_GUIDE}字节以内"})
    return encoded


def decode_guide(encoded: bytes) -> Guide:
    """The guide from JSON; raises `Invalid` when it is none or is too large."""
    if len(encoded) > LARGEST_GUIDE:
        raise Invalid({"": f"服务指南过大({len(encoded)}字节)"})
    try:
        return msgspec.json.decode(encoded, type=Guide)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid({"": f"服务指南的格式不正确:{error}"}) from error


def required_materials(guide: Guide) -> list[Material]:
    """The materials without which a case cannot be accepted, in the guide's order."""
    return [material for material in guide.materials if material.is_need is Need.REQUIRED]


def missing_materials(guide: Guide, ticked: Collection[str]) -> list[Material]:
    """The required materials whose code is not among `ticked`: all of them, for one notice."""
    return [material for material in required_materials(guide) if material.code not in ticked]


def legal_due(guide: Guide, accepted_on: date, calendar: Calendar) -> Due:
    """Last day of the legal limit of a case accepted on `accepted_on`."""
    return guide.legal_limit.due(accepted_on, calendar, guide.count_day0)


def promised_due(guide: Guide, accepted_on: date, calendar: Calendar) -> Due:
    """Last day of the promised limit of a case accepted on `accepted_on`."""
    return guide.promised_limit.due(accepted_on, calendar, guide.count_day0)
