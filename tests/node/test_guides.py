"""A guide on the page: all 36 elements, of the newest version and of older ones."""

from __future__ import annotations

import msgspec
import pytest

from node.cases.guides import lines_of
from node.hall import Hall
from standards.catalogue import starter_guides
from standards.guide_elements import ELEMENTS
from standards.guides import Guide
from tests.node.hall import Browser, publish, published


def test_the_page_shows_every_element_and_that_nobody_has_checked_it(window: Browser, guide: Guide):
    text = window.get(f"/guides/{guide.item}").text
    for element in ELEMENTS:
        assert element.label in text
    assert guide.task_name in text
    assert "未核对" in text


def test_a_checked_guide_does_not_say_unchecked(window: Browser, hall: Hall, guide: Guide):
    publish(hall, published(msgspec.structs.replace(guide, version=2, verified=True)))
    assert "未核对</span>" not in window.get(f"/guides/{guide.item}").text


def test_an_older_version_is_still_there(window: Browser, hall: Hall, guide: Guide):
    publish(hall, published(msgspec.structs.replace(guide, version=2, task_name="新名称")))
    assert "新名称" in window.get(f"/guides/{guide.item}").text
    old = window.get(f"/guides/{guide.item}/1").text
    assert guide.task_name in old
    assert "新名称" not in old


@pytest.mark.parametrize("path", ["/guides/NONE", "/guides/NONE/1"])
def test_an_unknown_guide_is_said_in_words(window: Browser, path: str):
    answer = window.get(path)
    assert answer.status_code == 422
    assert "没有这个事项" in answer.text


@pytest.mark.parametrize("guide", starter_guides(), ids=lambda guide: guide.item)
def test_every_element_of_every_starter_guide_reads_as_text(guide: Guide):
    for element in ELEMENTS:
        for line in lines_of(guide, element):
            assert line.strip()
            assert "(" not in line or "=" not in line
