"""The window: finding an item, taking a case in, accepting it or saying once what is missing."""

from __future__ import annotations

from tests.node.hall import Browser, take_in


def test_a_complete_case_is_taken_in_and_accepted_in_one_step(window: Browser, hall, guide):
    case_id = take_in(window, guide)
    page = window.get(f"/cases/{case_id}?done=accept").text
    assert "T01-20261124A0001" in page
