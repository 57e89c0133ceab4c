"""The overview tells of each hall whether both sides hold the same, and what is in the way."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.halls import hall_days, halls
from aggregator.halls.hall_days import HALL_KINDS
from aggregator.halls.halls import HallFacts, Sign, signs
from sync.log import LogStore
from tests.aggregator.office import Office, a_case, a_finding, a_punch, an_answer

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def facts(**changed) -> HallFacts:
    """A hall that is in step with a center of 90 standards entries, with some facts changed."""
    given = {
        "hall": "T01",
        "name": "公安分厅",
        "state": "enrolled",
        "local": 10,
        "received": 10,
        "applied": 10,
        "quarantined": 0,
        "findings": 0,
        "open_findings": 0,
        "oldest_unsent": "",
        "standards_size": 90,
        "skew_s": 0,
        "software": "0.1.0",
        "contact_at": "2026-11-24T00:59:40Z",
        "receipt_at": "2026-11-24T00:59:40Z",
        **changed,
    }
    return HallFacts(**given)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, Sign("ok", "一致")),
        ({"contact_at": "", "local": None}, Sign("idle", "尚未联系")),
        ({"contact_at": "2026-11-24T00:45:00Z"}, Sign("warn", "15分钟未联系")),
        ({"contact_at": "2026-11-21T00:45:00Z"}, Sign("danger", "失联3天")),
        ({"contact_at": "2026-11-22T23:45:00Z"}, Sign("danger", "失联25小时")),
        ({"differs": "different"}, Sign("danger", "比对不一致")),
        ({"differs": "short"}, Sign("danger", "中心少于回执")),
        ({"differs": "damaged"}, Sign("danger", "分厅原始记录被改动")),
        ({"quarantined": 2, "newer": 2}, Sign("warn", "较新版本2条，升级后入库")),
        ({"quarantined": 3, "newer": 2}, Sign("danger", "隔离1条")),
        (
            {"local": 500, "received": 430, "applied": 430, "receipt_at": "2026-11-23T19:00:00Z"},
            Sign("danger", "本地500条，只收到430条，已6小时"),
        ),
        (
            {"local": 500, "received": 430, "applied": 430, "receipt_at": "2026-11-24T00:30:00Z"},
            Sign("info", "待上传70条"),
        ),
        ({"skew_s": -200}, Sign("warn", "时钟慢200秒")),
        ({"skew_s": 121}, Sign("warn", "时钟快121秒")),
        ({"skew_s": 120}, Sign("ok", "一致")),
        ({"local": 12}, Sign("info", "待上传2条")),
        ({"local": 8}, Sign("danger", "分厅少2条，可能从备份恢复")),
        ({"quarantined": 1}, Sign("danger", "隔离1条")),
        ({"applied": 7}, Sign("info", "待入库3条")),
        ({"standards_size": 88}, Sign("info", "标准落后2条")),
        ({"oldest_unsent": "2026-11-23T13:00:00Z"}, Sign("warn", "有记录12小时未送达")),
        ({"oldest_unsent": "2026-11-24T00:59:00Z"}, Sign("ok", "一致")),
    ],
)
def test_the_gravest_sign_of_a_hall_comes_first(changed, expected: Sign):
    assert signs(facts(**changed), 90, NOW)[0] == expected


def test_how_long_a_hall_may_be_silent_is_a_setting():
    quiet = facts(contact_at="2026-11-23T19:00:00Z")
    assert signs(quiet, 90, NOW)[0] == Sign("warn", "360分钟未联系")
    assert signs(quiet, 90, NOW, timedelta(hours=5))[0] == Sign("danger", "失联6小时")


def test_halls_are_listed_by_trouble_unless_asked_otherwise():
    lines = [
        (one, signs(one, 90, NOW))
        for one in (
            facts(hall="T01"),
            facts(hall="T02", local=12),
            facts(hall="T03", quarantined=1, contact_at="2026-11-24T00:45:00Z"),
            facts(hall="T04", quarantined=1, contact_at="2026-11-24T00:58:00Z", local=99),
        )
    ]

    def by(order: str) -> list[str]:
        return [one.hall for one, _ in halls.sorted_lines(lines, order)]

    assert by("trouble") == ["T03", "T04", "T02", "T01"]
    assert by("hall") == ["T01", "T02", "T03", "T04"]
    assert by("anything else") == by("trouble")
    assert by("unsent")[:2] == ["T04", "T02"]
    assert by("contact")[0] == "T03"


def test_every_sign_of_a_hall_is_told():
    told = signs(facts(local=12, skew_s=300, quarantined=1), 90, NOW)
    assert [sign.state for sign in told] == ["danger", "warn", "info"]


def contact(office: Office, hall: str, local: int, skew: int = 0) -> None:
    office.center.db.execute(
        "INSERT INTO hall_contact VALUES (:hall, :local, '', :standards, :skew, '0.1.0', :at)",
        hall=hall,
        local=local,
        standards=halls.standards_size(office.center),
        skew=skew,
        at=office.center.clock.stamp(),
    )


def facts_here(office: Office) -> HallFacts:
    found = halls.one_hall(office.center, "T01")
    assert found is not None
    return found


def test_the_overview_counts_what_stands_here_beside_what_the_hall_said(office: Office):
    office.hall_writes("T01", a_case("XA-001"))
    office.hall_writes("T01", a_punch("T01-001", "2026-11-24T08:30:00+08:00"))
    contact(office, "T01", local=5)
    found = facts_here(office)
    assert (found.local, found.received, found.applied) == (5, 2, 2)
    shown = office.person("duizhang").text("/halls")
    assert "待上传3条" in shown
    assert "税务分厅" in shown
    assert "尚未联系" in shown


def test_findings_that_passed_the_recheck_are_not_open_any_more(office: Office):
    first = office.center.order("T01", a_finding(), actor="Z005").leaf.id
    office.center.order("T01", a_finding(), actor="Z005")
    answer = office.hall_writes("T01", an_answer(first)).leaf.id
    data = {"result": "passed", "day": "2026-11-24", "answer_id": answer}
    office.person("ducha").post(f"/findings/{first}/recheck", data)
    found = facts_here(office)
    assert (found.findings, found.open_findings) == (2, 1)


def test_a_finding_that_passed_and_was_rechecked_twice_is_counted_once(office: Office):
    finding = office.center.order("T01", a_finding(), actor="Z005").leaf.id
    for text in ("已经整改完成", "再次整改完成"):
        answer = office.hall_writes("T01", an_answer(finding, text)).leaf.id
        data = {"result": "passed", "day": "2026-11-24", "answer_id": answer}
        assert office.person("ducha").post(f"/findings/{finding}/recheck", data).status_code == 303
    assert facts_here(office).open_findings == 0


def test_the_page_of_a_hall_shows_quarantine_with_reason_and_receipts(office: Office):
    office.hall_writes("T01", a_case("XA-001"))
    logs: LogStore = office.center.logs
    logs.keep_receipt("c.example/T01/1", 1, office.center.cosigner.name, b"receipt")
    office.center.db.execute(
        "INSERT INTO quarantine VALUES ('c.example/T01/1', 7, 'case:1', 'case_step',"
        " 'a step of a case that was never received', :at)",
        at=office.center.clock.stamp(),
    )
    shown = office.person("duizhang").text("/halls/T01")
    assert "其中较新版本 0 条、等待前一条 0 条" in shown
    assert "a step of a case that was never received" in office.person("duizhang").text(
        "/quarantine?hall=T01"
    )
    assert office.center.cosigner.name in shown
    assert "隔离1条" in shown


def test_a_hall_that_never_got_a_receipt_shows_since_when_it_waits(office: Office):
    office.hall_writes("T01", a_case("XA-001"))
    office.center.db.execute(
        "INSERT INTO hall_contact VALUES ('T01', 5, :oldest, 0, 0, '', :now)",
        oldest="2026-11-20T01:00:00.000Z",
        now=office.center.clock.stamp(),
    )
    assert "本地5条，只收到1条，已4天" in office.person("duizhang").text("/halls")
    office.center.db.execute("UPDATE hall_contact SET local_size = 1")
    assert "只收到" not in office.person("duizhang").text("/halls"), "it arrived meanwhile"


def test_entries_are_counted_by_the_day_of_the_hall_and_by_kind(office: Office):
    """23:30 in London is the next morning in the hall."""
    office.hands.moment = datetime(2026, 11, 22, 15, 59, tzinfo=UTC)
    office.hall_writes("T01", a_case("XA-001"))
    office.hands.moment = datetime(2026, 11, 22, 16, 1, tzinfo=UTC)
    office.hall_writes("T01", a_case("XA-001"))
    office.hall_writes("T01", a_punch("T01-001", "2026-11-23T00:01:00+08:00"))
    assert hall_days.days_by_kind(office.center, "T01") == {
        "2026-11-23": {"case_received": 1, "punch": 1},
        "2026-11-22": {"case_received": 1},
    }


def test_the_counts_by_day_have_a_column_for_every_kind_that_occurs_and_for_no_other(
    office: Office,
):
    office.hall_writes("T01", a_case("XA-001"))
    shown = office.person("duizhang").text("/halls/T01")
    heads = shown.split('">日期</th>')[1].split("</thead>")[0]
    assert halls.LABELS["case_received"] in heads and halls.LABELS["punch"] not in heads
    assert hall_days.occurring({"2026-11-24": dict.fromkeys(HALL_KINDS, 1)}) == HALL_KINDS


def test_each_number_of_a_day_and_kind_leads_to_its_records(office: Office):
    for number in ("T01-1", "T01-2"):
        office.hall_writes("T01", a_case("XA-001", number))
    office.hall_writes("T01", a_punch("T01-001", "2026-11-24T09:00:00+08:00"))
    person = office.person("duizhang")
    address = "/halls/T01/days/2026-11-24/case_received"
    assert f'<a href="{address}">2</a>' in person.text("/halls/T01")
    shown = person.text(address)
    assert re.findall(r'href="/halls/T01/record/1/(\d+)"', shown) == ["1", "0"]
    assert "T01-001" in shown and "2026-11-24 09:00" in shown
    for path in ("/halls/T01/days/2026-11-23/case_received", "/halls/T01/days/x/punch"):
        assert person.get(path).status_code == 404


def test_a_page_leads_only_where_its_reader_may_go(office: Office):
    for login in ("duizhang", "ducha", "guanli"):
        person = office.person(login)
        for link in re.findall(r'class="button[^"]*" href="(/[^"]*)"', person.text("/halls/T01")):
            assert person.get(link.replace("&amp;", "&")).status_code == 200, (login, link)


def test_an_unknown_hall_has_no_page(office: Office):
    assert office.person("duizhang").get("/halls/T99").status_code == 404


def test_the_overview_is_not_for_people_of_the_standards(office: Office):
    assert office.person("qicao").get("/halls").status_code == 403
    assert office.person("fabu").get("/halls/T01").status_code == 403


def test_files_that_records_name_and_that_are_not_here_are_counted(office: Office):
    office.hall_writes("T01", a_case("XA-001"))
    insert = "INSERT INTO file_named VALUES ('c.example/T01/1', :idx, :hash)"
    for idx, hashed in ((0, "a" * 64), (1, "a" * 64), (1, "b" * 64), (2, "c" * 64)):
        office.center.db.execute(insert, idx=idx, hash=hashed)
    assert halls.files_missing(office.center) == {"T01": 3}
    office.center.db.execute(
        "INSERT INTO file_held VALUES ('T01', :hash, 5, :at)",
        hash="a" * 64,
        at=office.center.clock.stamp(),
    )
    assert halls.files_missing(office.center) == {"T01": 2}
