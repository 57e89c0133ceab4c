"""依法删除: who may have which entries erased (个人信息保护法 47). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from standards.cases import is_open
from standards.errors import Invalid
from standards.records.declare import Named
from standards.records.erasures import MOST_ENTRIES


@dataclass(frozen=True)
class Matter:
    """What an erasure is about: one case or one member of staff, and all that names the person.

    Args:
        about: a key of ``ABOUT``; about_id: the case's id, or the staff number.
        stage: where a case stands; empty for staff.
        active: whether the member of staff is on post.
        entries: those whose personal parts stand.
    """

    about: str
    about_id: str
    title: str
    stage: str
    active: bool
    entries: tuple[Named, ...]


def hindrance(matter: Matter) -> str:
    """Why a matter cannot be erased now, or nothing."""
    if matter.about == "case" and is_open(matter.stage):
        return "办件尚未办结，申请人信息仍为办理所必需，不能删除"
    if matter.about == "staff" and matter.active:
        return "工作人员尚在岗，不能删除；请先办理离岗"
    return "" if matter.entries else "没有可以删除的个人信息（可能已经删除）"


def check(matter: Matter, ordered_by: str, carried_out_by: str) -> None:
    """Raises Invalid: the matter cannot be erased now, or one person alone wants it."""
    wrong = {}
    if said := hindrance(matter):
        wrong["number"] = said
    if ordered_by == carried_out_by:
        wrong["second"] = "决定人和执行人必须是两个人"
    if wrong:
        raise Invalid(wrong)


def portions(entries: Sequence[Named]) -> Iterator[tuple[Named, ...]]:
    """As many entries as one order can name, at a time."""
    for start in range(0, len(entries), MOST_ENTRIES):
        yield tuple(entries[start : start + MOST_ENTRIES])
