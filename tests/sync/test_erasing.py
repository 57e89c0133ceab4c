"""Erasing personal parts by order: gone on both sides whatever comes first, and gone for good."""

from pathlib import Path

import pytest

from standards.identity import ERASED
from standards.records import CaseReceived, ErasureDecided, ErasureOrdered, Record
from standards.records.declare import Named
from sync.applied.applying import apply_pending, rebuild, replay_quarantined
from sync.batch import unpack_relayed
from sync.contact.receiving import Writer, receive
from sync.contact.relaying import relayed_batch
from sync.contact.sending import next_batch
from sync.drafts import Draft
from sync.entries import Unreadable
from sync.log import LogStore
from sync.notes import Signer
from sync.private.erasing import carry_out, erased_ids, family, may_order
from sync.private.sealing import SealingKey
from sync.recovery.history import Piece, take_back
from sync.recovery.rebuilding import settle
from tests.simulation.disk import Disk
from tests.sync.pairs import CANARY, HALL, RECEIVER, SEALING, SIGNER, Pair, case, consent
from tests.sync.stores import FILES, STORES, log_store

ORDERS = "c.example/orders-T01/1"
PAPER_NO = "11010519491231002X"


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture(params=FILES)
def center(request: pytest.FixtureRequest, tmp_path: Path) -> LogStore:
    store = STORES[request.param](tmp_path)
    request.addfinalizer(store.close)
    return log_store(store)


def named(logs: LogStore, index: int, origin: str = HALL) -> Named:
    """The entry at a place, as an order names it."""
    rows = logs.db.query(
        "SELECT id FROM case_received WHERE origin = :o AND idx = :i", o=origin, i=index
    )
    return Named(log=origin, index=index, id=rows[0]["id"])


def decided(*entries: Named) -> ErasureDecided:
    """The hall's own decision."""
    return ErasureDecided(
        entries=entries,
        about="case",
        about_id=entries[0].id,
        ground="consent_withdrawn",
        document="通公分〔2026〕3号",
        ordered_by="T01-009",
        carried_out_by="T01-001",
    )


def ordered(*entries: Named) -> ErasureOrdered:
    """The center's order."""
    return ErasureOrdered(
        for_hall="T01",
        entries=entries,
        about="case",
        about_id=entries[0].id,
        ground="retention_over",
        document="通政公〔2026〕12号",
        ordered_by="C-002",
        carried_out_by="C-006",
    )


def order(logs: LogStore, record: Record) -> None:
    """The center writes into the hall's log of orders."""
    logs.open(ORDERS, "center", own=True)
    logs.write(ORDERS, record, actor="C-006")


def step(pair: Pair) -> None:
    """The center takes and applies what the hall wrote."""
    pair.send_all()
    apply_pending(pair.center, HALL)


def kept(logs: LogStore, origin: str = HALL) -> set[int]:
    """The places whose personal part stands."""
    return set(logs.personal(origin, 0, logs.state(origin).size))


def test_a_hall_has_its_own_entry_erased_on_both_sides_and_every_log_still_verifies(
    center: LogStore,
):
    pair = Pair(center=center)
    pair.write(case(0), case(1), consent())
    step(pair)
    assert len(center.find_personal("paper_no", PAPER_NO)) == 2
    pair.write(decided(named(pair.hall, 0)))
    step(pair)
    for logs in (pair.hall, center):
        assert kept(logs) == {1}
        assert logs.find_personal("paper_no", PAPER_NO) == [(HALL, 1)]
        assert logs.verify(HALL) is None
        assert logs.db.query("SELECT * FROM quarantine") == []
        assert logs.db.query("SELECT idx FROM personal_term WHERE idx = 0") == []
        gone = logs.read(CaseReceived, named(logs, 0).id)
        assert gone is not None
        assert gone.applicant_name == gone.paper_no == gone.mobile == ERASED
        assert gone.case_no == "T01-0"
        rest = logs.read(CaseReceived, named(logs, 1).id)
        assert rest is not None
        assert rest.applicant_name == CANARY
        rebuild(logs)
        assert kept(logs) == {1}
        assert logs.find_personal("paper_no", PAPER_NO) == [(HALL, 1)]


