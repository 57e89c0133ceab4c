"""One request of leave: its page, and each thing that can be done with it.

Who may do what is said by `node.leave` and `attendance.leave_chain`; a step that was overtaken by
another one is refused in words and shown as things stand now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response

from node.desk import actor, hall, today
from node.leave import balances, leave, leave_form, leave_words, leavebook, own_hours
from node.leave.leave_sight import beside, line_of, names, sight_of, the_leave
from standards.errors import Invalid
from standards.records import LeaveDecision, LeaveReturned, LeaveStanding
from web import access, logs, page

pages = Blueprint("leave_steps", __name__, url_prefix="/leave")

_LONGEST = 500


@pages.get("/<uuid:request_id>")
@access.anyone_signed_in
def one(request_id: object) -> str:
    """One request: where it stands, and what the signed-in person can do with it."""
    return leave_page(str(request_id), {})


def leave_page(request_id: str, wrong: Mapping[str, str]) -> str:
    """The page of a request, with what is wrong in one of its forms."""
    here, file = hall(), the_leave(request_id)
    now, rules = file.standing, leavebook.rules(here)
    sight = sight_of(now)
    may_return = leave.may_return(here, now) and (
        sight.own or access.current_staff().holds("supervisor")
    )
    return render_template(
        "leave/one.html",
        file=file,
        line=line_of(now),
        sight=sight,
        grounds=leave_words.grounds_of(now.legs, file.claims, rules),
        chain=leave_words.chain_told(now, rules),
        one_sided=any(_is_department(step.planned) for step in now.steps),
        papers=leavebook.papers_of(here, now.id) if sight.sees_reason else [],
        certificate=leave.needs_paper(here, now),
        names=names(),
        beside=beside(now) if sight.decides else [],
        annual=balances.annual(here, now.staff_no, now.first) if sight.sees_reason else None,
        words=leave_words,
        rules=rules,
        late=leave.is_late(here, now),
        may_withdraw=leave.may_withdraw(here, now, actor()),
        may_return=may_return,
        points={"am": "上班时", "pm": "下午上班时", **_times(now.staff_no)},
        today=today(),
        errors=wrong,
        done=request.args.get("done", ""),
    )


def _times(staff_no: str) -> dict[str, str]:
    reach = own_hours.reach_of(hall(), staff_no)
    begins, _ = leave_form.points(leavebook.rules(hall()), reach)
    return {point: words for point, words in begins.items() if point not in ("am", "pm")}


def _is_department(code: str) -> bool:
    office = leavebook.rules(hall()).office_of(code)
    return office is not None and office.side == "department"


@pages.post("/<uuid:request_id>/withdraw")
@access.anyone_signed_in
def withdraw(request_id: object) -> tuple[str, int] | Response:
    """Withdraw the own request."""
    return _follow(str(request_id), "withdrawn", lambda now: leave.withdraw(hall(), now, actor()))


@pages.post("/<uuid:request_id>/return")
@access.anyone_signed_in
def come_back(request_id: object) -> tuple[str, int] | Response:
    """Back on post: the applicant says so, or a supervisor."""

    def effect(now: LeaveStanding) -> None:
        if now.staff_no != actor() and not access.current_staff().holds("supervisor"):
            raise Invalid({"": "由本人或督导销假"})
        point = request.form.get("back_from", "am")
        if point not in ("am", "pm", *_times(now.staff_no)):
            raise Invalid({"back_from": "请从列表中选择时间"})
        record = page.read(LeaveReturned, request.form, request_id=now.id, back_from=point)
        leave.come_back(hall(), now, actor(), record)

    return _follow(str(request_id), "returned", effect)


@pages.post("/<uuid:request_id>/stand-in")
@access.anyone_signed_in
def answer(request_id: object) -> tuple[str, int] | Response:
    """The stand-in says whether the post is covered."""

    def effect(now: LeaveStanding) -> None:
        agreed = request.form.get("agreed") == "1"
        leave.answer_stand_in(hall(), now, actor(), agreed, _opinion())

    return _follow(str(request_id), "answered", effect)


@pages.post("/<uuid:request_id>/decide")
@access.anyone_signed_in
def decide(request_id: object) -> tuple[str, int] | Response:
    """One office decides; whether this person may is said by `attendance.leave_chain`."""

    def effect(now: LeaveStanding) -> None:
        record = LeaveDecision(
            request_id=now.id,
            office=request.form.get("office", "")[:40],
            granted=request.form.get("granted") == "1",
            opinion=_opinion(),
        )
        leave.decide(hall(), now, actor(), record)

    return _follow(str(request_id), "decided", effect)


def _opinion() -> str:
    text = request.form.get("opinion", "").replace("\r\n", "\n").strip()
    if len(text) > _LONGEST or not text.replace("\n", "").isprintable():
        raise Invalid({"opinion": f"最多 {_LONGEST} 个字"})
    return text


def _follow(
    request_id: str, done: str, effect: Callable[[LeaveStanding], None]
) -> tuple[str, int] | Response:
    sight_of(the_leave(request_id).standing)

    def write() -> str:
        now = leavebook.standing_of(hall(), request_id)
        assert now is not None
        effect(now)
        logs.event("leave.step", leave=request_id, step=done)
        return url_for("leave_steps.one", request_id=request_id, done=done)

    try:
        return page.answer_once(write)
    except Invalid as wrong:
        return leave_page(request_id, wrong.fields), 422
