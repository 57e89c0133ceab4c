"""Who must approve a request, and whether somebody may: the table of chains, applied.

Pure. A chain follows from the office that the applicant holds, the kinds asked for and the length.
The steps are fixed when leave is asked for; who may decide is whoever holds the office when it is
decided. Nobody decides on the own request, and what needs the department's and the hall's approval
(双向请假) needs two people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from standards.errors import Invalid
from standards.leave_life import due_steps
from standards.leave_rules import Chain, LeaveRules, Office
from standards.records.leave import LeaveStanding, LeaveStep, OfficeHeld


@dataclass(frozen=True)
class Seats:
    """Who holds which office on a day.

    Args:
        held: (office, department, staff number); the department is empty for offices of the hall.
        by_role: office -> those who hold it by the role of their account.
    """

    held: frozenset[tuple[str, str, str]] = frozenset()
    by_role: frozenset[tuple[str, str]] = frozenset()

    def holders(self, office: Office, department: str) -> frozenset[str]:
        """Staff numbers of those who hold an office for a department."""
        where = department if office.of_department else ""
        named = {no for code, of, no in self.held if code == office.code and of == where}
        return frozenset(named | {no for code, no in self.by_role if code == office.code})

    def offices_of(self, staff_no: str) -> set[str]:
        """Codes of the offices that somebody holds."""
        named = {code for code, _, no in self.held if no == staff_no}
        return named | {code for code, no in self.by_role if no == staff_no}


def seats_on(held: Iterable[OfficeHeld], day: date, active: Collection[str]) -> Seats:
    """The offices held on a day, of the latest entries; who has left the post holds none."""
    latest = {(one.staff_no, one.office, one.department): one for one in held}
    return Seats(
        frozenset(
            (one.office, one.department, one.staff_no)
            for one in latest.values()
            if one.since <= day and (one.until is None or day <= one.until)
            if one.staff_no in active
        )
    )


@dataclass(frozen=True)
class Applicant:
    """Who asks."""

    staff_no: str
    department: str = ""


def row_of(
    rules: LeaveRules, offices: Collection[str], groups: Collection[str], minutes: int
) -> Chain:
    """The row of the table that fits: the first one.

    Raises:
        Invalid: none does; the table lacks a row for everybody.
    """
    for chain in rules.chain:
        fits_kind = not chain.group or set(groups) == {chain.group}
        fits_person = not chain.applicant or chain.applicant in offices
        if fits_kind and fits_person and (not chain.up_to or minutes <= chain.up_to):
            return chain
    raise Invalid({"": "审批规则没有适用的一行，请联系管理员"})


def steps_for(
    rules: LeaveRules, seats: Seats, who: Applicant, groups: Collection[str], minutes: int
) -> tuple[LeaveStep, ...]:
    """The approvals that a request needs.

    Where nobody but the applicant holds an office, the one above it decides; two steps that come to
    the same office become one.

    Raises:
        Invalid: nobody may decide.
    """
    chain = row_of(rules, seats.offices_of(who.staff_no), groups, minutes)
    found: dict[str, LeaveStep] = {}
    for rank, offices in enumerate(chain.ranks):
        for code in offices:
            office = _filled(rules, seats, who, code)
            planned = "" if office.code == code else code
            # A later rank outweighs an earlier one: whoever decides last, decides.
            found[office.code] = LeaveStep(
                office=office.code, rank=rank, side=office.side, planned=planned
            )
    return tuple(found.values())


def _filled(rules: LeaveRules, seats: Seats, who: Applicant, code: str) -> Office:
    seen: set[str] = set()
    while code and code not in seen:
        seen.add(code)
        office = rules.office_of(code)
        if office is None:
            break
        if seats.holders(office, who.department) - {who.staff_no}:
            return office
        code = office.above
    raise Invalid({"": "没有人可以审批这次请假：请管理员在“任职”页登记审批职务"})


def may_decide(
    standing: LeaveStanding, rules: LeaveRules, seats: Seats, actor: Applicant
) -> tuple[str, ...]:
    """The offices for which somebody may decide on a request now; empty when for none.

    Args:
        actor: who decides; ``department`` is that of the applicant.
    """
    if standing.stage != "pending" or actor.staff_no == standing.staff_no:
        return ()
    found = []
    for step in due_steps(standing.steps, standing.decided):
        office = rules.office_of(step.office)
        if office is None or actor.staff_no not in seats.holders(office, actor.department):
            continue
        if actor.staff_no not in _other_side(standing, step.side):
            found.append(step.office)
    return tuple(found)


def _other_side(standing: LeaveStanding, side: str) -> set[str]:
    """Who has decided for the other side: department and hall are two people."""
    sides = {step.office: step.side for step in standing.steps}
    done = zip(standing.decided, standing.deciders, strict=False)
    return {who for office, who in done if sides.get(office, "hall") != side}


def check_decision(
    standing: LeaveStanding, office: str, offices: Collection[str], granted: bool, opinion: str
) -> None:
    """Whether a decision may be written.

    Args:
        offices: for which the decider may decide, of :func:`may_decide`.

    Raises:
        Invalid: not this person's to decide, or without words (意见不能只签名字).
    """
    if office not in offices:
        raise Invalid(
            {"": "这次请假现在不由您审批：可能已有人处理，或您是申请人、已代表另一方审批"}
        )
    if not opinion.strip():
        raise Invalid({"opinion": "请写明意见" if granted else "请写明不批准的理由"})
