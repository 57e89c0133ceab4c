"""``account``: the command of both programs that opens an account for a member of staff."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click

from web.accounts import Accounts, NewAccount, check_account
from web.token_commands import Machine, Option


def account_command(
    data_of: Option,
    opened: Callable[[Path], AbstractContextManager[Machine]],
    roles: Mapping[str, str],
) -> click.Command:
    """The command ``account`` of one program.

    Args:
        data_of: the option that names the data folder. opened: opens it.
    """

    @click.command("account")
    @data_of
    @click.argument("login")
    @click.option("--staff-no", required=True, help="Staff number; stands in every entry.")
    @click.option("--name", required=True, help="Name shown on the person's own pages.")
    @click.option("--role", "held", multiple=True, required=True, type=click.Choice(list(roles)))
    @click.option("--keep-password", is_flag=True, help="Do not ask for a new one at sign-in.")
    @click.password_option(help="Initial password; asked for when not given.")
    def account(data: Path, login: str, held: tuple[str, ...], **given: Any) -> None:
        """Open an account for a member of staff."""
        with opened(data) as machine:
            new = NewAccount(
                login=login, staff_no=given["staff_no"], display_name=given["name"], roles=held
            )
            Accounts(machine.db, machine.clock.now).create(
                check_account(new, roles),
                given["password"],
                must_change=not given["keep_password"],
            )
            click.echo(f"Account {login} is open.")

    return account
