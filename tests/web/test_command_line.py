"""What every command says of the folder it is given, and of what it meets there."""

from __future__ import annotations

import pwd

import click
import pytest

from sync.keys.keyfiles import KeyMissing
from sync.keys.vault_key import VaultLost
from web.command_line import in_a_sentence, other_owner


def said(error: Exception, advice: dict[type[Exception], str] | None = None) -> str:
    with (
        pytest.raises(click.ClickException) as told,
        in_a_sentence("a.toml", "a init", advice or {}),
    ):
        raise error
    return told.value.message


def test_root_writes_into_nobody_elses_folder():
    somebody = next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)
    assert other_owner(somebody.pw_uid, 0) == somebody.pw_name
    assert other_owner(54321, 0) == "#54321"
    assert other_owner(0, 0) == other_owner(somebody.pw_uid, somebody.pw_uid) == ""


def test_only_a_missing_file_of_settings_sends_to_init():
    assert said(FileNotFoundError(2, "x", "/data/a.toml")) == "No a.toml here; run a init first."
    assert said(FileNotFoundError(2, "x", "/data/keys/root.pub")) == "root.pub is missing."


def test_what_a_program_says_of_an_error_goes_before_what_is_said_of_its_family():
    assert said(KeyMissing("a key is missing")).endswith(
        "bring the folder keys back from the backup."
    )
    assert (
        said(VaultLost("it is gone"), {VaultLost: "see keys vault"})
        == "it is gone; see keys vault."
    )
