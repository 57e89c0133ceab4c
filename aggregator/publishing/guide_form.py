"""A service guide as a form, drawn and read by the guide's own declaration.

Every field of ``Guide`` has its place here by its type: text, number, date, choice, list of lines,
or table of rows. What a field is called comes from ``standards.guide_elements``; only the columns
of the tables are named here. Judges nothing beyond the declared bounds.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta
from werkzeug.datastructures import MultiDict

from aggregator.publishing.guide_words import in_words
from standards.errors import Invalid
from standards.guide_codes import Coded, Maintainer
from standards.guide_elements import ELEMENTS, LABELS
from standards.guides import Basis, Guide
from standards.workdays import TimeLimit, Unit

Kind = Literal["text", "long", "number", "date", "flag", "choice", "many", "lines", "rows"]

FIXED = ("item", "version")
"""Not edited: the item is the draft's, the version is given at publication."""

SPARE_ROWS = 3
MOST_ROWS = 80
_LONG = 120

COLUMNS: Mapping[str, str] = {
    "law": "法律法规", "article": "条款", "text": "内容", "expires": "失效日期", "basis": "依据",
    "code": "代号", "material_name": "材料名称", "is_need": "必要性", "material_type": "类型",
    "material_format": "形式", "original_num": "原件份数", "copy_num": "复印件份数",
    "page_format": "规格", "source_type": "来源", "source_explain": "来源说明",
    "issuer": "出具机构", "issuer_time": "出具时间要求", "form_guid": "空白表格",
    "example_guid": "示例样表", "fill_explain": "填报须知", "accept_stand": "受理标准",
    "by_law": "要求依据", "remark": "备注", "step_type": "环节类型", "name": "名称",
    "days": "天数", "officer": "办理人", "standard": "办理标准", "counts": "计入承诺时限",
    "special_kind": "程序", "limit.days": "时限", "limit.unit": "单位", "by_law.law": "依据法律",
    "by_law.article": "依据条款", "by_law.text": "依据内容", "by_law.expires": "依据失效日期",
    "fee_basis": "收费依据", "counts_in_legal": "计入法定时限",
    "counts_in_promise": "计入承诺时限", "fee_name": "收费项目", "fee_stand": "收费标准",
    "amount": "固定金额（分）", "reducible": "允许减免", "reduce_basis": "减免依据",
    "question": "问题", "answer": "解答", "remedy_kind": "途径", "organ": "机关",
    "within": "期限", "address": "地址", "phone": "电话",
}  # fmt: skip

SUFFIXES = {
    "dept_code": "代码", "anticipate_type": "单位", "anticipate_explain": "说明",
    "promise_type": "单位", "promise_explain": "说明", "result_type": "类型",
    "result_guid": "样本", "delivery_days": "期限（工作日）", "limit_scene_explain": "原因",
    "transact_addr": "地点", "transact_time": "时间", "transact_traffic": "交通指引",
    "remedies": "途径",
}  # fmt: skip
"""What tells several fields of one element apart."""

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("时限", ("anticipate_day", "anticipate_type", "anticipate_explain", "promise_day",
             "promise_type", "promise_explain", "count_day0", "project_type", "review_type")),
    ("条件与材料", ("accept_condition", "refusal_cases", "limit_explain", "materials")),
    ("收费", ("fees", "online_payment")),
    ("地点、时间、电话", ("transact_addr", "transact_time", "transact_traffic", "link_way",
                  "supervise_way", "limit_scene_num", "limit_scene_explain", "handle_type",
                  "delivery", "delivery_days")),
    ("状态", ("effective_on", "closed_from", "verified")),
)  # fmt: skip
"""What a standards office changes most; the last section, 其余要素, holds every other field."""


@dataclass(frozen=True)
class Shape:
    """How one field is typed: its kind, its choices, its columns when it is a table.

    ``initial``: what stands in this column of a new row.
    """

    kind: Kind
    choices: Mapping[str, str] | None = None
    columns: tuple[tuple[str, Shape], ...] = ()
    max_length: int | None = None
    optional: bool = False
    initial: str = ""


def label_of(field: str) -> str:
    """A field of the guide as a person reads it."""
    return LABELS[field] + (f"·{SUFFIXES[field]}" if field in SUFFIXES else "")


@cache
def maintainers() -> Mapping[str, Maintainer]:
    """Field -> who maintains it; extras beyond the 36 elements belong to the center."""
    known = {name: e.maintainer for e in ELEMENTS for name in e.fields}
    return {name: known.get(name, Maintainer.CENTER) for name in Guide.__struct_fields__}


@cache
def shapes() -> Mapping[str, Shape]:
    """Every editable field of a guide with its shape."""
    hints = get_type_hints(Guide, include_extras=True)
    return {name: _shape(hints[name]) for name in Guide.__struct_fields__ if name not in FIXED}


def _bare(kind: Any) -> tuple[Any, int | None, bool]:
    """A type without marks and ``| None``, its longest text, whether it may be absent."""
    longest, optional = None, False
    while True:
        if get_origin(kind) is Annotated:
            marks = [m for m in get_args(kind)[1:] if isinstance(m, Meta)]
            longest = next((m.max_length for m in marks if m.max_length is not None), longest)
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, types.UnionType):
            optional = True
            kind = next(one for one in get_args(kind) if one is not type(None))
        else:
            return kind, longest, optional


