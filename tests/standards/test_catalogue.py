import tomllib
from collections import Counter
from datetime import date

import msgspec
import pytest

from standards.catalogue import (
    departments_of,
    expand_catalogue,
    placeholder_credit_code,
    starter_guides,
)
from standards.guide_codes import (
    DeptType,
    ItemClass,
    ItemType,
    ProjectType,
    SpecialKind,
    StepType,
)
from standards.guide_rules import check_guide
from standards.guides import (
    Guide,
    decode_guide,
    encode_guide,
    legal_due,
    promised_due,
    required_materials,
)
from standards.identity import BadIdentity, check_credit_code
from standards.packaged import packaged_text
from standards.workdays import Unit, published_calendar

GUIDES = starter_guides()
BY_ITEM = {guide.item: guide for guide in GUIDES}
TODAY = date(2026, 11, 24)

SMALLEST = """
[departments]
"林草" = { number = 22, name = "某市林业和草原局", natural = ["环保绿化"], legal = [] }
[[items]]
code = "LC009"
name = "树种推广"
class = "社会事务"
type = "公共服务"
dept = "林草"
for = ["自然人"]
legal = 20
promise = 2
basis = ["中华人民共和国森林法|第一条"]
conditions = ["有林地"]
materials = ["申请书"]
result = "推广结果|其他"
"""


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.item)
def test_every_starter_guide_keeps_every_rule(guide: Guide) -> None:
    assert check_guide(guide, today=TODAY) == ()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.item)
def test_every_starter_guide_survives_the_wire(guide: Guide) -> None:
    assert decode_guide(encode_guide(guide)) == guide


def test_the_catalogue_covers_four_classes_and_many_departments() -> None:
    assert len(GUIDES) >= 48
    assert len(departments_of(GUIDES)) >= 14
    classes = Counter(guide.item_class for guide in GUIDES)
    assert set(classes) == set(ItemClass)
    assert min(classes.values()) >= 10


def test_no_starter_guide_claims_to_be_verified_and_all_are_open() -> None:
    assert not any(guide.verified for guide in GUIDES)
    assert all(guide.version == 1 and guide.open_on(TODAY) for guide in GUIDES)


def test_items_and_codes_are_told_apart() -> None:
    for name in ("item", "task_name", "catalog_code", "task_code"):
        values = [getattr(guide, name) for guide in GUIDES]
        assert len(values) == len(set(values)), name


def test_the_city_does_not_exist_and_its_codes_say_so() -> None:
    for guide in GUIDES:
        assert check_credit_code(guide.dept_code)[2:8] == "000000"
        assert guide.catalog_code.startswith("99")
        assert "某" in guide.dept_name
        assert guide.link_way.startswith("0000-")


def test_a_placeholder_credit_code_fails_when_one_character_changes() -> None:
    code = placeholder_credit_code(7)
    assert check_credit_code(code) == code
    with pytest.raises(BadIdentity):
        check_credit_code(code[:-2] + ("1" if code[-2] == "0" else "0") + code[-1])


def test_there_are_items_done_at_once_and_items_with_a_promise() -> None:
    kinds = Counter(guide.project_type for guide in GUIDES)
    assert kinds[ProjectType.INSTANT] >= 10
    assert kinds[ProjectType.PROMISED] >= 20
    assert sum(len(guide.materials) >= 2 for guide in GUIDES) == len(GUIDES)


def test_every_item_needs_some_material_rests_on_law_and_can_be_appealed() -> None:
    for guide in GUIDES:
        assert required_materials(guide)
        assert all(basis.article.startswith("第") for basis in guide.bases())
        assert len(guide.remedies) == 2


def test_special_procedures_of_several_kinds_and_fees_in_fen_are_shown() -> None:
    kinds = {special.special_kind for guide in GUIDES for special in guide.special_procedure}
    assert {SpecialKind.HEARING, SpecialKind.EXPERTS, SpecialKind.APPRAISAL,
            SpecialKind.TESTING} <= kinds  # fmt: skip
    assert sum(bool(guide.special_procedure) for guide in GUIDES) >= 3
    assert sum(guide.is_fee for guide in GUIDES) >= 2
    (fee,) = BY_ITEM["GA002"].fees
    assert fee.amount == 4000


