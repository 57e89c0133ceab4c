"""Tiers: a county hands its halls' logs on to a city, unchanged, with the keys that prove them.

A forwarded batch is a relayed batch (``sync.contact.relaying``) whose checkpoint note carries the
county's cosignature beside the hall's signature, behind the two notes of the county's key chain.
Whoever pinned the county's root can check all of it. See docs/wire.md section 4.6.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.batch import MAX_BATCH_BYTES, claimed_origin, pack_relayed, unpack_relayed
from sync.contact.receiving import Receiver, Writer, receive
from sync.errors import Malformed, TooLarge, UnknownKey, WrongLog
from sync.keys.keysets import CenterKeys, HallKeys, follow
from sync.log import LogStore
from sync.notes import MAX_NOTE_BYTES, Checkpoint, Signer, Verifier, decimal, open_note, text_of
from sync.private.sealing import Recipient

MEDIA_TYPE = "application/vnd.onehall.forward"
_MAX_LINE = 64


@dataclass(frozen=True)
class Forwarded:
    """What a county sends: its key set, the hall's roster note, and the relayed batch."""

    keys_note: bytes
    hall_note: bytes
    batch: bytes

    def pack(self) -> bytes:
        """As one piece of bytes."""
        line = f"onehall-forward/1 {len(self.keys_note)} {len(self.hall_note)}\n".encode()
        return b"".join((line, self.keys_note, self.hall_note, self.batch))

    @classmethod
    def unpack(cls, raw: bytes) -> Forwarded:
        """Take the pieces apart; nothing of them is believed yet.

        Raises:
            Malformed, TooLarge: not a forwarded batch.
        """
        if len(raw) > MAX_BATCH_BYTES + 128 * 1024:
            raise TooLarge("a forwarded batch passes a cap", bytes=MAX_BATCH_BYTES)
        line, newline, _ = raw[:_MAX_LINE].partition(b"\n")
        words = line.split(b" ")
        if not newline or len(words) != 3 or words[0] != b"onehall-forward/1":
            raise Malformed("not a forwarded batch")
        try:
            first, second = decimal(words[1].decode()), decimal(words[2].decode())
        except UnicodeDecodeError:
            raise Malformed("not a forwarded batch") from None
        at = len(line) + 1
        if max(first, second) > MAX_NOTE_BYTES or at + first + second > len(raw):
            raise Malformed("a forwarded batch is cut short")
        middle = at + first
        return cls(raw[at:middle], raw[middle : middle + second], raw[middle + second :])


@dataclass(frozen=True)
class Keeper:
    """Whoever forwards: signs headers with ``log``, and its receipts are under ``receipts``."""

    log: Signer
    receipts: Signer


def forwarded_batch(
    logs: LogStore, origin: str, start: int, keeper: Keeper, receiver: bytes | Recipient
) -> bytes | None:
    """The next relayed batch of a log from ``start``, under a head that the keeper has cosigned.

    It ends where a batch of the writer ended, and None comes when there is nothing after ``start``.

    Args:
        receiver: the public sealing key of the city, and what it opens.
    """
    rows = logs.db.query(
        "SELECT stop, head FROM batch WHERE origin = :origin AND start <= :start AND stop > :start",
        origin=origin,
        start=start,
    )
    if not rows:
        return None
    stop, head = rows[0]["stop"], bytes(rows[0]["head"])
    note = logs.receipt(origin, keeper.receipts.name, stop)
    if note is None:
        # Our receipts key was changed since; what we hold we may cosign again.
        now = max(0, int(logs.clock.now().timestamp()))
        note = head + keeper.receipts.cosign(text_of(head), now)
    contents = logs.leaves(origin, start, stop), logs.personal(origin, start, stop), receiver
    point = Checkpoint.parse(text_of(note)), note
    return pack_relayed(keeper.log, point, start, logs.state(origin).size, contents)


@dataclass(frozen=True)
class County:
    """What a city knows of a county: name, the root it pinned, the newest key set it has seen."""

    center: str
    root: Verifier
    keys: CenterKeys | None = None


def checked(forwarded: Forwarded, county: County) -> tuple[CenterKeys, Writer]:
    """Who wrote what is forwarded, by the county's key chain.

    Raises:
        UnknownKey, Malformed: the chain or a signature does not hold.
        KeySetRefused: an older key set than one that was seen.
        WrongLog: the log of another county or hall than the chain speaks of.
    """
    offered = CenterKeys.open(forwarded.keys_note, county.root)
    if offered.center != county.center:
        raise UnknownKey("the key set of another county", center=offered.center)
    keys = follow(county.keys, offered) if county.keys else offered
    hall = HallKeys.open(forwarded.hall_note, keys.roster)
    origin = claimed_origin(forwarded.batch)
    name, _, number = origin.rpartition("/")
    epoch = decimal(number)
    if hall.center != keys.center or name != f"{keys.center}/{hall.hall}":
        raise WrongLog("the keys are those of another log", origin=origin)
    if epoch < hall.first_epoch:
        raise UnknownKey("this key does not write this epoch", origin=origin)
    batch = unpack_relayed(forwarded.batch, [keys.log], [hall.signing])
    if not open_note(batch.head_note, keys.receipts_keys).times:
        raise UnknownKey("a forwarded head carries the cosignature of who forwards it")
    writer = Writer(name, origin, hall.signing, hall.end_of(epoch), keepers=(keys.log,))
    return keys, writer


def take_forwarded(
    logs: LogStore, raw: bytes, county: County, receiver: Receiver
) -> tuple[CenterKeys, bytes]:
    """Take in a forwarded batch; the key set to go by from now on, and our receipt.

    Raises:
        SyncError: refused, with the rule; nothing was changed.
    """
    forwarded = Forwarded.unpack(raw)
    keys, writer = checked(forwarded, county)
    return keys, receive(logs, forwarded.batch, lambda origin: writer, receiver)
