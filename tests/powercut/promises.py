"""What somebody was told while the record ran, and whether it still holds after the power cut."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aggregator.halls import roster
from aggregator.keys import keybook
from aggregator.safekeeping.erasures import sweeper as center_sweeper
from node.cases import casebook, codes
from node.keys import enrolment
from node.safekeeping.erasures import sweeper as hall_sweeper
from standards.records import CaseReceived
from sync.files.cabinet import Cabinet
from sync.notes import Checkpoint, open_note
from sync.private.sealing import SealingKey
from sync.safekeeping.backup import ENDING, BackupRefused, unpack
from sync.strict_json import read
from web.accounts import Accounts

Facts = Mapping[str, Any]


def _reported(machine: Any, told: Facts) -> bool:
    """These many entries, receipted so far and applied so far."""
    state = machine.logs.state(told["origin"])
    return bool(
        state.size >= told["size"]
        and state.mark.size >= told["moved"]
        and state.applied >= told["applied"]
    )


def _answered(hall: Any, told: Facts) -> bool:
    """The clerk saw the page of the case: it is there, with its person and the code on papers."""
    received = hall.read(CaseReceived, told["case"])
    return bool(
        hall.logs.state(told["origin"]).size >= told["size"]
        and casebook.standing_of(hall, told["case"]) is not None
        and codes.code_of(hall, told["case"])
        and received is not None
        and received.applicant_name
    )


def _receipted(center: Any, told: Facts) -> bool:
    """The hall has a receipt: the entries are there, and the same receipt is given again."""
    note = b64decode(told["note"])
    opened = open_note(note, center.keys.ring.keys.receipts_keys)
    head, (signed_by,) = Checkpoint.parse(opened.text), opened.signed_by
    logs = center.logs
    return bool(
        logs.state(head.origin).size >= head.size
        and logs.root_at(head.origin, head.size) == head.root
        and len(logs.leaves(head.origin, 0, head.size)) == head.size
        and logs.receipt(head.origin, signed_by, head.size) == note
    )


def _approved(center: Any, told: Facts) -> bool:
    return bool(roster.hall_keys(center, told["hall"]))


def _enrolled(hall: Any, _told: Facts) -> bool:
    return enrolment.peer(hall) is not None


def _account(machine: Any, told: Facts) -> bool:
    return Accounts(machine.db, machine.clock.now).find(told["login"]) is not None


def _written(hall: Any, told: Facts) -> bool:
    """This entry stands once, in whatever epoch."""
    leaves = hall.db.query("SELECT leaf FROM entry WHERE origin LIKE '%/T01/%'")
    return [read(row["leaf"])["id"] for row in leaves].count(told["id"]) == 1


def _erased(machine: Any, told: Facts) -> bool:
    """It was said to be erased: no part stands, and after what each start does no byte of one."""
    parts = [machine.logs.personal(log, at, at + 1) for log, at in told["places"]]
    sweep = hall_sweeper if hasattr(machine.settings, "hall") else center_sweeper
    sweep(machine)()
    kept = b"".join(path.read_bytes() for path in machine.data.glob("*.db*"))
    return not any(parts) and not any(bytes.fromhex(row) in kept for row in told["rows"])


def _keyed(hall: Any, told: Facts) -> bool:
    """It signed with this key: it has it still, or goes over to it at its next contact."""
    return told["key"] in {str(one.signer.verifier) for one in hall.keys.sets}


def _listed(center: Any, told: Facts) -> bool:
    return told["key"] in {str(row.keys.signing) for row in keybook.keys_of(center, "T01")}


def _installed(center: Any, told: Facts) -> bool:
    return bool(center.keys.ring.keys.version >= told["version"])


def _followed(hall: Any, told: Facts) -> bool:
    peer = enrolment.peer(hall)
    return peer is not None and bool(peer.keys.version >= told["version"])


def half_backups(machine: Any) -> list[str]:
    """Files with the name of a backup that cannot be put back: there is none."""
    wrong = []
    for path in sorted((machine.data / "backups").glob(f"*{ENDING}")):
        seed = (machine.data / "offline" / "restore.key").read_text(encoding="ascii")
        with TemporaryDirectory(dir=machine.data.parent) as room:
            try:
                unpack(path, SealingKey(bytes.fromhex(seed.strip())), Path(room) / "new")
            except BackupRefused as refused:
                wrong.append(f"{path.name}: {refused}")
    return wrong


def _cabinet(machine: Any) -> Cabinet:
    """The files of the hall at the hall, or at the center."""
    folder = machine.data / "files"
    return Cabinet(folder if hasattr(machine.settings, "hall") else folder / "T01")


def _filed(machine: Any, told: Facts) -> bool:
    """Somebody was told that this file is kept: it is whole, right, and named by an entry."""
    rows = machine.db.query("SELECT idx FROM file_named WHERE hash = :name", name=told["name"])
    return _cabinet(machine).is_sound(told["name"]) and bool(rows)


def half_files(machine: Any) -> list[str]:
    """Files whose bytes are not those of their name: there is none, whatever was cut."""
    cabinet = _cabinet(machine)
    halves = [name for name in cabinet.names() if not cabinet.is_sound(name)]
    return halves + half_backups(machine)


TOLD: dict[str, Callable[[Any, Facts], bool]] = {
    "reported": _reported,
    "answered": _answered,
    "receipted": _receipted,
    "approved": _approved,
    "enrolled": _enrolled,
    "account": _account,
    "filed": _filed,
    "written": _written,
    "erased": _erased,
    "keyed": _keyed,
    "listed": _listed,
    "installed": _installed,
    "followed": _followed,
}
