"""Golden bytes of a comparison and of a proof, over the four entries of the golden batch."""

from __future__ import annotations

from typing import Any

from sync.contact import messages
from sync.contact.messages import CellOf, CompareAsk, CompareSaid
from sync.evidence.comparing import DayTable, place_of
from sync.evidence.comparison import sign_answer
from sync.evidence.proving import TYPE, written
from sync.keys.keysets import sign_hall, sign_keys
from sync.merkle import inclusion_proof, leaf_hash, root_of
from sync.notes import b64
from tests.vectors import make
from tests.vectors.sticks import of_stick, of_stick_with_files


def others() -> dict[str, Any]:
    """File name -> content, of the golden files that are not made in ``make``."""
    return {
        "stick.json": of_stick(),
        "stick-files.json": of_stick_with_files(),
        "compare.json": of_compare(),
        "proof.json": of_proof(),
    }


def _batch() -> tuple[list[bytes], str]:
    """Leaves and receipt of the golden batch, which stands as it was made."""
    kept = make.read("batch.json")
    return kept["plain"].encode().splitlines(), kept["receipt"]


def of_compare() -> dict[str, Any]:
    """A first question with the hall's table, and the center's signed answer, all equal."""
    leaves, receipt = _batch()
    table = DayTable()
    for leaf in leaves:
        table.add(leaf)
    cells = tuple(
        CellOf(day=day, kind=kind, count=cell.count, digest=b64(cell.digest))
        for (day, kind), cell in table.cells().items()
    )
    ask = CompareAsk(
        hall=make.HALL,
        origin=make.ORIGIN,
        head=receipt,
        since=cells[0].day,
        days=cells,
        ranges=((0, len(leaves)),),
        leaf=1,
    )
    question = messages.write(ask)
    said = CompareSaid(
        origin=make.ORIGIN,
        held=len(leaves),
        clock="2026-11-24T00:29:58.001Z",
        days=cells,
        roots=(b64(root_of(map(leaf_hash, leaves))),),
        leaf=b64(leaves[1]),
    )
    answer = sign_answer(make.LOG, make.CENTER, question, said)
    return {
        "question": question.decode(),
        "answer": messages.write(answer).decode(),
        "places": [place_of(leaf) for leaf in leaves],
    }


def of_proof() -> dict[str, Any]:
    """The file of a proof, whole."""
    leaves, receipt = _batch()
    proof = {
        "type": TYPE,
        "origin": make.ORIGIN,
        "index": 2,
        "size": len(leaves),
        "leaf": leaves[2].decode(),
        "path": [b64(step) for step in inclusion_proof([*map(leaf_hash, leaves)], 2)],
        "receipt": receipt,
        "root": str(make.ROOT.verifier),
        "keys": sign_keys(make.ROOT, make.KEYS).decode(),
        "hall": sign_hall(make.ROSTER, make.ON_ROSTER).decode(),
    }
    return {"file": written(proof)}
