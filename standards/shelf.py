"""The standards in force: guides by item and version, calendar, numbering scheme, leave rules.

A value built from published records; halls and center build the same one from the same log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from standards.cases import DEFAULT_NUMBER_TEMPLATE
from standards.errors import Invalid
from standards.guides import Guide
from standards.leave_rules import LeaveRules, packaged_rules, rules_in_force
from standards.records.published import (
    CalendarPublished,
    GuidePublished,
    LeaveRulesPublished,
    NumberScheme,
    TimetablesPublished,
)
from standards.timetables import Published, books_in_force
from standards.workdays import Calendar


@dataclass(frozen=True)
class Shelf:
    """What the center has published so far.

    Args:
        guides: (item, version) -> publication.
        latest: item -> its newest version.
        size: size of the standards log this was built from: the *standards version*.
    """

    guides: dict[tuple[str, int], GuidePublished] = field(default_factory=dict)
    latest: dict[str, int] = field(default_factory=dict)
    calendar: Calendar = field(default_factory=Calendar)
    number_template: str = DEFAULT_NUMBER_TEMPLATE
    size: int = 0
    leave_rules: LeaveRules = field(default_factory=packaged_rules)
    timetables: tuple[Published, ...] = field(default_factory=lambda: books_in_force(()))

    def guide(self, item: str, version: int | None = None) -> Guide:
        """One version of an item's guide, the newest when none is named.

        Raises:
            Invalid: no such item or version; the clerk should search again.
        """
        number = version if version is not None else self.latest.get(item, 0)
        published = self.guides.get((item, number))
        if published is None:
            raise Invalid({"item": "没有这个事项,或该版本尚未下发;请重新查找事项"})
        return published.guide

    def newer_than(self, item: str, version: int) -> int | None:
        """The version in force, when it is a later one than this; None otherwise."""
        newest = self.latest.get(item, 0)
        return newest if newest > version else None

    def current(self) -> list[Guide]:
        """The newest version of every item."""
        return [self.guides[item, version].guide for item, version in self.latest.items()]

    def newest_on(self, item: str, day: date) -> int:
        """The newest version of an item that was published on or before a day; 0 when none."""
        for version in range(self.latest.get(item, 0), 0, -1):
            published = self.guides.get((item, version))
            if published is not None and published.published_on <= day:
                return version
        return 0


def shelf_of(
    guides: Iterable[GuidePublished],
    calendars: Iterable[CalendarPublished],
    schemes: Iterable[NumberScheme],
    size: int,
    rules: Iterable[LeaveRulesPublished | TimetablesPublished] = (),
) -> Shelf:
    """The shelf from published records in the order of their log."""
    by_version = {(g.item, g.version): g for g in guides}
    latest: dict[str, int] = {}
    for item, version in by_version:
        latest[item] = max(version, latest.get(item, 0))
    every = list(rules)
    newest_scheme = max(schemes, key=lambda s: s.version, default=None)
    return Shelf(
        by_version,
        latest,
        Calendar(c.calendar for c in calendars),
        newest_scheme.template if newest_scheme else DEFAULT_NUMBER_TEMPLATE,
        size,
        rules_in_force(
            (one.version, one.rules) for one in every if isinstance(one, LeaveRulesPublished)
        ),
        books_in_force(
            (one.version, one.since, one.rules)
            for one in every
            if isinstance(one, TimetablesPublished)
        ),
    )
