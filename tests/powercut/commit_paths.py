"""Every way in which the product promises something: what the recorder runs, one after the other.

Each path has a part that prepares, which is not recorded, and the recorded one. What people or
machines were told stands as a mark behind the write that it relies on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

from aggregator import commands as center_commands
from aggregator.center import Center
from aggregator.receiving.apply import apply_all
from node import commands as hall_commands
from node.app import create_app
from node.hall import Hall
from node.outbox.syncing import apply_down, contact
from standards.cases import PROJECTIONS
from standards.catalogue import starter_guides
from standards.records import (
    RECORDS,
    CaseReceived,
    CaseStep,
    FaceConsent,
    Finding,
    NumberScheme,
    Punch,
    StaffMember,
)
from sync.applied.applying import rebuild
from sync.contact.sending import next_batch
from sync.storage.schema import DDL
from sync.storage.tables import Tables
from tests.node.hall import ORGANISATION, Browser, complete, few, take_in
from tests.powercut import preload
from tests.powercut.stage import (
    CENTER,
    HALL,
    NAME,
    OFFICE,
    SETTINGS,
    STANDARDS,
    DirectLine,
    Stage,
    mark_receipt,
    mark_sizes,
)

GUIDE = few(starter_guides())[0]
DAY = date(2026, 11, 24)
ACTOR = "T01-001"


@dataclass(frozen=True)
class CommitPath:
    """One path, and the machines whose disks it is played on.

    Args:
        rewrites: machines whose logs do not only grow meanwhile, or lose personal parts: there the
            committed states alone say what may stand.
    """

    name: str
    machines: tuple[str, ...]
    prepare: Callable[[Stage], None]
    run: Callable[[Stage], None]
    rewrites: tuple[str, ...] = ()


# --- preparing ----------------------------------------------------------------------------------


def nothing(_stage: Stage) -> None:
    """Start on empty folders."""


def in_step(stage: Stage) -> None:
    """An enrolled hall with its people, which follows the published standards."""
    with stage.both() as (hall, center):
        stage.enrol(hall, center)
        for record in STANDARDS:
            center.publish(record, actor="C-003")
        contact(hall, DirectLine(center))


def with_cases(stage: Stage) -> None:
    """As :func:`in_step`, with cases that were not sent yet."""
    in_step(stage)
    with stage.hall() as hall:
        write_cases(hall, 6)


def receipted(stage: Stage) -> None:
    """As :func:`with_cases`, received at the center and not applied yet."""
    with_cases(stage)
    with stage.both() as (hall, center):
        contact(hall, DirectLine(center))


def with_orders(stage: Stage) -> None:
    """The center has new standards and a finding that the hall has not fetched."""
    in_step(stage)
    with stage.center() as center:
        publish(center)


def before_checkpoint(stage: Stage) -> None:
    """A machine that was cut off with a long write-ahead log, short of being written back."""
    in_step(stage)
    log = stage.folder / HALL / "node.db-wal"
    with _cut_off(stage), stage.hall() as hall:
        while log.stat().st_size < 950 * 4120:
            write_cases(hall, 1)
        _keep(stage)


def cut_off(stage: Stage) -> None:
    """Both machines were cut off at work."""
    in_step(stage)
    with _cut_off(stage), stage.both() as (hall, center):
        write_cases(hall, 4)
        contact(hall, DirectLine(center))
        write_cases(hall, 1)
        _keep(stage)


@contextmanager
def _cut_off(stage: Stage) -> Iterator[None]:
    """Afterwards the folders stand as they did at :func:`_keep`, before any program ended."""
    yield
    for machine in (HALL, CENTER):
        shutil.rmtree(stage.folder / machine)
        (stage.folder / "kept" / machine).rename(stage.folder / machine)
    (stage.folder / "kept").rmdir()


def _keep(stage: Stage) -> None:
    for machine in (HALL, CENTER):
        shutil.copytree(stage.folder / machine, stage.folder / "kept" / machine)


def of_an_older_version(stage: Stage) -> None:
    """A database that a version with fewer kinds of records made and wrote to."""
    kinds = tuple(kind for kind in RECORDS if kind in (CaseReceived, CaseStep, StaffMember))
    tables = Tables(kinds, PROJECTIONS)
    SETTINGS.save(stage.folder / HALL)
    with stage.hall() as hall:
        write_cases(hall, 2)
        kept = {*tables.names(), *(_name_of(statement) for statement in DDL)}
        rows = hall.db.query(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        for row in rows:
            if row["name"] not in kept:
                hall.db.execute(f"DROP TABLE {row['name']}")


def _name_of(statement: str) -> str:
    return statement.split("EXISTS ")[1].split(" ")[0]


# --- writing ------------------------------------------------------------------------------------


def case(number: int) -> CaseReceived:
    """A case with every personal field."""
    return CaseReceived(
        case_no=f"T01-202611241{number:04}",
        item=GUIDE.item,
        guide_version=GUIDE.version,
        received_on=DAY,
        applicant_name="欧阳测试",
        paper_no="11010519491231002X",
        mobile="13800138000",
        materials=tuple(complete(GUIDE)),
    )


def write_cases(hall: Hall, count: int) -> None:
    """Cases with the step that follows, each in one transaction as the pages do it."""
    for _ in range(count):
        with hall.db.transaction():
            entry = hall.write(case(hall.state().size), actor=ACTOR)
            step = CaseStep(
                case_id=entry.leaf.id, step="accepted", day=DAY, legal_due=date(2026, 12, 22)
            )
            hall.write(step, actor=ACTOR)
        mark_sizes(HALL, hall.logs)


def publish(center: Center) -> None:
    """A changed number scheme for all halls and a finding for one."""
    template = "{hall}-{date}{epoch}{serial:04d}{tail}"
    center.publish(NumberScheme(version=2, template=template), actor="C-003")
    mark_sizes(CENTER, center.logs)
    for dimension in ("premises", "windows", "amenities", "premises", "windows"):
        finding = Finding(
            for_hall=SETTINGS.hall,
            source="inspection",
            severity="minor",
            dimension=dimension,
            clause="5.1",
            text="样品台无标识",
        )
        center.order(SETTINGS.hall, finding, actor="ZX-07")
        mark_sizes(CENTER, center.logs)


# --- the recorded parts -------------------------------------------------------------------------


def set_up(stage: Stage) -> None:
    """The two commands of a first start, as an administrator types them."""
    hall, center = stage.folder / HALL, stage.folder / CENTER
    told = ["init", "--hall", SETTINGS.hall, "--name", SETTINGS.name, "--center", NAME]
    hall_commands.main([*told, "--data", str(hall)], standalone_mode=False)
    _mark_files(HALL, hall)
    account = ["account", "root", "--staff-no", "T01-006", "--name", "系统", "--role"]
    account += ["administrator", "--password", "窗口-十点-茶-一杯-热", "--data", str(hall)]
    hall_commands.main(account, standalone_mode=False)
    preload.mark("account", machine=HALL, login="root")
    told = ["init", "--center", NAME, "--name", OFFICE.name, "--data", str(center)]
    center_commands.main(told, standalone_mode=False)
    _mark_files(CENTER, center)


def _mark_files(machine: str, folder: Path) -> None:
    """The administrator was told that the machine is set up: settings and keys stay."""
    for path in (*folder.glob("*.toml"), *folder.glob("keys/*.key")):
        content = sha256(path.read_bytes()).hexdigest()
        name = str(path.relative_to(folder))
        preload.mark("kept", machine=machine, path=name, content=content)


def start(stage: Stage) -> None:
    """The first start over empty folders: tables, keys, empty logs."""
    with stage.both() as (hall, center):
        mark_sizes(HALL, hall.logs)
        mark_sizes(CENTER, center.logs)


def enrolling(stage: Stage) -> None:
    """A hall becomes known to the center."""
    with stage.both() as (hall, center):
        stage.enrol(hall, center)


def windows(stage: Stage) -> None:
    """A day at the window and the reviewer's desk, through the pages."""
    with stage.hall() as hall:
        app = create_app(hall)
        window = Browser(app.test_client()).sign_in("li")
        desk = Browser(app.test_client()).sign_in("wang")
        first, *rest = complete(GUIDE)

        def told(case_id: str) -> None:
            size = hall.state().size
            preload.mark("answered", machine=HALL, origin=hall.origin, size=size, case=case_id)

        accepted = take_in(window, GUIDE)
        told(accepted)
        notified = take_in(window, GUIDE, "notify", materials=[first])
        told(notified)
        told(take_in(window, GUIDE, "receive", **ORGANISATION))
        for page, browser, path, form in (
            ("correct", window, f"/cases/{notified}/correct", {"materials": rest}),
            ("accept", window, f"/cases/{notified}/accept", {}),
            ("decide", desk, f"/review/{accepted}", {"outcome": "granted", "opinion": "符合"}),
        ):
            answer = browser.post(path, form)
            assert answer.status_code == 303, (page, answer.text)
            told(accepted if page == "decide" else notified)


