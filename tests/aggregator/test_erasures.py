"""依法删除 at the center: an order to one hall, erased here at once and there when it arrives."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.commands import main
from aggregator.database import rewriting
from standards.identity import ERASED
from standards.records import CaseReceived, CaseStep, ErasureOrdered
from sync.applied.applying import apply_pending
from tests.aggregator.office import PASSWORD, Office
from tests.postgres import postgres
from tests.sync.pairs import HALL, Pair
from tests.sync.pairs import case as simple_case
from web.erasures import Sweeper, matter_of

SECRETS = ("欧阳测试", "11010519491231002X", "13800138000", "材料不齐不想办了")


def a_case(office: Office, hall: str = "T01", *, over: bool = True) -> str:
    """The number of a case that the hall wrote and the center has applied."""
    number = f"{hall}-20261124-1"
    received = office.hall_writes(
        hall,
        CaseReceived(
            case_no=number,
            item="GA001",
            guide_version=1,
            received_on=date(2026, 11, 24),
            applicant_name=SECRETS[0],
            paper_no=SECRETS[1],
            mobile=SECRETS[2],
        ),
    )
    if over:
        step = CaseStep(
            case_id=received.leaf.id, step="withdrawn", day=date(2026, 11, 24), opinion=SECRETS[3]
        )
        office.hall_writes(hall, step)
    return number


def form(number: str, **more: str) -> dict[str, str]:
    return {
        "hall": "T01",
        "about": "case",
        "number": number,
        "ground": "retention_over",
        "document": "通政公〔2026〕12号",
        "second": "duizhang",
        "password": PASSWORD,
        **more,
    }


def orders(office: Office) -> int:
    return len(office.center.db.query("SELECT id FROM erasure_ordered"))


def test_an_order_erases_at_the_center_at_once_and_stands_in_the_halls_orders(office: Office):
    office.engage("duizhang")
    number, other = a_case(office), a_case(office, "T02")
    administrator = office.person("guanli")
    shown = administrator.text(f"/erasures?hall=T01&about=case&number={number}")
    assert "不能恢复" in shown
    assert not any(secret in shown for secret in SECRETS)
    assert administrator.post("/erasures", form(number)).status_code == 303
    assert office.orders("T01") == 1
    logs = office.center.logs
    assert logs.personal(f"{office.center.settings.center}/T01/1", 0, 2) == {}
    assert len(logs.personal(f"{office.center.settings.center}/T02/1", 0, 2)) == 2
    assert len(logs.find_personal("paper_no", SECRETS[1])) == 1
    inspector = office.person("ducha")
    (row,) = office.center.db.query("SELECT id FROM case_received WHERE case_no = :n", n=number)
    assert ERASED in inspector.text(f"/cases/T01/{row['id']}")
    full = inspector.post(f"/cases/T01/{row['id']}/reveal", {"reason": "处理投诉"}).text
    assert ERASED in full
    assert not any(secret in full for secret in SECRETS)
    listing = inspector.text("/cases")
    assert ERASED in listing
    assert other in listing
    for said in (number, "通政公〔2026〕12号", "Z001", "Z006", "保存期限已届满", "90 天"):
        assert said in administrator.text("/erasures")
    for state in logs.states():
        assert logs.verify(state.origin) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"second": "guanli"},
        {"second": "ducha"},
        {"password": "falsch-falsch-falsch"},
        {"ground": ""},
        {"document": ""},
        {"number": "T01-0"},
        {"hall": "T02"},
        {"hall": "T99"},
        {"hall": ""},
        {"about": "everything"},
    ],
)
def test_nothing_is_ordered_with(office: Office, changed: dict[str, str]):
    for login in ("duizhang", "ducha"):
        office.engage(login)
    number = a_case(office)
    answer = office.person("guanli").post("/erasures", form(number) | changed)
    assert answer.status_code == 422
    assert PASSWORD not in answer.text
    assert orders(office) == 0


def test_a_case_that_is_not_over_is_not_erased(office: Office):
    office.engage("duizhang")
    answer = office.person("guanli").post("/erasures", form(a_case(office, over=False)))
    assert answer.status_code == 422
    assert "尚未办结" in answer.text


class Counted:
    """How often a store was scrubbed."""

    def __init__(self) -> None:
        self.times = 0

    def scrub(self) -> bool:
        """The first time a reader is in the way."""
        self.times += 1
        return self.times != 1


def test_the_sweeper_runs_until_it_is_done_after_a_start_and_after_each_erasure(office: Office):
    office.engage("duizhang")
    counted = Counted()
    sweep = Sweeper(office.center.logs, counted, lambda origin, index: None)
    for _ in range(4):
        sweep()
    assert counted.times == 2
    office.person("guanli").post("/erasures", form(a_case(office)))
    for _ in range(2):
        sweep()
    assert counted.times == 3


def test_the_command_orders_only_when_told(office: Office):
    number, data = a_case(office), str(office.center.data)
    office.center.settings.save(office.center.data)
    words = ["erase", "--data", data, "T01", "case", number, "--ground", "unlawful"]
    words += [
        "--document",
        "通政公〔2026〕13号",
        "--ordered-by",
        "Z001",
        "--carried-out-by",
        "Z006",
    ]
    assert "Nothing was erased" in CliRunner().invoke(main, words).output
    assert orders(office) == 0
    done = CliRunner().invoke(main, [*words, "--yes"])
    assert done.exit_code == 0, done.output
    (row,) = office.center.db.query("SELECT * FROM erasure_ordered")
    assert row["for_hall"] == "T01"
    assert row["ordered_by"] == "Z001"
    assert ErasureOrdered.kind == "erasure_ordered"


def on_disk(folder: Path, wanted: bytes) -> bool:
    """Whether the tables' files hold these bytes; the write-ahead log is another matter."""
    files = [path for path in (folder / "base").rglob("*") if path.is_file()]
    return any(wanted in path.read_bytes() for path in files)


