"""``onehall-aggregator export`` and ``import``: the stick at the center's machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from aggregator.center import Center
from aggregator.halls import roster
from aggregator.opening import DATA, opened
from aggregator.sticks.sticks import (
    apply_taken,
    bring_in_files,
    bring_in_files_behind,
    carry_files,
    export_down,
    import_up,
)
from sync.errors import StickRefused, UnknownKey
from sync.sticks.stick import UP
from sync.sticks.stick_export import FolderTarget
from sync.sticks.usb import halls_on, sources
from web.command_line import AS_JSON
from web.stick_telling import FILES, tell, tell_given, tell_room
from web.sticks import Given, Taken

STICK = click.argument("stick", type=click.Path(path_type=Path))


@click.command("import")
@DATA
@STICK
@AS_JSON
def import_stick(data: Path, stick: Path, as_json: bool) -> None:
    """Take in what halls wrote to a USB stick, through the same door as over the wire.

    The same stick may be imported any number of times; nothing is doubled. What is whole of one
    hall is taken in whatever is wrong with that of another.
    """
    with opened(data) as center:
        try:
            found = sources(stick, UP)
        except StickRefused as refused:
            tell([Taken(str(stick), refused=refused)], "center", as_json)
            return
        taken = []
        for source in found:
            try:
                one = import_up(center, source)
                apply_taken(center, one)
                bring_in_files_behind(center, one)
                if stick.is_dir():
                    bring_in_files(center, one, stick)
            except StickRefused as refused:
                one = Taken(source.where, refused=refused)
            taken.append(one)
        tell(taken, "center", as_json)


@click.command("export")
@DATA
@STICK
@click.option("--hall", "chosen", multiple=True, help="Id of a hall; may be given several times.")
@click.option("--all", "everything", is_flag=True, help="Write whole logs, confirmed or not.")
@FILES
@AS_JSON
def export_stick(
    data: Path, stick: Path, chosen: tuple[str, ...], as_json: bool, **given: Any
) -> None:
    """Write receipts, standards and orders for halls to a USB stick, sealed to each hall.

    Without --hall: for the halls that this stick came from, or for all halls when it is new.
    """
    with opened(data) as center:
        tell_room(stick, as_json)
        done: list[Given] = []
        wrong: list[Taken] = []
        for hall in chosen or _halls(center, stick):
            try:
                one = export_down(
                    center, hall, lambda head: FolderTarget(stick, head), given["everything"]
                )
                done.append(replace(one, scans=carry_files(center, hall, stick, given["files"])))
            except UnknownKey:
                unknown = StickRefused("unknown_hall", str(stick), there=hall)
                wrong.append(Taken(str(stick), hall, refused=unknown))
            except StickRefused as refused:
                wrong.append(Taken(str(stick), hall, refused=refused))
                break
        if done or not wrong:
            tell_given(done, "center", as_json and not wrong)
        if wrong:
            tell(wrong, "center", as_json)


def _halls(center: Center, stick: Path) -> list[str]:
    enrolled = [row.hall for row in roster.halls(center) if row.state == "enrolled"]
    return [hall for hall in enrolled if hall in halls_on(stick)] or enrolled
