"""根密钥: made, moved and used away from the center's machine, in a folder on a stick or a safe PC.

The root signs key sets and nothing else, and remembers the last one, so that it never signs two of
one version. Needs no database and no network.
"""

from __future__ import annotations

import os
from pathlib import Path

from standards.errors import Invalid
from sync.errors import SyncError
from sync.keys.keyfiles import SEED_BYTES, destroy_key, is_locked, key_file, lock_key, unlock_key
from sync.keys.keysets import CenterKeys, follow
from sync.notes import Signer, Verifier
from sync.storage.durable import make_folder, write_file

_KEY, _PUBLIC, _NAME, _LAST = "root.key", "root.pub", "center.txt", "signed.note"


def new_root(folder: Path, center: str, passphrase: str = "") -> Verifier:
    """Make a root key in a folder; answers its public half, which also stands in ``root.pub``.

    Raises:
        Invalid: there is one already.
    """
    if (folder / _KEY).exists():
        raise Invalid({"folder": "这个文件夹里已经有根密钥,没有改动"})
    return _put(folder, center, os.urandom(SEED_BYTES), passphrase)


def _put(folder: Path, center: str, seed: bytes, passphrase: str) -> Verifier:
    signer = Signer(f"{center}/root", seed)
    make_folder(folder)
    write_file(folder / _NAME, f"{center}\n")
    write_file(folder / _PUBLIC, f"{signer.verifier}\n")
    if passphrase:
        lock_key(folder / _KEY, seed, passphrase)
    else:
        write_file(folder / _KEY, seed.hex() + "\n")
    return signer.verifier


def asks_passphrase(folder: Path) -> bool:
    """Whether the root in this folder opens with a passphrase only.

    Raises:
        Invalid: no root here.
    """
    if not (folder / _KEY).exists():
        raise Invalid({"folder": "这个文件夹里没有根密钥"})
    return is_locked(folder / _KEY)


def open_root(folder: Path, passphrase: str = "") -> Signer:
    """The root in a folder.

    Raises:
        Invalid: no root here, or another passphrase.
    """
    if asks_passphrase(folder):
        try:
            seed = unlock_key(folder / _KEY, passphrase)
        except SyncError:
            raise Invalid({"passphrase": "口令不对,或文件已损坏"}) from None
    else:
        seed = key_file(folder, "root", make=False)
    center = (folder / _NAME).read_text(encoding="utf-8").strip()
    return Signer(f"{center}/root", seed)


def move_root(keys: Path, folder: Path, center: str, passphrase: str = "") -> Verifier:
    """Take the root away from the center's machine: written and read again there, then gone here.

    Raises:
        Invalid: it is not here any more, or the folder holds a root already.
    """
    here = keys / _KEY
    if not here.exists():
        raise Invalid({"": "本机没有根密钥,已经移走了"})
    if folder.resolve() == keys.resolve():
        raise Invalid({"folder": "请给出另一个文件夹,最好在U盘上"})
    seed = key_file(keys, "root", make=False)
    if not (folder / _KEY).exists():
        _put(folder, center, seed, passphrase)
    signer = open_root(folder, passphrase)
    if signer.verifier != Signer(f"{center}/root", seed).verifier:
        raise Invalid({"folder": "这个文件夹里是另一个根密钥,没有改动"})
    write_file(keys / _PUBLIC, f"{signer.verifier}\n")
    destroy_key(here)
    return signer.verifier


def adopt_root(keys: Path, public: str, center: str) -> Verifier:
    """Go by another root: the one there was is lost, or may be known to others.

    Every hall pinned the old one and has to be enrolled anew.

    Raises:
        Invalid: the root of another center, or the one that is in force.
        SyncError: not a verifier key.
    """
    root = Verifier.parse(public.strip())
    held = keys / _PUBLIC
    if root.name != f"{center}/root":
        raise Invalid({"root": "这不是本中心的根公钥"})
    if held.exists() and held.read_text(encoding="utf-8").strip() == str(root):
        raise Invalid({"root": "这个根密钥已经在用"})
    if (keys / _KEY).exists():
        destroy_key(keys / _KEY)
    write_file(held, f"{root}\n")
    return root


def sign_wish(folder: Path, root: Signer, wish: CenterKeys) -> bytes:
    """Sign a key set, unless it does not follow the last one that was signed here.

    Raises:
        Invalid: a key set of another center, or with the root's own key in it.
        KeySetRefused: older than, or another one of the version of, the last one signed.
    """
    if f"{wish.center}/root" != root.name or root.verifier.public in wish.publics:
        raise Invalid({"": "这份清单不是这个中心的,或把根密钥用在了别处"})
    last = folder / _LAST
    if last.exists():
        follow(CenterKeys.open(last.read_bytes(), root.verifier), wish)
    note = root.sign(wish.text)
    write_file(last, note.decode())
    return note
