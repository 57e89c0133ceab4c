"""``onehall-aggregator root`` and ``keys``: the root's ceremony and the center's key sets.

The commands of the root need no data folder of a center: they run where the root is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from aggregator.center import CenterSettings
from aggregator.database.store import CenterStore
from aggregator.keys import ceremony, keybook, rotation
from aggregator.keys.keyring import PURPOSES
from aggregator.opening import ADVICE, DATA, opened
from standards.errors import Invalid
from sync.errors import SyncError
from sync.keys.keysets import CenterKeys
from sync.storage.durable import write_file
from sync.storage.store import Database
from web.command_line import AS_JSON, in_a_sentence, there
from web.vault_commands import Whose, vault_command

FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
FILE = click.Path(dir_okay=False, path_type=Path)
_PASSPHRASE = click.option(
    "--passphrase/--plain", "ask", default=True, help="Lock the key with a passphrase, or not."
)


@contextmanager
def _said() -> Iterator[None]:
    """Errors of a ceremony as one sentence and exit status 1."""
    try:
        yield
    except Invalid as invalid:
        raise click.ClickException("; ".join(invalid.fields.values())) from None
    except SyncError as error:
        raise click.ClickException(f"{error.code}: {error.rule}") from None
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _new_passphrase(ask: bool) -> str:
    if not ask:
        return ""
    found: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
    return found


@click.group()
def root() -> None:
    """Make, move and use the root key, away from the center's machine."""


@root.command("new")
@FOLDER
@click.option("--center", required=True, help="Name of the center, as init gets it.")
@_PASSPHRASE
def new(folder: Path, center: str, ask: bool) -> None:
    """Make a root key in a folder, on a stick or on a machine that is never on a network."""
    with _said():
        public = ceremony.new_root(folder, center, _new_passphrase(ask))
    click.echo(f"Root key: {public}")
    click.echo(f"Take {folder / 'root.pub'} to the center: init --root root.pub.")


@root.command("move")
@FOLDER
@DATA
@_PASSPHRASE
def move(folder: Path, data: Path, ask: bool) -> None:
    """Take the root key off the center's machine into a folder, and destroy it here."""
    with opened(data) as center, _said():
        keys, name = data / "keys", center.settings.center
        public = ceremony.move_root(keys, folder, name, _new_passphrase(ask))
    click.echo(f"Root key: {public}")
    click.echo("The root key is gone from this machine. Make a second copy and lock both away.")


@root.command("adopt")
@click.argument("public", type=FILE)
@DATA
@click.option("--yes", is_flag=True, help="Do not ask.")
def adopt(public: Path, data: Path, yes: bool) -> None:
    """Go by another root key from root.pub: the old one is lost, or may be known to others."""
    with opened(data) as center, _said():
        if not yes:
            click.confirm("Every hall will have to be enrolled anew. Go on?", abort=True)
        text, name = public.read_text(encoding="utf-8"), center.settings.center
        adopted = ceremony.adopt_root(data / "keys", text, name)
    click.echo(f"Root key: {adopted}")
    click.echo("Next: start the servers again, keys request, root sign, keys install.")


@root.command("sign")
@FOLDER
@click.argument("wish", type=FILE)
@click.argument("note", type=FILE)
@click.option("--yes", is_flag=True, help="Do not ask before signing.")
def sign(folder: Path, wish: Path, note: Path, yes: bool) -> None:
    """Show the key set that a center asks for, and sign it with the root in FOLDER."""
    with _said():
        asked = CenterKeys.parse(wish.read_text(encoding="utf-8"))
        for line in shown(asked):
            click.echo(line)
        if not yes:
            click.confirm("Is this what the center's screen shows? Sign it?", abort=True)
        locked = ceremony.asks_passphrase(folder)
        words = click.prompt("Passphrase", hide_input=True) if locked else ""
        signed = ceremony.sign_wish(folder, ceremony.open_root(folder, words), asked)
        write_file(note, signed.decode())
    click.echo(f"Signed: take {note} back to the center and run keys install.")


