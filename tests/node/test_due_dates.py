"""Two clocks on every page: each date says for itself whether it may still move."""

from __future__ import annotations

import re

import msgspec

from node.hall import Hall
from standards.guides import Guide
from tests.node.hall import Browser, publish, published, take_in
from web.shell import Shell


def test_only_the_due_date_that_may_still_move_is_called_provisional(
    app: Shell, hall: Hall, guide: Guide, clock
):
    soon = msgspec.structs.replace(guide, version=2, anticipate_day=30, promise_day=3)
    publish(hall, published(soon))
    clock.turn(days=21)
    window = Browser(app.test_client()).sign_in("li")
    case_id = take_in(window, soon)
    page = " ".join(window.get(f"/cases/{case_id}").text.split())
    assert '<b class="tile-value">2026-12-18</b>' in page
    assert re.search(r'<b class="tile-value">2027-\d\d-\d\d 暂定</b>', page)
    assert "前办结（暂定）" not in window.get(f"/cases/{case_id}?done=accept").text
    line = window.get("/cases?list=accepted").text
    assert "2026-12-18 暂定" not in line
    assert re.search(r"2027-\d\d-\d\d 暂定", line)
