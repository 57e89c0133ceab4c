"""The forms a secret may take in a file or on a wire, and how to look for them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import zstandard

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def forms_of(secret: bytes) -> Iterator[bytes]:
    """The bytes as they are, as hexadecimal, and as base64 at each of its three alignments."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        # The first and last characters depend on the neighbours: they are left out.
        encoded = b64encode(b"\0" * shift + secret).rstrip(b"=")
        yield encoded[4 if shift else 0 : -2]
        yield encoded[4 if shift else 0 : -2].replace(b"+", b"-").replace(b"/", b"_")


def forms_of_text(text: str) -> list[bytes]:
    """A text in the encodings that are met here, each in every form; escaped for JSON and URLs."""
    found = [
        form
        for encoding in ("utf-8", "gbk", "utf-16-le", "utf-16-be")
        for form in forms_of(text.encode(encoding))
    ]
    found += [quote(text).encode(), quote(text).lower().encode()]
    found.append(json.dumps(text).strip('"').encode())
    return found


def unpacked(passed: bytes) -> Iterator[bytes]:
    """What is inside every compressed section that stands in these bytes."""
    at = passed.find(ZSTD_MAGIC)
    while at >= 0:
        reader = zstandard.ZstdDecompressor().decompressobj()
        yield reader.decompress(passed[at:])
        at = passed.find(ZSTD_MAGIC, at + 1)


def found_in(files: Iterable[Path], forms: list[bytes]) -> list[str]:
    """Names of files that hold any of the forms."""
    return [
        str(path)
        for path in files
        if (content := path.read_bytes()) and any(form in content for form in forms)
    ]


def all_files(folder: Path) -> list[Path]:
    """Everything below a data folder: databases, their logs, settings, keys, server logs."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]
