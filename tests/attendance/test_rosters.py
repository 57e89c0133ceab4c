"""A roster pasted from a sheet: both forms, and what is wrong said line by line."""

from __future__ import annotations

from datetime import date

import pytest

from attendance.rosters import Names, Planned, read

NAMES = Names(frozenset({"T01-003", "T01-004"}), {"four": "一日四签", "two": "一日两签"})
GRID = "工号\t12月1日\t12月2日\t12月3日\nT01-003\t一日四签\t一日四签\t休\nt01-004\t\ttwo\t\n"


def planned(text: str) -> tuple[Planned, ...]:
    found = read(text, NAMES, 2026)
    assert found.errors == {}
    return found.planned


def test_a_grid_gives_stretches_of_days_in_a_row():
    assert planned(GRID) == (
        Planned("T01-003", "four", date(2026, 12, 1), date(2026, 12, 2)),
        Planned("T01-003", "", date(2026, 12, 3), date(2026, 12, 3)),
        Planned("T01-004", "two", date(2026, 12, 2), date(2026, 12, 2)),
    )


@pytest.mark.parametrize("head", ["", "工号\t自\t至\t作息\n"])
def test_a_list_gives_one_stretch_a_line(head: str):
    text = head + "T01-003\t2026-12-01\t2026/12/31\t一日两签\r\nT01-004\t2026年12月1日\t\t休息"
    assert planned(text) == (
        Planned("T01-003", "two", date(2026, 12, 1), date(2026, 12, 31)),
        Planned("T01-004", "", date(2026, 12, 1), None),
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("T01-009\t12月1日\t\t一日四签", "没有工号 T01-009"),
        ("T01-003\t13月1日\t\t一日四签", "不是日期"),
        ("T01-003\t2月30日\t\t一日四签", "不是日期"),
        ("T01-003\t12月2日\t12月1日\t一日四签", "早于"),
        ("T01-003\t12月1日\t\t三班倒", "没有“三班倒”"),
        ("T01-003\t12月1日", "应有四列"),
    ],
)
def test_what_is_wrong_is_said_with_the_number_of_its_line(line: str, said: str):
    found = read("T01-004\t12月1日\t\t休\n\n" + line, NAMES, 2026)
    assert list(found.errors) == [3]
    assert said in found.errors[3]


def test_every_wrong_line_of_a_grid_is_said_at_once():
    found = read(GRID + "T01-009\t休\nT01-003\t\t\t\nT01-003\t早班", NAMES, 2026)
    assert list(found.errors) == [4, 5, 6]


def test_nothing_pasted_is_said():
    assert read("  \n", NAMES, 2026).errors == {1: "还没有粘贴内容"}
