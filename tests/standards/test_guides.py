from datetime import date
from typing import get_args, get_type_hints

import msgspec
import pytest
from msgspec.structs import replace

from standards.errors import Invalid
from standards.guide_codes import (
    Delivery,
    DeptType,
    HandleType,
    ItemClass,
    ItemType,
    Maintainer,
    MaterialType,
    Need,
    NetDepth,
    ProjectType,
    RemedyKind,
    ResultType,
    ReviewType,
    ServerType,
    SpecialKind,
    StepType,
    UseLevel,
)
from standards.guide_elements import (
    CATALOGUE_ID,
    ELEMENTS,
    EXTRAS,
    HALL_FIELDS,
    LABELS,
    longest_text,
)
from standards.guide_rules import RULES, Breach, check_guide
from standards.guides import (
    LARGEST_GUIDE,
    Basis,
    Condition,
    Fee,
    Guide,
    Material,
    Question,
    Remedy,
    SpecialProcedure,
    Step,
    decode_guide,
    encode_guide,
    legal_due,
    missing_materials,
    promised_due,
    required_materials,
)
from standards.workdays import Due, TimeLimit, Unit, published_calendar

TODAY = date(2026, 11, 24)
LAW = Basis(law="中华人民共和国食品安全法", article="第三十五条")
FEE = Fee(fee_name="工本费", fee_stand="每证10元", amount=1000, by_law=LAW)

PERMIT = Guide(
    item="SC007",
    version=1,
    item_class=ItemClass.COMMERCE,
    department="市场监管",
    task_name="食品经营许可",
    catalog_code="990101007000",
    task_code="91110000600037341L3990101007000",
    task_type=ItemType.PERMIT,
    by_law=(LAW,),
    use_level=UseLevel.CITY,
    dept_name="某市市场监督管理局",
    dept_code="91110000600037341L",
    accept_org="某市政务服务中心",
    decide_org="某市市场监督管理局",
    server_type=(ServerType.COMPANY,),
    scope="在某市从事食品经营的企业",
    project_type=ProjectType.PROMISED,
    review_type=ReviewType.THEN_APPROVE,
    accept_condition=(Condition(text="具有与经营的食品品种、数量相适应的场所"),),
    materials=(
        Material(code="m1", material_name="食品经营许可申请书"),
        Material(code="m2", material_name="营业执照", material_type=MaterialType.COPY,
                 original_num=0, copy_num=1),
        Material(code="m3", material_name="设备布局图", is_need=Need.MAY_FOLLOW),
        Material(code="m4", material_name="授权委托书", is_need=Need.OPTIONAL),
    ),
    handle_type=(HandleType.WINDOW, HandleType.COMPUTER),
    handle_flow=(
        Step(step_type=StepType.ACCEPT, name="受理"),
        Step(step_type=StepType.REVIEW, name="审核", days=3),
        Step(step_type=StepType.APPROVE, name="审批", days=1),
        Step(step_type=StepType.CONCLUDE, name="办结", days=1),
        Step(step_type=StepType.DELIVER, name="送达", days=3, counts=False),
    ),
    anticipate_day=20,
    promise_day=5,
    result_name="食品经营许可证",
    result_type=ResultType.CERTIFICATE,
    result_guid="sample-food",
    delivery=(Delivery.COLLECT, Delivery.POST),
    limit_scene_num=0,
    limit_scene_explain="无",
    transact_addr="某市政务服务中心一楼3号窗口",
    transact_time="工作日8:30至17:00",
    link_way="0435-3912345",
    supervise_way="0435-12345",
    rights="申请人享有陈述、申辩的权利",
    remedies=(Remedy(remedy_kind=RemedyKind.REVIEW, organ="某市人民政府", within="60日内"),),
    legal_topics=("准营准办",),
    questions=(Question(question="许可证有效期多久?", answer="5年。"),),
)  # fmt: skip

INSTANT = replace(
    PERMIT,
    task_type=ItemType.PUBLIC_SERVICE,
    project_type=ProjectType.INSTANT,
    review_type=ReviewType.AT_ONCE,
    promise_day=0,
    handle_flow=(Step(step_type=StepType.ACCEPT, name="受理"),),
    questions=(),
)

