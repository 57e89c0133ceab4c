"""The guards of keys that change, each with a weakened twin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import aggregator.keys.keybook
import aggregator.keys.rotation
import node.keys.enrolment
import sync.contact.exchange
from aggregator.center import Center
from aggregator.keys.keyring import KeyRing, Ring
from node.keys.keyring import HallRing
from sync.errors import EnrolmentRefused, Malformed, UnknownKey
from sync.keys.keyfiles import key_files
from sync.keys.keysets import CenterKeys, HallKeys, Request
from sync.notes import Signer
from sync.private.sealing import SealingKeys
from sync.recovery.catching_up import CatchUp
from tests.simulation.epoch_mutants import Mutant

_keybook: Any = aggregator.keys.keybook
_rotation: Any = aggregator.keys.rotation
_enrolment: Any = node.keys.enrolment
_exchange: Any = sync.contact.exchange
_real_ring_of = KeyRing._ring_of


def _never_ends(keys: HallKeys, epoch: int) -> None:
    """Takes whatever a key signs, revoked or not."""


def _ends_in_its_epoch(keys: HallKeys, epoch: int) -> int | None:
    """Looks at the epoch of the revocation alone."""
    place = keys.revoked_at
    return place[1] if place and place[0] == epoch else None


def _any_key_of_the_hall(center: Center, name: str) -> HallKeys:
    """Answers whoever has a key that this hall ever had."""
    hall = name.removeprefix(center.settings.center + "/").partition("/")[0]
    for row in _keybook.keys_of(center, hall):
        if row.keys.signing.name == name:
            found: HallKeys = row.keys
            return found
    raise UnknownKey("no hall of this center has a key of this name", name=name)


def _follow_any(held: CenterKeys, offered: CenterKeys) -> CenterKeys:
    """Goes by whatever set the root ever signed."""
    return offered


def _believe_statement(note: bytes, center: str, hall: str) -> Request:
    """Takes new keys from whoever names them."""
    lines = note.decode().rpartition("\n\n")[0].split("\n")
    return Request.parse("\n".join(["onehall/enrol/v1", *lines[2:], ""]))


def _give_whoever_asks(center: Center, entry: Any) -> None:
    """Never asks which key the new ones follow, nor whether it is in force."""
    name, statement = center.settings.center, str(entry.logged.statement).encode()
    request = _rotation.open_rotation(statement, name, entry.writer)
    mine = {request.signing.public, request.cosigning.public, request.sealing}
    if all(row.keys.publics != mine for row in _keybook.keys_of(center, entry.writer)):
        try:
            _keybook.refuse_shared(center, request)
        except EnrolmentRefused as refused:
            raise Malformed(refused.rule) from None
        _keybook.give(center, request)


def _share(center: Center, request: Request) -> None:
    """Lists keys that somebody else has."""


def _only_the_newest(ring: KeyRing, keys: CenterKeys, note: bytes) -> Ring:
    """Opens nothing that was sealed to an older key."""
    real = _real_ring_of(ring, keys, note)
    seeds = key_files(ring.folder, "sealing")
    newest = [seed for seed in seeds if SealingKeys(seed).public == keys.sealing]
    return replace(real, sealing=SealingKeys(newest[0]))


def _sign_with_the_newest(ring: HallRing, epoch: int) -> Signer:
    """Signs what stands in old epochs with the keys of now."""
    return ring.current.signer


def _never_ended(catching_up: CatchUp, origin: str) -> bool:
    """Goes on sending what a revoked key signed above its place."""
    return False


OF_KEYS = (
    Mutant(
        "a revoked key writes nothing above its place",
        "sync.keys.keysets.HallKeys.end_of",
        ((HallKeys, "end_of", _never_ends),),
    ),
    Mutant(
        "a revoked key writes no later epoch",
        "sync.keys.keysets.HallKeys.end_of",
        ((HallKeys, "end_of", _ends_in_its_epoch),),
    ),
    Mutant(
        "a revoked key is not answered",
        "aggregator.keys.keybook.of_name",
        ((_keybook, "of_name", _any_key_of_the_hall),),
    ),
    Mutant(
        "an old key set is never taken back",
        "sync.keys.keysets.follow",
        ((_exchange, "follow", _follow_any), (_enrolment, "follow", _follow_any)),
    ),
    Mutant(
        "new keys are proved by the new key",
        "sync.keys.keysets.open_rotation",
        ((_rotation, "open_rotation", _believe_statement),),
    ),
    Mutant(
        "new keys follow the key in force",
        "aggregator.keys.rotation._give_new_keys",
        ((_rotation, "_give_new_keys", _give_whoever_asks),),
    ),
    Mutant(
        "new keys are nobody else's",
        "aggregator.keys.keybook.refuse_shared",
        ((_keybook, "refuse_shared", _share),),
    ),
    Mutant(
        "what was sealed to an older key of the center still opens",
        "aggregator.keys.keyring.KeyRing._ring_of",
        ((KeyRing, "_ring_of", _only_the_newest),),
    ),
    Mutant(
        "an epoch is signed with the keys of its time",
        "node.keys.keyring.HallRing.signer_of",
        ((HallRing, "signer_of", _sign_with_the_newest),),
    ),
    Mutant(
        "what a revoked key signed above its place goes on in the next epoch",
        "sync.recovery.catching_up.CatchUp._is_ended",
        ((CatchUp, "_is_ended", _never_ended),),
    ),
)
