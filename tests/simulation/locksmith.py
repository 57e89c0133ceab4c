"""Keys that change: rotated at either side, revoked, lost with a disk; halls enrolled anew.

In a part of the worlds. People do what the handbook says, with the product's own functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from aggregator.halls import roster
from aggregator.keys import keybook
from aggregator.keys import rotation as center_rotation
from aggregator.keys.keyring import PURPOSES
from node.keys import enrolment, rotation
from standards.errors import Invalid
from standards.records import KeysRotated
from sync.errors import (
    DiskFull,
    EnrolmentRefused,
    KeySetRefused,
    NotOurs,
    Revoked,
    SyncError,
    TryLater,
    UnknownKey,
    Unreachable,
)
from sync.keys.keysets import CenterKeys, Position, Request, sign_rotation, thirty_digits
from sync.notes import COSIGNATURE, Signer
from sync.private.sealing import SealingKey
from tests.aggregator.rotations import signed
from tests.simulation import folders
from tests.simulation.book import HallBook, require
from tests.simulation.clerk import Writing
from tests.simulation.disk import Disk
from tests.simulation.folders import KEYS, content, put
from tests.simulation.held_keys import HeldKey, Keyring, Revocation
from tests.simulation.machines import (
    CENTER,
    HALLS,
    SAFE,
    URL,
    HallMachine,
    Stock,
    enrolment_of,
)
from tests.simulation.wire import Meeting

if TYPE_CHECKING:
    from tests.simulation.world import World

ADMIN = "C-06"
# Of all worlds.
SHARE = 0.3
# A center that was restored has forgotten whom it revoked; an edit by hand needs people anyway.
_BY_HAND = ("edited", "exchanged")
_WITHOUT_REVOCATION = ("center restored", *_BY_HAND)


@dataclass
class Locks:
    """What people have in hand: a key set that the root signed, and what was stolen.

    ``folder``: of the machines; where keys change, this world has its own.
    """

    draw: Random
    folder: Path
    change: bool
    signed: bytes = b""
    thieves: dict[str, HallMachine] = field(default_factory=dict)


def locks_of(stock: Stock, seed: int) -> Locks:
    """Do keys change in this world?"""
    draw = Random(f"keys of {seed}")
    change = draw.random() < SHARE
    folder = folders.own_copy(stock.folder, f"world-{seed}") if change else stock.folder
    return Locks(draw, folder, change)


def introduce(world: World) -> None:
    """Tell every book the keys with which its hall begins."""
    office = world.center.office
    everybody = keybook.taken(office) | office.keys.ring.keys.publics
    for book in world.books.values():
        held = [_held(row) for row in keybook.keys_of(office, book.name)]
        mine = {public for one in held for public in one.publics}
        book.reference.keyring = Keyring(held, frozenset(everybody - mine))


def _held(row: keybook.KeyRow) -> HeldKey:
    return HeldKey(row.keys.signing.public, row.keys.publics, row.keys.revoked_at is not None)


# --- the center's keys --------------------------------------------------------------------------


def center_rotates(world: World) -> None:
    """The center asks for new keys, the root signs where it is kept, the center goes by them."""
    world.at(world.center, lambda: world.unless_full(world.center, lambda: _rotate(world)))


def _rotate(world: World) -> None:
    locks = world.locks
    if not locks.signed:
        several = locks.draw.choice((1, 1, 2, len(PURPOSES)))
        purposes = locks.draw.sample(sorted(PURPOSES), several)
        locks.signed = signed(world.center.office, locks.folder / SAFE, purposes)
        world.faults["keys of the center rotated"] += 1
    install(world)


def install(world: World) -> None:
    """Go by the key set that the root signed last, unless the center does already."""
    office, locks = world.center.office, world.locks
    if not locks.signed:
        return
    try:
        center_rotation.install(office, locks.signed, ADMIN)
    except Invalid:
        # The power went after it was installed and before anybody was told.
        asked = CenterKeys.open(locks.signed, office.root)
        require(office.keys.refresh().keys == asked, "a key set of the root is not installed")
    locks.signed = b""


def center_was_restored(world: World) -> None:
    """What the root signed since the copy is in its folder, and is installed again."""
    last = world.locks.folder / SAFE / "signed.note"
    world.locks.signed = last.read_bytes() if last.exists() else b""


# --- revoking and admitting ---------------------------------------------------------------------


def center_revokes(world: World) -> None:
    """A hall's key is revoked above a place; perhaps because somebody stole the machine."""
    draw, office = world.locks.draw, world.center.office
    book = world.books[draw.choice(sorted(world.books))]
    epoch, size = _held_place(world, book)
    if book.reference.keyring.held[-1].revoked or world.plan.kind in _WITHOUT_REVOCATION:
        return
    by = draw.choice((0, 0, 0, -draw.randint(1, 4), draw.randint(1, 4)))
    place = epoch, max(0, size + by)
    if by <= 0 and draw.random() < 0.7:
        _steal(world, book)

    def act() -> None:
        with office.db.transaction():
            keybook.revoke(office, book.name, place, ("机器失窃", ADMIN))

    if not _changes(world, book, place, act):
        world.locks.thieves.pop(book.name, None)
        return
    world.faults["a hall revoked"] += 1