FAILING = [
    ("R1", "project_type", replace(INSTANT, project_type=ProjectType.PROMISED)),
    ("R1", "review_type", replace(INSTANT, review_type=ReviewType.THEN_APPROVE)),
    ("R2", "project_type", replace(PERMIT, project_type=ProjectType.INSTANT)),
    ("R2", "project_type", replace(PERMIT, project_type=ProjectType.OTHER)),
    ("R2", "review_type", replace(PERMIT, review_type=ReviewType.AT_ONCE)),
    ("R3", "result_type", replace(PERMIT, result_type=ResultType.OTHER)),
    ("R3", "result_type", replace(PERMIT, result_name="项目核准批复")),
    ("R4", "limit_scene_explain", replace(PERMIT, limit_scene_num=1)),
    ("R4", "limit_scene_explain", replace(PERMIT, limit_scene_num=1, limit_scene_explain=" ")),
    ("R5", "limit_scene_explain", replace(PERMIT, limit_scene_explain="需面签")),
    ("R6", "handle_type", replace(PERMIT, handle_type=(HandleType.WINDOW,))),
    ("R7", "limit_scene_num", replace(PERMIT, limit_scene_num=1, limit_scene_explain="需面签",
                                      net_depth=NetDepth.HANDLING)),
    ("R8", "link_way", replace(PERMIT, link_way="窗口咨询")),
    ("R8", "link_way", replace(PERMIT, link_way="3912345")),
    ("R8", "supervise_way", replace(PERMIT, supervise_way="12345")),
    ("R8", "supervise_way", replace(PERMIT, supervise_way="电话0435-3912345")),
    ("R9", "natural_topics", replace(PERMIT, server_type=(ServerType.PERSON,
                                                          ServerType.COMPANY))),
    ("R9", "natural_topics", replace(PERMIT, natural_topics=("证件办理",))),
    ("R9", "legal_topics", replace(PERMIT, legal_topics=())),
    ("R10", "questions", replace(PERMIT, questions=())),
    ("R11", "handle_flow", replace(PERMIT, handle_flow=PERMIT.handle_flow[:4])),
    ("R12", "result_guid", replace(PERMIT, result_guid=" ")),
    ("R13", "online_payment", replace(PERMIT, online_payment=True)),
    ("R13", "online_payment", replace(PERMIT, fees=(FEE,))),
    ("R13", "fees", replace(PERMIT, fees=(replace(FEE, fee_stand=""),), online_payment=True)),
    ("R13", "fees", replace(PERMIT, fees=(replace(FEE, reducible=True),), online_payment=True)),
    ("R14", "promise_day", replace(PERMIT, promise_day=21)),
    ("R14", "promise_type", replace(PERMIT, promise_type=Unit.NATURAL)),
    ("R15", "by_law", replace(PERMIT, by_law=(replace(LAW, expires=TODAY),))),
    ("R15", "by_law", replace(PERMIT, online_payment=True, fees=(
        replace(FEE, by_law=replace(LAW, expires=date(2020, 1, 1))),))),
    ("E02", "catalog_code", replace(PERMIT, catalog_code="9901")),
    ("E03", "task_code", replace(PERMIT, task_code="123")),
    ("E03", "task_code", replace(PERMIT, use_level=UseLevel.COUNTY)),
    ("E03", "task_handle_item", replace(PERMIT, task_handle_item=PERMIT.task_code + "1")),
    ("E10", "dept_code", replace(PERMIT, dept_code="911100006000373410")),
    ("E15", "entrust_name", replace(PERMIT, dept_type=DeptType.ENTRUSTED)),
    ("E23", "materials", replace(PERMIT, materials=PERMIT.materials[:1] * 2)),
    ("E23", "materials", replace(PERMIT, materials=(
        replace(PERMIT.materials[0], copy_num=1),))),
    ("E25", "handle_flow", replace(PERMIT, promise_day=4)),
]  # fmt: skip

PASSING = [
    ("R1", INSTANT),
    ("R2", PERMIT),
    ("R3", replace(PERMIT, result_name="社保缴费凭证", result_type=ResultType.OTHER)),
    ("R3", replace(PERMIT, result_name="项目核准批复", result_type=ResultType.APPROVAL)),
    ("R3", replace(PERMIT, result_name="税收完税证明", result_type=ResultType.OTHER)),
    ("R4", replace(PERMIT, limit_scene_num=1, limit_scene_explain="需本人采集指纹")),
    ("R5", PERMIT),
    ("R6", replace(PERMIT, handle_type=(HandleType.WINDOW, HandleType.POST))),
    ("R7", replace(PERMIT, net_depth=NetDepth.LICENCE)),
    ("R8", replace(PERMIT, link_way="0435-3912345、010-66001234", supervise_way="0435-3910000")),
    ("R9", replace(PERMIT, server_type=(ServerType.PERSON,), natural_topics=("证件办理",),
                   legal_topics=())),
    ("R10", INSTANT),
    ("R11", INSTANT),
    ("R12", replace(PERMIT, result_name="无", result_type=ResultType.NONE, result_guid="")),
    ("R13", replace(PERMIT, fees=(FEE,), online_payment=False)),
    ("R14", replace(PERMIT, promise_day=20)),
    ("R14", replace(INSTANT, anticipate_type=Unit.NATURAL)),
    ("R15", replace(PERMIT, by_law=(replace(LAW, expires=date(2026, 11, 25)),))),
    ("E02", replace(PERMIT, catalog_code="00016421300Y")),
    ("E03", replace(PERMIT, catalog_code="1234567890", task_code="1" * 24)),
    ("E03", replace(PERMIT, task_handle_item=PERMIT.task_code + "01")),
    ("E10", PERMIT),
    ("E15", replace(PERMIT, dept_type=DeptType.ENTRUSTED, entrust_name="某市市场监督管理局")),
    ("E23", PERMIT),
    ("E25", PERMIT),
]  # fmt: skip


