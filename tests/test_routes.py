"""Every route of both applications says who may use it, and means it.

Asks each route as somebody would who is not signed in, whatever its address and method.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

import aggregator.app
import node.app
from aggregator.center import Center, CenterSettings
from node.hall import Hall, HallSettings
from web.access import Access, access_of

SITE = "http://127.0.0.1"


@pytest.fixture(scope="module", params=["node", "aggregator"])
def application(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """The staff pages of a new hall, and of a new center."""
    data: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "node":
        hall = Hall(data, HallSettings(hall="T01", name="公安分厅", center="center.example"))
        yield node.app.create_app(hall)
        hall.close()
    else:
        center = Center(data, CenterSettings(center="center.example", name="市政务公开办公室"))
        yield aggregator.app.create_app(center)
        center.close()


def views(application: Flask) -> Iterator[tuple[Rule, Access | None]]:
    """Every route with what its view declares; static files have no view of ours."""
    for rule in application.url_map.iter_rules():
        if not rule.endpoint.endswith("static"):
            yield rule, access_of(application.view_functions[rule.endpoint])


def requests_of(rule: Rule) -> Iterator[tuple[str, str]]:
    """(method, path) of each request that the route answers, with made-up values in the path."""
    path = re.sub(r"<uuid:\w+>", "00000000-0000-7000-8000-000000000000", rule.rule)
    path = re.sub(r"<[^>]+>", "1", path)
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        yield method, path


def ask(application: Flask, method: str, path: str) -> TestResponse:
    """As a browser asks that has no session; Origin is our own, only the sign-in is missing."""
    headers = {"Accept": "text/html"} | ({} if method == "GET" else {"Origin": SITE})
    return application.test_client().open(path, method=method, headers=headers, base_url=SITE)


def test_every_route_declares_who_may_use_it(application: Flask):
    silent = [rule.rule for rule, access in views(application) if access is None]
    assert silent == []


def test_an_application_has_pages_for_signed_in_people(application: Flask):
    """Guards the tests below against an application without routes."""
    kinds = [access.kind for _, access in views(application) if access]
    assert kinds.count("roles") > 3


def test_a_stranger_is_sent_to_the_sign_in_by_every_page_of_the_staff(application: Flask):
    open_doors = [
        f"{method} {path} answers {answer.status_code}"
        for rule, access in views(application)
        if access and access.kind in ("roles", "signed-in")
        for method, path in requests_of(rule)
        for answer in [ask(application, method, path)]
        if not asks_to_sign_in(answer)
    ]
    assert open_doors == []


def asks_to_sign_in(answer: TestResponse) -> bool:
    if answer.status_code in (302, 303):
        return "/sign-in" in answer.headers["Location"]
    return answer.status_code == 401


def test_a_stranger_is_refused_by_every_route_that_checks_callers_by_itself(application: Flask):
    """Terminals and halls prove in the request who they are; without proof they get nothing."""
    open_doors = [
        f"{method} {path} answers {answer.status_code}"
        for rule, access in views(application)
        if access and access.kind == "other-means"
        for method, path in requests_of(rule)
        for answer in [ask(application, method, path)]
        if not 400 <= answer.status_code < 500
    ]
    assert open_doors == []


def test_a_public_page_gives_a_stranger_no_session(application: Flask):
    handed_out = [
        f"{method} {path}"
        for rule, access in views(application)
        if access and access.kind == "public"
        for method, path in requests_of(rule)
        if method == "GET" and "Set-Cookie" in ask(application, method, path).headers
    ]
    assert handed_out == []