@pytest.mark.parametrize(("item", "legal", "promise", "unit", "law"), [
    ("GA001", 60, 20, Unit.NATURAL, "《中华人民共和国居民身份证法》第十二条"),
    ("SC001", 3, 0, Unit.WORKING, "《中华人民共和国市场主体登记管理条例》第十九条"),
    ("BD001", 30, 3, Unit.WORKING, "《不动产登记暂行条例》第二十条"),
    ("WJ002", 20, 5, Unit.WORKING, "《中华人民共和国医师法》第十三条"),
    ("HJ001", 30, 15, Unit.NATURAL, "《中华人民共和国环境影响评价法》第二十二条"),
    ("FG002", 20, 10, Unit.WORKING, "《企业投资项目核准和备案管理条例》第十条"),
])  # fmt: skip
def test_limits_stand_beside_the_article_that_sets_them(
    item: str, legal: int, promise: int, unit: Unit, law: str
) -> None:
    guide = BY_ITEM[item]
    assert (guide.anticipate_day, guide.promise_day) == (legal, promise)
    assert guide.anticipate_type is guide.promise_type is unit
    assert law in [basis.label for basis in guide.by_law]


def test_a_permit_shows_its_five_steps_and_spends_its_promise_on_them() -> None:
    for guide in GUIDES:
        assert sum(step.days for step in guide.handle_flow if step.counts) == guide.promise_day
        if guide.task_type is ItemType.PERMIT:
            kinds = [step.step_type for step in guide.handle_flow]
            assert kinds == [StepType.ACCEPT, StepType.REVIEW, StepType.APPROVE,
                             StepType.CONCLUDE, StepType.DELIVER]  # fmt: skip


def test_a_tax_decision_is_reviewed_by_the_tax_office_above() -> None:
    assert BY_ITEM["SW002"].remedies[0].organ == "国家税务总局某省税务局"
    assert BY_ITEM["SC007"].remedies[0].organ == "某市人民政府"


def test_an_entrusted_body_names_for_whom_it_decides() -> None:
    guide = BY_ITEM["BD001"]
    assert guide.dept_type is DeptType.ENTRUSTED
    assert guide.entrust_name == guide.decide_org == "某市自然资源局"


def test_both_due_dates_of_a_real_item_follow_from_the_day_of_acceptance() -> None:
    calendar = published_calendar()
    accepted = date(2026, 9, 18)
    assert promised_due(BY_ITEM["SC007"], accepted, calendar).date == date(2026, 9, 24)
    assert legal_due(BY_ITEM["SC007"], accepted, calendar).date == date(2026, 10, 9)
    for guide in GUIDES:
        promised = promised_due(guide, accepted, calendar).date
        assert promised <= legal_due(guide, accepted, calendar).date


def test_the_smallest_row_becomes_a_whole_guide() -> None:
    (guide,) = expand_catalogue(SMALLEST)
    assert check_guide(guide, today=TODAY) == ()
    assert guide.catalog_code == "992220009000"
    assert [material.code for material in guide.materials] == ["m1"]


@pytest.mark.parametrize(("old", "new"), [
    ('class = "社会事务"', 'class = "没有这类"'),
    ("promise = 2", 'promise = "2"'),
    ("promise = 2", "promise = 2\nunheard = 1"),
    ("legal = 20\n", ""),
    ('dept = "林草"', 'dept = "没有这个部门"'),
    ('"申请书"', '"申请书|没有这个标记"'),
    ("legal = 20", 'unit = "小时"\nlegal = 20'),
    ("promise = 2", "promise = 2 2"),
])  # fmt: skip
def test_a_malformed_row_is_refused(old: str, new: str) -> None:
    assert old in SMALLEST
    with pytest.raises((ValueError, msgspec.ValidationError)):
        expand_catalogue(SMALLEST.replace(old, new))


def test_the_packaged_table_says_that_it_is_unverified_and_has_one_row_per_guide() -> None:
    text = packaged_text("catalogue.toml")
    assert "未核对" in text.splitlines()[0]
    assert [row["code"] for row in tomllib.loads(text)["items"]] == [g.item for g in GUIDES]
