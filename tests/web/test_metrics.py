"""Figures for Prometheus: the text another program reads, and who may read it."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.web.conftest import Browser
from web.metrics import Fact, Metrics, may_read
from web.shell import Shell


def figures(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value, as Prometheus' own parser reads the text."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def read(browser: Browser) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    browser.address = "127.0.0.1"
    answer = browser.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    return figures(answer.text)


def answers(found: dict, route: str, status: str, method: str = "GET") -> float:
    labels = (("listener", "staff"), ("method", method), ("route", route), ("status", status))
    return found.get(("onehall_answers_total", labels), 0)


def test_requests_are_counted_by_the_rule_of_their_route_and_refusals_by_theirs(browser: Browser):
    browser.sign_in("li")
    for number in range(3):
        browser.get(f"/staff-accounts/1101011990030700{number}?phone=13800138000")
    browser.get("/nothing/13800138000")
    found = read(browser)
    assert answers(found, "/staff-accounts/<login>", "403") == 3
    assert answers(found, "none", "404", "any") == 1
    assert found["onehall_refusals_total", (("rule", "not-allowed"),)] == 3
    assert found["onehall_refusals_total", (("rule", "not-found"),)] == 1
    shown = browser.get("/metrics").text
    assert "13800138000" not in shown and "11010119" not in shown and "li" not in shown.split('"')


def test_each_bucket_of_the_time_an_answer_took_holds_those_below_it(browser: Browser):
    for _ in range(4):
        browser.get("/board")
    found = read(browser)
    where = (("listener", "staff"), ("method", "GET"), ("route", "/board"))
    told = [
        (float(dict(labels)["le"]), value)
        for (name, labels), value in found.items()
        if name == "onehall_request_seconds_bucket" and set(where) < set(labels)
    ]
    counts = [value for _, value in sorted(told)]
    assert counts == sorted(counts) and counts[-1] == 4
    assert found["onehall_request_seconds_count", where] == 4
    assert found["onehall_request_seconds_sum", where] > 0


def test_a_method_that_somebody_makes_up_is_no_label_of_its_own(browser: Browser):
    for number in range(5):
        browser.client.open("/nothing", method=f"MADEUP{number}", base_url="http://localhost")
    labels = {label for name, label in read(browser) if name == "onehall_answers_total"}
    assert {dict(label)["method"] for label in labels} == {"any"}


def test_whatever_stands_in_a_label_is_read_back_as_it_was():
    odd = 'a "quoted" \\ back\nslash 公安'
    metrics = Metrics()
    metrics.tell(lambda: [Fact("onehall_odd", "A line\nand \\ more.", 1.5, {"said": odd})])
    assert figures(metrics.text())["onehall_odd", (("said", odd),)] == 1.5


def test_a_source_that_breaks_is_a_figure_and_hides_no_other():
    def broken() -> list[Fact]:
        raise RuntimeError

    metrics = Metrics()
    metrics.tell(broken)
    metrics.tell(lambda: [Fact("onehall_well", "Well.", 1)])
    found = figures(metrics.text())
    assert found["onehall_sources_failed", ()] == 1
    assert found["onehall_well", ()] == 1


@pytest.mark.parametrize(
    ("address", "host", "allowed", "may"),
    [
        ("127.0.0.1", "127.0.0.1:8700", (), True),
        ("::1", "[::1]:8700", (), True),
        ("127.0.0.1", "localhost", (), True),
        ("127.0.0.1", "center.example", (), False),
        ("10.1.0.9", "127.0.0.1:8700", (), False),
        ("10.1.0.9", "hall.example", ("10.1.0.0/24",), True),
        ("10.1.1.9", "hall.example", ("10.1.0.0/24",), False),
        ("", "localhost", (), False),
    ],
)
def test_only_this_machine_and_named_addresses_read_the_figures(address, host, allowed, may):
    assert may_read(address, host, allowed) is may


def test_to_everybody_else_there_is_no_such_page(browser: Browser, hall: Shell):
    browser.address = "10.1.0.11"
    assert browser.get("/metrics").status_code == 404
    hall.metrics_from = ("10.1.0.11",)
    assert browser.get("/metrics").status_code == 200