def shown(keys: CenterKeys) -> list[str]:
    """A key set as two people compare it at two screens."""
    lines = [f"center    {keys.center}", f"version   {keys.version}"]
    lines += [f"roster    {keys.roster}", f"log       {keys.log}", f"receipts  {keys.receipts}"]
    return lines + [f"sealing   {keys.sealing.hex()}"] + [f"retired   {k}" for k in keys.retired]


@click.group()
def keys() -> None:
    """Show, ask for and install the center's key sets."""


@keys.command("show")
@DATA
@AS_JSON
def show(data: Path, as_json: bool) -> None:
    """Show the root's public key, the key set in force, and whether the root is on this machine."""
    with opened(data) as center:
        ring, on_machine = center.keys.ring, (data / "keys" / "root.key").exists()
        if as_json:
            facts: dict[str, object] = {"version": ring.keys.version, "signed": bool(ring.note)}
            facts |= {"root": str(center.root)}
            click.echo(json.dumps({**facts, "root_on_this_machine": on_machine}))
            return
        click.echo(f"root key  {center.root}")
        for line in shown(ring.keys):
            click.echo(line)
        click.echo(f"signed    {'by the root' if ring.note else 'not yet: run keys request'}")
        click.echo(f"root      {'ON THIS MACHINE; root move' if on_machine else 'kept elsewhere'}")


@keys.command("request")
@DATA
@click.argument("wish", type=FILE)
@click.option("--rotate", multiple=True, type=click.Choice(list(PURPOSES)), help="Key to change.")
def request(data: Path, wish: Path, rotate: tuple[str, ...]) -> None:
    """Write the key set that this center asks its root to sign, with new keys for a rotation."""
    with opened(data) as center, _said():
        asked = center.keys.wish(rotate)
        write_file(wish, asked.text)
    for line in shown(asked):
        click.echo(line)
    click.echo(f"Take {wish} to the root: onehall-aggregator root sign.")


@keys.command("install")
@DATA
@click.argument("note", type=FILE)
@click.option("--actor", required=True, help="Staff number of who installs it.")
def install(data: Path, note: Path, actor: str) -> None:
    """Check a key set that the root signed and go by it from now on."""
    with opened(data) as center, _said():
        installed = rotation.install(center, note.read_bytes(), actor)
    click.echo(f"Key set {installed.version} is in force; halls get it at their next contact.")


@contextmanager
def _database(data: Path) -> Iterator[Database]:
    with in_a_sentence("center.toml", "init", ADVICE):
        settings = CenterSettings.load(data)
        file = settings.database_file(data)
        if file is not None:
            there(file)
        url = settings.database or f"sqlite:///{file}"
        with closing(CenterStore(url, settings.partitions)) as store:
            yield store


keys.add_command(
    vault_command(
        Whose(
            data=DATA,
            held=_database,
            forget=lambda db: ("Start every server of this center anew.",),
            back="Halls give again what they have at their next contacts, or with export --all.",
        )
    )
)


@click.command("revoke")
@DATA
@click.argument("hall")
@click.option("--reason", required=True, help="Shown at the hall; no personal data.")
@click.option("--actor", required=True, help="Staff number of who decided it.")
@click.option("--epoch", type=click.IntRange(1), help="Epoch of the last place that stays valid.")
@click.option("--size", type=click.IntRange(0), help="Entries of that epoch that stay valid.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def revoke(data: Path, hall: str, yes: bool, **given: str | int | None) -> None:
    """Revoke a hall's key above what is held now, or above an earlier place."""
    with opened(data) as center, _said():
        place = keybook.held_place(center, hall)
        if given["epoch"] is not None and given["size"] is not None:
            place = (int(given["epoch"]), int(given["size"]))
        click.echo(f"Hall {hall}: everything after entry {place[1]} of epoch {place[0]}.")
        if not yes:
            click.confirm(
                "Its machine will be refused until it is enrolled anew. Revoke?", abort=True
            )
        with center.db.transaction():
            words = (str(given["reason"]), str(given["actor"]))
            keybook.revoke(center, hall, place, words)
        click.echo(f"The key of hall {hall} is revoked.")
