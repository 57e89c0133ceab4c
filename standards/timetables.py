"""作息时间: when staff sign, as data with its source; what ships with the software, and its checks.

A timetable is a value: slots of the day in minutes from midnight, by season. A minute beyond 1440
is after midnight and still belongs to the day on which the shift began. Who works by which
timetable is not known here, and neither is any punch.
"""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Iterable
from datetime import date
from functools import cache
from itertools import pairwise
from typing import Annotated

import msgspec

from standards.errors import Invalid
from standards.packaged import packaged_text

DAY_MINUTES = 1440
LAST_MINUTE = 2 * DAY_MINUTES
MOST_SLOTS = 8

Minute = Annotated[int, msgspec.Meta(ge=0, le=LAST_MINUTE)]
Minutes = Annotated[int, msgspec.Meta(ge=0, le=DAY_MINUTES)]
Weekday = Annotated[int, msgspec.Meta(ge=0, le=6)]
MonthDay = Annotated[str, msgspec.Meta(pattern=r"^[01][0-9]-[0-3][0-9]\Z")]
TimetableCode = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,39}\Z")]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class Direction(enum.StrEnum):
    """Which way a sign goes."""

    IN = "in"
    OUT = "out"


class Half(enum.StrEnum):
    """The half day that a sign belongs to; of a night shift, its first and second half."""

    AM = "am"
    PM = "pm"


