"""What the center's tables must be: a plain fold of one hall's leaves, entry by entry.

Written without `sync.applied.applying` and `sync.storage.tables`, so that it can disagree with
them. The folds and rules themselves (`standards`) are the same pure functions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from standards.cases import CASES
from standards.judging import judge
from standards.records import CaseReceived, CaseStanding, CaseStep, KeysRotated
from standards.records.declare import Happening, Record, canonical_body
from standards.shelf import Shelf
from tests.simulation.held_keys import Keyring

Place = tuple[str, int]
CASE_KINDS = (CaseReceived.kind, CaseStep.kind)


class _Held(Exception):
    """This entry cannot be applied now."""


@dataclass
class Reference:
    """The tables of one hall at the center after some entries."""

    hall: str
    kinds: dict[str, type[Record]]
    applied: dict[str, int] = field(default_factory=dict)
    rows: dict[str, set[Place]] = field(default_factory=dict)
    ids: set[tuple[str, str]] = field(default_factory=set)
    cases: dict[str, CaseStanding] = field(default_factory=dict)
    quarantined: dict[Place, str] = field(default_factory=dict)
    findings: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    keyring: Keyring = field(default_factory=Keyring)

    def advance(self, origin: str, leaves: list[bytes], applied: int, shelf: Shelf) -> None:
        """Take in the entries of one log up to ``applied``, judged by this shelf."""
        for index in range(self.applied.get(origin, 0), applied):
            self._take(leaves[index], (origin, index), shelf)
        self.applied[origin] = applied

    def replay(self, copies: dict[str, list[bytes]], shelf: Shelf) -> None:
        """Try every quarantined entry again, in the order of the logs."""
        for place in sorted(self.quarantined, key=lambda p: (len(p[0]), p)):
            entity = self.quarantined.pop(place)
            if not self._take(copies[place[0]][place[1]], place, shelf):
                self.quarantined[place] = entity

    def _take(self, leaf: bytes, place: Place, shelf: Shelf) -> bool:
        whole, (origin, index) = msgspec.json.decode(leaf), place
        entity = _entity(whole)
        waits = any(
            e == entity and o == origin and i < index for (o, i), e in self.quarantined.items()
        )
        try:
            if waits:
                raise _Held
            self._apply(whole, place, shelf)
        except (_Held, msgspec.DecodeError, ValueError, ArithmeticError, LookupError):
            self.quarantined[place] = entity
            return False
        return True

    def _apply(self, whole: dict[str, Any], place: Place, shelf: Shelf) -> None:
        kind = self.kinds.get(whole["kind"])
        if kind is None or kind.owner != "hall" or (kind.kind, whole["id"]) in self.ids:
            raise _Held
        logged = canonical_body(kind, msgspec.json.encode(whole["body"], order="sorted"))
        if kind.kind in CASE_KINDS:
            self._fold(whole, logged, place, shelf)
        if kind is KeysRotated and not self.keyring.show(whole["body"]):
            raise _Held
        self.ids.add((kind.kind, whole["id"]))
        self.rows.setdefault(kind.kind, set()).add(place)

    def _fold(self, whole: dict[str, Any], logged: Any, place: Place, shelf: Shelf) -> None:
        case = _case(whole)
        happening = Happening(
            whole["kind"], whole["id"], self.hall, whole["actor"], whole["at"], logged
        )
        before = self.cases.get(case)
        after = CASES.advance(before, happening)
        breaches = judge(happening, before, after, shelf)
        self.cases[case] = after
        self.findings.update((breach.rule, *place) for breach in breaches)


def _case(whole: dict[str, Any]) -> str:
    return str(whole["id"] if whole["kind"] == CaseReceived.kind else whole["body"]["case_id"])


def _entity(whole: dict[str, Any]) -> str:
    if whole["kind"] in CASE_KINDS:
        return f"case {_case(whole)}"
    return f"{whole['kind']} {whole['id']}"
