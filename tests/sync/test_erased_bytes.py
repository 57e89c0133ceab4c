"""What was erased is gone from the files, not only from the tables."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from standards.records import CaseReceived
from sync.log import Portions
from tests.sync.pairs import CANARY, HALL, Pair, case
from tests.sync.stores import STORES, log_store
from tests.sync.test_erasing import decided, kept, named, step


@pytest.mark.parametrize("kind", ["node, file", "center, file"])
def test_not_a_byte_of_an_erased_row_stays_in_the_file_or_beside_it(kind: str, tmp_path: Path):
    store: Callable[[Path], object] = STORES[kind]
    opened = store(tmp_path)
    logs = log_store(opened)  # type: ignore[arg-type]
    logs.open(HALL, "T01", own=True)
    with logs.db.transaction():
        for number in range(300):
            note = "".join(sha256(b"%d" % i).hexdigest() for i in range(number % 30))
            logs.write(HALL, case(number), actor="T01-001")
            logs.write(HALL, long_case(number, note), actor="T01-001")
    assert opened.scrub()  # type: ignore[attr-defined]
    indexes = [7, 8, 9, 130, 131, 301, 302, 303, 304, 305, 306, 599]
    rows = {
        i: bytes(logs.db.query("SELECT sealed FROM personal WHERE idx = :i", i=i)[0]["sealed"])
        for i in indexes
    }
    terms = [
        row["term"].to_bytes(8, "big", signed=True)
        for i in indexes
        for row in logs.db.query("SELECT term FROM personal_term WHERE idx = :i", i=i)
    ]
    assert all(found(tmp_path, sealed) for sealed in rows.values())
    assert terms
    logs.write(HALL, decided(*(named(logs, i) for i in indexes)), actor="T01-001")
    assert opened.scrub()  # type: ignore[attr-defined]
    assert [i for i, sealed in rows.items() if found(tmp_path, sealed)] == []
    opened.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["node, file", "center, file"])
def test_not_a_byte_of_a_pack_that_held_an_erased_part_stays(kind: str, tmp_path: Path):
    opened = STORES[kind](tmp_path)
    pair = Pair(center=log_store(opened))
    pair.hall.portions = Portions()
    pair.write(*(long_case(number, "x" * number) for number in range(200)))
    step(pair)
    packs = [row[0] for row in pair.center.db.cells("SELECT sealed FROM personal_pack")]
    assert len(packs) == 4
    assert opened.scrub()  # type: ignore[union-attr]
    assert [found(tmp_path, pack) for pack in packs] == [True] * 4
    pair.write(decided(named(pair.hall, 70), named(pair.hall, 199)))
    step(pair)
    assert opened.scrub()  # type: ignore[union-attr]
    assert kept(pair.center) == {*range(200)} - {70, 199}
    assert [found(tmp_path, pack) for pack in packs] == [True, False, True, False]
    assert pair.center.find_personal("paper_no", "P70") == []
    assert pair.center.find_personal("paper_no", "P71") == [(HALL, 71)]
    opened.close()


def long_case(number: int, note: str) -> CaseReceived:
    """A case whose personal part is of another length than its neighbours'."""
    return CaseReceived(
        case_no=f"T01-L{number}",
        item="GA001",
        guide_version=1,
        received_on=case().received_on,
        applicant_name=CANARY,
        paper_no=f"P{number}",
        mobile="13812345678",
        subject=note,
    )


def found(folder: Path, sealed: bytes) -> bool:
    """Whether any sixteen bytes of a row, in steps of eight, are in any file here."""
    files = [path.read_bytes() for path in folder.iterdir() if path.is_file()]
    pieces = {sealed[at : at + 16] for at in range(0, len(sealed) - 15, 8)}
    return any(piece in whole for piece in pieces for whole in files)
