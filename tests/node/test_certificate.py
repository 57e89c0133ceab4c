"""The hall's own certificate: one command, https on both listeners, and a page that explains it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from node.commands import main
from node.hall import Hall, HallSettings
from node.serving import address
from node.terminals import certificate
from tests.node.attendance import Kiosk
from tests.node.hall import Browser, TurnableClock
from tests.node.test_serving import started
from tests.served import eventually, free_port
from web import certificates


def issued(data: Path, *more: str) -> dict[str, object]:
    done = CliRunner().invoke(main, ["certificate", "--data", str(data), "--json", *more])
    assert done.exit_code == 0, done.output
    facts: dict[str, object] = json.loads(done.output)
    return facts


def answers(session: requests.Session, url: str) -> bool:
    return session.get(url, timeout=10).ok


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "hall"
    HallSettings(
        hall="T01",
        name="公安分厅",
        center="c.example",
        listen=f"127.0.0.1:{free_port()}",
        terminal_listen=f"127.0.0.1:{free_port()}",
    ).save(folder)
    return folder


@pytest.fixture
def running(data: Path) -> Iterator[HallSettings]:
    issued(data, "--name", "hall.example")
    node: subprocess.Popen[bytes] = started(data)
    try:
        yield HallSettings.load(data)
    finally:
        node.kill()
        node.wait()


def test_after_one_command_both_listeners_speak_https_with_a_certificate_that_holds(
    data: Path, running: HallSettings, tmp_path: Path
):
    trusted = tmp_path / "ca.crt"
    made = x509.load_der_x509_certificate(certificates.authority_file(data / "tls"))
    trusted.write_bytes(made.public_bytes(Encoding.PEM))
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(trusted)
        for listen, path in ((running.terminal_listen, "/kiosk"), (running.listen, "/sign-in")):
            url = f"https://127.0.0.1:{address(listen)[1]}{path}"
            assert eventually(partial(answers, session, url))
        page = session.get(url, timeout=10)
        assert page.headers["Strict-Transport-Security"]
        assert session.get(url.replace("https", "http"), timeout=10).url == url


def test_the_command_adds_names_to_those_that_are_answered_and_keeps_the_authority(data: Path):
    first = issued(data, "--name", "10.1.2.3")
    assert first["names"] == ["127.0.0.1", "localhost", "10.1.2.3"]
    assert HallSettings.load(data).trusted_hosts == ("127.0.0.1", "localhost", "10.1.2.3")
    second = issued(data, "--name", "10.1.2.4")
    assert second["fingerprint"] == first["fingerprint"]
    command = ["certificate", "--data", str(data), "--name", "hall.example"]
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 1
    assert "--anew" in refused.output
    assert issued(data, "--name", "hall.example", "--anew")["fingerprint"] != first["fingerprint"]


def test_everybody_reads_how_to_trust_it_and_gets_the_authority(
    hall: Hall, kiosk: Kiosk, administration: Browser
):
    site = {"base_url": "http://localhost"}
    assert "本厅还没有证书" in kiosk.client.get("/trust", **site).text
    assert kiosk.client.get("/trust/ca.crt", **site).status_code == 404
    held = certificates.issue(
        certificate.folder(hall), "T01", ("10.1.2.3",), hall.clock.now(), anew=False
    )
    for client in (kiosk.client, administration.client.application.test_client()):
        page = client.get("/trust", **site)
        assert held.fingerprint in page.text
        assert all(words in page.text for words in ("Windows", "安卓", "麒麟", "10.1.2.3"))
        assert page.text.count("<svg") == page.text.count('role="img" aria-label="画面：') == 12
        for step in ("按“安装证书(I)…”", "选“本地计算机(L)”", "按“CA 证书”", "选“信任此证书"):
            assert step in page.text
        assert "onehall-T01-ca.crt" in page.text
        (sheet,) = re.findall(r'href="(/trust-static/[^"]+)"', page.text)
        with client.get(sheet, **site) as given:
            assert given.status_code == 200
        given = client.get("/trust/ca.crt", **site)
        assert given.mimetype == "application/x-x509-ca-cert"
        made = x509.load_der_x509_certificate(given.data)
        assert certificates.fingerprint(made) == held.fingerprint
        assert b"PRIVATE" not in given.data


def test_a_hall_that_runs_for_a_year_renews_its_certificate_while_it_runs(
    hall: Hall, clock: TurnableClock
):
    certificates.issue(certificate.folder(hall), "T01", (), hall.clock.now(), anew=False)
    context = certificate.opened(hall)
    chore = certificate.renewal(hall, context)
    before = certificates.held_in(certificate.folder(hall))
    clock.turn(days=340)
    chore()
    after = certificates.held_in(certificate.folder(hall))
    assert before is not None and after is not None
    assert after.until - before.until == timedelta(days=340)
