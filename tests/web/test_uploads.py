"""What people hand in: known by its first bytes, harmlessly named, never readable on disk."""

from __future__ import annotations

import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.bodies import IN_MEMORY, SealedBuffer
from web.listener import Listener, Running
from web.uploads import attachment, media_of, shown_name

MARK = b"NOBODY-MAY-READ-THIS"


@pytest.mark.parametrize(
    ("start", "media"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"%PDF-1.7", "application/pdf"),
        (b"<svg xml", None),
        (b"<!DOCTYP", None),
        (b"GIF89a\x00\x00", None),
        (b"MZ\x90\x00\x03\x00\x00\x00", None),
        (b"", None),
        (b" %PDF-1.", None),
    ],
)
def test_a_file_is_known_by_its_first_bytes(start: bytes, media: str | None) -> None:
    assert media_of(start) == media


@pytest.mark.parametrize(
    ("given_name", "media", "kept"),
    [
        (r"C:\scans\..\正本.pdf", "application/pdf", "正本.pdf"),
        ("../../etc/passwd", "application/pdf", "passwd.pdf"),
        ("a\u202egpj.pdf", "application/pdf", "agpj.pdf"),
        ('<b>"x".pdf', "application/pdf", "_b__x_.pdf"),
        ("x.html", "application/pdf", "x.html.pdf"),
        ("照片.JPEG", "image/jpeg", "照片.JPEG"),
        ("", "image/png", "文件.png"),
        ("...", "image/png", "文件.png"),
        ("页" * 300 + ".pdf", "application/pdf", "页" * 120 + ".pdf"),
    ],
)
def test_a_file_s_name_is_made_harmless(given_name: str, media: str, kept: str) -> None:
    assert shown_name(given_name, media) == kept


@given(st.text(max_size=400), st.sampled_from(["image/jpeg", "image/png", "application/pdf"]))
def test_whatever_a_file_is_called_its_name_fits_and_has_the_ending_of_its_type(
    text: str, media: str
) -> None:
    name = shown_name(text, media)
    assert 1 < len(name) <= 140
    assert name.lower().endswith((".jpg", ".jpeg", ".png", ".pdf"))
    assert not set(name) & set('/\\<>"\n\r\0')


def test_an_answer_is_saved_and_never_shown_in_our_pages() -> None:
    answer = attachment(iter([b"a", b"bc"]), 'x"\r\n.pdf', "text/html", 3)
    assert answer.get_data() == b"abc"
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''x%22%0D%0A.pdf"
    assert answer.content_length == 3


@given(st.lists(st.binary(max_size=3_000), max_size=12))
def test_a_long_body_comes_back_as_it_went_in(parts: list[bytes]) -> None:
    buffer = SealedBuffer(2_000)
    for one in parts:
        buffer.append(one)
    whole = b"".join(parts)
    assert len(buffer) == len(whole)
    if whole:
        assert buffer.getfile().read() == whole
    buffer.close()


def test_no_temporary_file_of_a_long_request_or_answer_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body of megabytes through a real listener; every temporary file is looked at on the way."""
    made: list[int] = []
    real = tempfile.TemporaryFile

    def noted(*args: object, **named: object) -> object:
        file = real(*args, **named)  # type: ignore[call-overload]
        made.append(file.fileno())
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", noted)
    seen: dict[str, Any] = {}

    def app(environ, start_response):
        body = environ["wsgi.input"]
        seen["length"] = len(body.read())
        seen["kept"] = [Path(f"/proc/self/fd/{n}").read_bytes() for n in open_files()]
        start_response("200 OK", [("Content-Length", str(len(MARK) * 200_000))])
        return [MARK * 20_000] * 10

    running = Running(Listener(app=app, host="127.0.0.1", port=0))
    running.start()
    try:
        whole = talk(running.port, MARK * (4 * IN_MEMORY // len(MARK)))
    finally:
        running.stop(grace=1.0)
    assert whole.count(MARK) == 200_000
    assert seen["length"] > 3 * IN_MEMORY
    assert len(made) == 1, "the answer waited in a temporary file, or the body in none"
    assert [1 for content in seen["kept"] if MARK in content] == []


def open_files() -> list[int]:
    """Descriptors of temporary files that are open now."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith(tempfile.gettempdir()) and target.endswith("(deleted)"):
            found.append(int(entry.name))
    assert found
    return found


def talk(port: int, body: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        sender = threading.Thread(target=line.sendall, args=(head % len(body) + body,))
        sender.start()
        parts = []
        while part := line.recv(65_536):
            parts.append(part)
        sender.join()
    return b"".join(parts)