def test_on_postgresql_no_erased_byte_stays_in_a_table_and_a_large_one_waits_for_the_night(
    office: Office, engine: str
):
    center = office.center
    if engine == "SQLite":
        assert rewriting.Rewriting(center).scrub() and rewriting.waiting(center) == 0
        return
    number = a_case(office)
    (row,) = center.db.query("SELECT sealed FROM personal WHERE idx = 0 AND origin LIKE '%/T01/%'")
    wanted = bytes(row["sealed"])[:200]
    office.engage("duizhang")
    office.person("guanli").post("/erasures", form(number))
    scrubbed = rewriting.Rewriting(center, small=0)
    waits = rewriting.waiting(center)
    assert waits > 0 and f"{waits} 条删除的旧字节" in office.person("guanli").text("/erasures")
    assert not scrubbed.scrub() and rewriting.waiting(center) == waits
    checkpoint()
    assert on_disk(postgres().data, wanted)
    # From nine in the morning to two at night.
    office.hands.turn(hours=17)
    assert scrubbed.scrub() and rewriting.waiting(center) == 0
    checkpoint()
    assert not on_disk(postgres().data, wanted)


def checkpoint() -> None:
    with postgres().connect() as admin:
        admin.execute("CHECKPOINT")


def test_what_came_in_a_batch_is_found_to_be_erased_and_not_again_afterwards():
    pair = Pair()
    pair.write(simple_case(0), simple_case(1))
    pair.send_all()
    apply_pending(pair.center, HALL)
    for number in (0, 1):
        matter = matter_of(pair.center, "T01", "case", f"T01-{number}")
        assert matter is not None
        assert [(one.log, one.index) for one in matter.entries] == [(HALL, number)]
    pair.center.parts.erase(HALL, 0, 1)
    gone, other = (matter_of(pair.center, "T01", "case", f"T01-{n}") for n in (0, 1))
    assert gone is not None and gone.entries == ()
    assert other is not None and len(other.entries) == 1