def punches(stage: Stage) -> None:
    """Staff, consents and punches, one after the other."""
    with stage.hall() as hall:
        for number in range(3):
            staff_no = f"T01-{number:03}"
            hall.write(StaffMember(staff_no=staff_no, name="李四"), actor=ACTOR)
            mark_sizes(HALL, hall.logs)
            consent = FaceConsent(staff_no=staff_no, notice_version=1, given=True, day=DAY)
            hall.write(consent, actor=ACTOR)
            mark_sizes(HALL, hall.logs)
            at = "2026-11-24T08:29:57+08:00"
            hall.write(Punch(staff_no=staff_no, punched_at=at, way="pin", grade="C"), actor=ACTOR)
            mark_sizes(HALL, hall.logs)


def pushing(stage: Stage) -> None:
    """A contact: batches up, receipts down; then one batch comes a second time."""
    with stage.both() as (hall, center):
        contact(hall, DirectLine(center))
        mark_sizes(HALL, hall.logs)
        sealed_to = center.sealing.public
        again = next_batch(hall.logs, hall.origin, 0, hall.signer, sealed_to)
        assert again is not None
        mark_receipt(center, DirectLine(center).send("POST", "/sync/v1/logs/T01/1", again, ""))


def fetching(stage: Stage) -> None:
    """A contact that brings standards and findings down, and their applying."""
    with stage.both() as (hall, center):
        contact(hall, DirectLine(center))
        apply_down(hall)
        mark_sizes(HALL, hall.logs)
        write_cases(hall, 1)


