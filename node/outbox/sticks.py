"""U盘交换 at the hall: the same batches as over the wire, through a stick or one file.

Out goes what no receipt covers, of every log this hall ever wrote; in come receipts, standards and
orders. A contact over the wire may run meanwhile: each batch and receipt finds its own place.
Knows no Flask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from node.hall import Hall
from node.keys import enrolment
from node.outbox.syncing import apply_down
from node.safekeeping import archives
from sync.client import SOFTWARE, Peer
from sync.contact import messages
from sync.contact.exchange import oldest_unsent
from sync.contact.messages import LogHead, RoundAnswer, RoundAsk
from sync.contact.receiving import Receiver, Writer, receive
from sync.contact.sending import accept_receipt, signed_head
from sync.errors import (
    Behind,
    KeySetRefused,
    Malformed,
    StickRefused,
    SyncError,
    UnknownKey,
    UnknownLog,
)
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
from sync.keys.keysets import CenterKeys, follow
from sync.notes import Signer
from sync.private.sealing import SEALED_TOGETHER, Recipient, SealingKey
from sync.sticks.cuts import cuts_of, note_cuts
from sync.sticks.stick import DOWN, INDEX, UP, Heading, Index, Piece
from sync.sticks.stick_export import Content, Rest, Sealer, Target, batches, export
from sync.sticks.usb import Source, check, pieces
from sync.storage.schema import LogState
from web.sticks import Given, Taken, given, on_stick

CENTER = "center"


def _peer(hall: Hall) -> Peer:
    peer = enrolment.peer(hall)
    if peer is None:
        raise StickRefused("unenrolled")
    return peer


def own_logs(hall: Hall) -> list[LogState]:
    """Every log this hall wrote, in the order of its epochs."""
    return sorted(
        (state for state in hall.logs.states() if state.writer == hall.settings.hall and state.own),
        key=lambda state: _epoch(state.origin),
    )


def _to_send(hall: Hall, peer: Peer) -> list[LogState]:
    """Those whose entries this machine's keys sign; a machine before it had other keys."""
    return [
        state
        for state in own_logs(hall)
        if peer.book.signer(state.origin).verifier == peer.book.verifier(state.origin)
    ]


def _epoch(origin: str) -> int:
    return int(origin.rpartition("/")[2])


def _signer(hall: Hall, origin: str) -> Signer:
    """The key that writes this log."""
    return hall.keys.signer_of(_epoch(origin))


# --- out ------------------------------------------------------------------------------------------


def export_up(
    hall: Hall,
    target_of: Callable[[Heading], Target],
    everything: bool = False,
    files: tuple[Piece, ...] = (),
) -> Given:
    """Write what the center has no receipt for, or all there is.

    Args:
        files: scans that stand behind an export that is one file.

    Raises:
        StickRefused: not enrolled, or the stick cannot be written.
    """
    peer = _peer(hall)
    heading = Heading(hall.settings.center, hall.settings.hall, UP, hall.clock.stamp())
    rests = [
        Rest(s.origin, 0 if everything else s.mark.size, cuts_of(hall.db, CENTER, s.origin, ""))
        for s in _to_send(hall, peer)
    ]
    sealer = Sealer(hall.signer, peer.keys.sealing)
    written = export(target_of(heading), heading, sealer, _contents(hall, peer, rests), files)
    note_cuts(hall.db, CENTER, written.manifest)
    waiting = sum(hall.logs.state(rest.origin).size - rest.start for rest in rests)
    return given(written, waiting)


def _contents(hall: Hall, peer: Peer, rests: list[Rest]) -> Iterator[Content]:
    yield Content(messages.write(_ask(hall, peer)))
    to = Recipient(peer.keys.sealing, enrolment.center_opens(hall) >= SEALED_TOGETHER)
    for rest in rests:
        yield from batches(hall.logs, rest, _signer(hall, rest.origin), to)


def _ask(hall: Hall, peer: Peer) -> RoundAsk:
    """What this hall would say in a round: the stick is a contact, too."""
    own = [
        LogHead(
            origin=state.origin,
            size=state.size,
            note=signed_head(hall.logs, state.origin, _signer(hall, state.origin)).decode(),
        )
        for state in _to_send(hall, peer)
    ]
    mirrored = [
        LogHead(origin=state.origin, size=state.size, note=_delivery(hall, peer, state.origin))
        for state in hall.logs.states()
        if not state.own
    ]
    return RoundAsk(
        hall=hall.settings.hall,
        clock=hall.clock.stamp(),
        software=SOFTWARE,
        oldest_unsent=oldest_unsent(hall.logs),
        key_set=peer.keys.version,
        sealed=SEALED_TOGETHER,
        held=archives.came_down(hall) or msgspec.UNSET,
        logs=(*own, *mirrored),
    )


def _delivery(hall: Hall, peer: Peer, origin: str) -> str:
    note = hall.logs.receipt(origin, peer.receiver.cosigner.name)
    return note.decode() if note else ""


def carry_files(hall: Hall, stick: Path, megabytes: int) -> Carried:
    """Put scans that the center lacks on a stick, encrypted as they are.

    Raises:
        StickRefused: it cannot be written.
    """
    with on_stick(stick):
        folder = folder_of(stick, hall.settings.hall, UP_FILES, make=True)
        assert folder is not None
        files = archives.to_carry(hall)
        return carry(folder, archives.archive_of(hall), files, megabytes * 10**6)


def files_behind(hall: Hall, megabytes: int) -> Trailing:
    """Scans that the center lacks, to stand behind an export that is one file."""
    return trailing(archives.archive_of(hall), archives.to_carry(hall), megabytes * 10**6)


