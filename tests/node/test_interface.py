"""The JSON interface of a hall: described truthfully, open to tokens only, nobody named in it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from node.hall import Hall
from standards.guides import Guide
from tests.described import run_described
from tests.node.hall import PERSON, Browser, TurnableClock, take_in
from web.api_tokens import ApiTokens
from web.shell import Shell

LISTS = ("cases", "punches", "guides", "reconciliation")


def make(hall: Hall, *scopes: str, days: int = 30) -> str:
    tokens = ApiTokens(hall.db, hall.clock.now)
    return tokens.make("数据共享平台", scopes or LISTS, days, "T01-006")


def ask(app: Shell, path: str, token: str = "") -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer: TestResponse = app.test_client().get(
        f"/api/v1/{path}", headers=headers, base_url="http://localhost"
    )
    return answer


def test_the_description_is_what_the_server_does(
    app: Shell, hall: Hall, window: Browser, guide: Guide
):
    for _ in range(3):
        take_in(window, guide)
    run, wrong = run_described(app, make(hall))
    assert wrong == []
    assert run >= {f"GET /api/v1/{name}" for name in LISTS}


def test_pages_of_a_list_follow_each_other_without_gap_or_double(
    app: Shell, hall: Hall, window: Browser, guide: Guide
):
    ids = sorted(take_in(window, guide) for _ in range(5))
    token, after, seen = make(hall), "", []
    while True:
        page = ask(app, f"cases?limit=2{after}", token).json
        assert page is not None and len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == ids
    assert page["items"][0]["stage"] == "accepted"


def test_no_item_holds_a_person(app: Shell, hall: Hall, window: Browser, guide: Guide):
    take_in(window, guide)
    token = make(hall)
    told = "".join(ask(app, name, token).text for name in LISTS)
    assert guide.item in told
    for personal in (PERSON["applicant_name"], PERSON["paper_no"].upper(), "13800138000"):
        assert personal not in told


@pytest.mark.parametrize("path", LISTS)
def test_a_list_asks_for_a_token_that_is_good_and_of_its_scope(
    app: Shell, hall: Hall, clock: TurnableClock, path: str
):
    others = [name for name in LISTS if name != path]
    assert ask(app, path).status_code == 401
    assert ask(app, path, "onehall_made-up").status_code == 401
    assert ask(app, path, make(hall, *others)).status_code == 403
    good, tokens = make(hall, path, days=2), ApiTokens(hall.db, hall.clock.now)
    answer = ask(app, path, good)
    assert answer.status_code == 200 and answer.content_type == "application/json"
    clock.moment += timedelta(days=2)
    refused = ask(app, path, good)
    assert refused.status_code == 401
    assert refused.content_type == "application/problem+json"
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    fresh = make(hall, path)
    assert ask(app, path, fresh).status_code == 200
    for token in tokens.all():
        tokens.revoke(token.id)
    assert ask(app, path, fresh).status_code == 401


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "after=%00", "sort=1", "limit=1&limit=2"]
)
def test_a_parameter_that_is_wrong_is_named(app: Shell, hall: Hall, query: str):
    answer = ask(app, f"cases?{query}", make(hall))
    assert answer.status_code == 422
    assert answer.json is not None and list(answer.json["fields"]) == [query.partition("=")[0]]


def test_a_token_is_made_on_the_page_shown_once_and_kept_hashed(
    app: Shell, hall: Hall, administration: Browser
):
    form = {"label": "数据共享平台", "days": "30", "scopes": ["cases"]}
    shown = administration.post("/api-tokens", form).text
    token = shown.split("<code>")[1].split("</code>")[0]
    assert ask(app, "cases", token).status_code == 200
    again = administration.get("/api-tokens").text
    assert "数据共享平台" in again and token not in again
    row = hall.db.query("SELECT * FROM api_token")[0]
    assert token not in json.dumps({name: str(value) for name, value in row.items()})
    assert administration.post(f"/api-tokens/{row['id']}/revoke", {}).status_code == 303
    assert ask(app, "cases", token).status_code == 401
    assert "已吊销" in administration.get("/api-tokens").text


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"label": ""}, "写明"), ({"scopes": []}, "至少选一项"), ({"days": "9999"}, "有效期")],
)
def test_a_token_without_name_scope_or_end_is_not_made(
    hall: Hall, administration: Browser, changed: dict, said: str
):
    form = {"label": "平台", "days": "30", "scopes": ["cases"], **changed}
    answer = administration.post("/api-tokens", form)
    assert answer.status_code == 422 and said in answer.text
    assert hall.db.query("SELECT id FROM api_token") == []
