"""What can go wrong while records travel, each with the code that stands on the wire.

``SyncError`` is the one family. ``code`` is stable (docs/wire.md lists every one), ``status`` is
the HTTP answer, and the text names the rule that was broken and who can act.
"""

from __future__ import annotations

from typing import ClassVar


class SyncError(Exception):
    """A batch, request or answer that was refused."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400

    def __init__(self, rule: str, /, **facts: object) -> None:
        super().__init__(rule)
        self.rule = rule
        self.facts = facts

    def answer(self) -> dict[str, object]:
        """The JSON body of the refusal: code, rule, facts such as the size the receiver holds."""
        return {"error": self.code, "rule": self.rule, **self.facts}


class Malformed(SyncError):
    """Bytes that are not what their type says; the sender's software must be mended."""

    code = "malformed"


class TooLarge(SyncError):
    """A cap of docs/wire.md was passed; the sender must send less at once."""

    code = "too_large"
    status = 413


class UnknownKey(SyncError):
    """Signed by a key that the receiver does not know, or not signed correctly."""

    code = "unknown_key"
    status = 403


class Revoked(SyncError):
    """The key was revoked above this size; the center's administrator can enrol the hall anew."""

    code = "revoked"
    status = 403


class WrongLog(SyncError):
    """A key wrote into a log that is not its own."""

    code = "wrong_log"
    status = 403


class UnknownLog(SyncError):
    """The receiver has never heard of this log."""

    code = "unknown_log"
    status = 404


class UnknownFile(SyncError):
    """No applied entry that this caller may use names this file; it may come after its entry."""

    code = "unknown_file"
    status = 404


class FileAbsent(SyncError):
    """The file is named, and its bytes are not here: gone at its source, or not come yet."""

    code = "file_absent"
    status = 404


class Gap(SyncError):
    """The batch does not start where the receiver's copy ends; ``size`` says where to go on."""

    code = "gap"
    status = 409


class Behind(SyncError):
    """The writer's own log is shorter than the receiver's copy: it was restored or cloned.

    Nothing is lost; a person decides how it goes on.
    """

    code = "behind"
    status = 409


class Fork(SyncError):
    """Two different histories carry the same number; a person at the center must look."""

    code = "fork"
    status = 422


class EpochClosed(SyncError):
    """A later epoch of this log exists; this one takes no more entries."""

    code = "epoch_closed"
    status = 409


class Cloned(SyncError):
    """A later epoch of our log stands at the center, written by another machine with our key; a
    person must say which machine goes on. Only sending stops.
    """

    code = "cloned"
    status = 409


class EnrolmentRefused(SyncError):
    """Wrong or expired code, weak key, or a key that another hall already has."""

    code = "enrolment_refused"
    status = 403


class TryLater(SyncError):
    """The receiver is busy or its disk is full; nothing is lost, the same may come again."""

    code = "try_later"
    status = 503


class NotOurs(SyncError):
    """An answer that does not come from the center, such as a captive portal's page."""

    code = "not_ours"
    status = 502


class KeySetRefused(SyncError):
    """The center shows a key set that does not follow the one this hall goes by; a person at the
    center must look.
    """

    code = "key_set_refused"
    status = 502


class Unreachable(SyncError):
    """No line to the center, or it did not answer in time."""

    code = "unreachable"
    status = 504


class StickRefused(Exception):
    """A stick, or files of one, that are not taken; nothing was opened or changed.

    Args:
        reason: a word of ``sync.sticks.usb``; a page or command says it in a sentence.
        name: the file, as it is called on the stick; empty for the stick as a whole.
        more: what is wrong with further files.
    """

    def __init__(
        self, reason: str, name: str = "", more: tuple[StickRefused, ...] = (), **facts: object
    ) -> None:
        super().__init__(f"{name}: {reason}" if name else reason)
        self.reason, self.name, self.more, self.facts = reason, name, more, facts


class DiskFull(Exception):
    """The store could not write: nothing was saved, nothing was numbered (P6)."""


class Unwritable(DiskFull):
    """The disk takes no writes at all: it fails, or its file system was made read-only (F5)."""


class DatabaseDamaged(Exception):
    """The disk gave back something that is no database: nothing is written any more (F6)."""


class RowRefused(Exception):
    """The database does not take a row: its key stands already, or a value breaks its column."""


class NewerDatabase(Exception):
    """A newer program wrote this database; an older one must not write into it."""


class HalfDone(Exception):
    """A step of a transaction failed and its caller went on regardless: all of it was undone.

    A fault of the program, told before half of a step could be kept.
    """


class StoreBusy(Exception):
    """The database cannot do it now: locked, out of connections, restarting, or out of reach.

    Nothing is known to be saved. When the line broke during a commit it may be saved all the same:
    whoever tries again must be one whose second try does no harm.
    """


class ComesBack(StoreBusy):
    """A log of our own is shorter than it was signed; whoever holds the rest brings it back first.

    Nothing is wrong that waiting does not mend, and nothing was written.
    """


class TurnLost(StoreBusy):
    """Two processes were in each other's way; nothing was saved, and the transaction may run again
    at once.
    """


BY_CODE: dict[str, type[SyncError]] = {
    kind.code: kind
    for kind in (
        Malformed,
        TooLarge,
        UnknownKey,
        Revoked,
        WrongLog,
        UnknownLog,
        UnknownFile,
        FileAbsent,
        Gap,
        Behind,
        Fork,
        EpochClosed,
        Cloned,
        EnrolmentRefused,
        TryLater,
        NotOurs,
        KeySetRefused,
        Unreachable,
    )
}
