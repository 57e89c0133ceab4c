"""What cannot be applied is shown with its reason, mended and replayed, and never doubled."""

from __future__ import annotations

from typing import Annotated, ClassVar

import pytest

from aggregator.receiving import apply
from aggregator.receiving.intake import Worker
from standards.records import RECORDS, Record
from standards.records.declare import Field, Owner
from standards.records.wording import Line
from sync.applied import aside
from sync.batch import hashes_of, pack
from sync.merkle import root_of
from sync.notes import Checkpoint
from sync.storage.tables import Tables
from tests.aggregator.intake_desk import Asker, Desk
from tests.aggregator.office import Office


def leaf(number: int, kind: str, body: bytes) -> bytes:
    return (
        b'{"actor":"T01-003","at":"2026-11-24T00:29:57.123Z","body":%s,"boot":"b",'
        b'"id":"0193b2c4-aaaa-7000-8000-%012x","kind":"%s","mono":1,"v":1}'
        % (body, number, kind.encode())
    )


def case_id(number: int) -> str:
    return f"0193b2c4-aaaa-7000-8000-{number:012x}"


def step(number: int, of: int, name: bytes) -> bytes:
    body = b'{"case_id":"%s","day":"2026-11-24","step":"%s"}' % (case_id(of).encode(), name)
    return leaf(number, "case_step", body)


PUNCH = leaf(
    1,
    "punch",
    b'{"grade":"B","punched_at":"2026-11-24T08:30:00+08:00","staff_no":"T01-003","way":"face"}',
)
# A step of a case that never came, and another one of the same case, which waits for the first.
LEAVES = [PUNCH, step(2, 99, b"accepted"), step(3, 99, b"decided"), leaf(4, "weather", b"{}")]


def send(desk: Desk, leaves: list[bytes], hall: str = "T01") -> None:
    asker: Asker = desk.halls[hall]
    head = Checkpoint(asker.origin, len(leaves), root_of(hashes_of(leaves)))
    raw = pack(asker.signer, head, 0, len(leaves), (leaves, {}, desk.center.sealing.public))
    assert desk.push(raw, hall).status_code == 200


@pytest.fixture
def full(desk: Desk) -> Office:
    """A center with three entries in quarantine."""
    send(desk, LEAVES)
    apply.apply_all(desk.center)
    return Office(desk.center, desk.app, desk.hands)


def test_the_page_tells_reason_kind_matter_since_when_and_what_waits_behind(full: Office):
    person = full.person("duizhang")
    shown = person.text("/quarantine?hall=T01")
    for words in ("不能入库", "等同一事项的第 1 条先入库", "本机程序还不认识", "weather 1 条"):
        assert words in shown
    assert "2026-11-24 09:00" in shown
    one = person.text("/quarantine/T01/1/1")
    assert "共 1 条" in one and "办件环节" in one
    assert person.get("/quarantine/T01/1/0").status_code == 404
    assert person.get("/quarantine/T09/1/1").status_code == 404


def test_the_counts_tell_what_an_upgrade_brings_and_what_needs_a_person(full: Office):
    counts = aside.counts(full.center.logs, "T01")
    assert (counts.total, counts.newer, counts.waiting, counts.others) == (3, 1, 1, 1)
    assert aside.counts(full.center.logs, "T02").total == 0
    assert aside.counts(full.center.logs) == counts


def test_one_entry_is_tried_again_and_says_when_it_still_cannot_be_applied(full: Office):
    person = full.person("duizhang")
    answer = person.post("/quarantine/T01/1/1")
    assert answer.status_code == 303
    assert "还是不能入库" in person.text(answer.location)
    assert aside.counts(full.center.logs).total == 3
    assert person.post("/quarantine/T01/1/0").status_code == 404


def as_if_upgraded(monkeypatch: pytest.MonkeyPatch, center) -> None:
    """The next release knows the kind `weather`, which this one does not."""

    class Weather(Record, frozen=True, kw_only=True):
        kind: ClassVar[str] = "weather"
        owner: ClassVar[Owner] = "hall"
        label: ClassVar[str] = "天气"

        sky: Annotated[Line, Field(label="天空")] = ""
        wind: Annotated[Line, Field(label="风")] = ""

    tables = Tables([*RECORDS, Weather], center.logs.tables.projections)
    center.db.create(tables.ddl())
    monkeypatch.setattr(center.logs, "tables", tables)


def test_an_upgrade_replays_newer_kinds_at_the_start_by_itself_and_once(
    full: Office, monkeypatch: pytest.MonkeyPatch
):
    center = full.center
    assert apply.replay_newer(center) == 0
    as_if_upgraded(monkeypatch, center)
    worker = Worker(center)
    worker.start()
    worker.stop()
    assert [row["idx"] for row in center.db.query("SELECT idx FROM weather")] == [3]
    assert apply.replay_newer(center) == 0
    assert aside.counts(center.logs).newer == 0
    assert center.db.query("SELECT COUNT(*) AS n FROM weather")[0]["n"] == 1
    assert center.db.query("SELECT COUNT(*) AS n FROM punch")[0]["n"] == 1


def test_what_was_mended_is_replayed_in_order_and_never_twice(
    full: Office, monkeypatch: pytest.MonkeyPatch
):
    """A rule was too strict; the mended program takes both steps, the second after the first."""
    center, person = full.center, full.person("guanli")
    tables = Tables(RECORDS, ())
    monkeypatch.setattr(center.logs, "tables", tables)
    first = person.post("/quarantine", {"hall": "T01"})
    assert first.location == "/quarantine?hall=T01&freed=2"
    assert "重新入库 2 条" in person.text(first.location)
    again = person.post("/quarantine", {"hall": "T01"})
    assert again.location.endswith("freed=0")
    rows = center.db.query("SELECT idx FROM case_step ORDER BY idx")
    assert [row["idx"] for row in rows] == [1, 2]


def test_who_may_look_and_who_may_replay(full: Office):
    assert full.person("ducha").get("/quarantine").status_code == 200
    assert full.person("ducha").post("/quarantine", {"hall": "T01"}).status_code == 403
    assert full.person("ducha").post("/quarantine/T01/1/1").status_code == 403
    assert full.person("qicao").get("/quarantine").status_code == 403
