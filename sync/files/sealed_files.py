"""Files under encryption: the form that is kept and travels, and room for what is not sealed yet.

The only file that touches AES-GCM for files. A file is sealed once, where it comes in, in chunks,
so that memory stays bounded and each chunk proves itself. Its key follows from the hall's secret
and the content: the same scan attached twice is one file, and no two contents share a key.
"""

from __future__ import annotations

import hmac
import io
import os
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync.errors import Malformed

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
_BLOCK_BYTES = 16


def sealed_size(plain_bytes: int) -> int:
    """Bytes of the sealed form of a file."""
    return plain_bytes + TAG_BYTES * -(-plain_bytes // CHUNK_BYTES)


def content_key(secret: bytes, hall: str, digest: bytes) -> bytes:
    """The key of a file with this SHA-256, the same for the same content of one hall only."""
    return hmac.digest(secret, b"onehall/file-key/v1\n" + hall.encode() + b"\n" + digest, "sha256")


def digest_of(source: IO[bytes]) -> bytes:
    """SHA-256 of what is left of a stream."""
    hashed = sha256()
    while part := source.read(CHUNK_BYTES):
        hashed.update(part)
    return hashed.digest()


def sealed(source: IO[bytes], key: bytes) -> Iterator[bytes]:
    """The sealed chunks of what is left of a stream."""
    encrypt = AESGCM(key).encrypt
    for nonce, chunk in _chunks(source, CHUNK_BYTES):
        yield encrypt(nonce, chunk, None)


def opened(source: IO[bytes], key: bytes) -> Iterator[bytes]:
    """The plain chunks of a sealed file; a chunk is given only after it proved itself.

    Raises:
        Malformed: altered, cut short, in another order, or another key.
    """
    decrypt = AESGCM(key).decrypt
    for nonce, chunk in _chunks(source, CHUNK_BYTES + TAG_BYTES):
        try:
            yield decrypt(nonce, chunk, None)
        except (InvalidTag, ValueError):
            raise Malformed("a file cannot be opened with its key") from None


def _chunks(source: IO[bytes], size: int) -> Iterator[tuple[bytes, bytes]]:
    """(nonce, chunk): eleven bytes of the chunk's number, one that tells the last."""
    number, chunk = 0, _full(source, size)
    while chunk:
        following = _full(source, size)
        yield number.to_bytes(11, "big") + (b"\0" if following else b"\1"), chunk
        number, chunk = number + 1, following


def _full(source: IO[bytes], size: int) -> bytes:
    parts: list[bytes] = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class Scratch(io.RawIOBase):
    """A temporary file without a name whose bytes nobody can read on the disk.

    Its key is in memory only and ends with it. It proves nothing: it never outlives the request.
    Each place is written once.
    """

    def __init__(self) -> None:
        super().__init__()
        # Without a name: gone with this process, however it ends.
        with tempfile.TemporaryFile() as file:
            self._descriptor = os.dup(file.fileno())
        self._key, self._at, self._end = os.urandom(32), 0, 0

    def _masked(self, data: bytes, at: int) -> bytes:
        counter = (at // _BLOCK_BYTES).to_bytes(_BLOCK_BYTES, "big")
        stream = Cipher(algorithms.AES(self._key), modes.CTR(counter)).encryptor()
        stream.update(bytes(at % _BLOCK_BYTES))
        return stream.update(data)

    def readable(self) -> bool:
        """Yes."""
        return True

    def writable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: object, /) -> int:
        """Fill a buffer with what stands at the place."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = os.pread(self._descriptor, len(view), self._at)
        view[: len(data)] = self._masked(data, self._at)
        self._at += len(data)
        return len(data)

    def write(self, data: object, /) -> int:
        """Write at the place, whole."""
        plain = bytes(data)  # type: ignore[call-overload]
        left = self._masked(plain, self._at)
        while left:
            written = os.pwrite(self._descriptor, left, self._at)
            self._at, left = self._at + written, left[written:]
        self._end = max(self._end, self._at)
        return len(plain)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def close(self) -> None:
        """Give the disk's room back."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()
