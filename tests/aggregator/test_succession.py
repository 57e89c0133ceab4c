"""Halls are merged and split: a log is closed where it stands, and the others name it (case 35)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.app import create_app
from aggregator.commands import main
from aggregator.halls import roster, succession
from node.app import create_app as create_hall_app
from node.hall import Hall
from node.outbox.syncing import Syncing
from standards.errors import Invalid
from standards.records import CaseStep
from tests.aggregator.office import Hands, Office
from tests.independent.center import Listening, office
from tests.node.contacts import enrolled, meet, new_hall
from tests.node.hall import Browser
from tests.sync.pairs import case

__all__ = ["office"]

DOCUMENT = "通政〔2026〕12号"


@pytest.fixture
def halls(tmp_path: Path, office: Listening) -> Iterator[list[Hall]]:
    with ExitStack() as stack:
        made = [stack.enter_context(new_hall(tmp_path / name, hall=name)) for name in NAMES]
        for hall in made:
            enrolled(hall, office)
        yield made


NAMES = ("T01", "T02")


def worked(hall: Hall, office: Listening) -> None:
    entry = hall.write(case(1), actor="T01-001")
    step = CaseStep(case_id=entry.leaf.id, step="withdrawn", day=hall.clock.today())
    hall.write(step, actor="T01-001")
    meet(hall, office)


def test_a_closed_hall_sends_nothing_more_and_its_history_stays(
    halls: list[Hall], office: Listening
):
    first, second = halls
    worked(second, office)
    before = office.center.logs.leaves(second.origin, 0, 2)
    done = succession.close(office.center, "T02", ["T01"], DOCUMENT, "ZX-01")
    assert (done.epoch, done.size) == (1, 2)
    second.write(case(2), actor="T02-001")
    told = Syncing(second).turn()
    assert told.error_code == "revoked" and "已撤并，由T01承接" in told.last_error
    logs = office.center.logs
    assert logs.state(second.origin).size == 2 and logs.verify(second.origin) is None
    assert logs.leaves(second.origin, 0, 2) == before
    with pytest.raises(Invalid, match="已经撤并"):
        roster.new_code(office.center, "T02")
    meet(first, office)
    page = Browser(create_hall_app(first).test_client()).sign_in("root").get("/outbox/epochs").text
    assert "承接的分厅" in page and "T02" in page and DOCUMENT in page


def test_a_hall_with_unsent_entries_or_open_cases_is_closed_only_on_purpose(
    halls: list[Hall], office: Listening
):
    hall = halls[1]
    worked(hall, office)
    hall.write(case(2), actor="T02-001")
    meet(hall, office)
    assert succession.hindrances(office.center, "T02") == ["还有1件没有办结"]
    office.center.settings.save(office.center.data)
    told = ["close", "T02", "--into", "T01", "--document", DOCUMENT, "--actor", "ZX-01"]
    told += ["--data", str(office.center.data), "--yes"]
    refused = CliRunner().invoke(main, told)
    assert refused.exit_code == 1 and "没有办结" in refused.output
    assert succession.of_hall(office.center, "T02").closed is None
    asked = CliRunner().invoke(main, [*told[:-1], "--anyway"])
    assert asked.exit_code == 0 and "Nothing was changed" in asked.output
    done = CliRunner().invoke(main, [*told, "--anyway"])
    assert done.exit_code == 0, done.output
    assert succession.of_hall(office.center, "T02").closed is not None


@pytest.mark.parametrize("into", [[], ["T02"], ["T01", "T09"]])
def test_only_other_halls_that_are_known_can_go_on(
    halls: list[Hall], office: Listening, into: list[str]
):
    with pytest.raises(Invalid):
        succession.close(office.center, "T02", into, DOCUMENT, "ZX-01")


def test_mergers_and_splits_are_shown_on_the_pages_of_all(halls: list[Hall], office: Listening):
    center = office.center
    for hall in halls:
        worked(hall, office)
    for name in ("T05", "T06"):
        roster.register_hall(center, name, f"新{name}")
    succession.close(center, "T01", ["T05", "T06"], DOCUMENT, "ZX-01")
    succession.close(center, "T02", ["T05"], DOCUMENT, "ZX-01")
    with pytest.raises(Invalid, match="已经撤并"):
        succession.close(center, "T02", ["T06"], DOCUMENT, "ZX-01")
    with pytest.raises(Invalid, match="已经撤并"):
        succession.close(center, "T05", ["T01"], DOCUMENT, "ZX-01")
    person = Office(center, create_app(center), Hands()).person("duizhang")
    closed, merged, split = (person.text(f"/halls/{name}") for name in ("T01", "T05", "T06"))
    assert "撤并" in closed and "/halls/T05" in closed and "/halls/T06" in closed
    assert "/halls/T01" in merged and "/halls/T02" in merged and "承接" in merged
    assert "/halls/T01" in split and "/halls/T02" not in split


def test_an_administrator_closes_a_hall_on_a_page_after_typing_its_id(
    halls: list[Hall], office: Listening
):
    worked(halls[1], office)
    halls[1].write(case(2), actor="T02-001")
    meet(halls[1], office)
    people = Office(office.center, create_app(office.center), Hands())
    boss = people.person("guanli")
    assert people.person("duizhang").get("/halls/T02/close").status_code == 403
    page = boss.text("/halls/T02/close")
    assert "还有1件没有办结" in page and 'value="T01"' in page and 'value="T02"' not in page
    given = {"successors": "T01", "document": DOCUMENT, "confirm": "T01"}
    refused = boss.post("/halls/T02/close", given)
    assert refused.status_code == 422
    assert "请输入要撤销的分厅编号" in refused.text and "确要撤并的请勾选" in refused.text
    assert succession.of_hall(office.center, "T02").closed is None
    right = {**given, "confirm": "t02", "anyway": "1"}
    assert boss.post("/halls/T02/close", right).status_code == 303
    assert succession.of_hall(office.center, "T02").closed is not None
    assert "已于" in boss.text("/halls/T02/close") and "撤并" in boss.text("/halls/T02")
