"""``export`` and ``import`` of both machines, as an administrator types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aggregator.center import CenterSettings
from aggregator.commands import main as center_command
from node.commands import main as node_command
from node.hall import Hall
from tests.independent.center import CENTER, listening
from tests.node.contacts import enrolled, new_hall
from tests.sync.pairs import case


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A center, an enrolled hall with three entries, and an empty stick; nothing runs."""
    with listening(tmp_path / "center") as office, new_hall(tmp_path / "hall") as hall:
        enrolled(hall, office)
        write(hall)
        hall.settings.save(hall.data)
        CenterSettings(center=CENTER, name="市政务公开办公室").save(office.center.data)
    (tmp_path / "stick").mkdir()
    yield tmp_path


def write(hall: Hall) -> None:
    for number in range(3):
        hall.write(case(number), actor="T01-001")


def node(data: Path, *words: str) -> Result:
    stick = str(data / "stick")
    return CliRunner().invoke(
        node_command, [*words[:1], stick, "--data", str(data / "hall"), *words[1:]]
    )


def center(data: Path, *words: str) -> Result:
    stick = str(data / "stick")
    return CliRunner().invoke(
        center_command, [*words[:1], stick, "--data", str(data / "center"), *words[1:]]
    )


def test_four_commands_carry_everything_there_and_back(data: Path):
    told = node(data, "export")
    assert told.exit_code == 0, told.output
    assert "U盘可用空间" in told.output and "记录 3 条" in told.output
    told = center(data, "import")
    assert told.exit_code == 0 and "分厅 T01 收下新记录 3 条" in told.output
    told = center(data, "export")
    assert told.exit_code == 0 and "给分厅 T01" in told.output
    told = node(data, "import")
    assert told.exit_code == 0 and "又核对了回执 1 份" in told.output
    status = CliRunner().invoke(node_command, ["status", "--data", str(data / "hall"), "--json"])
    assert json.loads(status.output)["unsent"] == 0


def test_a_script_reads_the_same_as_json(data: Path):
    (given,) = json.loads(node(data, "export", "--json").output)
    assert (given["hall"], given["entries"], given["left"]) == ("T01", 3, 0)
    (taken,) = json.loads(center(data, "import", "--json").output)
    assert (taken["new"], taken["known"], taken["refused"]) == (3, 0, [])
    (given,) = json.loads(center(data, "export", "--hall", "T01", "--json").output)
    assert given["hall"] == "T01"
    (taken,) = json.loads(node(data, "import", "--json").output)
    assert (taken["receipts"], taken["refused"]) == (1, [])


def test_a_file_that_is_missing_ends_the_command_with_a_sentence_that_names_it(data: Path):
    node(data, "export")
    last = max((data / "stick/ONEHALL/T01/UP").glob("*00001.OHS"))
    last.unlink()
    told = center(data, "import")
    assert told.exit_code == 1 and last.name in told.output and "请到分厅重新导出" in told.output
    told = center(data, "import", "--json")
    assert told.exit_code == 1
    assert json.loads(told.output)[0]["refused"] == [{"reason": "missing", "file": last.name}]


@pytest.mark.parametrize("side", [node, center])
def test_a_stick_that_is_not_there_is_said_to_be_so(data: Path, side):
    (data / "stick").rmdir()
    for word in ("export", "import"):
        told = side(data, word)
        assert told.exit_code == 1 and "确认U盘已经插好" in told.output


def test_a_hall_that_is_unknown_is_named_and_the_others_are_written(data: Path):
    told = center(data, "export", "--hall", "T77", "--hall", "T01")
    assert told.exit_code == 1
    assert "分厅 T77 没有在本中心入网" in told.output and "给分厅 T01" in told.output
