"""表格: figures as an Excel workbook, laid out as the official tables are.

Over each table its title and a line saying for what time and by whom it was made; under it the
lines that are signed by hand (填报人、审核人). What begins with ``=`` stays text: a name typed by
somebody is never a formula on somebody else's computer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Final, Protocol

import xlsxwriter
from flask import Response, send_file
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

Cell = str | int | float | None
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FONT: Final = "宋体"
_SAFE: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


@dataclass(frozen=True)
class Column:
    """One column: its head, and its width in characters."""

    label: str
    width: int = 10


@dataclass(frozen=True)
class Sheet:
    """One table of a workbook. ``foot`` stands below the last row, for totals in words."""

    name: str
    title: str
    about: str
    """what time the figures are of, which unit, when they were made"""
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    foot: str = ""


def workbook(sheets: Sequence[Sheet], made: datetime) -> bytes:
    """The sheets as one .xlsx file; the same sheets and moment give the same bytes."""
    out = BytesIO()
    with xlsxwriter.Workbook(out, _SAFE) as book:
        book.set_properties({"created": made.astimezone(UTC).replace(tzinfo=None)})
        styles = _Styles(
            title=book.add_format({"font_name": _FONT, "font_size": 16, "bold": True} | _MIDDLE),
            plain=book.add_format({"font_name": _FONT}),
            head=book.add_format({"font_name": _FONT, "bold": True, "text_wrap": True} | _BOXED),
            cell=book.add_format({"font_name": _FONT} | _BOXED),
        )
        for sheet in sheets:
            _fill(book.add_worksheet(sheet.name), sheet, styles)
    return out.getvalue()


class Figures(Protocol):
    """A table of figures: heads with their widths in characters, and rows."""

    @property
    def heads(self) -> Sequence[tuple[str, int]]: ...

    @property
    def rows(self) -> Sequence[Sequence[Cell]]: ...


@dataclass(frozen=True)
class Origin:
    """Whose figures a workbook holds, of which time, and who made it when (local time)."""

    whose: str
    period: str
    unit: str
    made: datetime


def sheet(name: str, figures: Figures, origin: Origin, foot: str = "") -> Sheet:
    """A table as a sheet, with the title and the line that official tables have."""
    return Sheet(
        name,
        f"{origin.whose}考勤{name}({origin.period})",
        f"统计时间:{origin.period}　填报单位:{origin.unit}　制表:{origin.made:%Y-%m-%d %H:%M}",
        [Column(label, width) for label, width in figures.heads],
        figures.rows,
        foot,
    )


def download(sheets: Sequence[Sheet], made: datetime, name: str) -> Response:
    """The workbook as the answer to a request; ``name`` without suffix."""
    return send_file(
        BytesIO(workbook(sheets, made)),
        mimetype=XLSX,
        as_attachment=True,
        download_name=f"{name}.xlsx",
        max_age=0,
    )


_MIDDLE: Final = {"align": "center", "valign": "vcenter"}
_BOXED: Final = {"border": 1} | _MIDDLE


@dataclass(frozen=True)
class _Styles:
    title: Format
    plain: Format
    head: Format
    cell: Format


def _fill(page: Worksheet, sheet: Sheet, styles: _Styles) -> None:
    last = len(sheet.columns) - 1
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)
    page.repeat_rows(2)
    page.freeze_panes(3, 1)
    page.merge_range(0, 0, 0, max(last, 1), sheet.title, styles.title)
    page.set_row(0, 28)
    page.write_string(1, 0, sheet.about, styles.plain)
    for place, column in enumerate(sheet.columns):
        page.set_column(place, place, column.width)
        page.write_string(2, place, column.label, styles.head)
    for number, row in enumerate(sheet.rows, 3):
        for place, value in enumerate(row):
            page.write(number, place, value, styles.cell)
    below = 3 + len(sheet.rows)
    if sheet.foot:
        page.write_string(below, 0, sheet.foot, styles.plain)
    page.write_string(below + 1, 0, "填报人:            审核人:            日期:", styles.plain)
