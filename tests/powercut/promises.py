"""What somebody was told while the record ran, and whether it still holds after the power cut."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from aggregator import roster
from node import casebook, codes, enrolment
from standards.records import CaseReceived
from sync.cabinet import Cabinet
from sync.notes import Checkpoint, open_note
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
    head = Checkpoint.parse(open_note(note, [center.cosigner.verifier]).text)
    logs = center.logs
    return bool(
        logs.state(head.origin).size >= head.size
        and logs.root_at(head.origin, head.size) == head.root
        and len(logs.leaves(head.origin, 0, head.size)) == head.size
        and logs.receipt(head.origin, center.cosigner.name, head.size) == note
    )


def _approved(center: Any, told: Facts) -> bool:
    return bool(roster.hall_keys(center, told["hall"]))


def _enrolled(hall: Any, _told: Facts) -> bool:
    return enrolment.peer(hall) is not None


def _account(machine: Any, told: Facts) -> bool:
    return Accounts(machine.db, machine.clock.now).find(told["login"]) is not None


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
    return [name for name in cabinet.names() if not cabinet.is_sound(name)]


TOLD: dict[str, Callable[[Any, Facts], bool]] = {
    "reported": _reported,
    "answered": _answered,
    "receipted": _receipted,
    "approved": _approved,
    "enrolled": _enrolled,
    "account": _account,
    "filed": _filed,
}
