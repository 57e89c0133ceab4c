"""TLS for waitress, which has none: the same channels, limits and parser behind a handshake.

A connection is plain until its first byte: a TLS record begins a handshake, anything else is a
browser that was given an http address, and is sent to the https one. Nothing here blocks the
listener's loop; one lock per connection, because answers are sent from worker threads while the
loop reads. Why no second server in front: docs/decisions/0016.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from typing import Any

from waitress.channel import HTTPChannel

_TLS_RECORD = b"\x16"
_WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_ASKED = re.compile(
    rb"GET (/[\x21-\x7e]{0,500}) HTTP/1\.[01]\r\n"
    rb"(?:[^\r\n]*\r\n)*?Host: ?([A-Za-z0-9.:\[\]-]{1,253})\r\n",
    re.IGNORECASE,
)


class TlsChannel(HTTPChannel):  # type: ignore[misc]
    """A connection whose bytes are under TLS where its listener has a certificate."""

    socket: Any

    def __init__(self, server: Any, sock: socket.socket, *rest: Any, **more: Any) -> None:
        self._context: ssl.SSLContext | None = server.listener.tls
        self._lock = threading.RLock()
        self._is_ready = self._context is None
        self._shakes_by_writing = False
        self._is_sending = False
        super().__init__(server, sock, *rest, **more)

    def handle_read(self) -> None:
        """Read what there is; of a TLS connection every byte that is decrypted already."""
        if self._context is None:
            super().handle_read()
        elif self._is_ready or self._shake():
            self._read_all()

    def _read_all(self) -> None:
        # What stays in the TLS layer would wake nobody: the socket itself is empty.
        while self.connected:
            with self._lock:
                try:
                    data = self.socket.recv(self.adj.recv_bytes)
                except _WANTS:
                    return
                except OSError:
                    data = b""
            if not data:
                self.handle_close()
                return
            self.last_activity = time.time()
            self.received(data)
            if not self.socket.pending():
                return

    def writable(self) -> bool:
        """Also while the handshake waits for room to write.

        Not while a worker is sending: the loop would turn without end, and take the interpreter
        from the very worker it waits for. The worker wakes the loop when something is left.
        """
        if self._is_sending:
            return False
        return bool(self._shakes_by_writing or super().writable())

    def handle_write(self) -> None:
        """Go on with the handshake, or send."""
        if self._is_ready or self.will_close:
            super().handle_write()
        else:
            self._shake()

    def send(self, data: bytes, do_close: bool = True) -> int:
        """How much went out now."""
        self._is_sending = True
        try:
            if self._context is None:
                return int(super().send(data, do_close))
            with self._lock:
                return int(self.socket.send(data))
        except _WANTS:
            return 0
        except OSError:
            if do_close:
                self.handle_close()
            return 0
        finally:
            self._is_sending = False

    def _shake(self) -> bool:
        """One step of the handshake; whether it is done."""
        self._shakes_by_writing = False
        with self._lock:
            try:
                if not isinstance(self.socket, ssl.SSLSocket) and not self._wrap():
                    return False
                self.socket.do_handshake()
            except ssl.SSLWantWriteError:
                self._shakes_by_writing = True
                return False
            except (ssl.SSLWantReadError, BlockingIOError):
                return False
            except OSError:
                self.handle_close()
                return False
            self._is_ready = True
        # The client's first bytes may have come with the end of the handshake.
        return True

    def _wrap(self) -> bool:
        """Begin TLS, unless the first byte is of something else."""
        assert self._context is not None
        first = self.socket.recv(1, socket.MSG_PEEK)
        if first != _TLS_RECORD:
            self._send_elsewhere(self.socket.recv(4096) if first else b"")
            return False
        self.socket = self._context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        return True

    def _send_elsewhere(self, asked: bytes) -> None:
        found = _ASKED.match(asked)
        if found is not None:
            path, host = found.groups()
            self.socket.send(
                b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://" + host + path + b"\r\n"
                b"Content-Length: 0\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
            )
        self.handle_close()
