"""服务指南: one guide with its 36 elements, as it is in force or as a case was accepted under it.

Read only: guides are changed at the center.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import msgspec
from flask import Blueprint, render_template

from node.desk import hall, today
from standards.errors import Invalid
from standards.guide_codes import Coded
from standards.guide_elements import CATALOGUE_ID, ELEMENTS, Element
from standards.guides import (
    Basis,
    Condition,
    Fee,
    Guide,
    Material,
    Remedy,
    SpecialProcedure,
    Step,
)
from standards.workdays import Unit
from web import access

pages = Blueprint("guides", __name__, url_prefix="/guides")


@pages.get("/<item>")
@access.anyone_signed_in
def latest(item: str) -> str:
    """The newest version of an item's guide."""
    return _page(hall().shelf().guide(item))


@pages.get("/<item>/<int:version>")
@access.anyone_signed_in
def one(item: str, version: int) -> str:
    """One version of an item's guide."""
    return _page(hall().shelf().guide(item, version))


def _page(guide: Guide) -> str:
    shelf = hall().shelf()
    versions = sorted((v for i, v in shelf.guides if i == guide.item), reverse=True)
    return render_template(
        "guides/one.html",
        guide=guide,
        published=shelf.guides[guide.item, guide.version],
        versions=versions,
        elements=[(element, lines_of(guide, element)) for element in ELEMENTS],
        catalogue=CATALOGUE_ID,
        is_open=guide.open_on(today()),
    )


def lines_of(guide: Guide, element: Element) -> list[str]:
    """What an element says, a line for each part."""
    if element.fields[0] in _SENTENCES:
        return [_SENTENCES[element.fields[0]](guide)]
    return [
        line for name in element.fields for line in _lines(getattr(guide, name)) if line.strip()
    ]


_SENTENCES: dict[str, Callable[[Guide], str]] = {
    "anticipate_day": lambda g: _explained(g.legal_limit.label, g.anticipate_explain),
    "promise_day": lambda g: _explained(g.promised_limit.label, g.promise_explain),
    "delivery": lambda g: (
        "、".join(way.label for way in g.delivery)
        + (f"，决定后{g.delivery_days}个工作日内" if g.delivery_days else "")
    ),
    "limit_scene_num": lambda g: f"{g.limit_scene_num}次；{g.limit_scene_explain}",
}


def _lines(value: object) -> Iterable[str]:
    if isinstance(value, tuple):
        codes = [v.label for v in value if isinstance(v, (Coded, Unit))]
        if codes:
            return ["、".join(codes)]
        return [line for part in value for line in _lines(part)]
    return [_words(value)]


def _words(value: object) -> str:
    """One part of a guide as a line of Chinese."""
    if isinstance(value, (Coded, Unit)):
        return value.label
    for kind, worded in _WORDED.items():
        if isinstance(value, kind):
            return worded(value)
    return _plain(value)


_WORDED: dict[type[msgspec.Struct], Callable[[Any], str]] = {
    Basis: lambda v: f"{v.label}：{v.text}" if v.text else str(v.label),
    Condition: lambda v: _explained(v.text, v.basis),
    Material: lambda v: _explained(v.material_name, v.is_need.label),
    Step: lambda v: f"{v.step_type.label}·{v.name}{_in_days(v.days)}",
    SpecialProcedure: lambda v: f"{v.special_kind.label}·{v.name}，{v.limit.label}",
    Fee: lambda v: f"{v.fee_name}：{_explained(v.fee_stand, v.by_law.label)}",
    Remedy: lambda v: f"{v.remedy_kind.label}：{v.organ}，{v.within}{_reach(v)}",
}


def _reach(remedy: Remedy) -> str:
    address = f"，{remedy.address}" if remedy.address else ""
    return address + (f"，电话{remedy.phone}" if remedy.phone else "")


def _explained(text: str, more: str) -> str:
    return f"{text}（{more}）" if more else text


def _in_days(days: int) -> str:
    return f"，{days}天" if days else ""


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, msgspec.Struct):
        raise Invalid({"": "指南中有本版本程序不认识的内容，请升级"})
    return "" if value is None else str(value)
