"""What people at a hall do all day, drawn from the seed: cases, steps, punches, answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Annotated, ClassVar

from standards.records import (
    CaseReceived,
    CaseStep,
    FaceConsent,
    Finding,
    FindingAnswer,
    Punch,
    StaffMember,
)
from standards.records.cases import STEPS
from standards.records.declare import Field, Owner, Record
from sync.entries import new_id
from sync.recovery.epochs import in_order
from tests.simulation.machines import GUIDE, Appointment, HallMachine

NAMES = ("张三", "李四", "欧阳娜娜", "王小明")
PAPERS = ("11010519491231002X", "440524188001010014")
MATERIALS = tuple(material.code for material in GUIDE.materials)


@dataclass(frozen=True)
class Writing:
    """One record that somebody wants to write."""

    record: Record
    actor: str
    record_id: str | None = None


class WideStep(Record, frozen=True, kw_only=True):
    """A step whose text passes the bounds that everybody else keeps."""

    kind: ClassVar[str] = "case_step"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "办件环节"

    case_id: Annotated[str, Field(label="办件")]
    step: Annotated[str, Field(label="环节")]
    day: Annotated[date, Field(label="日期")]


def plan(draw: Random, machine: HallMachine) -> list[Writing]:
    """What is written next, in one transaction."""
    if machine.foreign and draw.random() < 0.5:
        return _careless(draw, machine)
    choice = draw.random()
    if choice < 0.45:
        return _new_case(draw, machine)
    if choice < 0.75:
        return _next_step(draw, machine)
    return [_presence(draw, machine)]


def _actor(draw: Random, machine: HallMachine) -> str:
    return f"{machine.name}-00{draw.randint(1, 3)}"


def _new_case(draw: Random, machine: HallMachine) -> list[Writing]:
    case_id = new_id(machine.hall.clock.posix_ms())
    received = CaseReceived(
        case_no=f"{machine.name}-{draw.randrange(10**6)}",
        item=GUIDE.item,
        guide_version=draw.choice((1, 1, 1, 2, 9)),
        received_on=machine.hall.clock.today() + timedelta(days=draw.choice((0, 0, 0, 3))),
        materials=MATERIALS[: draw.choice((len(MATERIALS), 0))],
        applicant_name=draw.choice(NAMES),
        paper_no=draw.choice(PAPERS),
        mobile="13812345678",
    )
    found = [Writing(received, _actor(draw, machine), case_id)]
    if draw.random() < 0.3:
        found.append(_step(draw, machine, case_id, "accepted"))
    return found


def _step(draw: Random, machine: HallMachine, case_id: str, step: str) -> Writing:
    today = machine.hall.clock.today()
    outcome = draw.choice(("granted", "denied")) if step == "decided" else ""
    record = CaseStep(
        case_id=case_id,
        step=step,
        day=today,
        materials=MATERIALS if step == "corrected" else (),
        legal_due=today + timedelta(days=20) if step == "accepted" else None,
        outcome=outcome,
        opinion=draw.choice(("", "材料齐全,符合法定形式")),
    )
    return Writing(record, _actor(draw, machine))


def _open_cases(machine: HallMachine) -> list[str]:
    rows = machine.hall.db.query(
        "SELECT id FROM case_standing WHERE hall = :hall AND stage IN "
        "('received', 'notified', 'corrected', 'accepted') ORDER BY id",
        hall=machine.name,
    )
    return [row["id"] for row in rows]


def _next_step(draw: Random, machine: HallMachine) -> list[Writing]:
    cases = _known_cases(machine) if machine.foreign else _open_cases(machine)
    if not cases:
        return _new_case(draw, machine)
    return [_step(draw, machine, draw.choice(cases), draw.choice(sorted(STEPS)))]


def _known_cases(machine: HallMachine) -> list[str]:
    """A hall of another make keeps no table of ours: its cases are read from its log."""
    logs = machine.hall.logs
    own = in_order(s.origin for s in logs.states() if s.own)
    leaves = [leaf for o in own for leaf in logs.leaves(o, 0, logs.state(o).size)]
    return [_id_of(leaf) for leaf in leaves if b'"kind":"case_received"' in leaf]


def _id_of(leaf: bytes) -> str:
    return leaf.partition(b'"id":"')[2][:36].decode()


def _presence(draw: Random, machine: HallMachine) -> Writing:
    actor, today = _actor(draw, machine), machine.hall.clock.today()
    found = machine.hall.db.query("SELECT id FROM finding ORDER BY id LIMIT 1")
    records: list[Record] = [
        Punch(
            staff_no=actor, punched_at=f"{today}T08:30:00+08:00", way="face", grade="B", reason="迟"
        ),
        StaffMember(staff_no=actor, name=draw.choice(NAMES), mobile="13812345678"),
        FaceConsent(staff_no=actor, notice_version=1, given=True, day=today),
    ]
    if found:
        answer = FindingAnswer(
            finding_id=found[0]["id"], measure="rectified", done_on=today, text="已经整改"
        )
        records.append(answer)
    return Writing(draw.choice(records), actor)


def _careless(draw: Random, machine: HallMachine) -> list[Writing]:
    """What software of another make may write: each must cost itself and its own matter only."""
    cases, actor = _known_cases(machine), _actor(draw, machine)
    nowhere = new_id(machine.hall.clock.posix_ms())
    case = draw.choice([*cases, nowhere])
    today = machine.hall.clock.today()
    again = _new_case(draw, machine)[0].record
    choices = [
        [Writing(again, actor, case)],
        [Writing(CaseStep(case_id=nowhere, step="accepted", day=today), actor)],
        [Writing(WideStep(case_id=case, step="受" * 60, day=today), actor)],
        [Writing(Appointment(staff_no=actor, name=draw.choice(NAMES)), actor)],
        [Writing(Finding(for_hall=machine.name, source="judged", rule="made_up"), actor)],
        [Writing(CaseStep(case_id=case, step="notified", day=date.max), actor)],
    ]
    return draw.choice(choices)
