"""Whatever is wrong with a stick is said in a sentence, and the handbook knows it."""

from __future__ import annotations

import ast
import re

import pytest

from sync.errors import BY_CODE, StickRefused
from tests.source import ROOT, product_sources
from web.sticks import SENTENCES, sentences


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
