"""The 36 elements of a service guide: number, fields, label, and who may change them.

An element is numbered here and typed once in `standards.guides`; this module holds no values and
judges none.
"""

from typing import NamedTuple, get_args, get_type_hints

from msgspec import Meta

from standards.guide_codes import Maintainer
from standards.guides import Guide

CATALOGUE_ID = "DB22/T 2850-2017（对应关系未核对）"


def _text_lengths() -> dict[str, int]:
    hints = get_type_hints(Guide, include_extras=True)
    return {
        field: mark.max_length
        for field, kind in hints.items()
        if get_args(kind)[:1] == (str,)
        for mark in get_args(kind)[1:]
        if isinstance(mark, Meta) and mark.max_length is not None
    }


_TEXT_LENGTHS = _text_lengths()


def longest_text(field: str) -> int | None:
    """Longest text, in characters, that a field of `Guide` takes; None where it is no text."""
    return _TEXT_LENGTHS.get(field)


class Element(NamedTuple):
    """One of the 36 elements: the fields that hold it and who may change them.

    `national_key` is the column of the national item tables, "" where none is known.
    """

    number: int
    fields: tuple[str, ...]
    label: str
    maintainer: Maintainer
    national_key: str = ""

    @property
    def max_length(self) -> int | None:
        """Longest text, in characters, of the element's first field; None for a list or code."""
        return longest_text(self.fields[0])


_C, _D, _H = Maintainer.CENTER, Maintainer.DEPARTMENT, Maintainer.HALL

ELEMENTS: tuple[Element, ...] = (
    Element(1, ("task_name",), "事项名称", _C, "task_name"),
    Element(2, ("catalog_code",), "基本编码", _C, "catalog_code"),
    Element(3, ("task_code",), "实施编码", _C, "task_code"),
    Element(4, ("task_handle_item",), "业务办理项编码", _C, "task_handle_item"),
    Element(5, ("task_type",), "事项类型", _C, "task_type"),
    Element(6, ("by_law",), "设定依据", _C, "by_law"),
    Element(7, ("power_source",), "权力来源", _C, "power_source"),
    Element(8, ("use_level",), "行使层级", _C, "use_level"),
    Element(9, ("power_division",), "权限划分", _C),
    Element(10, ("dept_name", "dept_code"), "实施主体", _C, "dept_name, dept_code"),
    Element(11, ("dept_type",), "实施主体性质", _C, "dept_type"),
    Element(12, ("accept_org",), "受理机构", _D),
    Element(13, ("decide_org",), "决定机构", _D),
    Element(14, ("other_dept",), "联办机构", _D, "other_dept"),
    Element(15, ("entrust_name",), "委托部门", _D, "entrust_name"),
    Element(16, ("server_type",), "服务对象", _C, "server_type"),
    Element(17, ("scope",), "适用范围", _D),
    Element(18, ("project_type",), "办件类型", _D, "project_type"),
    Element(19, ("review_type",), "审查类型", _D),
    Element(20, ("accept_condition",), "受理条件", _C, "accept_condition"),
    Element(21, ("refusal_cases",), "不予受理情形", _C),
    Element(22, ("limit_explain",), "数量限制", _C, "limit_explain"),
    Element(23, ("materials",), "申请材料目录", _C, "up_task_general_material"),
    Element(24, ("handle_type",), "办理形式", _D, "handle_type"),
    Element(25, ("handle_flow",), "办理流程", _D, "handle_flow"),
    Element(26, ("anticipate_day", "anticipate_type", "anticipate_explain"), "法定办结时限", _C,
            "anticipate_day, anticipate_type, anticipate_explain"),
    Element(27, ("promise_day", "promise_type", "promise_explain"), "承诺办结时限", _D,
            "promise_day, promise_type, promise_explain"),
    Element(28, ("special_procedure",), "特别程序", _C, "special_procedure"),
    Element(29, ("fees",), "收费", _C, "is_fee, fee_basis, up_task_general_fee_project"),
    Element(30, ("result_name", "result_type", "result_guid"), "审批结果", _C,
            "result_name, result_type, result_guid"),
    Element(31, ("delivery", "delivery_days"), "结果送达", _D, "is_express"),
    Element(32, ("limit_scene_num", "limit_scene_explain"), "到办事现场次数", _D,
            "limit_scene_num, limit_scene_explain"),
    Element(33, ("transact_addr", "transact_time", "transact_traffic"), "办理地点和时间", _H,
            "transact_addr, transact_time"),
    Element(34, ("link_way",), "咨询方式", _H, "link_way"),
    Element(35, ("supervise_way",), "监督投诉方式", _H, "supervise_way"),
    Element(36, ("rights", "remedies"), "申请人权利义务与救济", _C),
)  # fmt: skip

EXTRAS: dict[str, str] = {
    "item": "事项",
    "version": "指南版本",
    "item_class": "事项分类",
    "department": "所属部门",
    "implement_law": "实施依据",
    "supervise_law": "监管依据",
    "natural_topics": "自然人主题分类",
    "legal_topics": "法人主题分类",
    "net_depth": "网办深度",
    "online_payment": "是否支持网上支付",
    "questions": "常见问题",
    "effective_on": "生效日期",
    "closed_from": "停止受理日期",
    "count_day0": "受理当日是否计入时限",
    "verified": "是否已核对",
}
"""Fields beyond the 36 elements, with their labels; all of them belong to the center."""

HALL_FIELDS: frozenset[str] = frozenset(
    field
    for element in ELEMENTS
    if element.maintainer is Maintainer.HALL
    for field in element.fields
)
"""What a branch hall may word for itself; in a material also where it can be got."""
HALL_MATERIAL_FIELDS: tuple[str, ...] = ("source_explain",)

LABELS: dict[str, str] = EXTRAS | {
    field: element.label for element in ELEMENTS for field in element.fields
}
