"""Tokens of the interface by commands of either program: made once, listed without it, revoked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from aggregator import commands as of_center
from aggregator.opening import opened as center_opened
from node import commands as of_hall
from node.opening import opened as hall_opened
from web.api_tokens import ApiTokens

PROGRAMS: dict[str, tuple[click.Group, Any, tuple[str, ...]]] = {
    "hall": (of_hall.main, hall_opened, ("--hall", "T01", "--name", "x", "--center", "c.example")),
    "center": (of_center.main, center_opened, ("--name", "x", "--center", "c.example")),
}


def run(program: click.Group, *words: str) -> Result:
    return CliRunner().invoke(program, list(words))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_token_is_made_listed_without_its_text_and_revoked(name: str, tmp_path: Path):
    program, opened, named = PROGRAMS[name]
    data = ("--data", str(tmp_path))
    assert run(program, "init", *data, *named).exit_code == 0
    made = run(
        program, "token", "make", *data, "统计平台", "--scope", "cases", "--days", "30",
        "--actor", "C-006",
    )  # fmt: skip
    secret = made.stdout.strip()
    with opened(tmp_path) as machine:
        found = ApiTokens(machine.db, machine.clock.now).find(secret)
    assert found is not None and found.scopes == ("cases",) and found.made_by == "C-006"

    listed = run(program, "token", "list", *data, "--json")
    (shown,) = json.loads(listed.stdout)
    assert (shown["id"], shown["good"], shown["label"]) == (found.id, True, "统计平台")
    assert secret not in listed.stdout + run(program, "token", "list", *data).stdout

    assert run(program, "token", "revoke", *data, found.id).exit_code == 0
    with opened(tmp_path) as machine:
        assert ApiTokens(machine.db, machine.clock.now).find(secret) is None
    again = run(program, "token", "revoke", *data, found.id)
    assert again.exit_code == 1 and "token list" in again.output


def test_a_token_for_a_list_that_there_is_not_or_for_too_long_is_refused(tmp_path: Path):
    program, _, named = PROGRAMS["center"]
    data = ("--data", str(tmp_path))
    run(program, "init", *data, *named)
    words = ("token", "make", *data, "x", "--actor", "C-006")
    assert run(program, *words, "--scope", "people").exit_code == 2
    too_long = run(program, *words, "--scope", "cases", "--days", "9999")
    assert too_long.exit_code == 1 and "730" in too_long.output
