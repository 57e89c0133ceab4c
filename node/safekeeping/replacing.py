"""更换机器: another machine becomes this hall, or this one with new keys, in one go.

New keys, enrolled under a one-time code; what the center holds comes back; the log goes on in the
next epoch; what was never sent is named. Safe to break off anywhere and to run again. No Flask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from node.files.filing import Filing
from node.hall import Hall
from node.keys import enrolment
from node.keys.keyring import NAMES
from node.outbox import center_line, epochs
from node.outbox.syncing import FIRST_BACKOFF_S, Syncing, SyncStatus
from node.safekeeping import archives
from node.store import NodeStore
from standards.errors import Invalid
from sync.client import HttpLine, Line
from sync.errors import EnrolmentRefused, SyncError
from sync.keys.keyfiles import key_file, key_numbers
from sync.storage.durable import sync_names
from sync.storage.schema import holds_own_log

_TRIES = 6
_OLD = ".old"


@dataclass(frozen=True)
class Plan:
    """How to take over.

    Args:
        url: of the center; empty to go on where an earlier run stopped.
        code: the one-time code, likewise.
        patience_s: how long to wait for the center's approval.
        files: fetch the files too; otherwise the serving program does it in the background.
        sleep: waits so many seconds.
    """

    url: str
    code: str
    patience_s: float
    files: bool
    sleep: Callable[[float], object]


Tell = Callable[..., None]
"""Called with the name of a step and its facts."""


def lost_keys(data: Path) -> bool:
    """Whether a hall's data stand in a folder without the keys that write its log."""
    if not (data / "node.db").exists():
        return False
    store = NodeStore(data / "node.db")
    try:
        if not holds_own_log(store):
            return False
    finally:
        store.close()
    numbers = key_numbers(data / "keys", "signing")
    mark = f"-{numbers[-1]}" if numbers else ""
    return not all((data / "keys" / f"{name}{mark}.key").exists() for name in NAMES)


def make_keys_anew(data: Path) -> None:
    """New keys over data whose own are gone: the hall then asks to be enrolled as a new machine.

    Safe to run again after a power cut. What is left of the old keys is put aside: nobody is
    admitted twice with one key.

    Raises:
        KeyMissing: the vault's key is gone too; without it nobody can read the personal parts.
    """
    keys = data / "keys"
    key_file(keys, "vault", make=False)
    store = NodeStore(data / "node.db")
    try:
        if "trust" in store.tables():
            store.execute("DELETE FROM trust")
    finally:
        store.close()
    for path in [path for name in NAMES for path in keys.glob(f"{name}*.key")]:
        path.replace(path.with_name(path.name + _OLD))
    sync_names(keys)
    # The first of them comes last: until it stands, the keys count as lost.
    for name in reversed(NAMES):
        key_file(keys, name)


def take_over(hall: Hall, plan: Plan, tell: Tell) -> None:
    """Enrol, wait for the approval, fetch everything, and say what came and what is lost.

    Raises:
        Invalid, SyncError: what stopped it; run again it goes on there.
    """
    _enrol(hall, plan, tell)
    _contact(hall, plan, tell)
    if plan.files:
        _fetch_files(hall, plan, tell)
    tell("done", **report(hall))


def _enrol(hall: Hall, plan: Plan, tell: Tell) -> None:
    known = enrolment.trust(hall)
    if known is None or (known.state != "approved" and plan.code):
        if not (plan.url and plan.code):
            raise Invalid({"": "--url and --code are needed: ask the center for a one-time code"})
        known = enrolment.ask(hall, _line(hall, plan.url), plan.url, plan.code)
    waited = 0.0
    if known.state == "pending":
        tell("digits", digits=known.digits)
    while known.state == "pending" and waited < plan.patience_s:
        plan.sleep(min(3.0, plan.patience_s))
        waited += 3.0
        known = enrolment.ask_again(hall, _line(hall, known.url)) or known
    if known.state != "approved":
        raise EnrolmentRefused(f"the center's answer is still: {known.state}; run this again")
    tell("enrolled", epoch=hall.epoch)


def _line(hall: Hall, url: str) -> Line:
    return center_line.line_to(hall, url, HttpLine)


def _contact(hall: Hall, plan: Plan, tell: Tell) -> None:
    """Contacts until one brings nothing new."""
    fetched = sent = 0
    for _ in range(_TRIES):
        size = sum(state.size for state in hall.logs.states())
        status = _one_contact(hall, plan)
        fetched, sent = fetched + status.fetched, sent + status.sent
        if size == sum(state.size for state in hall.logs.states()):
            break
    own = [state for state in hall.logs.states() if state.own]
    tell("history", entries=sum(state.size for state in own), sent=sent, fetched=fetched)


def _one_contact(hall: Hall, plan: Plan) -> SyncStatus:
    syncing = Syncing(hall)
    for _ in range(_TRIES):
        status = syncing.turn()
        if not status.error_code:
            return status
        plan.sleep(min(status.next_in_s, FIRST_BACKOFF_S))
    raise SyncError(f"{status.error_code}: {status.last_error}; run this again")


def _fetch_files(hall: Hall, plan: Plan, tell: Tell) -> None:
    filing, failures = Filing(hall), 0
    whole = left = len(archives.to_fetch(hall))
    while left and failures < _TRIES:
        pause = filing.turn()
        state = filing.status().state
        if state == "closed":
            break
        if state == "log":
            # A file that is nowhere was written down just now: entries go first.
            _one_contact(hall, plan)
        failures = failures + 1 if state in ("offline", "refused") else 0
        if state != "moving":
            plan.sleep(min(pause, FIRST_BACKOFF_S))
        now = len(archives.to_fetch(hall))
        if now != left and (now % 50 == 0 or whole <= 50):
            tell("files", fetched=whole - now, left=now)
        left = now
    if left:
        tell("files_later", left=left)


def report(hall: Hall) -> dict[str, object]:
    """What stands here now, and what no machine has any more."""
    own = [state for state in hall.logs.states() if state.own]
    counted = {
        "cases": "SELECT COUNT(*) AS n FROM case_received",
        "files": "SELECT COUNT(*) AS n FROM file_held",
        "files_missing": "SELECT COUNT(*) AS n FROM file_absent",
    }
    return {
        "hall": hall.settings.hall,
        "epoch": hall.epoch,
        "entries": sum(state.size for state in own),
        "standards": hall.shelf().size,
        **{name: int(hall.db.query(sql)[0]["n"]) for name, sql in counted.items()},
        "lost": [asdict(gap) for gap in epochs.lost(hall)],
    }
