"""补签与申诉: who may decide a request, and the punches that follow from a granted one. Pure.

A request is decided by another person than the one who made it and than anybody it is about.
Punches that a person's word makes are of grade D, manual for ever, and the day they lead to can be
appealed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from standards.errors import Invalid
from standards.records import AttendanceRequest, Punch

WAYS = {"bulk": "bulk", "missed": "supervisor"}


def refuse_decider(request: AttendanceRequest, requested_by: str, decider: str) -> None:
    """Nobody decides what they asked for, or what is about them.

    Raises:
        Invalid: with the words for the page.
    """
    if decider == requested_by:
        raise Invalid({"": "申请人不能自己决定，请另一位负责人办理"})
    if decider in request.staff:
        raise Invalid({"": "申请涉及本人，请另一位负责人办理"})


def granted_punches(request: AttendanceRequest, decider: str) -> list[Punch]:
    """One punch for each person and moment; none for what asks for no punch."""
    way = WAYS.get(request.matter)
    if way is None:
        return []
    return [
        Punch(
            staff_no=staff_no,
            punched_at=moment,
            way=way,
            grade="D",
            terminal=request.terminal,
            witness=decider,
            reason=request.reason,
        )
        for staff_no in request.staff
        for moment in request.moments
    ]


def moved_punch(punch: Punch, staff_no: str) -> Punch | None:
    """The same sign for the person whose it is; None where nobody is named, or it cannot be.

    Only what a terminal told of a number becomes somebody else's: who was proven by face or PIN
    was proven, and a person's word for somebody is not a word for another.
    """
    if not staff_no or punch.grade != "V":
        return None
    return replace(punch, staff_no=staff_no)


def checked_reason(text: str, name: str = "reason", most: int = 500) -> str:
    """What somebody wrote to explain it.

    Raises:
        Invalid: nothing was written, or too much.
    """
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Invalid({name: "请写明理由"})
    if len(text) > most or not text.replace("\n", " ").isprintable():
        raise Invalid({name: f"理由最多 {most} 个字，不能有控制字符"})
    return text


def chosen(wanted: Iterable[str], known: Collection[str], name: str, said: str) -> tuple[str, ...]:
    """What was ticked, in order and once each.

    Raises:
        Invalid: nothing, or something that was not offered.
    """
    found = tuple(dict.fromkeys(wanted))
    if not found or any(one not in known for one in found):
        raise Invalid({name: said})
    return found
