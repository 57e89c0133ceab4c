"""``token``: the commands of both programs that make, list and revoke tokens of the interface."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import click

from sync.clock import Clock
from sync.storage.store import Database
from web import logs
from web.api_tokens import ApiTokens
from web.command_line import AS_JSON

Option = Callable[[Callable[..., Any]], Callable[..., Any]]


class Machine(Protocol):
    """What a command works on: a hall or the center."""

    @property
    def db(self) -> Database:
        """Where the tokens are kept."""

    @property
    def clock(self) -> Clock:
        """Its clocks."""


Opened = Callable[[Path], AbstractContextManager[Machine]]


def token_commands(data: Option, opened: Opened, scopes: Sequence[str]) -> click.Group:
    """The group ``token`` of one program.

    Args:
        data: the option that names the data folder. opened: opens it.
        scopes: the lists that a token may be good for.
    """
    group = click.Group("token", help="Tokens with which other systems read the JSON interface.")
    group.add_command(_make(data, opened, scopes))
    group.add_command(_list(data, opened))
    group.add_command(_revoke(data, opened))
    return group


def _tokens(machine: Machine) -> ApiTokens:
    return ApiTokens(machine.db, machine.clock.now)


def _make(data_of: Option, opened: Opened, scopes: Sequence[str]) -> click.Command:
    @click.command("make")
    @data_of
    @click.argument("label")
    @click.option("--scope", "chosen", multiple=True, required=True, type=click.Choice(scopes))
    @click.option("--days", default=365, show_default=True, help="How long it is good for.")
    @click.option("--actor", required=True, help="Staff number of who decided it.")
    def make(data: Path, label: str, chosen: tuple[str, ...], days: int, actor: str) -> None:
        """Make a token for the system LABEL and print it; it is shown once and kept nowhere."""
        with opened(data) as machine:
            secret = _tokens(machine).make(label, chosen, days, actor)
            logs.event("api.token_made", scopes=list(chosen))
            click.echo(secret)

    return make


def _list(data_of: Option, opened: Opened) -> click.Command:
    @click.command("list")
    @data_of
    @AS_JSON
    def show(data: Path, as_json: bool) -> None:
        """Show every token: for whom, good for what and until when."""
        with opened(data) as machine:
            now = machine.clock.now()
            facts = [
                {**asdict(token), "good": token.is_good(now)} for token in _tokens(machine).all()
            ]
        if as_json:
            click.echo(json.dumps(facts, ensure_ascii=False))
            return
        for one in facts:
            state = "good" if one["good"] else "revoked" if one["revoked_at"] else "over"
            scopes = ",".join(one["scopes"])
            click.echo(f"{one['id']}  {state:7}  until {one['ends_at'][:10]}  {scopes}", nl=False)
            click.echo(f"  {one['label']}")

    return show


def _revoke(data_of: Option, opened: Opened) -> click.Command:
    @click.command("revoke")
    @data_of
    @click.argument("token_id")
    def revoke(data: Path, token_id: str) -> None:
        """End a token now; a program that serves goes by it from its next request on."""
        with opened(data) as machine:
            if not _tokens(machine).revoke(token_id):
                raise click.ClickException("No token of this id is in force; see token list.")
            logs.event("api.token_revoked", token=token_id)
            click.echo(f"{token_id} is revoked.")

    return revoke
