"""The starter catalogue: one compact table of real items, expanded into full service guides.

The table (`data/catalogue.toml`) holds what differs from item to item; everything that follows
from that (steps, remedies, codes, how to hand in) is derived here.  All of it is unverified
(未核对) and belongs to a city that does not exist: codes, telephones and addresses are
placeholders.  This module refuses to know what a hall has published; it only offers something to
start from.
"""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from standards import guide_codes as codes
from standards.guide_codes import Coded
from standards.guides import (
    Basis,
    Condition,
    Fee,
    Guide,
    Material,
    Question,
    Remedy,
    SpecialProcedure,
    Step,
)
from standards.identity import credit_check_character
from standards.packaged import packaged_text
from standards.workdays import TimeLimit, Unit

_CityLevel = codes.UseLevel.CITY
_C = TypeVar("_C", bound=Coded)
_T = TypeVar("_T")


class _Department(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: int
    name: str
    natural: tuple[str, ...]
    legal: tuple[str, ...]
    review: str = "某市人民政府"
    nature: str = "法定机关"
    principal: str = ""


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    code: str
    name: str
    item_class: str = msgspec.field(name="class")
    task_type: str = msgspec.field(name="type")
    dept: str
    served: tuple[str, ...] = msgspec.field(name="for")
    legal: int
    promise: int
    unit: str = "工作日"
    note: str = ""
    basis: tuple[str, ...]
    conditions: tuple[str, ...]
    materials: tuple[str, ...]
    result: str
    visits: int = 0
    why: str = "无"
    special: tuple[str, ...] = ()
    fees: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    refuse: tuple[str, ...] = ()
    limit: str = "无数量限制"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    departments: dict[str, _Department]
    items: tuple[_Row, ...]


def _listed(known: Mapping[str, _T], name: str) -> _T:
    if name not in known:
        raise ValueError(f"{name!r} is none of {', '.join(known)}")
    return known[name]


def _labelled(kind: type[_C], label: str) -> _C:
    """The code of `kind` whose Chinese label is `label`; raises ValueError when there is none."""
    return _listed({member.label: member for member in kind}, label)


def _unit(label: str) -> Unit:
    return _listed({unit.label: unit for unit in Unit}, label)


def _basis(written: str) -> Basis:
    law, article = written.split("|")
    return Basis(law=law, article=article)


def _organisation_check(first8: str) -> str:
    """Check character over the 8 characters of an organisation code (GB 11714-1997)."""
    values = (int(character, 36) for character in first8)
    total = sum(w * value for w, value in zip((3, 7, 9, 10, 5, 8, 4, 2), values, strict=True))
    return "0123456789X"[-total % 11]


def placeholder_credit_code(number: int) -> str:
    """A credit code of the right form for body `number` of the city that does not exist.

    Its region is 000000, which no real code carries.
    """
    body = f"MB{number:06d}"
    first17 = f"11000000{body}{_organisation_check(body)}"
    return first17 + credit_check_character(first17)


_MATERIAL_MARKS: dict[str, dict[str, Any]] = {
    "复": {"material_type": codes.MaterialType.COPY, "original_num": 0, "copy_num": 1},
    "原复": {"material_type": codes.MaterialType.BOTH, "copy_num": 1},
    "非必要": {"is_need": codes.Need.OPTIONAL},
    "容缺": {"is_need": codes.Need.MAY_FOLLOW},
    "政": {"source_type": codes.SourceType.GOVERNMENT},
    "表": {"form_guid": "窗口领取空白表格", "example_guid": "窗口公示示例样表"},
}


def _materials(row: _Row) -> tuple[Material, ...]:
    found = []
    for number, written in enumerate(row.materials, start=1):
        name, _, marks = written.partition("|")
        traits: dict[str, Any] = {}
        for mark in marks.split():
            traits |= _listed(_MATERIAL_MARKS, mark)
        found.append(Material(code=f"m{number}", material_name=name, **traits))
    return tuple(found)


def _special(written: str) -> SpecialProcedure:
    kind, name, days, unit, law, article = written.split("|")
    return SpecialProcedure(
        special_kind=_labelled(codes.SpecialKind, kind),
        name=name,
        limit=TimeLimit(int(days), _unit(unit)),
        by_law=Basis(law=law, article=article),
    )


def _fee(written: str) -> Fee:
    name, standard, fen, law, article, *reduction = written.split("|")
    return Fee(
        fee_name=name,
        fee_stand=standard,
        amount=None if fen == "-" else int(fen),
        by_law=Basis(law=law, article=article),
        reducible=bool(reduction),
        reduce_basis="".join(reduction),
    )


def _steps(promise: int) -> tuple[Step, ...]:
    """The five steps; the promised days go to review, but for one each of approval and issue."""
    issue = 1 if promise >= 3 else 0
    approve = 1 if promise >= 2 else 0
    shares = {
        codes.StepType.ACCEPT: (0, "综合窗口"),
        codes.StepType.REVIEW: (promise - approve - issue, "部门审核人员"),
        codes.StepType.APPROVE: (approve, "部门审批人员"),
        codes.StepType.CONCLUDE: (issue, "部门审批人员"),
    }
    counted = (
        Step(step_type=kind, name=kind.label, days=days, officer=officer)
        for kind, (days, officer) in shares.items()
    )
    deliver = codes.StepType.DELIVER
    last = Step(step_type=deliver, name=deliver.label, officer="出件窗口", counts=False)
    return (*counted, last)


def _questions(row: _Row) -> tuple[Question, ...]:
    promised = TimeLimit(row.promise, _unit(row.unit))
    answer = f"承诺受理后{promised.label}办结。" if row.promise else "材料齐全的,当场办结。"
    asked = (written.split("|") for written in row.ask)
    return (
        Question(question="多久能办好?", answer=answer),
        *(Question(question=question, answer=reply) for question, reply in asked),
    )


def _remedies(department: _Department) -> tuple[Remedy, ...]:
    """Where to turn: 行政复议法 20 (60 days), 行政诉讼法 46 (6 months)."""
    return (
        Remedy(
            remedy_kind=codes.RemedyKind.REVIEW,
            organ=department.review,
            within="自知道或者应当知道该行政行为之日起六十日内",
        ),
        Remedy(
            remedy_kind=codes.RemedyKind.LAWSUIT,
            organ="某市有管辖权的人民法院",
            within="自知道或者应当知道作出行政行为之日起六个月内",
        ),
    )


def _identification(row: _Row, department: _Department) -> dict[str, Any]:
    kind = _labelled(codes.ItemType, row.task_type)
    # 99 is no region: the code has the national form and can be no real one.
    catalog = f"99{department.number:02d}{kind}{row.code[-3:]}000"
    dept_code = placeholder_credit_code(department.number)
    return {
        "item": row.code,
        "version": 1,
        "item_class": _labelled(codes.ItemClass, row.item_class),
        "department": row.dept,
        "task_name": row.name,
        "catalog_code": catalog,
        "task_code": f"{dept_code}{_CityLevel}{catalog}",
        "task_type": kind,
        "by_law": tuple(_basis(written) for written in row.basis),
        "use_level": _CityLevel,
        "power_division": "由市级实施主体负责本行政区域内的办理",
        "dept_name": department.name,
        "dept_code": dept_code,
        "dept_type": _labelled(codes.DeptType, department.nature),
        "entrust_name": department.principal,
        "accept_org": "某市政务服务中心综合窗口",
        # Whoever acts for another decides in that other's name (行政许可法 24).
        "decide_org": department.principal or department.name,
    }


def _applicants(row: _Row, department: _Department) -> dict[str, Any]:
    served = tuple(_labelled(codes.ServerType, label) for label in row.served)
    person = codes.ServerType.PERSON in served
    body = any(kind is not codes.ServerType.PERSON for kind in served)
    return {
        "server_type": served,
        "scope": f"在某市申请办理“{row.name}”的{'、'.join(row.served)}",
        "natural_topics": department.natural if person else (),
        "legal_topics": department.legal if body else (),
    }


def _handling(row: _Row) -> dict[str, Any]:
    window, post = codes.HandleType.WINDOW, codes.HandleType.POST
    instant = row.promise == 0
    kinds, reviews = codes.ProjectType, codes.ReviewType
    return {
        "project_type": kinds.INSTANT if instant else kinds.PROMISED,
        "review_type": reviews.AT_ONCE if instant else reviews.THEN_APPROVE,
        "accept_condition": tuple(
            Condition(text=text, basis=_basis(row.basis[0]).label) for text in row.conditions
        ),
        "refusal_cases": row.refuse or ("不符合受理条件的", "依法不属于本机关职权范围的"),
        "limit_explain": row.limit,
        "materials": _materials(row),
        "handle_type": (window,) if row.visits else (window, codes.HandleType.COMPUTER, post),
        "net_depth": codes.NetDepth.ADVICE if row.visits else codes.NetDepth.ACCEPTANCE,
        "handle_flow": _steps(row.promise),
        "limit_scene_num": row.visits,
        "limit_scene_explain": row.why,
        "questions": _questions(row),
    }


def _outcome(row: _Row) -> dict[str, Any]:
    result_name, result_type = row.result.split("|")
    unit = _unit(row.unit)
    return {
        "anticipate_day": row.legal,
        "anticipate_type": unit,
        "anticipate_explain": row.note,
        "promise_day": row.promise,
        "promise_type": unit,
        "special_procedure": tuple(_special(written) for written in row.special),
        "fees": tuple(_fee(written) for written in row.fees),
        "online_payment": False if row.fees else None,
        "result_name": result_name,
        "result_type": _labelled(codes.ResultType, result_type),
        "result_guid": "窗口公示样本(未核对)",
        "delivery": (codes.Delivery.COLLECT, codes.Delivery.POST),
        "delivery_days": 0 if row.promise == 0 else 3,
    }


def _place(department: _Department) -> dict[str, Any]:
    return {
        "transact_addr": "某市政务服务中心一楼综合窗口",
        "transact_time": "工作日8:30至11:30、13:30至17:00",
        "transact_traffic": "乘公交车至政务服务中心站",
        "link_way": f"0000-80001{department.number:02d}",
        "supervise_way": "0000-12345",
        "rights": (
            "申请人享有陈述权、申辩权,对决定不服的可以申请行政复议或者提起行政诉讼;"
            "申请人应当如实提交材料、反映真实情况,并对申请材料实质内容的真实性负责。"
        ),
        "remedies": _remedies(department),
    }


def _expand(row: _Row, department: _Department) -> Guide:
    return Guide(
        **_identification(row, department),
        **_applicants(row, department),
        **_handling(row),
        **_outcome(row),
        **_place(department),
    )


def expand_catalogue(text: str) -> tuple[Guide, ...]:
    """The guides that a catalogue table in TOML stands for.

    Raises `msgspec.ValidationError` for a row of the wrong shape, ValueError for an unknown word.
    """
    table = msgspec.convert(tomllib.loads(text), type=_Table)
    return tuple(_expand(row, _listed(table.departments, row.dept)) for row in table.items)


def starter_guides() -> tuple[Guide, ...]:
    """The packaged starter catalogue, in the order of its table; every guide is unverified."""
    return expand_catalogue(packaged_text("catalogue.toml"))


def departments_of(guides: Iterable[Guide]) -> tuple[str, ...]:
    """The departments of `guides`, each once, in their order."""
    return tuple(dict.fromkeys(guide.department for guide in guides))
