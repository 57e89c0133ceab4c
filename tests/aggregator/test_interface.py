"""The JSON interface of the center: described truthfully, and every hall in it."""

from __future__ import annotations

from tests.aggregator.office import HALLS, Office
from tests.aggregator.test_operations import CASE
from tests.described import run_described
from web.api_tokens import ApiTokens

LISTS = ("cases", "punches", "guides", "reconciliation")


def test_the_description_is_what_the_center_does(furnished: Office):
    furnished.hall_writes("T01", CASE)
    tokens = ApiTokens(furnished.center.db, furnished.center.clock.now)
    token = tokens.make("平台", LISTS, 30, "Z006")
    run, wrong = run_described(furnished.app, token)
    assert wrong == []
    assert run >= {f"GET /api/v1/{name}" for name in LISTS}


def test_reconciliation_names_every_hall_and_nobody(office: Office):
    office.hall_writes("T01", CASE)
    token = ApiTokens(office.center.db, office.center.clock.now).make("平台", LISTS, 30, "Z006")
    client = office.app.test_client()
    answer = client.get(
        "/api/v1/reconciliation",
        headers={"Authorization": f"Bearer {token}"},
        base_url="http://localhost",
    )
    assert answer.json is not None
    assert [item["hall"] for item in answer.json["items"]] == sorted(HALLS)
    assert answer.json["items"][0]["received"] == 1
    assert CASE.applicant_name not in answer.text
