"""``onehall-node export`` and ``import``: the stick at the hall's machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from node.hall import Hall
from node.opening import DATA, opened
from node.outbox.sticks import (
    bring_in_files,
    bring_in_files_behind,
    carry_files,
    export_up,
    for_us,
    import_down,
)
from sync.errors import StickRefused
from sync.sticks.stick import DOWN
from sync.sticks.stick_export import FolderTarget
from sync.sticks.usb import Source, sources
from web.command_line import AS_JSON
from web.stick_telling import FILES, tell, tell_given, tell_room
from web.sticks import Taken

STICK = click.argument("stick", type=click.Path(path_type=Path))


@click.command("export")
@DATA
@STICK
@click.option("--all", "everything", is_flag=True, help="Write the whole log, confirmed or not.")
@FILES
@AS_JSON
def export_stick(data: Path, stick: Path, everything: bool, files: int, as_json: bool) -> None:
    """Write what the center has not confirmed to a USB stick.

    Everything on it is sealed to the center; whoever finds the stick cannot read it.
    """
    with opened(data) as hall:
        tell_room(stick, as_json)
        try:
            done = export_up(hall, lambda heading: FolderTarget(stick, heading), everything)
            done = replace(done, scans=carry_files(hall, stick, files))
        except StickRefused as refused:
            tell([Taken(str(stick), refused=refused)], "hall", as_json)
        else:
            tell_given([done], "hall", as_json)


@click.command("import")
@DATA
@STICK
@AS_JSON
def import_stick(data: Path, stick: Path, as_json: bool) -> None:
    """Take in receipts, standards and orders that the center wrote to a USB stick.

    The same stick may be imported any number of times; nothing is doubled.
    """
    with opened(data) as hall:
        taken: list[Taken] = []
        try:
            for source in for_us(hall, sources(stick, DOWN)):
                taken.append(_taken(hall, source))
        except StickRefused as refused:
            taken.append(Taken(str(stick), refused=refused))
        if stick.is_dir():
            bring_in_files(hall, taken[-1], stick)
        tell(taken, "hall", as_json)


def _taken(hall: Hall, source: Source) -> Taken:
    """One of several exports: another one may be whole."""
    try:
        taken = import_down(hall, [source])
    except StickRefused as refused:
        return Taken(source.where, refused=refused)
    bring_in_files_behind(hall, taken)
    return taken
