"""docs/words.md has every name that pages and records use, with the term that people read."""

import re

import pytest

from aggregator.office import ROLES as CENTER_ROLES
from node.app import ROLES as HALL_ROLES
from standards.cases import PROJECTIONS, STAGES
from standards.records import RECORDS
from standards.records.attendance import (
    CHANGES,
    DAY_STATES,
    GROUNDS,
    MATTERS,
    SHIFT_TARGETS,
    SLOT_STATES,
)
from standards.records.cases import OUTCOMES, STEPS
from standards.records.inspection import DIMENSIONS, MODES, SEVERITIES, SOURCES
from standards.records.leave import EMPLOYMENTS, LEAVE_STATES
from standards.records.presence import GRADES, PUNCH_WAYS
from tests.source import PACKAGES, ROOT

LINES = (ROOT / "docs/words.md").read_text(encoding="utf-8").splitlines()
KINDS = {r.kind: r.label for r in (*RECORDS, *(p.state for p in PROJECTIONS))}
LISTS = (
    *(KINDS, STAGES, STEPS, OUTCOMES, HALL_ROLES, CENTER_ROLES),
    *(DIMENSIONS, MODES, SEVERITIES, SOURCES, GRADES, PUNCH_WAYS),
    *(CHANGES, DAY_STATES, SLOT_STATES, MATTERS, GROUNDS, SHIFT_TARGETS),
    *(LEAVE_STATES, EMPLOYMENTS),
)


@pytest.mark.parametrize("named", LISTS, ids=lambda named: "-".join(list(named)[:2]))
def test_every_code_of_a_list_stands_beside_its_chinese_term(named: dict[str, str]) -> None:
    missing = [
        f"{code}: {label}"
        for code, label in named.items()
        if code and not any(f"`{code}`" in line and label in line for line in LINES)
    ]
    assert missing == []


@pytest.mark.parametrize("folder", [*PACKAGES, "deploy", "bench", "docs", "tests"])
def test_every_folder_has_its_term(folder: str) -> None:
    assert any(re.match(rf"\| `{folder}` \| [\u4e00-\u9fff]", line) for line in LINES)


def test_no_word_is_explained_twice_in_one_table() -> None:
    tables = "\n".join(LINES).split("\n## ")
    for table in tables:
        words = re.findall(r"^\| ([^|]+) \|", table, re.M)
        assert len(set(words)) == len(words), table[:30]