def _shape(declared: Any) -> Shape:
    kind, longest, optional = _bare(declared)
    if get_origin(kind) is tuple:
        return _listed(get_args(kind)[0])
    if kind is bool:
        answers = {"1": "是", "0": "否"}
        return Shape("choice", answers, optional=True) if optional else Shape("flag")
    if kind is int:
        return Shape("number", optional=optional)
    if kind is date:
        return Shape("date", optional=True)
    if issubclass(kind, enum.StrEnum):
        return Shape("choice", choices_of(kind), optional=optional)
    return Shape("long" if (longest or 0) > _LONG else "text", max_length=longest)


def _listed(declared: Any) -> Shape:
    kind, longest, _ = _bare(declared)
    if issubclass(kind, msgspec.Struct):
        return Shape("rows", columns=tuple(_columns(kind)))
    if issubclass(kind, enum.StrEnum):
        return Shape("many", choices_of(kind))
    return Shape("lines", max_length=longest)


def _columns(row_type: type[msgspec.Struct], within: str = "") -> list[tuple[str, Shape]]:
    found: list[tuple[str, Shape]] = []
    hints = get_type_hints(row_type, include_extras=True)
    for field in msgspec.structs.fields(row_type):
        if hints[field.name] in (Basis, TimeLimit):
            found += _columns(hints[field.name], f"{field.name}.")
            continue
        shape = _shape(hints[field.name])
        given = "" if field.default is msgspec.NODEFAULT else _shown(shape, field.default)
        found.append((within + field.name, replace(shape, initial=given)))
    return found


def choices_of(kind: type[enum.StrEnum]) -> dict[str, str]:
    """Code -> Chinese label of a closed list."""
    return {str(one.value): one.label for one in kind if isinstance(one, Coded | Unit)}


# --- a guide as what stands in the form -----------------------------------------------------------


def filled(guide: Guide) -> dict[str, Any]:
    """What the form shows of a guide: texts, lists of texts, and rows of texts."""
    return {name: _shown(shape, getattr(guide, name)) for name, shape in shapes().items()}


def _shown(shape: Shape, value: Any) -> Any:
    if shape.kind == "rows":
        return [{c: _shown(s, attrgetter(c)(row)) for c, s in shape.columns} for row in value]
    if shape.kind == "many":
        return [str(one) for one in value]
    if shape.kind == "lines":
        return "\n".join(value)
    if value is None:
        return ""
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


# --- the form as a guide --------------------------------------------------------------------------


def typed_values(typed: MultiDict[str, str]) -> dict[str, Any]:
    """What was typed, in the form of :func:`filled`; rows that are empty or ticked off are gone."""
    return {name: _typed(name, shape, typed) for name, shape in shapes().items()}


def _typed(name: str, shape: Shape, typed: MultiDict[str, str]) -> Any:
    if shape.kind == "many":
        return typed.getlist(name)
    if shape.kind == "rows":
        return _typed_rows(name, shape, typed)
    if shape.kind == "flag":
        return "1" if typed.get(name) else "0"
    return typed.get(name, "").strip().replace("\r\n", "\n")


def _typed_rows(name: str, shape: Shape, typed: MultiDict[str, str]) -> list[dict[str, str]]:
    found = []
    for number in range(MOST_ROWS):
        row = {c: _typed(f"{name}-{number}-{c}", s, typed) for c, s in shape.columns}
        # A new row has choices and numbers in it already: only what was written makes it a row.
        written = any(
            row[c] not in ("", s.initial) for c, s in shape.columns if s.kind in ("text", "long")
        )
        if written and not typed.get(f"{name}-{number}-off"):
            found.append(row)
    return found


def read_guide(values: Mapping[str, Any], item: str, before: Guide) -> Guide:
    """The guide of what was typed.

    Args:
        values: from :func:`typed_values`.
        before: gives the texts that the form does not ask for, such as examples in an article.

    Raises:
        Invalid: field -> Chinese message, for all wrong fields at once.
    """
    hints = get_type_hints(Guide, include_extras=True)
    found: dict[str, Any] = {"item": item, "version": before.version}
    wrong: dict[str, str] = {}
    for name, shape in shapes().items():
        try:
            plain = _plain(shape, values[name])
            found[name] = msgspec.convert(plain, hints[name], strict=True)
        except msgspec.ValidationError as refused:
            wrong[name] = f"{label_of(name)}：{in_words(str(refused))}"
        except ValueError as refused:
            wrong[name] = f"{label_of(name)}：{refused}"
    if wrong:
        raise Invalid(wrong)
    return Guide(**found)


def _plain(shape: Shape, value: Any) -> Any:
    if shape.kind == "rows":
        return [_plain_row(shape, row, number) for number, row in enumerate(value, start=1)]
    if shape.kind == "many":
        return value
    if shape.kind == "lines":
        return [line.strip() for line in value.split("\n") if line.strip()]
    return _plain_cell(shape, value)


def _plain_cell(shape: Shape, text: str) -> Any:
    if shape.kind == "flag" or (shape.kind == "choice" and shape.choices == {"1": "是", "0": "否"}):
        return {"1": True, "0": False}.get(text)
    if not text and shape.optional:
        return None
    if shape.kind == "number":
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise ValueError("请填写整数" if text else "请填写")
        return int(text)
    if shape.kind == "choice" and not text:
        raise ValueError("请选择")
    return text


def _plain_row(shape: Shape, row: Mapping[str, str], number: int) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for path, column in shape.columns:
        try:
            value = _plain_cell(column, row[path])
        except ValueError as refused:
            raise ValueError(f"第{number}行“{COLUMNS[path]}”{refused}") from None
        place = plain
        *outer, last = path.split(".")
        for name in outer:
            place = place.setdefault(name, {})
        place[last] = value
    return plain
