"""What is wrong with a guide's content, in Chinese: the decoder's English made into advice.

Also reads the full-JSON editor, where a name given twice must not lose a text silently.
"""

from __future__ import annotations

import json
import re
from typing import Any

from standards.errors import Invalid
from standards.guides import Guide, decode_guide

_BOUNDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"`str` of length <= (\d+)"), "最多{0}个字"),
    (re.compile(r"`str` of length >= (\d+)"), "至少{0}个字"),
    (re.compile(r"`array` of length <= (\d+)"), "最多{0}项"),
    (re.compile(r"`array` of length >= (\d+)"), "至少填写{0}项"),
    (re.compile(r"`int` <= (\d+)"), "不能大于{0}"),
    (re.compile(r"`int` >= (\d+)"), "不能小于{0}"),
    (re.compile(r"`str` matching regex"), "只能用字母、数字、横线和下划线，最多40位"),
    (re.compile(r"missing required field `(\w+)`"), "缺少“{0}”"),
    (re.compile(r"contains unknown field `(\w+)`"), "没有“{0}”这个字段"),
    (re.compile(r"Invalid enum value (.+?)(?: - |$)"), "没有{0}这个选项"),
    (re.compile(r"Invalid RFC3339|`date`"), "请填写日期，如 2026-01-31"),
    (re.compile(r"Expected `(\w+).*got `(\w+)`"), "类型应为{0}，现为{1}"),
    (re.compile(r"JSON is malformed: (.+)"), "不是有效的JSON({0})"),
    (re.compile(r"truncated"), "JSON不完整，可能没有复制全"),
)
_TYPES = {
    "int": "整数", "str": "文字", "bool": "true或false", "array": "列表", "object": "一组字段",
    "null": "空", "float": "小数", "date": "日期",
}  # fmt: skip
_ROW = re.compile(r"\$\[(\d+)\]")
_PLACE = re.compile(r"`(\$[^`]*)`\s*$")


def in_words(refused: str) -> str:
    """The decoder's message as a person reads it, with the row it is about."""
    said = "不符合要求，请检查后重填"
    for pattern, words in _BOUNDS:
        if found := pattern.search(refused):
            said = words.format(*(_TYPES.get(part, part) for part in found.groups()))
            break
    row = _ROW.search(refused)
    return f"第{int(row.group(1)) + 1}行{said}" if row else said


def read_json(text: str, item: str) -> Guide:
    """The guide of the full-JSON editor.

    Raises:
        Invalid: not JSON, a name given twice, not a guide, or the guide of another item; says
            where.
    """
    try:
        json.loads(text, object_pairs_hook=_once_each)
        guide = decode_guide(text.encode("utf-8"))
    except (RecursionError, UnicodeEncodeError):
        raise Invalid({"json": "JSON嵌套太深或含有无效字符，请从原文重新复制"}) from None
    except json.JSONDecodeError as refused:
        place = f"第{refused.lineno}行第{refused.colno}列"
        raise Invalid({"json": f"不是有效的JSON：{place}附近有误"}) from None
    except Invalid as refused:
        raise Invalid({"json": _sentence(refused.fields)}) from None
    if guide.item != item:
        raise Invalid({"json": f"这是事项“{guide.item}”的指南，本草稿是“{item}”"})
    return guide


def _sentence(fields: dict[str, str]) -> str:
    (told,) = fields.values()
    if "格式不正确" not in told:
        return told
    place = _PLACE.search(told)
    where = f"{place.group(1)[2:]}：" if place else ""
    return f"服务指南的格式不正确：{where}{in_words(told)}"


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid({"": f"“{name}”写了两次，请删去一个"})
        found[name] = value
    return found
