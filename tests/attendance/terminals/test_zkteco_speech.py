"""What a terminal is told, what it may be ordered to do, and when its clock is believed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from attendance.local_time import zone_of
from attendance.terminals.clocks import Contact, Doubts, clock_of, drift, estimate
from attendance.terminals.zkteco_orders import Details, Order, replies, wording
from attendance.terminals.zkteco_speech import (
    DIALECTS,
    Introduction,
    direction_of,
    gauge,
    greeting,
    introduction,
    way_of,
)

STANDARD, OLD = DIALECTS["standard"], DIALECTS["old"]
NOW = datetime(2026, 11, 24, 0, 31, tzinfo=UTC)
SPAN = "StartTime=2026-11-24 00:00:00\tEndTime=2026-11-24 23:59:59"


def told(dialect: str = "standard", zone: str = "Asia/Shanghai", **stamps: str) -> dict[str, str]:
    text = greeting(Introduction("SN1"), DIALECTS[dialect], stamps, zone_of(zone), NOW)
    first, *lines = text.splitlines()
    assert first == "GET OPTION FROM: SN1"
    return dict(line.split("=", 1) for line in lines)


def test_a_greeting_echoes_stamps_and_asks_for_punches_and_operations_only():
    said = told(ATTLOG="1795441170")
    assert (said["ATTLOGStamp"], said["OPERLOGStamp"]) == ("1795441170", "None")
    assert said["Stamp"] == said["ATTLOGStamp"]
    assert said["TransFlag"] == "TransData AttLog\tOpLog"
    assert (said["TimeZone"], said["Encrypt"], said["Realtime"]) == ("8", "None", "1")
    for word in ("FACE", "EnrollFP", "BioPhoto", "AttPhoto", "UserPic"):
        assert word not in said["TransFlag"]


def test_old_firmware_is_told_by_its_own_names_and_half_an_hour_in_minutes():
    said = told("old", "Asia/Kolkata", ATTLOG="7")
    assert said["Stamp"] == "7" and "ATTLOGStamp" not in said
    assert said["TimeZone"] == "330"


@pytest.mark.parametrize(
    ("order", "details", "words"),
    [
        (Order.INFO, Details(), "INFO"),
        (Order.REBOOT, Details(), "REBOOT"),
        (Order.COUNT_DAY, Details(day=date(2026, 11, 24)), f"VERIFY SUM ATTLOG {SPAN}"),
        (Order.SEND_DAY, Details(day=date(2026, 11, 24)), f"DATA QUERY ATTLOG {SPAN}"),
        (
            Order.NAME_PERSON,
            Details(pin="37", name="宋小梅"),
            "DATA UPDATE USERINFO PIN=37\tName=宋小梅\tPri=0",
        ),
        (Order.FORGET_PERSON, Details(pin="37"), "DATA DELETE USERINFO PIN=37"),
    ],
)
def test_an_order_is_worded_as_the_terminal_reads_it(order: Order, details: Details, words: str):
    assert wording(order, details, STANDARD) == words
    if order is Order.NAME_PERSON:
        assert wording(order, details, DIALECTS["privilege"]).endswith("Privilege=0")


@pytest.mark.parametrize(
    "details",
    [
        Details(pin="37", name="宋\tPri=14"),
        Details(pin="37", name="宋\nC:9:SHELL reboot"),
        Details(pin="37", name="宋\rx"),
        Details(pin="3\t7", name="宋"),
        Details(pin="", name="宋"),
        Details(pin="37", name=""),
    ],
)
def test_a_text_that_would_be_another_order_is_refused(details: Details):
    with pytest.raises(ValueError):
        wording(Order.NAME_PERSON, details, STANDARD)


def test_no_order_runs_programs_changes_firmware_or_deletes_what_a_terminal_holds():
    details = Details(date(2026, 1, 1), "37", "x")
    words = [wording(order, details, STANDARD).upper() for order in Order]
    forbidden = ("SHELL", "PUTFILE", "GETFILE", "UPGRADE", "CLEAR", "UNLOCK", "SET OPTION")
    assert [one for one in words if any(bad in one for bad in forbidden)] == []


@pytest.mark.parametrize(
    "body",
    [
        b"ID=1&Return=0&CMD=DATA\nID=2&Return=0&CMD=VERIFY SUM&AttlogSum=220\n",
        b"ID=1\nReturn=0\nCMD=DATA\nID=2\r\nReturn=0\r\nCMD=Shell\nContent=x=y\nAttlogSum=220",
        b"ID=1&Return=0&CMD=DATA&ID=2&Return=0&AttlogSum=220",
    ],
)
def test_several_replies_are_told_apart_on_one_line_and_on_many(body: bytes):
    first, second = replies(body)
    assert (first.id, first.code, first.count) == ("1", 0, None)
    assert (second.id, second.code, second.count) == ("2", 0, 220)


def test_a_reply_may_be_a_refusal_and_may_be_nonsense():
    assert [(one.id, one.code) for one in replies(b"ID=7&Return=-1002&CMD=x")] == [("7", -1002)]
    assert replies(b"Return=0") == replies(b"") == replies(b"ID=../../x&Return=0") == []


@pytest.mark.parametrize(
    ("query", "doors"),
    [
        ({"sn": "S", "pushver": "2.4.1", "devicetype": "att"}, False),
        ({"sn": "S", "pushver": "3.0.1"}, True),
        ({"sn": "S", "devicetype": "acc"}, True),
        ({"sn": "S", "devicetype": "middle east"}, False),
    ],
)
def test_a_terminal_of_doors_is_known_by_what_it_says(query: dict[str, str], doors: bool):
    assert introduction(query).access_control is doors


def test_checks_are_named_by_the_dialect_and_a_key_that_is_unknown_stays():
    assert [way_of(code, STANDARD) for code in ("15", "17", "1", "4", "25", "0")] == [
        *("device_face", "device_face", "finger", "card", "palm", "other")
    ]
    assert way_of("2", OLD) == "card"
    assert [direction_of(code) for code in ("0", "1", "255", "", "9")] == ["in", "out", "", "", "9"]
    assert gauge("Ver 8.0.4.1,56,0,23011,10.0.0.7").punches == 23011
    assert gauge("x").punches == -1


def test_drift_shows_in_few_punches_that_came_at_once_and_in_no_backlog():
    late = [NOW - timedelta(seconds=25)]
    assert estimate(late, NOW, unbroken=True) == 25
    assert estimate(late, NOW, unbroken=False) is None
    assert estimate(late * 4, NOW, unbroken=True) is None
    assert estimate([], NOW, unbroken=True) is None
    assert drift([25, 26, 7000]) == 26 and drift([]) is None


@pytest.mark.parametrize(
    ("ago", "doubts", "word"),
    [
        ({"seconds": 5}, Doubts(), ""),
        ({"seconds": -240}, Doubts(), ""),
        ({"seconds": -301}, Doubts(), "suspect"),
        ({"days": 399}, Doubts(), ""),
        ({"days": 401}, Doubts(), "suspect"),
        ({"seconds": 5}, Doubts(drift=-121), "suspect"),
        ({"seconds": 5}, Doubts(drift=120), ""),
        ({"seconds": 5}, Doubts(set_by_hand=True), "suspect"),
    ],
)
def test_a_time_that_cannot_be_right_is_marked_and_never_refused(
    ago: dict[str, float], doubts: Doubts, word: str
):
    assert clock_of(NOW - timedelta(**ago), NOW, doubts) == word


def test_everything_has_come_only_after_a_while_of_polls_without_a_backlog():
    contact, now = Contact(), NOW
    for _ in range(12):
        contact = contact.heard(now)
        assert not contact.is_complete(now)
        now += timedelta(seconds=10)
    contact = contact.heard(now)
    assert contact.is_complete(now) and contact.is_unbroken(now + timedelta(seconds=10))
    busy = contact.occupied(now)
    assert not busy.is_complete(now) and not busy.is_unbroken(now + timedelta(seconds=10))
    away = contact.heard(now + timedelta(minutes=10))
    assert not away.is_complete(now + timedelta(minutes=10))
