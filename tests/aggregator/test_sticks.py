"""A stick at the center's door, on both databases: what a hall says of itself, and its batches."""

from __future__ import annotations

from contextlib import nullcontext
from io import BytesIO
from itertools import pairwise

import msgspec

from aggregator.center import Center
from aggregator.halls import roster
from aggregator.receiving.rounds import answer_round, give_batch
from aggregator.sticks.sticks import export_down, import_up
from standards.records import Finding, NumberScheme
from sync.batch import unpack
from sync.contact import messages
from sync.contact.messages import RoundAnswer
from sync.sticks.stick import UP, Heading
from sync.sticks.stick_export import Content, FileTarget, Sealer, export
from sync.sticks.usb import FileSource, check, pieces
from tests.aggregator.intake_desk import NAME, Asker, Desk
from web.sticks import Taken


def stick(desk: Desk, hall: Asker, *cuts: int) -> FileSource:
    """The hall's entries between these sizes, and what it says of itself."""
    contents = [Content(messages.write(hall.ask(cuts[-1])))]
    for start, stop in pairwise(cuts):
        contents.append(Content(desk.packed(hall, start, stop), hall.origin, start, stop))
    heading = Heading(NAME, hall.hall, UP, "2026-11-24T01:00:00.000Z")
    target = FileTarget(BytesIO(), 1 << 26)
    export(target, heading, Sealer(hall.signer, desk.center.sealing.public), contents)
    return source_of(target)


def source_of(target: FileTarget) -> FileSource:
    raw = b"".join(target.blocks())
    return FileSource(lambda: nullcontext(BytesIO(raw)), "T01.OHS")


def counted(taken: Taken) -> tuple[int, int, bool]:
    return taken.new, taken.known, taken.refused is None


def test_batches_by_stick_and_by_wire_are_one_log(desk: Desk):
    hall = desk.halls["T01"]
    assert counted(import_up(desk.center, stick(desk, hall, 0, 4, 9))) == (9, 0, True)
    assert desk.push(desk.packed(hall, 9, 12)).status_code == 200
    assert counted(import_up(desk.center, stick(desk, hall, 4, 9, 12, 20))) == (8, 8, True)
    assert desk.size(hall) == 20
    assert desk.center.logs.verify(hall.origin) is None


def test_what_a_hall_says_of_itself_is_kept_unless_more_is_known(desk: Desk):
    hall = desk.halls["T01"]
    for cuts, known in (((0, 4), 4), ((4, 9), 9), ((0, 4), 9)):
        import_up(desk.center, stick(desk, hall, *cuts))
        rows = desk.center.db.query("SELECT hall, local_size, clock_skew_s FROM hall_contact")
        assert [(r["hall"], r["local_size"], r["clock_skew_s"]) for r in rows] == [
            ("T01", known, 0)
        ]


def test_the_way_back_brings_receipt_keys_and_standards_to_this_hall_only(desk: Desk):
    hall = desk.halls["T01"]
    desk.center.publish(NumberScheme(version=1, template="x"), actor="ZX-01")
    import_up(desk.center, stick(desk, hall, 0, 4))
    target = FileTarget(BytesIO(), 1 << 26)
    given = export_down(desk.center, "T01", lambda heading: target)
    assert (given.entries, given.left) == (1, 0)
    source = source_of(target)
    index = source.index()
    assert index.keys_note == desk.center.keys.note()
    manifest = index.opened([desk.center.signer.verifier])
    check(source, manifest)
    (_, said), (piece, _) = pieces(source, manifest, [hall.sealing])
    answer = messages.read(said, RoundAnswer)
    own = next(log for log in answer.logs if log.origin == hall.origin)
    assert own.size == 4 and own.note.startswith(f"{hall.origin}\n4\n")
    assert (piece.origin, piece.start, piece.stop) == (f"{NAME}/standards/1", 0, 1)


def form_of(raw: bytes, center: Center) -> int:
    """In which form the personal parts of a batch are sealed."""
    together = unpack(raw, [center.signer.verifier]).sealed_section[80:92] == b"\xff" * 12
    return 2 if together else 1


def test_parts_go_down_together_by_stick_and_wire_once_the_hall_said_that_it_opens_that(desk: Desk):
    hall, center = desk.halls["T01"], desk.center
    finding = Finding(for_hall="T01", source="inspected", text="门口缺指示牌")
    for _ in range(3):
        center.order("T01", finding, actor="ZX-07")

    def forms() -> set[int]:
        target = FileTarget(BytesIO(), 1 << 26)
        export_down(center, "T01", lambda heading: target)
        source = source_of(target)
        manifest = source.index().opened([center.signer.verifier])
        found = pieces(source, manifest, [hall.sealing])
        sent = [plain for piece, plain in found if piece.origin == f"{NAME}/orders-T01/1"]
        keys = roster.hall_keys(center, "T01")
        sent.append(give_batch(center, keys, f"{NAME}/orders-T01/1", 0))
        for raw in sent:
            parts = unpack(raw, [center.signer.verifier]).personal(hall.sealing)
            assert [part[32:].decode() for part in parts.values()] == [
                '{"text":"门口缺指示牌"}'
            ] * 3
        return {form_of(raw, center) for raw in sent}

    assert forms() == {1}
    says = msgspec.structs.replace(hall.ask(), sealed=2)
    answer_round(center, roster.hall_keys(center, "T01"), says)
    assert forms() == {2}
    # An older program in its place says nothing of it.
    answer_round(center, roster.hall_keys(center, "T01"), hall.ask())
    assert forms() == {1}