class SlotRule(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One sign of the day: [opens, closes] counts; ``due`` is where late begins or early ends."""

    label: _Name
    sign: Direction
    half: Half
    opens: Minute
    due: Minute
    closes: Minute


class Season(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The slots from one day of the year to another, both included; may run over New Year."""

    label: _Name
    first: MonthDay
    last: MonthDay
    slots: Annotated[tuple[SlotRule, ...], msgspec.Meta(min_length=2, max_length=MOST_SLOTS)]

    def holds_on(self, day: date) -> bool:
        """Whether a day lies in it."""
        at = f"{day.month:02}-{day.day:02}"
        if self.first <= self.last:
            return self.first <= at <= self.last
        return at >= self.first or at <= self.last


class Timetable(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """When to sign, and what is said of who does not.

    ``weekdays``: 0 is Monday; none for the official working days. ``absent_after``: minutes late or
    early that make half a day absent, 0 for never. ``repeat_seconds``: a further scan so soon is
    the same sign. ``missing_is_absent``: one missing sign makes half a day absent; otherwise it is
    a missing sign as long as another sign of that half stands. ``flex_before/after``: by how many
    minutes who came earlier or later may leave earlier or later.
    """

    code: TimetableCode
    label: _Name
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
    weekdays: Annotated[tuple[Weekday, ...], msgspec.Meta(max_length=7)] = ()
    late_grace: Minutes = 0
    early_grace: Minutes = 0
    absent_after: Minutes = 0
    repeat_seconds: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 60
    missing_is_absent: bool = True
    flex_before: Minutes = 0
    flex_after: Minutes = 0
    seasons: Annotated[tuple[Season, ...], msgspec.Meta(min_length=1, max_length=12)]

    def season_on(self, day: date) -> Season | None:
        """The season of a day; None when no season covers it."""
        return next((season for season in self.seasons if season.holds_on(day)), None)

    def faults(self) -> dict[str, str]:
        """Field -> Chinese message for everything that makes the timetable unusable."""
        wrong: dict[str, str] = {}
        for season in self.seasons:
            if said := _fault_of(season.slots):
                wrong[season.label] = said
        for day in _every_day_of_a_leap_year():
            covering = [season for season in self.seasons if season.holds_on(day)]
            if len(covering) != 1:
                said = "没有作息时间" if not covering else "有两套作息时间"
                wrong.setdefault("seasons", f"{day.month}月{day.day}日{said}")
        return wrong


def _every_day_of_a_leap_year() -> list[date]:
    first = date(2024, 1, 1).toordinal()
    return [date.fromordinal(first + after) for after in range(366)]


def _fault_of(slots: tuple[SlotRule, ...]) -> str:
    signs = [slot.sign for slot in slots]
    if len(slots) % 2 or signs != [Direction.IN, Direction.OUT] * (len(slots) // 2):
        return "签到、签退应成对出现，签到在先"
    if len({slot.label for slot in slots}) != len(slots):
        return "各次签到的名称不能相同"
    if any(not slot.opens <= slot.due <= slot.closes for slot in slots):
        return "每次签到的时间应依次为开始、应到、截止"
    dues = [slot.due for slot in slots]
    if any(later <= earlier for earlier, later in pairwise(dues)):
        return "各次签到的时间应由早到晚"
    if slots[-1].due - slots[0].due > DAY_MINUTES:
        return "一个班次不能超过24小时"
    return ""


class TimetableBook(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Every timetable of one version."""

    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    timetables: Annotated[tuple[Timetable, ...], msgspec.Meta(min_length=1, max_length=100)]

    def by_code(self) -> dict[str, Timetable]:
        """Code -> timetable."""
        return {one.code: one for one in self.timetables}

    def checked(self) -> TimetableBook:
        """The same book.

        Raises:
            Invalid: field -> message, when a timetable cannot be used.
        """
        wrong = {
            f"{one.code}.{name}": said
            for one in self.timetables
            for name, said in one.faults().items()
        }
        if len(self.by_code()) != len(self.timetables):
            wrong["timetables"] = "两套作息时间的代码相同"
        if wrong:
            raise Invalid(wrong)
        return self


class _PrintedSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: str
    sign: Direction
    half: Half
    by: str
    until: str
    begin: str = msgspec.field(name="from")


class _PrintedSeason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: str
    first: str
    last: str
    slots: tuple[_PrintedSlot, ...]


class _PrintedTimetable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    code: str
    label: str
    source: str
    weekdays: tuple[int, ...]
    late_grace: int
    early_grace: int
    absent_after: int
    repeat_seconds: int
    missing_is_absent: bool
    flex_before: int = 0
    flex_after: int = 0
    season: tuple[_PrintedSeason, ...]


class _PrintedBook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    timetable: tuple[_PrintedTimetable, ...]


def minute_of(text: str) -> int:
    """Minutes from midnight of ``hh:mm``; hours may go to 48.

    Raises:
        ValueError: not that form.
    """
    hours, colon, minutes = text.partition(":")
    if not (colon and hours.isdecimal() and len(minutes) == 2 and minutes.isdecimal()):
        raise ValueError(f"a time is hh:mm, not {text!r}")
    if int(minutes) > 59 or int(hours) * 60 + int(minutes) > LAST_MINUTE:
        raise ValueError(f"a time is at most 48:00, not {text!r}")
    return int(hours) * 60 + int(minutes)


def _slot(printed: _PrintedSlot) -> SlotRule:
    return SlotRule(
        label=printed.label,
        sign=printed.sign,
        half=printed.half,
        opens=minute_of(printed.begin),
        due=minute_of(printed.by),
        closes=minute_of(printed.until),
    )


def _timetable(printed: _PrintedTimetable) -> Timetable:
    plain = msgspec.structs.asdict(printed)
    seasons = tuple(
        Season(
            label=season.label,
            first=season.first,
            last=season.last,
            slots=tuple(map(_slot, season.slots)),
        )
        for season in plain.pop("season")
    )
    return Timetable(seasons=seasons, **plain)


def book_of(text: str) -> TimetableBook:
    """The book that a table in TOML says.

    Raises:
        Invalid: a timetable cannot be used. ValueError: not such a table.
    """
    printed = msgspec.convert(tomllib.loads(text), _PrintedBook)
    made = [_timetable(one) for one in printed.timetable]
    # The bounds of the types are checked here too: the table was written by hand.
    plain = {"version": printed.version, "timetables": msgspec.to_builtins(made)}
    return msgspec.convert(plain, TimetableBook).checked()


Published = tuple[date, TimetableBook]
"""from which day on a book holds"""


def books_in_force(published: Iterable[tuple[int, date, str]]) -> tuple[Published, ...]:
    """What holds from which day on, the later one going before; what ships holds before them.

    Args:
        published: version, first day and text of each table. One that this program cannot read was
            written for a later one, and is passed over.
    """
    found: list[Published] = [(date.min, packaged_book())]
    for version, since, text in sorted(published):
        try:
            book = msgspec.structs.replace(book_of(text), version=version)
        except (Invalid, ValueError):
            continue
        # A later version stands for everything from its own first day on.
        found = [one for one in found if one[0] < since]
        found.append((since, book))
    return tuple(found)


@cache
def packaged_book() -> TimetableBook:
    """The timetables that ship with the software."""
    return book_of(packaged_text("timetables.toml"))


def hours(table: Timetable) -> list[str]:
    """Each season of a timetable in one line."""
    return [
        f"{season.label}（{season.first} 至 {season.last}）：" * (len(table.seasons) > 1)
        + "，".join(f"{slot.label} {_clock(slot.due)}" for slot in season.slots)
        for season in table.seasons
    ]


def _clock(minute: int) -> str:
    day, rest = divmod(minute, 1440)
    return f"{'次日 ' if day else ''}{rest // 60:02}:{rest % 60:02}"
