"""U盘交换 at the center: what halls bring on sticks, and what goes back to them.

A stick is taken in by the same door as the wire (`aggregator.receiving.rounds`), batch by batch;
what the hall says of itself beside its batches is believed as in a round. Knows no Flask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from aggregator.center import Center
from aggregator.files import archives
from aggregator.halls import roster
from aggregator.keys import keybook
from aggregator.receiving.apply import apply_hall
from aggregator.receiving.deliveries import take_proof
from aggregator.receiving.rounds import (
    latest_receipt,
    logs_of,
    note_opens,
    opens,
    own_logs,
    quarantined,
    take_batch,
)
from sync.contact import messages
from sync.contact.messages import LogHead, RoundAnswer, RoundAsk
from sync.contact.sending import signed_head
from sync.errors import Revoked, StickRefused, SyncError, UnknownKey
from sync.files.archive import Archive
from sync.files.carried_files import (
    DOWN_FILES,
    UP_FILES,
    Carried,
    Trailing,
    bring_in,
    bring_in_behind,
    carry,
    folder_of,
    trailing,
)
from sync.keys.keysets import HallKeys
from sync.notes import Checkpoint, Verifier, open_note
from sync.private.sealing import SEALED_TOGETHER, Recipient
from sync.sticks.cuts import cuts_of, note_cuts
from sync.sticks.stick import DOWN, UP, Heading, Piece
from sync.sticks.stick_export import Content, Rest, Sealer, Target, batches, export
from sync.sticks.usb import Source, check, pieces
from web.sticks import Given, Taken, given, on_stick

# --- in -------------------------------------------------------------------------------------------


def import_up(center: Center, source: Source) -> Taken:
    """Take in what one hall exported.

    Raises:
        StickRefused: not of a hall of this center, or not whole; nothing was opened.
    """
    center.keys.refresh()
    index = source.index()
    signers = _verifiers_of(center, index.claimed.heading, source)
    names = index.signers(signers)
    manifest = index.claimed
    check(source, manifest)
    taken = Taken(source.where, manifest.heading.hall, manifest.heading.made_at)
    taken.source, taken.manifest = source, manifest
    try:
        for piece, plain in pieces(source, manifest, [center.sealing]):
            if piece.origin:
                _receive(center, (piece, plain), taken)
            else:
                _hear(center, min(names), (piece, plain), taken)
            taken.files += 1
    except StickRefused as refused:
        taken.stop(refused)
    return taken


def _verifiers_of(center: Center, heading: Heading, source: Source) -> list[Verifier]:
    """Every key the hall ever had: what an older one may still bring, each batch's rules say."""
    own = center.settings.center
    if heading.center != own:
        raise StickRefused("other_center", source.where, there=heading.center, own=own)
    if heading.way != UP:
        raise StickRefused("wrong_way", source.where)
    found = [row.keys.signing for row in keybook.keys_of(center, heading.hall)]
    if not found:
        raise StickRefused("unknown_hall", source.where, there=heading.hall)
    return found


def _receive(center: Center, opened: tuple[Piece, bytes], taken: Taken) -> None:
    piece, plain = opened
    epoch = piece.origin.rpartition("/")[2]
    taken.batch(center.logs, piece, lambda: take_batch(center, (taken.hall, epoch), plain))


def _hear(center: Center, signer: str, opened: tuple[Piece, bytes], taken: Taken) -> None:
    """What the hall says of itself, when the key that signed the stick may still speak for it."""
    piece, plain = opened
    try:
        keys = keybook.of_name(center, signer)
        keybook.mark_used(center, keys)
        _believe(center, keys, messages.read(plain, RoundAsk))
    except Revoked:
        # An old stick, or a stolen machine: its batches are judged one by one.
        return
    except SyncError as error:
        taken.stop(StickRefused(error.code, piece.name))


def _believe(center: Center, keys: HallKeys, ask: RoundAsk) -> None:
    """Proofs of delivery, and how the hall stood when the stick was made."""
    standards = local = 0
    for head in ask.logs:
        if head.origin == center.standards_origin:
            standards = head.size
        if head.origin.startswith(f"{center.settings.center}/{keys.hall}/"):
            local += head.size
        elif head.note:
            take_proof(center, keys, head)
    _note_contact(center, keys.hall, ask, (local, standards))
    note_opens(center, ask)
    archives.note_fetched(center, keys, ask.held if isinstance(ask.held, tuple) else ())


def _note_contact(center: Center, hall: str, ask: RoundAsk, sizes: tuple[int, int]) -> None:
    """Only what is newer than what is known: a stick may have lain in a drawer.

    The clock's skew is left as it was: nobody knows how long the stick was on its way.
    """
    local, standards = sizes
    center.db.execute(
        "INSERT INTO hall_contact (hall, local_size, oldest_unsent, standards_size, clock_skew_s, "
        "software, at) VALUES (:hall, :local, :oldest, :standards, 0, :software, :at) "
        "ON CONFLICT (hall) DO UPDATE SET local_size = excluded.local_size, "
        "oldest_unsent = excluded.oldest_unsent, standards_size = excluded.standards_size, "
        "software = excluded.software, at = excluded.at "
        "WHERE hall_contact.local_size <= excluded.local_size "
        "AND hall_contact.standards_size <= excluded.standards_size",
        hall=hall,
        local=local,
        oldest=ask.oldest_unsent,
        standards=standards,
        software=ask.software,
        at=center.clock.stamp(),
    )