def test_the_center_orders_it_and_the_hall_erases_when_the_order_is_applied(pair: Pair):
    pair.write(case(0), case(1))
    step(pair)
    order(pair.center, ordered(named(pair.center, 1)))
    assert kept(pair.center) == {0}
    log_signer = Signer("c.example/log", b"l" * 32)
    raw = next_batch(pair.center, ORDERS, 0, log_signer, SEALING.public)
    assert raw is not None
    receive(pair.hall, raw, lambda o: Writer("center", ORDERS, log_signer.verifier), RECEIVER)
    assert kept(pair.hall) == {0, 1}
    apply_pending(pair.hall, ORDERS)
    assert kept(pair.hall) == {0}
    assert pair.hall.verify(HALL) is None


def test_a_part_that_comes_after_the_order_is_never_kept(pair: Pair):
    """A late batch, or a stick imported much later; the order itself came another way."""
    pair.write(case(0), case(1), case(2))
    late = pair.batch(0)
    order(pair.center, ordered(named(pair.hall, 1)))
    pair.take(late)
    assert kept(pair.center) == {0, 2}
    apply_pending(pair.center, HALL)
    assert len(pair.center.find_personal("paper_no", PAPER_NO)) == 2
    assert pair.center.verify(HALL) is None


def test_the_part_of_a_misfit_with_an_erased_id_goes_with_the_order_in_the_same_portion(pair: Pair):
    """A hall of another make gives an id twice; the second entry is refused, and stands nowhere."""
    pair.write(case(0))
    first = named(pair.hall, 0)
    step(pair)
    pair.write(decided(first))
    for table in ("case_received", "case_standing"):
        pair.hall.db.execute(f"DELETE FROM {table}")
    pair.hall.write_all(HALL, [Draft(case(1), "T01-001", first.id)])
    pair.take(pair.batch(1))
    apply_pending(pair.center, HALL)
    assert kept(pair.center) == set()
    assert pair.center.verify(HALL) is None


def test_an_old_batch_sent_twice_after_the_erasure_brings_nothing_back(pair: Pair):
    pair.write(case(0), case(1))
    old = pair.batch(0)
    step(pair)
    pair.write(decided(named(pair.hall, 0)))
    step(pair)
    pair.take(old)
    apply_pending(pair.center, HALL)
    assert kept(pair.center) == {1}


def test_received_and_not_applied_yet_is_erased_and_applied_all_the_same(pair: Pair):
    pair.write(case(0), case(1))
    pair.send_all()
    order(pair.center, ordered(named(pair.hall, 0)))
    assert kept(pair.center) == {1}
    apply_pending(pair.center, HALL)
    assert pair.center.find_personal("paper_no", PAPER_NO) == [(HALL, 1)]
    assert pair.center.db.query("SELECT case_no FROM case_received WHERE idx = 0") != []


def test_both_entries_of_one_id_that_wait_to_be_applied_lose_their_parts_with_the_order(pair: Pair):
    """A hall of another make gives an id twice; the order names the place of one of them."""
    pair.write(case(0))
    first = named(pair.hall, 0)
    for table in ("case_received", "case_standing"):
        pair.hall.db.execute(f"DELETE FROM {table}")
    pair.hall.write_all(HALL, [Draft(case(1), "T01-001", first.id)])
    pair.send_all()
    order(pair.center, ordered(first))
    assert kept(pair.center) == set()
    apply_pending(pair.center, HALL)
    assert pair.center.verify(HALL) is None


