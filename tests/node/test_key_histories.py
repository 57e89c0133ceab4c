"""Keys rotated, revoked and lost in any order: nothing is accepted twice or under a wrong key.

Real halls and a real center; hypothesis draws what people do and shortens what goes wrong (F16).
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aggregator.app import create_app
from aggregator.center import Center, CenterSettings
from aggregator.halls import roster
from aggregator.keys import keybook
from aggregator.receiving.apply import apply_all
from aggregator.receiving.intake import intake
from node.hall import Hall, HallSettings
from node.keys import enrolment, rotation
from node.outbox.syncing import contact
from standards.records import StaffMember
from sync.batch import MEDIA_TYPE
from sync.client import refusal_of
from sync.contact.sending import next_batch
from sync.contact.signed_requests import signature_headers
from sync.errors import Revoked, SyncError
from sync.notes import Checkpoint, Signer, open_note, text_of
from tests.aggregator.rotations import EVERYTHING, rotate, take_root_away

NAME = "c.example"
FAST = Path("/dev/shm")


class DirectLine:
    """A line that always holds, to an application in this process."""

    def __init__(self, app, signer: Signer) -> None:
        self._app, self._signer = app, signer

    def send(self, method: str, target: str, body: bytes, media_type: str) -> bytes:
        headers = signature_headers(self._signer, method, target, body, 1)
        kind = media_type or None
        answer = self._app.test_client().open(
            target, method=method, data=body, headers=headers, content_type=kind,
            base_url="http://127.0.0.1",
        )  # fmt: skip
        if answer.status_code == 200:
            return bytes(answer.data)
        raise refusal_of(answer.data)


class Histories(RuleBasedStateMachine):
    """One hall and its center; ``wanted`` is what must be at the center in the end."""

    @initialize()
    def begin(self) -> None:
        where = FAST if FAST.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="onehall-keys-", dir=where))
        self.center = Center(self.folder / "center", CenterSettings(center=NAME, name="办公室"))
        self.app = create_app(self.center)
        self.app.register_blueprint(intake)
        roster.register_hall(self.center, "T01", "分厅")
        take_root_away(self.center, self.folder / "safe")
        self.wanted: dict[str, bool] = {}
        self.count = self.machines = 0
        self.gone: list[Hall] = []
        self.revoked = False
        self.machine()

    def machine(self) -> None:
        """A machine is set up and enrolled as T01, in the place of any before it."""
        self.machines += 1
        place = self.folder / f"hall-{self.machines}"
        self.hall = Hall(place, HallSettings(hall="T01", name="分厅", center=NAME))
        self.hall.db.create(enrolment.DDL)
        self.enrol(anew=False)

    def enrol(self, *, anew: bool) -> None:
        line = DirectLine(self.app, self.hall.signer)
        code = roster.new_code(self.center, "T01")
        asked = enrolment.ask(self.hall, line, "http://c", code, anew=anew)
        waiting = [e for e in roster.pending(self.center) if e.state == "pending"]
        (mine,) = [e for e in waiting if e.digits == asked.digits]
        replaces = roster.is_enrolled(self.center, "T01")
        roster.approve(self.center, mine.id, "C-006", replaces=replaces)
        found = enrolment.ask_again(self.hall, line)
        assert found is not None and found.state == "approved"
        self.revoked = False

    def contact(self, hall: Hall) -> None:
        contact(hall, DirectLine(self.app, hall.signer))

    # --- what people do -------------------------------------------------------------------------

    @rule(times=st.integers(1, 3))
    def write(self, times: int) -> None:
        for _ in range(times):
            self.count += 1
            number = f"T01-{self.count:04d}"
            self.hall.write(StaffMember(staff_no=number, name="某人"), actor="T01-006")
            self.wanted[number] = True

    @rule()
    def meet(self) -> None:
        if self.revoked:
            with pytest.raises(Revoked):
                self.contact(self.hall)
        else:
            self.contact(self.hall)

    @rule()
    def apply(self) -> None:
        apply_all(self.center)

    @rule()
    def rotate_hall(self) -> None:
        rotation.ask(self.hall, "T01-006")

    @rule(purposes=st.sets(st.sampled_from(EVERYTHING), min_size=1))
    def rotate_center(self, purposes: set[str]) -> None:
        rotate(self.center, self.folder / "safe", purposes)

    @precondition(lambda self: not self.revoked)
    @rule()
    def revoke(self) -> None:
        with self.center.db.transaction():
            place = keybook.held_place(self.center, "T01")
            keybook.revoke(self.center, "T01", place, ("演练", "C-006"))
        self.revoked = True

    @precondition(lambda self: self.revoked)
    @rule()
    def enrol_anew(self) -> None:
        self.enrol(anew=True)

    @rule()
    def lose_the_machine(self) -> None:
        held = self.held()
        self.wanted = {number: True for number in self.wanted if number in held}
        self.gone.append(self.hall)
        self.machine()

    @precondition(lambda self: self.gone)
    @rule()
    def the_lost_machine_calls(self) -> None:
        before = self.held()
        thief = self.gone[-1]
        thief.write(StaffMember(staff_no="T01-STOLEN", name="某人"), actor="T01-006")
        with pytest.raises(SyncError):
            self.contact(thief)
        with pytest.raises(SyncError):
            self.push_without_a_round(thief)
        assert self.held() == before

    def push_without_a_round(self, hall: Hall) -> None:
        """A batch as software of another make would send it, for whatever the center holds."""
        epoch = hall.origin.rpartition("/")[2]
        sizes = {s.origin: s.size for s in self.center.logs.states()}
        start, signer = sizes.get(hall.origin, 0), hall.keys.signer_of(hall.epoch)
        raw = next_batch(hall.logs, hall.origin, start, signer, self.center.sealing.public)
        if raw is None:
            raise SyncError("nothing to send")
        line = DirectLine(self.app, hall.signer)
        line.send("POST", f"/sync/v1/logs/T01/{epoch}", raw, MEDIA_TYPE)

    # --- what always holds ----------------------------------------------------------------------

    def held(self) -> set[str]:
        """Staff numbers in the leaves the center keeps, whether applied or not."""
        found: list[str] = []
        for state in self.center.logs.states():
            if state.own:
                continue
            for leaf in self.center.logs.leaves(state.origin, 0, state.size):
                found += [n for n in (*self.wanted, "T01-STOLEN") if f'"{n}"'.encode() in leaf]
        assert len(found) == len(set(found)), "accepted twice"
        return set(found)

    @invariant()
    def every_epoch_has_one_key_and_every_key_one_place(self) -> None:
        rows = keybook.keys_of(self.center, "T01")
        publics = [public for row in rows for public in row.keys.publics]
        assert len(publics) == len(set(publics)) == 3 * len(rows)
        assert "T01-STOLEN" not in self.held()

    @invariant()
    def every_head_is_of_the_key_whose_epoch_it_is(self) -> None:
        for row in self.center.db.query("SELECT origin, head FROM batch"):
            writer = keybook.writer_of(self.center, row["origin"])
            head = bytes(row["head"])
            open_note(head, [writer.verifier])
            assert Checkpoint.parse(text_of(head)).origin == row["origin"]

    def teardown(self) -> None:
        if not hasattr(self, "center"):
            return
        try:
            if self.revoked:
                self.enrol(anew=True)
            for _ in range(4):
                self.contact(self.hall)
                apply_all(self.center)
            rows = self.center.db.query("SELECT staff_no FROM staff_member")
            assert sorted(row["staff_no"] for row in rows) == sorted(self.wanted)
            assert all(self.center.logs.verify(s.origin) is None for s in self.center.logs.states())
            kinds = self.center.db.query("SELECT kind FROM quarantine")
            assert {row["kind"] for row in kinds} <= {"keys_rotated"}
        finally:
            for hall in (self.hall, *self.gone):
                with suppress(Exception):
                    hall.close()
            self.center.close()
            shutil.rmtree(self.folder, ignore_errors=True)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=12,
    stateful_step_count=14,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
)
