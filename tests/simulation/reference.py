"""What the center's tables must be: a plain fold of one hall's leaves, entry by entry.

Written without `sync.applying` and `sync.tables`, so that it can disagree with them. The folds and
rules themselves (`standards`) are the same pure functions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from standards.cases import CASES
from standards.judging import judge
from standards.records import CaseReceived, CaseStanding, CaseStep
from standards.records.declare import Happening, Record, canonical_body
from standards.shelf import Shelf

CASE_KINDS = (CaseReceived.kind, CaseStep.kind)


class _Held(Exception):
    """This entry cannot be applied now."""


@dataclass
class Reference:
    """The tables of one hall at the center after some entries."""

    hall: str
    kinds: dict[str, type[Record]]
    applied: int = 0
    rows: dict[str, set[int]] = field(default_factory=dict)
    ids: set[tuple[str, str]] = field(default_factory=set)
    cases: dict[str, CaseStanding] = field(default_factory=dict)
    quarantined: dict[int, str] = field(default_factory=dict)
    findings: Counter[tuple[str, int]] = field(default_factory=Counter)

    def advance(self, leaves: list[bytes], applied: int, shelf: Shelf) -> None:
        """Take in the entries up to ``applied``, judged by this shelf."""
        for index in range(self.applied, applied):
            self._take(leaves[index], index, shelf)
        self.applied = applied

    def replay(self, leaves: list[bytes], shelf: Shelf) -> None:
        """Try every quarantined entry again, in order."""
        for index in sorted(self.quarantined):
            entity = self.quarantined.pop(index)
            if not self._take(leaves[index], index, shelf):
                self.quarantined[index] = entity

    def _take(self, leaf: bytes, index: int, shelf: Shelf) -> bool:
        whole = msgspec.json.decode(leaf)
        entity = _entity(whole)
        waits = any(e == entity and i < index for i, e in self.quarantined.items())
        try:
            if waits:
                raise _Held
            self._apply(whole, index, shelf)
        except (_Held, msgspec.DecodeError, ValueError, ArithmeticError, LookupError):
            self.quarantined[index] = entity
            return False
        return True

    def _apply(self, whole: dict[str, Any], index: int, shelf: Shelf) -> None:
        kind = self.kinds.get(whole["kind"])
        if kind is None or kind.owner != "hall" or (kind.kind, whole["id"]) in self.ids:
            raise _Held
        logged = canonical_body(kind, msgspec.json.encode(whole["body"], order="sorted"))
        if kind.kind in CASE_KINDS:
            self._fold(whole, logged, index, shelf)
        self.ids.add((kind.kind, whole["id"]))
        self.rows.setdefault(kind.kind, set()).add(index)

    def _fold(self, whole: dict[str, Any], logged: Any, index: int, shelf: Shelf) -> None:
        case = _case(whole)
        happening = Happening(
            whole["kind"], whole["id"], self.hall, whole["actor"], whole["at"], logged
        )
        before = self.cases.get(case)
        after = CASES.advance(before, happening)
        breaches = judge(happening, before, after, shelf)
        self.cases[case] = after
        self.findings.update((breach.rule, index) for breach in breaches)


def _case(whole: dict[str, Any]) -> str:
    return str(whole["id"] if whole["kind"] == CaseReceived.kind else whole["body"]["case_id"])


def _entity(whole: dict[str, Any]) -> str:
    if whole["kind"] in CASE_KINDS:
        return f"case {_case(whole)}"
    return f"{whole['kind']} {whole['id']}"
