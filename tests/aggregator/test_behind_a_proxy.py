"""A center behind the reverse proxy that speaks TLS for it, as deploy/nginx.conf does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import requests

from aggregator.app import create_app
from aggregator.serving import listener_of
from tests.aggregator.office import PASSWORD, Office
from tests.source import ROOT
from web.listener import Running

on_sqlite = pytest.mark.parametrize("engine", ["SQLite"], indirect=True)

NAME = "center.example"
Ask = Callable[..., requests.Response]


def forwarded(address: str) -> dict[str, str]:
    """What the proxy says of a browser at this address."""
    return {"Host": NAME, "X-Forwarded-For": address, "X-Forwarded-Proto": "https"}


@pytest.fixture
def ask(office: Office, request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Asks the center as its proxy does, for a browser at some address."""
    center, proxy = office.center, getattr(request, "param", "127.0.0.1")
    center.settings = replace(
        center.settings, listen="127.0.0.1:0", proxy=proxy, trusted_hosts=(NAME,)
    )
    office.engage("duizhang")
    running = Running(listener_of(center, create_app(center)))
    running.start()

    def asked(path: str, address: str = "10.1.0.7", cookie: str = "", **form: str):
        url = f"http://127.0.0.1:{running.port}{path}"
        headers = forwarded(address) | ({"Cookie": cookie} if cookie else {})
        if not form:
            return requests.get(url, headers=headers, allow_redirects=False, timeout=30)
        scheme = "https" if proxy else "http"
        headers |= {"Origin": f"{scheme}://{NAME}", "Sec-Fetch-Site": "same-origin"}
        return requests.post(url, data=form, headers=headers, allow_redirects=False, timeout=30)

    yield asked
    running.stop()


def sign_in(ask: Ask, login: str = "duizhang", password: str = PASSWORD, address: str = "10.1.0.7"):
    return ask("/sign-in", address, login=login, password=password)


@on_sqlite
def test_a_browser_signs_in_over_https_and_its_cookie_goes_nowhere_else(ask: Ask):
    answer = sign_in(ask)
    assert answer.status_code == 303, answer.text
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-onehall-center=") and "; Secure" in cookie
    assert answer.headers["Strict-Transport-Security"]
    held = cookie.partition(";")[0]
    assert ask("/", cookie=held).status_code == 200
    assert ask("/", "10.1.0.8", cookie=held).status_code == 303, "bound to the browser's address"


@on_sqlite
def test_somebody_who_guesses_passwords_locks_himself_out_and_nobody_else(ask: Ask):
    tried = {sign_in(ask, f"name{n}", "x", "10.1.0.66").status_code for n in range(41)}
    assert tried == {422, 429}
    assert sign_in(ask, address="10.1.0.66").status_code == 429
    assert sign_in(ask).status_code == 303


@on_sqlite
@pytest.mark.parametrize("ask", [""], indirect=True)
def test_without_a_proxy_nobody_is_believed_who_says_where_he_comes_from(ask: Ask):
    tried = [sign_in(ask, f"name{n}", "x", f"10.1.1.{n}").status_code for n in range(41)]
    assert tried == [422] * 40 + [429], "forty wrong tries, whatever addresses they name"


def test_the_sample_of_nginx_says_who_asks_and_takes_no_word_for_it():
    sample = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in sample
    assert "proxy_set_header X-Forwarded-Proto https;" in sample
    assert "$proxy_add_x_forwarded_for" not in sample
    assert 'proxy = "127.0.0.1"' in sample
