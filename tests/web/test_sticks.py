"""Whatever is wrong with a stick is said in a sentence, and the handbook knows it."""

from __future__ import annotations

import ast
import re

import pytest

from sync.errors import BY_CODE, Fork, StickRefused
from sync.sticks.stick import Piece
from tests.simulation.disk import Disk
from tests.source import ROOT, product_sources
from tests.sync.stores import log_store
from web.sticks import SENTENCES, Taken, sentences


def reasons() -> set[str]:
    """Every reason that the product gives, found in its source."""
    return {
        str(node.args[0].value)
        for source in product_sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "StickRefused"
        if node.args and isinstance(node.args[0], ast.Constant)
    }


def test_every_reason_has_a_sentence_that_says_who_can_act_and_none_is_left_over():
    assert reasons() <= set(SENTENCES)
    assert set(SENTENCES) - reasons() <= {*BY_CODE, "refused", "busy"}
    for code in {*SENTENCES, *BY_CODE}:
        refused = StickRefused(code, "AAA00001.OHS", there="T02", own="T01")
        for said in (*sentences(refused, "hall"), *sentences(refused, "center")):
            assert said.endswith("。") and "请" in said and "{" not in said


def telling(sentence: str) -> str:
    """The longest stretch of a sentence that stands in it whatever the file."""
    return max(map(str.strip, re.split(r"\{\w+\}|[，。：；（）“”]", sentence)), key=len)


@pytest.mark.parametrize("reason", SENTENCES)
def test_the_handbook_explains_every_sentence(reason: str):
    text = (ROOT / "docs/handbook/upan.md").read_text(encoding="utf-8")
    assert telling(SENTENCES[reason]) in text


def test_after_a_refusal_nothing_more_of_that_log_is_tried_and_other_logs_are():
    logs, taken, tried = log_store(Disk()), Taken("stick"), []

    def refuse(name: str) -> None:
        tried.append(name)
        raise Fork("another history")

    for name, origin in (("A", "c.example/T01/1"), ("B", "c.example/T01/1"), ("C", "other")):
        piece = Piece(f"{name}.OHS", 1, "0" * 64, origin, 0, 1)
        taken.batch(logs, piece, lambda name=name: refuse(name))  # type: ignore[misc]
    assert tried == ["A", "C"]
    assert taken.refused is not None and taken.refused.name == "A.OHS"
