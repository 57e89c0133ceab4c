"""起始标准: what a new center publishes before its own office has written anything.

The starter catalogue, the official calendars that ship with the software, and the default number
scheme. Nothing of it is verified; each guide says so.
"""

from __future__ import annotations

from aggregator.center import Center
from standards.cases import DEFAULT_NUMBER_TEMPLATE
from standards.catalogue import starter_guides
from standards.records import CalendarPublished, GuidePublished, NumberScheme
from standards.workdays import published_years


def load_starter(center: Center, actor: str) -> int:
    """Publish what is not published yet; answers the number of entries written.

    Run again it writes nothing: an item, year or scheme that stands is left as it is.

    Args:
        actor: staff number under which the starter stands as drafted, checked and published.
    """
    with center.db.transaction():
        center.logs.lock(center.standards_origin)
        before = center.logs.state(center.standards_origin).size
        _calendars(center, actor)
        _scheme(center, actor)
        _guides(center, actor)
        return center.logs.state(center.standards_origin).size - before


def _calendars(center: Center, actor: str) -> None:
    rows = center.db.query("SELECT DISTINCT year FROM calendar_published")
    known = {row["year"] for row in rows}
    for table in published_years():
        if table.year not in known:
            record = CalendarPublished(year=table.year, version=table.version, calendar=table)
            center.publish(record, actor=actor)


def _scheme(center: Center, actor: str) -> None:
    if not center.db.query("SELECT id FROM number_scheme"):
        center.publish(NumberScheme(version=1, template=DEFAULT_NUMBER_TEMPLATE), actor=actor)


def _guides(center: Center, actor: str) -> None:
    known = {row["item"] for row in center.db.query("SELECT DISTINCT item FROM guide_published")}
    for guide in starter_guides():
        if guide.item not in known:
            record = GuidePublished(
                item=guide.item,
                version=guide.version,
                published_on=center.clock.today(),
                drafted_by=actor,
                checked_by=actor,
                published_by=actor,
                guide=guide,
            )
            center.publish(record, actor=actor)
