"""本厅密钥: the keys this hall writes, asks and opens with, one set for each stretch of epochs.

``signing.key`` is the first; ``signing-<n>.key`` writes from epoch n on; keys that were shown to
the center and have no number yet end in ``-next``. Older ones stay: what they signed is still sent
under them, what was sealed to them still opens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sync.keys.keyfiles import key_file, key_numbers, number_keys
from sync.keys.keysets import HallKeys, Request, key_name
from sync.notes import COSIGNATURE, Signer
from sync.private.sealing import SealingKey, SealingKeys
from sync.storage.durable import remove_file

NAMES = ("signing", "cosigning", "sealing")
_NEXT = "-next"


@dataclass(frozen=True)
class HallKeySet:
    """The private halves of one set of a hall's keys."""

    first_epoch: int
    signer: Signer
    cosigner: Signer
    sealing: SealingKey

    def request(self, hall: str) -> Request:
        """The public halves, as they are sent and compared; the same before and after the set gets
        its number, so that the center knows it again when the power went in between.
        """
        name = self.signer.verifier.name
        if self.first_epoch > 1:
            name = name.removesuffix(f"/{self.first_epoch}")
        signing, cosigning = self.signer.verifier, self.cosigner.verifier
        named = replace(signing, name=name), replace(cosigning, name=name)
        return Request(hall, *named, self.sealing.public)

    def is_listed(self, entry: HallKeys) -> bool:
        """Whether a roster note lists these very keys."""
        listed = (entry.signing.public, entry.cosigning.public, entry.sealing)
        mine = (self.signer.verifier.public, self.cosigner.verifier.public, self.sealing.public)
        return listed == mine


class HallRing:
    """A hall's keys over their folder.

    Args:
        make: make the first set where it is missing: nothing was ever written here.

    Raises:
        KeyMissing: the keys are gone while the data they belong to stand.
    """

    def __init__(self, folder: Path, center: str, hall: str, *, make: bool) -> None:
        self._folder, self._center, self._hall = folder, center, hall
        numbers = key_numbers(folder, "signing")
        if numbers:
            # What a power cut left of giving them their number.
            self._forget(_NEXT, numbers[-1])
            self._forget("", numbers[-1])
        else:
            self._set("", 1, make=make)
        self._read()

    def _read(self) -> None:
        numbers = key_numbers(self._folder, "signing")
        first = (self._folder / "signing.key").exists()
        sets = [self._set("", 1, make=False)] if first else []
        sets += [self._set(f"-{number}", number, make=False) for number in numbers]
        self.sets = tuple(sets)
        seeds = [self._seed(s) for s in [*([""] if first else []), *(f"-{n}" for n in numbers)]]
        self.sealing = SealingKeys(*reversed(seeds))

    def _seed(self, mark: str) -> bytes:
        return key_file(self._folder, f"sealing{mark}", make=False)

    def _set(self, mark: str, first: int, *, make: bool) -> HallKeySet:
        name = key_name(self._center, self._hall, first)
        seeds = [key_file(self._folder, f"{purpose}{mark}", make=make) for purpose in NAMES]
        signer, cosigner = Signer(name, seeds[0]), Signer(name, seeds[1], COSIGNATURE)
        return HallKeySet(first, signer, cosigner, SealingKey(seeds[2]))

    @property
    def current(self) -> HallKeySet:
        """The newest set with a number: requests are signed with it."""
        return self.sets[-1]

    def signer_of(self, epoch: int) -> Signer:
        """Who signs heads and batches of an epoch of this hall's log."""
        earlier = [one for one in self.sets if one.first_epoch <= epoch]
        return (earlier or self.sets)[-1 if earlier else 0].signer

    def waiting(self, *, make: bool = False) -> HallKeySet | None:
        """The set that was, or is now, made to be shown to the center; None when there is none."""
        if not make and not (self._folder / f"signing{_NEXT}.key").exists():
            return None
        return self._set(_NEXT, 1, make=True)

    def renew(self) -> HallKeySet:
        """A set made now to be shown to the center: one that waits may have been seen by others."""
        for name in NAMES:
            remove_file(self._folder / f"{name}{_NEXT}.key")
        return self._set(_NEXT, 1, make=True)

    def take(self, entry: HallKeys) -> bool:
        """Give a set the first epoch for which the center listed it; whether there is such a set.

        Safe to run again.
        """
        if self.current.is_listed(entry) and self.current.first_epoch == entry.first_epoch:
            return True
        waiting = self.waiting()
        if waiting is not None and waiting.is_listed(entry):
            mark = _NEXT
        elif len(self.sets) == 1 and self.current.is_listed(entry):
            # A machine that replaces another: its first keys begin with a later epoch.
            mark = ""
        else:
            return False
        number_keys(self._folder, NAMES, mark, entry.first_epoch)
        self._read()
        return True

    def _forget(self, mark: str, number: int) -> None:
        paths = [self._folder / f"{name}{mark}.key" for name in NAMES]
        numbered = key_file(self._folder, f"signing-{number}", make=False)
        twins = [path for path in paths[:1] if path.exists()]
        if twins and key_file(self._folder, twins[0].stem, make=False) == numbered:
            number_keys(self._folder, NAMES, mark, number)
