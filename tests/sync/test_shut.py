"""The key of personal parts is lost: never another one in silence, and what can come back does."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest

from standards.cases import PROJECTIONS
from standards.identity import SHUT
from standards.records import RECORDS, CaseReceived
from sync.applied.applying import apply_pending
from sync.batch import pack
from sync.contact.sending import batch_within
from sync.errors import Gap, Malformed
from sync.keys.keyfiles import key_file
from sync.keys.vault_key import VaultLost, open_vault, renew
from sync.log import LogStore
from sync.notes import Checkpoint
from sync.private import shut
from sync.private.vault import Vault
from sync.recovery.refilling import reopen
from sync.storage.store import Database
from sync.storage.tables import Tables
from tests.simulation.disk import Disk
from tests.sync.pairs import CANARY, HALL, SEALING, SIGNER, Pair, case, consent
from tests.sync.stores import FILES, STORES, Failing, Outage, clock
from tests.sync.test_erasing import decided, named

PAPER_NO = "11010519491231002X"
AT = "2026-11-26T01:00:00.000Z"


def started(db: Database, keys: Path, *, make: bool = False) -> LogStore:
    """As every start does it."""
    logs = LogStore(db, open_vault(db, keys, make=make), Tables(RECORDS, PROJECTIONS), clock())
    logs.create()
    return logs


@pytest.fixture(params=FILES[1:])
def center(request: pytest.FixtureRequest, tmp_path: Path) -> LogStore:
    store = STORES[request.param](tmp_path)
    request.addfinalizer(store.close)
    return started(store, tmp_path / "keys", make=True)


def told(logs: LogStore, number: int) -> str:
    """The name that stands in a case."""
    row = logs.db.query("SELECT * FROM case_received WHERE case_no = :n", n=f"T01-{number}")[0]
    return logs.opened(CaseReceived, row).applicant_name


def full(center: LogStore) -> Pair:
    """A center that has applied ten cases, some of them beside entries without a part."""
    pair = Pair(center=center)
    for number in range(10):
        pair.write(case(number), *([consent()] if number % 3 == 0 else []))
    pair.send_all()
    apply_pending(center, HALL)
    return pair


def lost(pair: Pair, folder: Path) -> Pair:
    """The same, after its key was lost and a person had another one made."""
    (folder / "keys" / "vault.key").unlink()
    renew(pair.center.db, folder / "keys", AT, "C-006")
    again = Pair(pair.hall, started(pair.center.db, folder / "keys"))
    again.center.portions = pair.center.portions
    return again


def test_a_key_that_is_missing_or_anothers_is_never_made_or_taken_in_silence(
    center: LogStore, tmp_path: Path
):
    full(center)
    keys, path = tmp_path / "keys", tmp_path / "keys" / "vault.key"
    right = path.read_text()
    path.unlink()
    with pytest.raises(VaultLost, match="missing"):
        started(center.db, keys)
    assert not path.exists()
    path.write_text(os.urandom(32).hex())
    path.chmod(0o600)
    with pytest.raises(VaultLost, match="not the key"):
        started(center.db, keys)
    # A database of an older program has no mark yet: what stands in it tells.
    center.db.execute("DELETE FROM vault_key")
    with pytest.raises(VaultLost, match="not the key"):
        started(center.db, keys)
    path.write_text(right)
    assert told(started(center.db, keys), 3) == CANARY


def test_what_the_lost_key_locked_is_said_to_be_shut_and_new_parts_are_read(
    center: LogStore, tmp_path: Path
):
    pair = lost(full(center), tmp_path)
    assert told(pair.center, 3) == SHUT
    assert pair.center.find_personal("paper_no", PAPER_NO) == []
    assert sum(shut.counts(pair.center.db).values()) >= 10
    pair.write(case(99))
    pair.send_all()
    apply_pending(pair.center, HALL)
    assert told(pair.center, 99) == CANARY and told(pair.center, 3) == SHUT
    assert all(pair.center.verify(state.origin) is None for state in pair.center.states())


def test_a_replay_brings_the_parts_again_whatever_it_was_cut_into(center: LogStore, tmp_path: Path):
    pair = lost(full(center), tmp_path)
    size = pair.hall.state(HALL).size
    # Not in order, twice, and in other batches than those that were kept.
    for start, stop in ((5, 8), (9, 10), (0, 3), (5, 8), (2, 5), (8, 11), (10, size)):
        raw = batch_within(pair.hall, HALL, (start, stop), SIGNER, SEALING.public)
        try:
            pair.take(raw)
        except Gap as gap:
            assert gap.facts["size"] == size
    names = [told(pair.center, number) for number in range(10)]
    assert names == [CANARY] * 10
    assert len(pair.center.find_personal("paper_no", PAPER_NO)) == 10
    assert shut.counts(pair.center.db) == {} and shut.wanted(pair.center.db, HALL) is None


def test_the_power_may_fail_at_any_touch_while_parts_come_again(tmp_path: Path):
    store = Failing(Disk())
    pair = lost(full(started(store, tmp_path / "keys", make=True)), tmp_path)
    for start in range(0, pair.hall.state(HALL).size, 4):
        raw = batch_within(pair.hall, HALL, (start, start + 4), SIGNER, SEALING.public)
        for touch in count(1):
            store.left = touch
            try:
                pair.take(raw)
            except Outage:
                assert told(pair.center, 9) == SHUT
                continue
            break
        store.left = 0
    assert touch > 3, "there was something to fail at"
    assert [told(pair.center, number) for number in range(10)] == [CANARY] * 10
    assert len(pair.center.find_personal("paper_no", PAPER_NO)) == 10
    assert shut.counts(pair.center.db) == {}


def test_what_the_other_side_lacks_too_is_asked_for_three_times_and_stays_shut(
    center: LogStore, tmp_path: Path
):
    pair = lost(full(center), tmp_path)
    size = pair.hall.state(HALL).size
    pair.hall.parts.erase(HALL, 4, 5)
    for _ in range(3):
        assert shut.wanted(pair.center.db, HALL) is not None
        for start in range(0, size, 4):
            stop = min(size, start + 4)
            raw = batch_within(pair.hall, HALL, (start, stop), SIGNER, SEALING.public)
            pair.take(raw)
    assert shut.wanted(pair.center.db, HALL) is None
    assert shut.counts(pair.center.db) == {HALL: 1}
    shut.ask_again(pair.center.db)
    assert shut.wanted(pair.center.db, HALL) == (4, 5)


def test_a_replay_with_other_leaves_brings_nothing(center: LogStore, tmp_path: Path):
    pair = lost(full(center), tmp_path)
    other = Pair()
    for number in range(10):
        other.write(case(100 + number), *([consent()] if number % 3 == 0 else []))
    head = Checkpoint(HALL, 4, pair.hall.root_at(HALL, 4))
    theirs = other.hall.leaves(HALL, 0, 4), other.hall.personal(HALL, 0, 4), SEALING.public
    with pytest.raises(Malformed, match="other leaves"):
        pair.take(pack(SIGNER, head, 0, 14, theirs))
    assert told(pair.center, 1) == SHUT


def test_an_order_to_erase_reaches_what_is_shut_and_it_does_not_come_back(
    center: LogStore, tmp_path: Path
):
    pair = lost(full(center), tmp_path)
    pair.hall.write(HALL, decided(named(pair.hall, 2)), actor="T01-001")
    pair.send_all()
    apply_pending(pair.center, HALL)
    assert not shut.stands(pair.center.db, HALL, 2)
    raw = batch_within(pair.hall, HALL, (0, 4), SIGNER, SEALING.public)
    pair.take(raw)
    assert 2 not in pair.center.personal(HALL, 0, 4)
    assert told(pair.center, 1) == "已依法删除"


def test_the_lost_key_that_turns_up_opens_what_is_still_shut(center: LogStore, tmp_path: Path):
    seed = key_file(tmp_path / "keys", "vault", make=False)
    pair = lost(full(center), tmp_path)
    pair.take(batch_within(pair.hall, HALL, (0, 4), SIGNER, SEALING.public))
    assert reopen(pair.center, Vault(os.urandom(32))) == 0
    assert reopen(pair.center, Vault(seed)) > 0
    assert [told(pair.center, number) for number in range(10)] == [CANARY] * 10
    assert shut.counts(pair.center.db) == {}


def test_a_power_cut_while_the_key_is_exchanged_leaves_a_start_or_a_refusal(
    center: LogStore, tmp_path: Path
):
    full(center)
    keys = tmp_path / "keys"
    (keys / "vault.key").unlink()
    with center.db.transaction():
        shut.put_aside(center.db)
        center.db.execute("UPDATE vault_key SET gone = :at WHERE gone = ''", at=AT)
    with pytest.raises(VaultLost):
        started(center.db, keys)
    renew(center.db, keys, AT, "C-006")
    center.db.execute("DELETE FROM vault_key WHERE gone = ''")
    assert told(started(center.db, keys), 3) == SHUT
    assert told(started(center.db, keys), 3) == SHUT
