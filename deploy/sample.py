"""The demo's sample data and its self-check, both through the pages as they are served.

``fill`` is done once for a data folder; ``check`` may run any number of times and takes away again
what it enrolled. Nothing here writes to a database.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from deploy import casework, days_sample, demo_terminals, leave_sample, sign_ins
from deploy.applications import BY_HALL, STAFF, Application
from deploy.browser import Person, Refused
from deploy.casework import Taken, until
from deploy.run_demo import Demo, HallPlan
from deploy.sign_ins import Kiosk
from tests import pictures

Entries = dict[str, list[dict[str, Any]]]

_FIRST_PATIENCE_S = 120.0
_BEAT_S = 30.0


def fill(demo: Demo) -> Entries:
    """Wait until both halls follow the standards; the first time, bring in cases and people.

    Returns:
        Hall -> its terminals as they stand in demo.json, all of them paired.

    Raises:
        Refused: a page did not do what it should.
    """
    wanted = standards_of(demo)
    for plan in demo.halls:
        casework.wait_for_standards(person(demo, plan, "chuangkou"), wanted, _FIRST_PATIENCE_S)
    kept = demo.data / "furnished"
    if not kept.exists():
        with ThreadPoolExecutor(len(demo.halls)) as hands:
            list(hands.map(lambda plan: _furnish(demo, plan), demo.halls))
        kept.touch()
    return {plan.hall: [_entry(demo, plan), _zkteco(demo, plan)] for plan in demo.halls}


def standards_of(demo: Demo) -> int:
    """How much the center has published, by its overview page."""
    reconciler = Person(demo.center_url)
    reconciler.sign_in("duizhang", demo.password)
    return casework.standards_published(reconciler)


def person(demo: Demo, plan: HallPlan, login: str) -> Person:
    """Somebody of a hall who is signed in."""
    found = Person(demo.hall_url(plan))
    found.sign_in(login, demo.password)
    return found


def _entry(demo: Demo, plan: HallPlan) -> dict[str, str]:
    """The hall's kiosk: prepared at set-up, so that its address alone makes a browser it."""
    made = json.loads((demo.data / plan.hall / "kiosk.json").read_text("utf-8"))
    # The demo may run on other ports than the last time.
    _, _, fragment = made["url"].partition("#")
    url = f"{_terminal_url(plan)}/kiosk#{fragment}"
    return {"kind": "kiosk", "url": url, "serial": made["serial"]}


def _zkteco(demo: Demo, plan: HallPlan) -> dict[str, Any]:
    """The hall's terminal of another maker, with the staff behind its numbers."""
    numbers = demo_terminals.numbers_of(STAFF[plan.hall])
    return demo_terminals.entry(person(demo, plan, "admin"), plan.hall, numbers)


def keep_calling(demo: Demo, terminals: Entries) -> Callable[[], None]:
    """Let the halls' terminals report for as long as the demo runs.

    A day is final when every terminal has told what it saw: one that never calls again would keep
    all days provisional. A kiosk that a browser uses speaks for itself from then on.

    Returns:
        What is to be called every second or so, for the kiosks.
    """
    for plan in demo.halls:
        one = terminals[plan.hall][1]
        told = ("--serial", one["serial"], "--punches", "0", "--keep")
        demo.run(
            f"{plan.hall} zkteco", plan.data, "onehall-node", "try-terminal", one["url"], *told
        )
    kiosks, due = _idle_kiosks(demo, terminals), 0.0

    def beat() -> None:
        nonlocal due, kiosks
        if time.monotonic() >= due:
            due = time.monotonic() + _BEAT_S
            kiosks = [kiosk for kiosk in kiosks if sign_ins.beat(kiosk)]

    return beat


def _idle_kiosks(demo: Demo, terminals: Entries) -> list[Kiosk]:
    found = []
    for plan in demo.halls:
        # One that was revoked, or has a new key, is none of ours any more.
        with suppress(Refused):
            found.append(sign_ins.prepared_kiosk(terminals[plan.hall][0]["url"]))
    return found


def _terminal_url(plan: HallPlan) -> str:
    return f"http://127.0.0.1:{plan.terminal_port}"


def _furnish(demo: Demo, plan: HallPlan) -> None:
    clerk, reviewer = person(demo, plan, "chuangkou"), person(demo, plan, "shenpi")
    supervisor = person(demo, plan, "dudao")
    for staff_no, name, department, window in STAFF[plan.hall]:
        more = {"department": department, "window": window}
        sign_ins.add_member(supervisor, staff_no, name, more)
    for brought in BY_HALL[plan.hall]:
        case = casework.take_in(clerk, brought)
        if brought.outcome:
            casework.decide(reviewer, case, brought.outcome)
    administrator = person(demo, plan, "admin")
    demo_terminals.take_in(administrator, plan.hall, demo_terminals.numbers_of(STAFF[plan.hall]))
    team = leave_sample.Team(plan.hall, clerk, reviewer, supervisor, administrator)
    leave_sample.fill(team, STAFF[plan.hall][0][2])
    days_sample.fill(team)
    demo_terminals.so_far_today(demo_terminals.address(administrator, plan.hall), plan.hall)