# --- in -------------------------------------------------------------------------------------------


def import_down(hall: Hall, place: Sequence[Source]) -> Taken:
    """Take in what the center exported for this hall.

    Args:
        place: every export that was found; those for other halls are left alone.

    Raises:
        StickRefused: none is for this hall, or it is not whole; nothing was opened.
    """
    peer = _peer(hall)
    source = for_us(hall, place)[0]
    index = source.index()
    known, keys = peer.keys, _keys(peer, index)
    peer = replace(peer, keys=keys)
    manifest = index.opened([keys.log])
    check(source, manifest)
    if keys != known:
        peer.keep(index.keys_note, b"")
    taken = Taken(source.where, hall.settings.hall, manifest.heading.made_at)
    taken.source, taken.manifest = source, manifest
    try:
        for piece, plain in pieces(source, manifest, _sealing_keys(hall)):
            _take(hall, peer, (piece, plain), taken)
            taken.files += 1
    except StickRefused as refused:
        taken.stop(refused)
    finally:
        apply_down(hall)
    return taken


def bring_in_files(hall: Hall, taken: Taken, stick: Path) -> None:
    """Take in the files that the center put on a stick; their entries were taken in before."""
    if (folder := folder_of(stick, hall.settings.hall, DOWN_FILES)) is not None:
        taken.brought(bring_in(folder, archives.archive_of(hall), _wanted(hall)))


def bring_in_files_behind(hall: Hall, taken: Taken) -> None:
    """The same with those that stand behind an export that is one file."""
    if taken.source is not None and taken.manifest is not None and taken.manifest.files:
        archive, wanted = archives.archive_of(hall), _wanted(hall)
        taken.brought(bring_in_behind(taken.source, taken.manifest, archive, wanted))


def _wanted(hall: Hall) -> set[str]:
    # What the center said that it had not got may be on the stick.
    archives.archive_of(hall).forget_absent()
    return {job.name for job in archives.to_fetch(hall)}


def _sealing_keys(hall: Hall) -> list[SealingKey]:
    """Those in use, and those that were shown to the center: it may have listed them already."""
    waiting = hall.keys.waiting()
    return [hall.sealing, *([waiting.sealing] if waiting else [])]


def for_us(hall: Hall, place: Sequence[Source]) -> list[Source]:
    """Every export for this hall; the others are left alone.

    Raises:
        StickRefused: none is for this hall.
    """
    found: list[Source] = []
    others: list[StickRefused] = []
    for source in place:
        try:
            _check_heading(hall, source.index().claimed.heading, source)
            found.append(source)
        except StickRefused as refused:
            others.append(refused)
    if not found:
        raise others[0]
    return found


def _check_heading(hall: Hall, heading: Heading, source: Source) -> None:
    own = hall.settings
    if heading.center != own.center:
        raise StickRefused("other_center", source.where, there=heading.center, own=own.center)
    if heading.way != DOWN:
        raise StickRefused("wrong_way", source.where)
    if heading.hall != own.hall:
        raise StickRefused("other_hall", source.where, there=heading.hall, own=own.hall)


def _keys(peer: Peer, index: Index) -> CenterKeys:
    """The key set on the stick, when the pinned root signed it and it is not an older one."""
    try:
        return follow(peer.keys, CenterKeys.open(index.keys_note, peer.root))
    except UnknownKey:
        raise StickRefused("unsigned", INDEX) from None
    except KeySetRefused:
        raise StickRefused("old_keys", INDEX) from None
    except Malformed:
        raise StickRefused("damaged", INDEX) from None


def _take(hall: Hall, peer: Peer, opened: tuple[Piece, bytes], taken: Taken) -> None:
    piece, plain = opened
    if piece.origin:
        # The message that stands first may have brought new keys into use.
        receiver = Receiver(hall.sealing, hall.cosigner)
        taken.batch(
            hall.logs, piece, lambda: receive(hall.logs, plain, _writers(hall, peer), receiver)
        )
        return
    try:
        _believe(hall, peer, messages.read(plain, RoundAnswer), taken)
    except SyncError as error:
        taken.stop(StickRefused(error.code, piece.name))


def _writers(hall: Hall, peer: Peer) -> Callable[[str], Writer]:
    def writer_of(origin: str) -> Writer:
        if origin not in (hall.standards_origin, hall.orders_origin):
            raise UnknownLog("a log that is not for this hall", origin=origin)
        return Writer("center", origin, peer.keys.log)

    return writer_of


def _believe(hall: Hall, peer: Peer, answer: RoundAnswer, taken: Taken) -> None:
    """Our newest roster note, and receipts for our logs, each against our own tree (S3)."""
    note = answer.hall.encode() if isinstance(answer.hall, str) else b""
    if note and not enrolment.is_earlier(hall, peer.keys, note):
        peer.keep(b"", note)
    _hear(hall, answer)
    own = {state.origin: state for state in own_logs(hall)}
    for head in answer.logs:
        state = own.get(head.origin)
        if state is None:
            continue
        if head.size > state.size:
            raise Behind("the center holds more of this log than this node", size=head.size)
        if head.note:
            accept_receipt(hall.logs, head.origin, head.note.encode(), peer.keys.receipts)
            taken.receipts += hall.logs.state(head.origin).mark.size > state.mark.size


def _hear(hall: Hall, answer: RoundAnswer) -> None:
    """What the center opens, and which of our files arrived there."""
    if isinstance(answer.sealed, int):
        enrolment.note_center_opens(hall, answer.sealed)
    archive = archives.archive_of(hall)
    for name in answer.held if isinstance(answer.held, tuple) else ():
        if archive.cabinet.size(name) is not None:
            archive.note_delivered(name)