def _steal(world: World, book: HallBook) -> None:
    """Somebody has the machine, or all that stood on it, from now on."""
    machine = book.machines[0].machine
    folder = world.locks.folder / "world-stolen"
    put(folder / machine.name / KEYS, content(machine.keys_folder))
    thief = HallMachine(folder, machine.name, Disk(machine.disk.copy()), world.time)
    world.locks.thieves[book.name] = thief
    world.faults["a machine stolen"] += 1


def _held_place(world: World, book: HallBook) -> Position:
    with world.center.disk.looked_at():
        return keybook.held_place(world.center.office, book.name)


def _changes(world: World, book: HallBook, place: Position, act: Callable[[], None]) -> bool:
    """People change the keys of a hall at the center; the book notes what stood in the end.

    ``place``: above it, what the hall's keys sign until then is not valid any more.
    """
    book.follow()
    sizes = {origin: len(copy) for origin, copy in book.copies.items()}
    before = _rows(world, book)
    world.at(world.center, lambda: world.unless_full(world.center, act))
    after = _rows(world, book)
    if _ends(after) == _ends(before):
        return False
    book.revocations.append(Revocation(place, sizes))
    book.reference.keyring.held[-1].revoked = True
    for row in after[len(before) :]:
        book.reference.keyring.held.append(_held(row))
        for one in book.revocations:
            one.until = one.until or row.keys.first_epoch
    return True


def _rows(world: World, book: HallBook) -> list[keybook.KeyRow]:
    with world.center.disk.looked_at():
        return keybook.keys_of(world.center.office, book.name)


def _ends(rows: list[keybook.KeyRow]) -> list[Position | None]:
    return [row.keys.revoked_at for row in rows]


def ask_anew(world: World, machine: HallMachine) -> None:
    """People at a hall ask to be enrolled with new keys, under a code from the center."""
    codes: list[str] = []
    make = lambda: codes.append(roster.new_code(world.center.office, machine.name))  # noqa: E731
    world.at(world.center, lambda: world.unless_full(world.center, make))
    if codes:
        world.at(machine, lambda: _ask(world, machine, codes[-1]))


def _ask(world: World, machine: HallMachine, code: str) -> None:
    meeting = Meeting(machine)
    try:
        line = world.wire.line(machine, meeting)
        enrolment.ask(machine.hall, line, URL, code, anew=True)
        world.faults["asked to be enrolled anew"] += 1
    except (SyncError, DiskFull) as error:
        full = machine.disk.burnt == "full"
        usual = full or meeting.tampered or isinstance(error, Unreachable | TryLater)
        require(usual, f"a hall may not ask to be enrolled anew: {error}")


def admit(world: World, machine: HallMachine) -> None:
    """Two people have compared the digits: the center admits the machine in place of any before."""
    with machine.disk.looked_at():
        known = enrolment.trust(machine.hall)
    office, book = world.center.office, world.books[machine.name]
    if known is None or known.state != "pending":
        return
    with world.center.disk.looked_at():
        asked = enrolment_of(office, known.digits)
    if asked:
        act = partial(roster.approve, office, asked, ADMIN, replaces=True)
        _changes(world, book, _held_place(world, book), act)


# --- the hall -----------------------------------------------------------------------------------


def hall_rotates(world: World) -> None:
    """A hall makes new keys and says so in its log."""
    machine, draw = world.locks.draw.choice(world.halls), world.locks.draw
    actor = f"{machine.name}-006"
    act: Callable[[], object]
    if world.plan.kind in _BY_HAND:
        return
    if machine.foreign and draw.random() < 0.5:
        record = _false_keys(world, machine)
        world.faults["false keys shown"] += 1
        act = partial(machine.hall.write, record, actor=actor)
    else:
        record = KeysRotated(statement="-")
        world.faults["keys of a hall rotated"] += 1
        act = partial(rotation.ask, machine.hall, actor)
    world.at(machine, lambda: _says(world, machine, Writing(record, actor), act))


def _says(world: World, machine: HallMachine, said: Writing, act: Callable[[], object]) -> None:
    book, done = world.of(machine), False
    book.begin([said])
    try:
        act()
        done = True
    except Invalid:
        known = enrolment.trust(machine.hall)
        require(known is not None and known.state != "approved", "a hall may not change its keys")
    except DiskFull:
        require(machine.disk.burnt == "full", "a full disk that was not full")
    if not done:
        book.attempt = []
    book.settle(acknowledged=done)