def broken(guide: Guide, central: Guide | None = None) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for breach in check_guide(guide, today=TODAY, central=central):
        found.setdefault(breach.rule, set()).add(breach.field)
    return found


def test_a_sound_guide_breaks_no_rule() -> None:
    assert check_guide(PERMIT, today=TODAY) == ()
    assert check_guide(INSTANT, today=TODAY) == ()


@pytest.mark.parametrize(("rule", "field", "guide"), FAILING)
def test_each_rule_finds_the_guide_that_breaks_it(rule: str, field: str, guide: Guide) -> None:
    assert field in broken(guide).get(rule, set())


@pytest.mark.parametrize(("rule", "guide"), PASSING)
def test_each_rule_is_content_with_a_guide_that_keeps_it(rule: str, guide: Guide) -> None:
    assert rule not in broken(guide)


def test_every_rule_has_a_failing_and_a_passing_sample() -> None:
    codes = {rule.code for rule in RULES} - {"R16"}
    assert {rule for rule, _, _ in FAILING} == codes
    assert {rule for rule, _ in PASSING} == codes
    assert [rule.code for rule in RULES if rule.code.startswith("R")] == [
        f"R{number}" for number in range(1, 17)
    ]


def test_a_breach_names_rule_field_and_what_to_do_in_chinese() -> None:
    (breach,) = check_guide(replace(PERMIT, promise_day=21), today=TODAY)
    assert breach == Breach("R14", "promise_day", "承诺21天超过法定20天", "承诺时限改为20天以内")


def test_a_branch_may_word_only_its_own_address_hours_and_telephones() -> None:
    branch = replace(
        PERMIT,
        transact_addr="某镇分厅2号窗口",
        transact_time="工作日9:00至16:00",
        link_way="0435-3918888",
        supervise_way="0435-3919999",
        transact_traffic="乘2路公交",
        materials=tuple(replace(m, source_explain="本厅自助机打印") for m in PERMIT.materials),
    )
    assert broken(branch, PERMIT) == {}


@pytest.mark.parametrize("changes", [
    {"promise_day": 6},
    {"materials": PERMIT.materials[1:]},
    {"fees": (FEE,), "online_payment": False},
    {"version": 2},
    {"verified": True},
])  # fmt: skip
def test_a_branch_that_changes_what_belongs_to_the_center_is_found(
    changes: dict[str, object],
) -> None:
    assert broken(replace(PERMIT, **changes), PERMIT) == {"R16": set(changes)}


def test_a_central_guide_is_not_compared_with_anything() -> None:
    assert "R16" not in broken(replace(PERMIT, promise_day=6))


def test_every_field_belongs_to_an_element_or_is_a_named_extra() -> None:
    numbered = [field for element in ELEMENTS for field in element.fields]
    assert len(numbered) == len(set(numbered))
    assert set(numbered).isdisjoint(EXTRAS)
    assert set(numbered) | set(EXTRAS) == set(Guide.__struct_fields__) == set(LABELS)


def test_there_are_36_elements_numbered_in_order_and_marked_unverified() -> None:
    assert [element.number for element in ELEMENTS] == list(range(1, 37))
    assert CATALOGUE_ID == "DB22/T 2850-2017（对应关系未核对）"


def test_the_hall_maintains_exactly_place_enquiry_and_complaint() -> None:
    own = {element.label for element in ELEMENTS if element.maintainer is Maintainer.HALL}
    assert own == {"办理地点和时间", "咨询方式", "监督投诉方式"}
    assert "promise_day" not in HALL_FIELDS


