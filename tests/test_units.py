"""The units of systemd start commands that exist, with options that they take."""

import configparser
import shlex

import click
import pytest

from aggregator.commands import main as aggregator_command
from node.commands import main as node_command
from tests.source import ROOT

COMMANDS = {"onehall-node": node_command, "onehall-aggregator": aggregator_command}


def started_by(unit: str) -> list[str]:
    """The words of ExecStart; later settings of the same name do not matter here."""
    reader = configparser.ConfigParser(strict=False, interpolation=None)
    reader.read(ROOT / "deploy" / f"{unit}.service", encoding="utf-8")
    return shlex.split(reader["Service"]["ExecStart"])


@pytest.mark.parametrize("unit", COMMANDS)
def test_a_unit_starts_the_command_it_is_named_after(unit: str):
    assert started_by(unit)[0].endswith(f"/.venv/bin/{unit}")


FORWARD = "onehall-aggregator-forward"
UNITS = [*COMMANDS, *(f"{name}-backup" for name in COMMANDS), FORWARD]


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_gives_its_command_what_the_command_takes(unit: str):
    command: click.Command = COMMANDS[unit.removesuffix("-backup").removesuffix("-forward")]
    words = started_by(unit)[1:]
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    # Raises click.UsageError for an unknown option or a missing argument; runs nothing.
    assert command.make_context(unit, words).params["data"]
