"""Erasures and epochs, ended at named points."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from io import BytesIO

from node.hall import Hall
from node.safekeeping import archives
from standards.records import CaseReceived, CaseStep
from tests.failpoints.files import scanned
from tests.failpoints.machines import OWN, Machines
from tests.failpoints.work import MANY, PROGRAMS, SERIALS, data, plain
from tests.releases.content import GUIDES


def cases_to_erase(machines: Machines) -> None:
    """Cases that are over, each with a scan, at both sides."""
    with machines.hall() as hall:
        machines.numbers = [_case_to_erase(hall) for _ in range(MANY)]
    machines.hall_runs("sync")
    machines.rest()


def _case_to_erase(hall: Hall) -> str:
    number = f"T01-{next(SERIALS)}"
    case = CaseReceived(
        case_no=number,
        item=GUIDES[0].item,
        guide_version=99,
        received_on=date(2026, 11, 24),
        applicant_name=f"被删除{number}",
        paper_no="11010519491231002X",
        mobile="13812345678",
    )
    case_id = hall.write(case, actor="T01-001").leaf.id
    kept = archives.archive_of(hall).keep(BytesIO(plain()), archives.file_secret(hall))
    hall.write(scanned(case_id, kept), actor="T01-001")
    step = CaseStep(case_id=case_id, step="withdrawn", day=date(2026, 11, 24))
    hall.write(step, actor="T01-001")
    return number


def erases(machine: str) -> Callable[[Machines, str], bool]:
    """The next case's data are erased by order, here."""

    def run(machines: Machines, armed: str) -> bool:
        hall = ("T01",) if machine == "center" else ()
        number = machines.numbers.pop()
        order = ("--ground", "purpose_over", "--document", "通删〔2026〕1号")
        people = ("--ordered-by", "T01-001", "--carried-out-by", "T01-002", "--yes")
        words = ("erase", *hall, "case", number, *order, *people, *data(machines, machine))
        return machines.runs(PROGRAMS[machine], *words, armed=armed)

    return run


def hears_of_erasure(machines: Machines, armed: str) -> bool:
    """The center ordered it, and the hall carries it out when the order arrives."""
    erases("center")(machines, "")
    return machines.hall_runs("sync", armed=armed)


def erased_everywhere(machines: Machines) -> None:
    """Nobody has a part of any of them."""
    for _ in range(2):
        machines.hall_runs("sync")
        machines.rest()
    with machines.hall() as hall, machines.center() as center:
        for logs in (hall.logs, center.logs):
            erased = logs.db.query("SELECT log, idx FROM erased")
            assert erased
            assert not any(logs.personal(e["log"], e["idx"], e["idx"] + 1) for e in erased)


def database_put_back(machines: Machines) -> None:
    """The hall's database is put back from a copy, the file beside it is not."""
    _copy_back(machines, ("node.db",))


def folder_put_back(machines: Machines) -> None:
    """Database and high-water mark are put back, and somebody writes before anybody notices."""
    _copy_back(machines, ("node.db", "highwater"))
    machines.work(newer=False)


def _copy_back(machines: Machines, names: tuple[str, ...]) -> None:
    hall, old = machines.folder / "hall", machines.folder / "old"
    machines.hall_runs("sync")
    old.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(hall / name, old / name)
    machines.work(newer=False)
    machines.hall_runs("sync")
    machines.rest()
    for name in names:
        for path in hall.glob(f"{name}*"):
            path.unlink()
        shutil.copy(old / name, hall / name)


def starts_and_asks(machines: Machines, armed: str) -> bool:
    """The hall's first start after that, and its first contact."""
    return machines.hall_runs("sync", armed=armed)


def epochs_in_step(machines: Machines) -> None:
    """Every epoch stands at the center as it stands here."""
    for _ in range(3):
        with suppress(KeyError):
            machines.synced()
        machines.rest()
    sql = "SELECT origin, size FROM log WHERE writer = 'T01'"
    here, there = (dict(machines.rows(machine, sql)) for machine in ("hall", "center"))
    assert here == there and len(here) > 1 and OWN in here