# --- the self-check -------------------------------------------------------------------------------

_TEST_PERSON = "TEST-CHECK"
_TEST_PIN = "480726"


class _Steps:
    """Prints each step in a line, with the seconds it took."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def done(self, said: str) -> None:
        now = time.monotonic()
        print(f"  ✓ {now - self._at:6.2f} s  {said}", flush=True)
        self._at = now


def check(demo: Demo, terminals: Entries) -> int:
    """One case, one face punch and one of a ZKTeco terminal, end to end through hall and center.

    Returns:
        0 when both arrived as they should, else 1, with what was wrong as the last line.
    """
    steps, plan = _Steps(), demo.halls[0]
    try:
        reconciler = Person(demo.center_url)
        reconciler.sign_in("duizhang", demo.password)
        _check_case(demo, plan, reconciler, steps)
        kiosk = sign_ins.prepared_kiosk(terminals[plan.hall][0]["url"])
        _check_punch(person(demo, plan, "dudao"), kiosk, reconciler, steps)
        _check_zkteco(demo, plan, terminals[plan.hall][1]["url"], reconciler, steps)
    except (Refused, OSError) as failed:
        print(f"  ✕ {failed}", flush=True)
        return 1
    return 0


def _check_case(demo: Demo, plan: HallPlan, reconciler: Person, steps: _Steps) -> None:
    clerk, reviewer = person(demo, plan, "chuangkou"), person(demo, plan, "shenpi")
    steps.done(f"{plan.name}: clerk and reviewer are signed in")
    brought = Application(
        item="GA001", name="核验测试", serial=secrets.randbelow(999), born="19900101"
    )
    case = casework.take_in(clerk, brought)
    steps.done(f"case {case.case_no} is taken in and accepted at the window")
    casework.decide(reviewer, case, "granted")
    steps.done("the department has decided it")
    sizes = casework.wait_for_receipt(clerk)
    steps.done(f"the center's receipt is at the hall ({sizes.receipted} entries)")
    _expect_judged(reconciler, plan.hall, case)
    steps.done("the case stands in the center's tables, judged by its standard, nothing found")


def _expect_judged(reconciler: Person, hall: str, case: Taken) -> None:
    def decided() -> str | None:
        page = casework.seen_at_center(reconciler, hall, case)
        return page.words if page is not None and "审批决定" in page.words else None

    words = until("the case at the center", decided)
    if case.case_no not in words or "没有发现" not in words:
        raise Refused(f"the center shows something else of {case.case_no}: {words[:600]}")


def _check_punch(supervisor: Person, kiosk: Kiosk, reconciler: Person, steps: _Steps) -> None:
    sign_ins.add_member(supervisor, _TEST_PERSON, "核验测试", {"department": "演示核验"})
    try:
        if "恢复在岗" in supervisor.open(f"/staff/{_TEST_PERSON}").words:
            sign_ins.step(supervisor, _TEST_PERSON, "return")
        sign_ins.set_pin(supervisor, _TEST_PERSON, _TEST_PIN)
        sign_ins.enrol(supervisor, _TEST_PERSON, _TEST_PIN, pictures.enrolment("obama"))
        steps.done("a test person has consented and is enrolled by three pictures")
        _punch_and_look(supervisor, kiosk, reconciler, steps)
    finally:
        sign_ins.step(supervisor, _TEST_PERSON, "leave")
    if sign_ins.punch(kiosk, pictures.frames("obama"))["outcome"] != "unknown":
        raise Refused("the kiosk still knows the test person's face")
    steps.done("the test person is removed again: consent ended, face and PIN deleted")


def _punch_and_look(supervisor: Person, kiosk: Kiosk, reconciler: Person, steps: _Steps) -> None:
    before = casework.punches_at_center(reconciler, _TEST_PERSON)
    told = sign_ins.punch(kiosk, pictures.frames("obama"), _TEST_PERSON, _TEST_PIN)
    if told["way"] != "face_pin":
        raise Refused(f"the kiosk did not recognise the test person: {told}")
    steps.done(f"the kiosk has recognised the face: {' '.join(told['message'].split())}")
    casework.wait_for_receipt(supervisor)
    until(
        "the punch at the center",
        lambda: casework.punches_at_center(reconciler, _TEST_PERSON) > before,
    )
    steps.done("the punch stands at the center, with its grade and without a face")


def _check_zkteco(demo: Demo, plan: HallPlan, url: str, reconciler: Person, steps: _Steps) -> None:
    staff_no = STAFF[plan.hall][0][0]
    before = casework.punches_at_center(reconciler, staff_no)
    demo_terminals.punch(url, plan.hall, "1")
    steps.done("a ZKTeco terminal was told that its punch is safe")
    casework.wait_for_receipt(person(demo, plan, "dudao"))
    until(
        "the terminal's punch at the center",
        lambda: casework.punches_at_center(reconciler, staff_no) > before,
    )
    steps.done("the terminal's punch stands at the center, under the name behind its number")
