"""Figures as an Excel workbook: what a spreadsheet program finds in the file."""

import re
from datetime import UTC, datetime
from io import BytesIO
from zipfile import ZipFile

from web.sheets import Column, Sheet, workbook

MADE = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


def sheet(*rows: tuple[str | int | None, ...]) -> Sheet:
    columns = (Column("工号"), Column("迟到(次)"))
    return Sheet("月表", "考勤月表", "2026年11月 · 公安分厅", columns, rows, "共1人")


def parts(data: bytes) -> dict[str, str]:
    with ZipFile(BytesIO(data)) as found:
        return {name: found.read(name).decode() for name in found.namelist()}


def texts(data: bytes) -> list[str]:
    return re.findall(r"<t[^>]*>([^<]*)</t>", parts(data)["xl/sharedStrings.xml"])


def test_a_sheet_has_title_period_heads_rows_and_the_lines_to_sign():
    data = workbook([sheet(("T01-001", 2))], MADE)
    for words in ("考勤月表", "2026年11月 · 公安分厅", "工号", "迟到(次)", "T01-001", "共1人"):
        assert words in texts(data)
    assert any("填报人" in text and "审核人" in text for text in texts(data))


def test_numbers_are_numbers_so_that_they_can_be_added():
    assert "<v>2</v>" in parts(workbook([sheet(("T01-001", 2))], MADE))["xl/worksheets/sheet1.xml"]


def test_what_somebody_typed_is_never_a_formula_or_a_link():
    data = workbook([sheet(("=1+1", "http://example.org"), ("@SUM(A1)", "+1"))], MADE)
    page = parts(data)["xl/worksheets/sheet1.xml"]
    assert "<f>" not in page and "<hyperlink" not in page
    assert {"=1+1", "http://example.org", "@SUM(A1)", "+1"} <= set(texts(data))


def test_the_same_figures_at_the_same_moment_are_the_same_file():
    assert workbook([sheet(("T01-001", 2))], MADE) == workbook([sheet(("T01-001", 2))], MADE)
