"""密钥清单: the keys the center works with, and how they are changed.

The offline root signs each key set; the private halves are files in ``keys/``. A rotation is asked
for here (`wish`), signed where the root is (`aggregator.keys.ceremony`), and installed here. Every
program on one database goes by the newest set that was installed, from its next request on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from standards.errors import Invalid
from sync.clock import Clock
from sync.errors import KeySetRefused, TryLater, UnknownKey
from sync.keys.keyfiles import KeyMissing, key_file, key_files
from sync.keys.keysets import CenterKeys, follow, sign_keys
from sync.notes import COSIGNATURE, ED25519, Signer, Verifier, text_of
from sync.private.sealing import SealingKeys
from sync.storage.durable import write_file
from sync.storage.store import Database

DDL = (
    """CREATE TABLE IF NOT EXISTS key_set (
        version INTEGER PRIMARY KEY, note BLOB NOT NULL, at TEXT NOT NULL, actor TEXT NOT NULL)""",
)

# What can be rotated, with the term that people read.
PURPOSES = {"roster": "花名册", "log": "下发日志", "receipts": "回执", "sealing": "封装"}
_KINDS = {"roster": ED25519, "log": ED25519, "receipts": COSIGNATURE}
SETUP = "SETUP"


@dataclass(frozen=True)
class Ring:
    """The keys of one key set with their private halves. ``note``: empty before the root signed."""

    keys: CenterKeys
    note: bytes
    roster: Signer
    log: Signer
    receipts: Signer
    sealing: SealingKeys


class KeyRing:
    """A center's keys over their folder and the key sets that were installed.

    Args:
        make: make the keys that are missing: nothing was ever written here.

    Raises:
        KeyMissing: the private half of a key in force is not in the folder.
    """

    def __init__(
        self, folder: Path, center: str, db: Database, clock: Clock, *, make: bool
    ) -> None:
        self.folder, self.center, self._db, self._clock = folder, center, db, clock
        db.create(DDL)
        signer = root_signer(folder, center, make=make)
        self.root = root_verifier(folder, center)
        if not self.history():
            for purpose in PURPOSES:
                key_file(folder, purpose, make=make)
            if signer is not None:
                self._begin(sign_keys(signer, self.first()))
        self._ring = self._read()

    @property
    def ring(self) -> Ring:
        """The keys as they were when they were last looked for."""
        return self._ring

    def refresh(self) -> Ring:
        """Look whether another set was installed, by whatever program on this database."""
        rows = self._db.query("SELECT MAX(version) AS version FROM key_set")
        if rows[0]["version"] != (self._ring.keys.version if self._ring.note else None):
            self._ring = self._read()
        return self._ring

    def note(self) -> bytes:
        """The key set in force under the root's signature.

        Raises:
            TryLater: the root has not signed any yet.
        """
        if not self._ring.note:
            raise TryLater("the center's key set is not signed by its root yet", retry_after=300)
        return self._ring.note

    def first(self) -> CenterKeys:
        """The key set that stands for the keys the folder was set up with."""
        signers = [self._signer(name, key_file(self.folder, name, make=False)) for name in _KINDS]
        roster, log, receipts = (signer.verifier for signer in signers)
        sealing = SealingKeys(key_file(self.folder, "sealing", make=False)).public
        return CenterKeys(self.center, 1, roster, log, receipts, sealing)

    def _signer(self, purpose: str, seed: bytes, name: str = "") -> Signer:
        return Signer(name or f"{self.center}/{purpose}", seed, _KINDS[purpose])

    def _newest(self) -> tuple[bytes, bytes]:
        """The newest set of this root, and the newest of all: another root may have signed it."""
        rows = self._db.query("SELECT note FROM key_set ORDER BY version DESC")
        notes = [bytes(row["note"]) for row in rows]
        return next(filter(self._is_ours, notes), b""), notes[0] if notes else b""

    def _is_ours(self, note: bytes) -> bool:
        try:
            CenterKeys.open(note, self.root)
        except UnknownKey:
            return False
        return True

    def _begin(self, note: bytes) -> None:
        """Keep the set this folder was set up with; no moment, so that each start says the same."""
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO key_set VALUES (1, :note, '', :actor) ON CONFLICT DO NOTHING",
                note=note,
                actor=SETUP,
            )

    def _read(self) -> Ring:
        note, latest = self._newest()
        if note:
            keys = CenterKeys.open(note, self.root)
        elif latest:
            # A new root signs, for a start, the keys that the lost one signed last.
            last = CenterKeys.parse(text_of(latest))
            keys = replace(last, version=last.version + 1)
        else:
            keys = self.first()
        return self._ring_of(keys, note)

    def _ring_of(self, keys: CenterKeys, note: bytes) -> Ring:
        held = {name: self._private(name, getattr(keys, name)) for name in _KINDS}
        seeds = key_files(self.folder, "sealing")
        in_force = [seed for seed in seeds if SealingKeys(seed).public == keys.sealing]
        if not in_force:
            raise KeyMissing("the sealing key of the key set in force is missing")
        older = [seed for seed in seeds if seed not in in_force]
        return Ring(keys, note, sealing=SealingKeys(in_force[0], *older), **held)

    def _private(self, purpose: str, public: Verifier) -> Signer:
        for seed in key_files(self.folder, purpose):
            signer = self._signer(purpose, seed, public.name)
            if signer.verifier == public:
                return signer
        raise KeyMissing(f"the {purpose} key of the key set in force is missing")

    # --- changing keys ----------------------------------------------------------------------

    def wish(self, purposes: Collection[str]) -> CenterKeys:
        """The next key set, with new keys for these purposes, for the root to sign.

        Asking again for the same gives the same: the new private keys wait in the folder.

        Raises:
            Invalid: no purpose, or an unknown one.
        """
        if not self._ring.note:
            return self._ring.keys
        if not purposes or set(purposes) - set(PURPOSES):
            raise Invalid({"purposes": "请选择要更换的密钥:" + "、".join(PURPOSES)})
        held = self._ring.keys
        version = held.version + 1
        changed: dict[str, object] = {}
        retired: list[Verifier] = []
        for purpose in (p for p in PURPOSES if p in purposes):
            stem = f"{purpose}-{version}"
            seed = key_file(self.folder, stem)
            if purpose == "sealing":
                changed[purpose] = SealingKeys(seed).public
                continue
            changed[purpose] = self._signer(purpose, seed, f"{self.center}/{stem}").verifier
            if purpose != "roster":
                retired.append(getattr(held, purpose))
        wished = {**changed, "version": version, "retired": (*held.retired, *retired)}
        return replace(held, **wished)  # type: ignore[arg-type]

    def check(self, note: bytes, taken: Iterable[bytes]) -> Ring:
        """A key set signed by the root, as it may be installed here.

        Args:
            taken: public keys that halls have.

        Raises:
            Invalid: it is in force already, or drops a key that old receipts or heads need.
            KeySetRefused, UnknownKey, Malformed: not a set that follows the one in force.
            KeyMissing: the private half of one of its keys is not in the folder.
        """
        keys, held = CenterKeys.open(note, self.root), self.refresh()
        if keys.center != self.center:
            raise KeySetRefused("a key set of another center", center=keys.center)
        if held.note:
            follow(held.keys, keys)
            if keys.version == held.keys.version:
                raise Invalid({"": "这份密钥清单已经在用"})
        kept = {*keys.log_keys, *keys.receipts_keys}
        if not {*held.keys.log_keys, *held.keys.receipts_keys} <= kept:
            raise Invalid({"": "新清单没有保留原来的日志、回执公钥,旧凭证将无法核验"})
        if keys.publics & set(taken) or keys.sealing in set(taken):
            raise Invalid({"": "新清单中有分厅正在使用的公钥"})
        return self._ring_of(keys, note)

    def install(self, ring: Ring, actor: str) -> None:
        """Go by a set that :meth:`check` let through; inside the caller's transaction.

        Raises:
            Invalid: another set was installed at the same time.
        """
        done = self._db.execute(
            "INSERT INTO key_set VALUES (:version, :note, :at, :actor) ON CONFLICT DO NOTHING",
            version=ring.keys.version,
            note=ring.note,
            at=self._clock.stamp(),
            actor=actor,
        )
        if not done:
            raise Invalid({"": "同时已有另一份清单启用,请重新核对"})

    def history(self) -> list[Mapping[str, object]]:
        """Every set that was installed: version, when and by whom; the newest first."""
        return self._db.query("SELECT version, at, actor FROM key_set ORDER BY version DESC")


# --- the root -----------------------------------------------------------------------------------


def root_signer(folder: Path, center: str, *, make: bool) -> Signer | None:
    """The root's private key where it is on this machine; None where it is kept elsewhere.

    Raises:
        KeyMissing: neither the key nor the public half of one kept elsewhere is here.
    """
    public = folder / "root.pub"
    if public.exists() and not (folder / "root.key").exists():
        return None
    signer = Signer(f"{center}/root", key_file(folder, "root", make=make))
    if not public.exists():
        write_file(public, f"{signer.verifier}\n")
    return signer


def root_verifier(folder: Path, center: str) -> Verifier:
    """The root's public key, which everything here is checked against.

    Raises:
        KeyMissing: the private key beside it is another root's, or it is another center's.
    """
    root = Verifier.parse((folder / "root.pub").read_text(encoding="utf-8").strip())
    private = folder / "root.key"
    if private.exists():
        signer = Signer(root.name, key_file(folder, "root", make=False))
        if signer.verifier != root:
            raise KeyMissing("root.key and root.pub are not of one root")
    if root.name != f"{center}/root":
        raise KeyMissing(f"root.pub is the root of {root.name}, not of {center}")
    return root