def applying(stage: Stage) -> None:
    """The center applies what it received, judges it, and builds its tables anew."""
    with stage.center() as center:
        apply_all(center)
        mark_sizes(CENTER, center.logs)
        rebuild(center.logs)
        mark_sizes(CENTER, center.logs)


def ordering(stage: Stage) -> None:
    """The center publishes and orders."""
    with stage.center() as center:
        publish(center)


def writing_back(stage: Stage) -> None:
    """The write-ahead log is written back by itself and begun anew."""
    with stage.hall() as hall:
        write_cases(hall, 12)


def closing(stage: Stage) -> None:
    """The program is stopped and started: the write-ahead log goes and comes."""
    for _ in range(4):
        with stage.hall() as hall:
            write_cases(hall, 2)


def upgrading(stage: Stage) -> None:
    """A newer version starts over the older one's database and goes on."""
    with stage.hall() as hall:
        mark_sizes(HALL, hall.logs)
        write_cases(hall, 1)


_BOTH = (HALL, CENTER)
PATHS = (
    CommitPath("set up", _BOTH, nothing, set_up),
    CommitPath("first start", _BOTH, nothing, start),
    CommitPath("enrolling", _BOTH, start, enrolling),
    CommitPath("windows", (HALL,), in_step, windows),
    CommitPath("punches", (HALL,), in_step, punches),
    CommitPath("pushing", _BOTH, with_cases, pushing),
    CommitPath("fetching", (HALL,), with_orders, fetching),
    CommitPath("applying", (CENTER,), receipted, applying),
    CommitPath("ordering", (CENTER,), in_step, ordering),
    CommitPath("writing back", (HALL,), before_checkpoint, writing_back),
    CommitPath("closing", (HALL,), in_step, closing),
    CommitPath("upgrading", (HALL,), of_an_older_version, upgrading),
)