def test_a_hall_that_sends_everything_anew_sends_nothing_of_it(pair: Pair):
    pair.write(case(0), case(1))
    pair.write(decided(named(pair.hall, 0)))
    anew = Pair(hall=pair.hall)
    step(anew)
    assert kept(anew.center) == {1}
    assert anew.center.verify(HALL) is None


def test_the_own_history_comes_back_without_it(pair: Pair):
    keeper = Signer("c.example/log", b"l" * 32)
    hall_key = SealingKey(b"t" * 32)
    pair.write(case(0), case(1))
    step(pair)
    order(pair.center, ordered(named(pair.center, 0)))
    raw = relayed_batch(pair.center, HALL, 0, keeper, hall_key.public)
    assert raw is not None
    batch = unpack_relayed(raw, [keeper.verifier], [SIGNER.verifier])
    assert batch.personal(hall_key).keys() == {1}


def test_a_hall_that_was_restored_erases_again_when_its_own_order_comes_back():
    pair = Pair()
    pair.write(case(0), case(1))
    before = pair.hall.personal(HALL, 0, 2)
    pair.write(decided(named(pair.hall, 0)))
    restored = log_store(Disk())
    restored.open(HALL, "T01", own=True)
    for start, stop, parts in ((0, 2, before), (2, 3, {})):
        leaves, hashes = (read(HALL, start, stop) for read in (pair.hall.leaves, pair.hall.hashes))
        with restored.db.transaction():
            take_back(restored, HALL, Piece(start, leaves, hashes, parts))
        settle(restored)
        assert kept(restored) == ({0, 1} if stop == 2 else {1})
    assert restored.find_personal("paper_no", PAPER_NO) == [(HALL, 1)]
    assert restored.verify(HALL) is None
    with restored.db.transaction():
        # The part comes once more, from a copy that never heard of the order.
        restored.keep_personal(HALL, {0: before[0]})
    assert kept(restored) == {1}


def stand_in(logs: LogStore, later: str, record_id: str) -> None:
    """The entry of this id goes on in a later log of the hall, and in no table of the first."""
    logs.open(later, "T01", own=True)
    for table in ("case_received", "case_standing"):
        logs.db.execute(f"DELETE FROM {table}")
    logs.write(later, case(0), actor="T01-001", record_id=record_id)


def test_what_goes_on_in_another_epoch_stays_erased(pair: Pair):
    """After a restore an entry may stand in a later log of the same hall, id and all."""
    pair.write(case(0))
    gone = named(pair.hall, 0)
    step(pair)
    order(pair.center, ordered(gone))
    later = "c.example/T01/2"
    stand_in(pair.hall, later, gone.id)
    raw = next_batch(pair.hall, later, 0, SIGNER, SEALING.public)
    assert raw is not None
    receive(pair.center, raw, lambda o: Writer("T01", later, SIGNER.verifier), RECEIVER)
    assert kept(pair.center, later) == set()


def test_what_waits_in_a_later_epoch_is_erased_when_it_is_applied(pair: Pair):
    pair.write(case(0))
    gone, later = named(pair.hall, 0), "c.example/T01/2"
    stand_in(pair.hall, later, gone.id)
    raw = next_batch(pair.hall, later, 0, SIGNER, SEALING.public)
    assert raw is not None
    receive(pair.center, raw, lambda o: Writer("T01", later, SIGNER.verifier), RECEIVER)
    order(pair.center, ordered(gone))
    apply_pending(pair.center, later)
    assert kept(pair.center, later) == set()
    assert pair.center.db.query("SELECT * FROM personal_term") == []
    assert pair.center.db.query("SELECT id FROM case_received") == [{"id": gone.id}]


def test_a_part_that_stands_in_a_later_epoch_is_found_by_its_id(pair: Pair):
    pair.write(case(0))
    gone = named(pair.hall, 0)
    later = "c.example/T01/2"
    stand_in(pair.hall, later, gone.id)
    pair.write(decided(gone))
    assert kept(pair.hall, later) == kept(pair.hall) == set()