def _false_keys(world: World, machine: HallMachine) -> KeysRotated:
    """New keys that the center must not list: not proved, after a key that never was, or shared."""
    draw, hall = world.locks.draw, machine.hall
    name, kind = hall.signer.name, draw.choice(("not proved", "strange", "shared"))
    signer = Signer(name, draw.randbytes(32))
    cosigner = Signer(name, draw.randbytes(32), COSIGNATURE)
    sealing = SealingKey(draw.randbytes(32))
    if kind == "shared":
        other = next(one for one in HALLS if one != machine.name)
        seed = content(world.locks.folder / other / KEYS)["sealing.key"]
        sealing = SealingKey(bytes.fromhex(seed.strip()))
    request = Request(machine.name, signer.verifier, cosigner.verifier, sealing.public)
    by = Signer(name, draw.randbytes(32)) if kind == "not proved" else signer
    succeeds = world.center.office.root if kind == "strange" else hall.signer.verifier
    statement = sign_rotation(by, CENTER, request).decode()
    return KeysRotated(statement=statement, succeeds=str(succeeds))


def hall_asks_anew(world: World) -> None:
    """At a hall that is locked out people ask for new keys; at the center somebody decides."""
    machine, draw = world.locks.draw.choice(world.halls), world.locks.draw
    if is_locked_out(world, machine):
        ask_anew(world, machine)
    if draw.random() < 0.7:
        admit(world, machine)


def is_locked_out(world: World, machine: HallMachine) -> bool:
    """Is every contact of this machine refused until people do something?"""
    if not world.locks.change:
        return False
    with machine.disk.looked_at():
        known = enrolment.trust(machine.hall)
    rows = _rows(world, world.books[machine.name])
    if known is None or known.state != "approved":
        succeeded = known is not None and _is_decided(world, known) and not _has(machine, rows[-1])
        return known is not None and (succeeded or _waits_in_vain(world, machine, known))
    place = _place_of(machine, rows)
    ended = place is None or rows[place].keys.revoked_at is not None
    return ended or _is_succeeded(machine, rows) or not _has(machine, rows[-1])


def _is_decided(world: World, known: enrolment.Trust) -> bool:
    with world.center.disk.looked_at():
        return not enrolment_of(world.center.office, known.digits)


def _waits_in_vain(world: World, machine: HallMachine, known: enrolment.Trust) -> bool:
    """Does it ask for keys it has no more, or for what the center knows nothing of?"""
    with world.center.disk.looked_at():
        asked = {one.digits for one in roster.pending(world.center.office)}
    mine = thirty_digits(known.root, enrolment.request_of(machine.hall))
    return mine != known.digits or mine not in asked


def _place_of(machine: HallMachine, rows: list[keybook.KeyRow]) -> int | None:
    """Where the key with which this machine asks stands among those of its hall."""
    mine = machine.hall.signer.verifier
    return next((at for at, row in enumerate(rows) if row.keys.signing == mine), None)


def _is_succeeded(machine: HallMachine, rows: list[keybook.KeyRow]) -> bool:
    place = _place_of(machine, rows)
    return place is not None and any(row.used for row in rows[place + 1 :])


def _has(machine: HallMachine, row: keybook.KeyRow) -> bool:
    """Has this machine the private half of these keys?"""
    waiting = machine.hall.keys.waiting()
    sets = [*machine.hall.keys.sets, *([waiting] if waiting else [])]
    return any(one.is_listed(row.keys) for one in sets)


def excuses(world: World, machine: HallMachine) -> tuple[type[Exception], ...]:
    """What a hall may be told because of keys that changed, and only then."""
    if not world.locks.change:
        return ()
    with machine.disk.looked_at():
        known, peer = enrolment.trust(machine.hall), enrolment.peer(machine.hall)
    rows = _rows(world, world.books[machine.name])
    version = peer.keys.version if peer else 0
    in_force = world.center.office.keys.ring.keys.version
    found: list[type[Exception]] = []
    if any(row.keys.revoked_at for row in rows) or _is_succeeded(machine, rows):
        found.append(Revoked)
    if version != in_force or _place_of(machine, rows) is None:
        found.append(UnknownKey)
    if version > in_force:
        found.append(KeySetRefused)
    if not _has(machine, rows[-1]):
        found.append(NotOurs)
    if (
        peer is None
        and known
        and world.of(machine).healed
        and _waits_in_vain(world, machine, known)
    ):
        found.append(EnrolmentRefused)
    return tuple(found)


# What people do with keys in a world, and how often.
STEPS = ((3, hall_rotates), (3, center_rotates), (2, center_revokes), (3, hall_asks_anew))


def excuses_of_a_stick(world: World, machine: HallMachine) -> tuple[type[Exception], ...]:
    """What the stick of a hall may be told besides: it opened an epoch before it could hear that
    new keys of its own write it.
    """
    rows = _rows(world, world.books[machine.name])
    early = machine.hall.epoch >= rows[-1].keys.first_epoch > machine.hall.keys.current.first_epoch
    return (UnknownKey,) if early else ()