def test_the_longest_text_of_an_element_is_the_one_the_wire_enforces() -> None:
    assert ELEMENTS[0].max_length == longest_text("task_name") == 200
    assert ELEMENTS[22].max_length is None
    with pytest.raises(Invalid):
        decode_guide(encode_guide(replace(PERMIT, task_name="长" * 201)))
    assert decode_guide(encode_guide(replace(PERMIT, task_name="长" * 200))).item == "SC007"


def test_no_text_of_a_guide_is_without_a_cap_and_no_number_is_a_float() -> None:
    plain = {
        f"{part.__name__}.{field}": kind
        for part in (Guide, Basis, Condition, Material, Step, SpecialProcedure, Fee, Question,
                     Remedy, TimeLimit)
        for field, kind in get_type_hints(part, include_extras=True).items()
    }  # fmt: skip
    assert [name for name, kind in plain.items() if kind is str] == []
    assert [name for name, kind in plain.items() if float in (kind, *get_args(kind))] == []


def test_a_guide_survives_the_wire_byte_for_byte() -> None:
    encoded = encode_guide(PERMIT)
    assert decode_guide(encoded) == PERMIT
    assert encode_guide(decode_guide(encoded)) == encoded


@pytest.mark.parametrize("encoded", [
    b"", b"{}", b"[" * 50_000, b'{"item":"x","promise_day":1.5}', b"\xff", b"null",
    b" " * (LARGEST_GUIDE + 1),
    encode_guide(PERMIT)[:-1] + b',"unheard_of":1}',
])  # fmt: skip
def test_what_is_no_guide_is_refused(encoded: bytes) -> None:
    with pytest.raises(Invalid, match="服务指南"):
        decode_guide(encoded)


def test_a_guide_too_large_for_one_entry_is_refused_when_it_is_written() -> None:
    wordy = replace(PERMIT, accept_condition=tuple(Condition(text="条" * 500) for _ in range(40)))
    with pytest.raises(Invalid, match="过大"):
        encode_guide(replace(wordy, refusal_cases=("形" * 500,) * 40))


def test_only_necessary_materials_are_required() -> None:
    assert [material.code for material in required_materials(PERMIT)] == ["m1", "m2"]


def test_everything_missing_is_listed_at_once() -> None:
    assert [m.code for m in missing_materials(PERMIT, set())] == ["m1", "m2"]
    assert [m.code for m in missing_materials(PERMIT, {"m2", "m3"})] == ["m1"]
    assert missing_materials(PERMIT, ["m1", "m2"]) == []


def test_both_clocks_start_on_the_day_of_acceptance() -> None:
    calendar = published_calendar()
    accepted = date(2026, 2, 13)
    assert promised_due(PERMIT, accepted, calendar) == Due(date(2026, 2, 27), False)
    assert legal_due(PERMIT, accepted, calendar) == Due(date(2026, 3, 19), False)
    counted = replace(PERMIT, count_day0=True)
    assert promised_due(counted, accepted, calendar) == Due(date(2026, 2, 26), False)
    natural = replace(PERMIT, anticipate_type=Unit.NATURAL)
    assert legal_due(natural, accepted, calendar) == Due(date(2026, 3, 5), False)


def test_an_item_is_open_between_its_first_and_its_closing_day() -> None:
    guide = replace(PERMIT, effective_on=date(2026, 3, 1), closed_from=date(2026, 12, 1))
    assert not guide.open_on(date(2026, 2, 28))
    assert guide.open_on(date(2026, 3, 1))
    assert guide.open_on(date(2026, 11, 30))
    assert not guide.open_on(date(2026, 12, 1))
    assert PERMIT.open_on(TODAY)


def test_what_a_guide_charges_and_how_it_delivers_is_read_from_its_lists() -> None:
    assert not PERMIT.is_fee
    assert replace(PERMIT, fees=(FEE,)).is_fee
    assert PERMIT.is_express
    assert not replace(PERMIT, delivery=(Delivery.COLLECT,)).is_express


def test_the_law_behind_a_special_procedure_and_a_fee_is_among_the_bases() -> None:
    special = SpecialProcedure(
        special_kind=SpecialKind.HEARING,
        name="听证",
        limit=TimeLimit(20),
        by_law=Basis(law="中华人民共和国行政许可法", article="第四十五条"),
    )
    guide = replace(PERMIT, special_procedure=(special,), fees=(FEE,))
    assert [basis.label for basis in guide.bases()] == [
        "《中华人民共和国食品安全法》第三十五条",
        "《中华人民共和国行政许可法》第四十五条",
        "《中华人民共和国食品安全法》第三十五条",
    ]


def test_a_guide_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        PERMIT.promise_day = 1  # type: ignore[misc]
    assert msgspec.structs.replace(PERMIT, promise_day=1).promise_day == 1
    assert PERMIT.promise_day == 5