def test_nothing_is_erased_by_a_place_at_which_another_entry_stands(pair: Pair):
    pair.write(case(0), case(1))
    other = named(pair.hall, 1)
    pair.write(decided(Named(log=HALL, index=0, id="0193b2c4-1111-7aaa-8bbb-000000000001")))
    assert kept(pair.hall) == {0, 1}
    pair.write(decided(Named(log=HALL, index=0, id=other.id)))
    assert kept(pair.hall) == {0}


def test_an_order_about_a_log_that_is_not_here_waits_for_its_entries(pair: Pair):
    pair.write(case(0))
    order(pair.center, ordered(named(pair.hall, 0)))
    assert erased_ids(pair.center, HALL) == {named(pair.hall, 0).id}
    step(pair)
    assert kept(pair.center) == set()


@pytest.mark.parametrize(
    ("log", "entry_of", "may"),
    [
        ("c.example/T01/1", "c.example/T01/1", True),
        ("c.example/T01/2", "c.example/T01/1", True),
        ("c.example/orders-T01/1", "c.example/T01/1", True),
        ("c.example/orders-T01/1", "c.example/orders-T01/1", True),
        ("c.example/T01/1", "c.example/T02/1", False),
        ("c.example/T01/1", "c.example/orders-T01/1", False),
        ("c.example/T01/1", "c.example/T010/1", False),
        ("c.example/orders-T01/1", "c.example/T02/1", False),
        ("c.example/orders-T01/1", "d.example/T01/1", False),
        ("c.example/standards/1", "c.example/T01/1", False),
        ("c.example/orders-T01/1", "", False),
    ],
)
def test_a_writer_orders_for_its_own_entries_and_the_center_for_a_hall(
    log: str, entry_of: str, may: bool
):
    assert may_order(log, entry_of) is may


def test_an_order_about_somebody_elses_entries_is_refused_and_never_carried_out(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
):
    other = "c.example/T02/1"
    pair.center.open(other, "T02", own=False)
    pair.write(case(0))
    stranger = decided(Named(log=other, index=0, id=named(pair.hall, 0).id))
    with pytest.raises(Unreadable):
        pair.write(stranger)
    with monkeypatch.context() as patched:
        # A hall whose program does not know the rule.
        patched.setattr("sync.private.erasing.may_order", lambda order, named: True)
        pair.write(stranger)
        pair.send_all()
    apply_pending(pair.center, HALL)
    (aside,) = pair.center.db.query("SELECT idx, reason FROM quarantine")
    assert aside["idx"] == 1
    assert other in aside["reason"]
    assert pair.center.db.query("SELECT * FROM erased") == []
    assert replay_quarantined(pair.center, HALL) == 0


def test_the_order_is_undone_with_the_transaction_that_wrote_it(center: LogStore):
    center.open(HALL, "T01", own=True)
    center.write(HALL, case(0), actor="T01-001")
    with pytest.raises(KeyError), center.db.transaction():
        center.write(HALL, decided(named(center, 0)), actor="T01-001")
        assert kept(center) == set()
        raise KeyError
    assert kept(center) == {0}
    assert center.db.query("SELECT * FROM erased") == []


def test_a_lost_list_of_erasures_comes_back_with_a_rebuild(pair: Pair):
    pair.write(case(0))
    pair.write(decided(named(pair.hall, 0)))
    pair.hall.db.execute("DELETE FROM erased")
    rebuild(pair.hall)
    assert erased_ids(pair.hall, HALL) == {named(pair.hall, 0).id}


def test_carrying_out_twice_does_no_harm(pair: Pair):
    pair.write(case(0), case(1))
    entry = pair.hall.write(HALL, decided(named(pair.hall, 0)), actor="T01-001")
    assert carry_out(pair.hall, [entry]) == 0
    assert kept(pair.hall) == {1}
    assert family(HALL) == "c.example/T01/"
