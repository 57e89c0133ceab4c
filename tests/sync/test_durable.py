"""Files beside the database: whole, private, and kept. What a power cut does: tests/powercut."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.storage.durable import make_folder, write_file


def test_a_file_is_written_whole_and_readable_by_its_owner_alone(tmp_path: Path):
    path = tmp_path / "data" / "keys" / "a.key"
    write_file(path, "一个厅\n")
    assert path.read_text(encoding="utf-8") == "一个厅\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700


def test_the_new_content_takes_the_place_of_the_old_and_leaves_nothing_beside_it(tmp_path: Path):
    path = tmp_path / "node.toml"
    write_file(path, "old, and longer")
    write_file(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_an_earlier_attempt_left_does_not_disturb(tmp_path: Path):
    (tmp_path / "node.toml.new").write_text("half a f", encoding="utf-8")
    write_file(tmp_path / "node.toml", "whole")
    assert (tmp_path / "node.toml").read_text(encoding="utf-8") == "whole"


def test_when_the_new_content_cannot_be_written_the_old_stands(tmp_path: Path):
    path = tmp_path / "node.toml"
    write_file(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_file(path, "new \ud800")
    assert path.read_text(encoding="utf-8") == "old"


def test_a_folder_that_stands_is_left_as_it_is(tmp_path: Path):
    (tmp_path / "data").mkdir(mode=0o755)
    before = (tmp_path / "data").stat().st_mode
    make_folder(tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode == before
