"""Every row that real firmware was seen to send is read the same way, or set aside whole."""

from __future__ import annotations

import hashlib
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.terminals.zkteco_lines import (
    LONGEST_LINE,
    Poison,
    Scan,
    Verification,
    lines_of,
    operations,
    pairs,
    punches,
    text_of,
)

SHOWN = "2026-11-24 08:31:05"
FACE = datetime(2026, 11, 24, 8, 31, 5)


def only(line: str | bytes, **kw: bool) -> Scan | Poison | Verification:
    (found,) = punches(line if isinstance(line, bytes) else line.encode(), **kw)
    return found


@pytest.mark.parametrize(
    ("line", "pin", "status", "verify"),
    [
        (f"37\t{SHOWN}\t0\t15\t0\t0\t0", "37", "0", "15"),
        (f"37\t{SHOWN}\t255\t1\t0\t0\t0\t0\t0\t0\t\t", "37", "255", "1"),
        (f"0037\t{SHOWN}\t1\t4", "0037", "1", "4"),
        (f"A-37\t{SHOWN}", "A-37", "", ""),
        (f"PIN=0037\tTime={SHOWN}\tStatus=1\tVerify=15", "0037", "1", "15"),
        (f"time={SHOWN}\tpin=37", "37", "", ""),
        (f"90125\t37\t{SHOWN}\t0\t15", "37", "0", "15"),
        (f"37\t{SHOWN}\t0\t15\r", "37", "0", "15"),
        ("37\t2026-11-24 8:31:05\t0\t15", "37", "0", "15"),
        (f"{'7' * 32}\t{SHOWN}", "7" * 32, "", ""),
    ],
)
def test_a_row_is_read_in_every_variant_and_its_number_stays_a_text(
    line: str, pin: str, status: str, verify: str
):
    scan = only(line)
    assert isinstance(scan, Scan)
    assert (scan.pin, scan.shown, scan.status, scan.verify) == (pin, FACE, status, verify)
    assert scan.raw_sha == hashlib.sha256(line.rstrip("\r").encode()).hexdigest()
    assert scan.offset is None


def test_seconds_since_1970_and_an_offset_in_the_row_need_no_zone():
    scan = only("37\t1795480265\t0\t15")
    assert isinstance(scan, Scan)
    assert (scan.local_text, scan.shown, scan.offset) == (
        "1795480265",
        datetime(2026, 11, 24, 0, 31, 5),
        0,
    )
    later = only(f"37\t{SHOWN}\t0\t15\t0\t0\t0\t1\t36.5\t36.6\t+28800\teyJhIjoxfQ==")
    assert isinstance(later, Scan) and later.offset == 28800


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "no_time"),
        (b"37\t2026-02-30 08:31:05\t0", "no_time"),
        (b"37\t0000-00-00 00:00:00", "no_time"),
        (f"37\t{SHOWN}\t0\0\t15".encode(), "nul"),
        (f"\t{SHOWN}\t0".encode(), "no_number"),
        (f"3 7\t{SHOWN}\t0".encode(), "no_number"),
        (f"{'7' * 33}\t{SHOWN}".encode(), "no_number"),
        (f"'; DROP TABLE--\t{SHOWN}".encode(), "no_number"),
        (f"\xff\xff\t{SHOWN}".encode("latin-1"), "no_text"),
        (f"37\t{SHOWN}\t".encode() + b"9" * LONGEST_LINE, "too_long"),
        (b"PIN=37\tStatus=0", "no_time"),
    ],
)
def test_what_nobody_can_read_is_set_aside_with_the_reason(line: bytes, reason: str):
    found = only(line)
    assert isinstance(found, Poison) and found.reason == reason
    assert line.startswith(found.line)


def test_an_identity_card_that_was_checked_is_no_punch_and_its_number_goes_nowhere():
    line = f"0\t{SHOWN}\t0\t15\t0\t0\t0\t11010519491231002X\t1"
    assert only(line, id_cards=True) == Verification()
    staff = only(line.rpartition("\t")[0] + "\t0", id_cards=True)
    assert isinstance(staff, Scan) and "1101" not in repr(staff)


def test_names_of_chinese_terminals_and_of_others_are_both_read():
    for encoding in ("utf-8", "gb2312"):
        body = "USER PIN=37\tName=宋小梅\tPri=0\tPasswd=1234\tCard=88\r\n".encode(encoding)
        log = operations(body)
        assert [(one.pin, one.name) for one in log.people] == [("37", "宋小梅")]
        assert "1234" not in repr(log) and "88" not in repr(log)


def test_templates_and_pictures_are_counted_and_never_read():
    body = (
        b"OPLOG 4\t1\t2026-11-24 08:00:00\t0\t0\t0\t0\n"
        b"FP PIN=37\tFID=1\tTMP=c2VjcmV0\nFACE PIN=37\tTMP=c2VjcmV0\n"
        b"BIOPHOTO PIN=37\tContent=c2VjcmV0\nUSERPIC PIN=37\tContent=\xff\xfe\nODD x\n"
    )
    log = operations(body)
    assert log.lines == 6 and [one.code for one in log.operations] == [4]
    assert log.dropped == {"FP": 1, "FACE": 1, "BIOPHOTO": 1, "USERPIC": 1, "other": 1}
    assert "c2VjcmV0" not in repr(log)


def test_what_a_terminal_can_do_is_read_with_commas_and_on_lines():
    assert pairs("~DeviceName=SpeedFace,FWVersion=Ver 8.0") == pairs(
        "~DeviceName=SpeedFace\r\nFWVersion=Ver 8.0\r\nodd"
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_whatever_comes_every_line_that_is_counted_becomes_something(pieces: list[bytes]):
    body = b"\n".join(pieces)
    assert len(list(punches(body))) == len(lines_of(body)) == operations(body).lines


@given(st.text(max_size=40))
def test_a_text_in_utf8_is_never_taken_for_another_encoding(text: str):
    assert text_of(text.encode()) == text
