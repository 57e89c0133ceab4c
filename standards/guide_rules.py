"""Whether a service guide is consistent: the rules R1-R16 and the checks of single elements.

R1-R13 are those that municipal auditors run over published guides; R14-R16 and the checks E02-E25
are ours.  A rule looks at one guide (R16 also at the center's copy) and names what is wrong, where,
and how to put it right.  It refuses to know who wrote the guide or what happens to it next.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

import msgspec

from standards.guide_codes import (
    DeptType,
    HandleType,
    ItemType,
    MaterialType,
    NetDepth,
    ProjectType,
    ResultType,
    ReviewType,
    ServerType,
    StepType,
)
from standards.guide_elements import HALL_FIELDS, HALL_MATERIAL_FIELDS, LABELS
from standards.guides import Guide, Material
from standards.identity import BadIdentity, check_credit_code


class Breach(NamedTuple):
    """One rule that a guide breaks: rule, field of `Guide`, what is wrong, what to do."""

    rule: str
    field: str
    message: str
    fix: str


class _Examined(NamedTuple):
    guide: Guide
    today: date
    central: Guide | None


class _Fault(NamedTuple):
    field: str
    message: str
    fix: str


_Check = Callable[[_Examined], Iterator[_Fault]]


class Rule(NamedTuple):
    """A rule: its number, what it asks for in one Chinese sentence, and the check."""

    code: str
    asks: str
    check: _Check


class CodeScheme(NamedTuple):
    """One way of coding an item; the standards disagree, so the schemes are data."""

    name: str
    catalog: str
    task_length: int
    composed: bool
    """Whether the item code is credit code + level + basic code."""


CODE_SCHEMES: tuple[CodeScheme, ...] = (
    CodeScheme("国家政务服务平台(基本编码12位、实施编码31位)", r"[0-9]{11}[0-9Y]", 31, True),
    CodeScheme("GB/T 39046-2020(基本编码10位、实施编码24位)", r"[0-9A-Z]{10}", 24, False),
)

_PERMIT_STEPS = (
    StepType.ACCEPT, StepType.REVIEW, StepType.APPROVE, StepType.CONCLUDE, StepType.DELIVER,
)  # fmt: skip
_ONLINE = {HandleType.COMPUTER, HandleType.MOBILE}
_NO_REASON = "无"


def _instant_promise(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    if guide.promise_day != 0:
        return
    if guide.project_type is not ProjectType.INSTANT:
        yield _Fault(
            "project_type", "承诺时限为即办,办件类型却不是即办件", "改为即办件,或填写承诺天数"
        )
    if guide.review_type is not ReviewType.AT_ONCE:
        yield _Fault(
            "review_type", "承诺时限为即办,审查类型却不是即审即办", "改为即审即办,或填写承诺天数"
        )


def _promise_in_days(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    if guide.promise_day == 0:
        return
    if guide.project_type is not ProjectType.PROMISED:
        yield _Fault(
            "project_type", "承诺时限不是即办,办件类型却不是承诺件", "改为承诺件,或将承诺天数改为0"
        )
    if guide.review_type is not ReviewType.THEN_APPROVE:
        yield _Fault("review_type", "承诺时限不是即办,审查类型却不是前审后批", "改为前审后批")


def _expected_result(name: str) -> ResultType | None:
    if name.endswith(("凭证", "证明")):
        return None
    if name.endswith(("证", "证书", "执照")):
        return ResultType.CERTIFICATE
    if name.endswith(("文", "批复")):
        return ResultType.APPROVAL
    return None


def _result_name_fits_type(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    expected = _expected_result(guide.result_name)
    if expected is not None and guide.result_type is not expected:
        yield _Fault(
            "result_type",
            f"审批结果“{guide.result_name}”应为{expected.label}类,现为{guide.result_type.label}",
            f"将结果类型改为{expected.label},或核对结果名称",
        )


def _visit_needs_reason(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    reason = guide.limit_scene_explain.strip()
    if guide.limit_scene_num != 0 and reason in ("", _NO_REASON):
        yield _Fault("limit_scene_explain", f"需到现场{guide.limit_scene_num}次却没有写明原因",
                     "写明必须现场办理的原因,或将次数改为0")  # fmt: skip


def _no_visit_no_reason(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    if guide.limit_scene_num == 0 and guide.limit_scene_explain.strip() != _NO_REASON:
        yield _Fault(
            "limit_scene_explain", "现场次数为0,必须现场办理原因应填“无”", "将原因改为“无”"
        )


def _no_visit_needs_a_way_in(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    offered = set(guide.handle_type)
    if guide.limit_scene_num == 0 and not offered & {*_ONLINE, HandleType.POST}:
        yield _Fault("handle_type", "现场次数为0,却既不能网上办理也不能快递申请",
                     "在办理形式中增加快递申请或网上办理")  # fmt: skip


def _wholly_online_needs_no_visit(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    if guide.net_depth >= NetDepth.HANDLING and guide.limit_scene_num != 0:
        yield _Fault("limit_scene_num", f"网办深度为“{guide.net_depth.label}”,现场次数应为0",
                     "将现场次数改为0,或降低网办深度")  # fmt: skip


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![0-9])0[0-9]{2,3}-[0-9]{5,8}(?![0-9])", text))


def _two_telephones(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    ask, complain = _numbers(guide.link_way), _numbers(guide.supervise_way)
    for field, found in (("link_way", ask), ("supervise_way", complain)):
        if not found:
            yield _Fault(field, f"{LABELS[field]}中没有带区号的电话", "按“区号-号码”填写电话")
    if ask & complain:
        yield _Fault("supervise_way", "咨询电话与投诉电话相同", "填写另一部投诉电话")


def _served_people_fit_topics(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    people = ServerType.PERSON in guide.server_type
    bodies = bool(set(guide.server_type) - {ServerType.PERSON})
    for field, served in (("natural_topics", people), ("legal_topics", bodies)):
        if served != bool(getattr(guide, field)):
            yield _Fault(field, f"{LABELS[field]}与服务对象不一致",
                         "补充主题分类" if served else "删去主题分类,或增加服务对象")  # fmt: skip


def _is_permit(guide: Guide) -> bool:
    return guide.task_type is ItemType.PERMIT


def _permit_has_question(examined: _Examined) -> Iterator[_Fault]:
    if _is_permit(examined.guide) and not examined.guide.questions:
        yield _Fault("questions", "行政许可事项没有常见问题", "至少填写一个常见问题及解答")


def _permit_has_five_steps(examined: _Examined) -> Iterator[_Fault]:
    if not _is_permit(examined.guide):
        return
    shown = {step.step_type for step in examined.guide.handle_flow}
    absent = "、".join(kind.label for kind in _PERMIT_STEPS if kind not in shown)
    if absent:
        yield _Fault("handle_flow", f"行政许可的办理流程缺少环节:{absent}", f"补充环节:{absent}")


def _result_has_sample(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    if guide.result_type is not ResultType.NONE and not guide.result_guid.strip():
        yield _Fault("result_guid", "有审批结果却没有结果样本", "补充结果样本")


def _fees_are_complete(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    if not guide.fees and guide.online_payment:
        yield _Fault("online_payment", "不收费却支持网上支付", "改为不支持网上支付,或填写收费项目")
    if guide.fees and guide.online_payment is None:
        yield _Fault("online_payment", "收费却没有写明是否支持网上支付", "写明是否支持网上支付")
    for fee in guide.fees:
        if not (fee.fee_name.strip() and fee.fee_stand.strip() and fee.by_law.law.strip()):
            yield _Fault(
                "fees", f"收费项目“{fee.fee_name}”缺少名称、标准或依据", "补全名称、标准和依据"
            )
        if fee.reducible and not fee.reduce_basis.strip():
            yield _Fault("fees", f"收费项目“{fee.fee_name}”允许减免却没有依据", "填写减免依据")


def _promise_within_law(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    if guide.promise_day and guide.promise_type is not guide.anticipate_type:
        yield _Fault("promise_type", "法定时限与承诺时限的单位不同,无法比较", "改为同一单位")
    elif guide.promise_day > guide.anticipate_day:
        yield _Fault(
            "promise_day",
            f"承诺{guide.promise_day}天超过法定{guide.anticipate_day}天",
            f"承诺时限改为{guide.anticipate_day}天以内",
        )


def _law_in_force(examined: _Examined) -> Iterator[_Fault]:
    for basis in examined.guide.bases():
        if basis.expires is not None and basis.expires <= examined.today:
            yield _Fault("by_law", f"{basis.label}已于{basis.expires}失效", "换成现行有效的依据")


def _shared(materials: tuple[Material, ...]) -> tuple[Material, ...]:
    blank = dict.fromkeys(HALL_MATERIAL_FIELDS, "")
    return tuple(msgspec.structs.replace(material, **blank) for material in materials)


def _branch_keeps_to_center(examined: _Examined) -> Iterator[_Fault]:
    guide, central = examined.guide, examined.central
    if central is None:
        return
    for field in Guide.__struct_fields__:
        if field in HALL_FIELDS:
            continue
        ours, theirs = getattr(guide, field), getattr(central, field)
        if field == "materials":
            ours, theirs = _shared(ours), _shared(theirs)
        if ours != theirs:
            yield _Fault(field, f"分厅的“{LABELS[field]}”与中心版本不一致",
                         "恢复为中心版本;确需修改的报中心")  # fmt: skip


def _codes_follow_a_scheme(examined: _Examined) -> Iterator[_Fault]:
    code = examined.guide.catalog_code
    if not any(re.fullmatch(scheme.catalog, code) for scheme in CODE_SCHEMES):
        names = "或".join(scheme.name for scheme in CODE_SCHEMES)
        yield _Fault("catalog_code", f"基本编码“{code}”不符合任何编码方案", f"按{names}填写")


def _task_code_is_composed(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    scheme = next((s for s in CODE_SCHEMES if re.fullmatch(s.catalog, guide.catalog_code)), None)
    if scheme is None:
        return
    composed = f"{guide.dept_code}{guide.use_level}{guide.catalog_code}"
    if len(guide.task_code) != scheme.task_length:
        yield _Fault("task_code", f"实施编码应为{scheme.task_length}位", "核对实施编码")
    elif scheme.composed and guide.task_code != composed:
        yield _Fault("task_code", "实施编码不是“信用代码+行使层级+基本编码”", f"改为{composed}")
    if guide.task_handle_item and not re.fullmatch(
        re.escape(guide.task_code) + "[0-9]{2}", guide.task_handle_item
    ):
        yield _Fault(
            "task_handle_item", "业务办理项编码应为实施编码加2位序号", "核对业务办理项编码"
        )


def _department_is_identified(examined: _Examined) -> Iterator[_Fault]:
    try:
        check_credit_code(examined.guide.dept_code)
    except BadIdentity as error:
        yield _Fault("dept_code", f"实施主体代码不正确:{error}", "核对统一社会信用代码")


def _entrusted_names_principal(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    if guide.dept_type is DeptType.ENTRUSTED and not guide.entrust_name.strip():
        yield _Fault("entrust_name", "实施主体是受委托组织,却没有委托部门", "填写委托部门")


def _materials_are_told_apart(examined: _Examined) -> Iterator[_Fault]:
    materials = examined.guide.materials
    if len({material.code for material in materials}) < len(materials):
        yield _Fault("materials", "两份材料的代号相同", "给每份材料不同的代号")
    for material in materials:
        originals = material.material_type is not MaterialType.COPY
        copies = material.material_type is not MaterialType.ORIGINAL
        if originals != bool(material.original_num) or copies != bool(material.copy_num):
            yield _Fault("materials", f"材料“{material.material_name}”的份数与材料类型不一致",
                         "核对原件和复印件份数")  # fmt: skip


def _steps_fit_promise(examined: _Examined) -> Iterator[_Fault]:
    guide = examined.guide
    total = sum(step.days for step in guide.handle_flow if step.counts)
    if total > guide.promise_day:
        yield _Fault("handle_flow", f"各环节合计{total}天,超过承诺的{guide.promise_day}天",
                     "缩短环节时限,或核对承诺时限")  # fmt: skip


RULES: tuple[Rule, ...] = (
    Rule("R1", "承诺即办的,应为即办件、即审即办", _instant_promise),
    Rule("R2", "承诺不是即办的,应为承诺件、前审后批", _promise_in_days),
    Rule("R3", "审批结果名称与结果类型一致", _result_name_fits_type),
    Rule("R4", "需到现场的,写明必须现场办理的原因", _visit_needs_reason),
    Rule("R5", "不需到现场的,原因填“无”", _no_visit_no_reason),
    Rule("R6", "不需到现场的,能网上办理或快递申请", _no_visit_needs_a_way_in),
    Rule("R7", "全程网办的,现场次数为0", _wholly_online_needs_no_visit),
    Rule("R8", "咨询电话与投诉电话都有、带区号、不相同", _two_telephones),
    Rule("R9", "服务对象与主题分类一致", _served_people_fit_topics),
    Rule("R10", "行政许可至少有一个常见问题", _permit_has_question),
    Rule("R11", "行政许可至少有受理、审核、审批、办结、送达五个环节", _permit_has_five_steps),
    Rule("R12", "有审批结果的,有结果样本", _result_has_sample),
    Rule("R13", "收费的项目、标准、依据和支付方式齐全;不收费的没有网上支付", _fees_are_complete),
    Rule("R14", "承诺时限不超过法定时限", _promise_within_law),
    Rule("R15", "所引法律依据现行有效", _law_in_force),
    Rule("R16", "分厅副本只可改动分厅自行维护的要素", _branch_keeps_to_center),
    Rule("E02", "基本编码符合编码方案", _codes_follow_a_scheme),
    Rule("E03", "实施编码、业务办理项编码由基本编码组成", _task_code_is_composed),
    Rule("E10", "实施主体代码是有效的统一社会信用代码", _department_is_identified),
    Rule("E15", "受委托组织写明委托部门", _entrusted_names_principal),
    Rule("E23", "材料代号不重复、份数与类型一致", _materials_are_told_apart),
    Rule("E25", "各环节时限之和不超过承诺时限", _steps_fit_promise),
)


def check_guide(guide: Guide, *, today: date, central: Guide | None = None) -> tuple[Breach, ...]:
    """Every breach of every rule, in the order of `RULES`; empty when the guide is sound.

    `today` decides which laws are in force; with `central` given, `guide` is examined as a branch
    hall's copy of it.
    """
    examined = _Examined(guide, today, central)
    return tuple(Breach(rule.code, *fault) for rule in RULES for fault in rule.check(examined))