def apply_taken(center: Center, taken: Taken) -> None:
    """Apply at once what a stick brought, so that findings go back on the same stick."""
    for origin in sorted(taken.logs):
        apply_hall(center, origin)


def bring_in_files(center: Center, taken: Taken, stick: Path) -> None:
    """Take in the scans that a hall put on a stick; their entries were applied before."""
    if (folder := folder_of(stick, taken.hall, UP_FILES)) is not None:
        archive = archives.archive_of(center, taken.hall)
        taken.brought(bring_in(folder, archive, _wanted(archive)))


def bring_in_files_behind(center: Center, taken: Taken) -> None:
    """The same with those that stand behind an export that is one file."""
    if taken.source is not None and taken.manifest is not None and taken.manifest.files:
        archive = archives.archive_of(center, taken.hall)
        wanted = _wanted(archive)
        taken.brought(bring_in_behind(taken.source, taken.manifest, archive, wanted))


def _wanted(archive: Archive) -> set[str]:
    wanted, after = set[str](), ""
    while some := archive.wanted(archive.hall, after):
        wanted |= set(some)
        after = some[-1]
    return wanted


def files_behind(center: Center, hall: str, megabytes: int) -> Trailing:
    """What was handed to a hall and is not there yet, behind an export that is one file."""
    files = archives.to_carry(center, hall)
    return trailing(archives.archive_of(center, hall), files, megabytes * 10**6)


def carry_files(center: Center, hall: str, stick: Path, megabytes: int) -> Carried:
    """Put what was handed to a hall and is not there yet on a stick, encrypted as it is.

    Raises:
        StickRefused: it cannot be written.
    """
    with on_stick(stick):
        folder = folder_of(stick, hall, DOWN_FILES, make=True)
        assert folder is not None
        files = archives.to_carry(center, hall)
        return carry(folder, archives.archive_of(center, hall), files, megabytes * 10**6)


# --- out ------------------------------------------------------------------------------------------


def export_down(
    center: Center,
    hall: str,
    target_of: Callable[[Heading], Target],
    everything: bool = False,
    files: tuple[Piece, ...] = (),
) -> Given:
    """Write receipts, and what of standards and orders the hall has not confirmed yet.

    Args:
        files: what was handed to the hall, behind an export that is one file.

    Raises:
        UnknownKey: the hall is not enrolled. StickRefused: the stick cannot be written.
    """
    keys = roster.hall_keys(center, hall)
    heading = Heading(center.settings.center, hall, DOWN, center.clock.stamp())
    rests = [_rest(center, keys, origin, everything) for origin in own_logs(center, hall)]
    sealer = Sealer(center.signer, keys.sealing, roster.keys_note(center))
    contents = _contents(center, keys, rests)
    written = export(target_of(heading), heading, sealer, contents, files)
    note_cuts(center.db, hall, written.manifest)
    waiting = sum(center.logs.state(rest.origin).size - rest.start for rest in rests)
    return given(written, waiting)


def _rest(center: Center, keys: HallKeys, origin: str, everything: bool) -> Rest:
    sizes = cuts_of(center.db, keys.hall, origin, keys.hall)
    start = 0 if everything else _confirmed(center, keys, origin)
    return Rest(origin, start, sizes)


def _contents(center: Center, keys: HallKeys, rests: list[Rest]) -> Iterator[Content]:
    yield Content(messages.write(_answer(center, keys.hall)))
    to = Recipient(keys.sealing, opens(center, keys.hall) >= SEALED_TOGETHER)
    for rest in rests:
        yield from batches(center.logs, rest, center.signer, to)


def _confirmed(center: Center, keys: HallKeys, origin: str) -> int:
    """How much of one of our logs the hall has cosigned."""
    note = center.logs.receipt(origin, keys.hall)
    if note is None:
        return 0
    try:
        return Checkpoint.parse(open_note(note, [keys.cosigning]).text).size
    except UnknownKey:
        # Cosigned with a key the hall has no more: what that machine held may be gone.
        return 0


def _answer(center: Center, hall: str) -> RoundAnswer:
    """What the center would answer in a round: sizes and receipts of the hall's logs, own heads."""
    held = [
        LogHead(origin=state.origin, size=state.size, note=latest_receipt(center, state).decode())
        for state in logs_of(center, hall)
    ]
    own = [
        LogHead(
            origin=origin,
            size=center.logs.state(origin).size,
            note=signed_head(center.logs, origin, center.signer).decode(),
        )
        for origin in own_logs(center, hall)
    ]
    return RoundAnswer(
        center=center.settings.center,
        clock=center.clock.stamp(),
        keys=roster.keys_note(center).decode(),
        hall=keybook.latest_note(center, hall).decode(),
        quarantined=quarantined(center, hall),
        sealed=SEALED_TOGETHER,
        held=archives.came_up(center, hall) or msgspec.UNSET,
        logs=(*held, *own),
    )
