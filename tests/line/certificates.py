"""An authority of a test, its certificates, and a listener that shows one."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Makes certificates for 127.0.0.1; its own stands in ``folder/<name>.pem``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._own = self._sign(self._key, name, authority=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self._own.public_bytes(serialization.Encoding.PEM))

    def _sign(
        self, key: ec.EllipticCurvePrivateKey, name: str, *, authority: bool
    ) -> x509.Certificate:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        now = datetime.now(UTC)
        issuer = self._key.public_key()
        bare = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        place = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        return bare.add_extension(place, False).sign(self._key, hashes.SHA256())

    def context(self) -> ssl.SSLContext:
        """For a server that shows a certificate of this authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        both = self._folder / f"{self._name}-server.pem"
        both.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + self._sign(key, "server", authority=False).public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        return context


class TlsListener:
    """Takes the encryption off and relays to a local port, as a reverse proxy does.

    ``seen`` is what came to light of it.
    """

    def __init__(self, context: ssl.SSLContext, target: int) -> None:
        self._context, self._target = context, target
        self.shaken, self.seen = 0, bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with self._listener:
            while True:
                try:
                    plain, _ = self._listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=self._relay, args=(plain,))
                self._threads.append(thread)
                thread.start()

    def _relay(self, plain: socket.socket) -> None:
        self.shaken += 1
        with (
            plain,
            suppress(OSError),
            self._context.wrap_socket(plain, server_side=True) as hall,
            socket.create_connection(("127.0.0.1", self._target), timeout=10) as center,
        ):
            hall.settimeout(30)
            back = threading.Thread(target=self._pump, args=(center, hall))
            back.start()
            while data := hall.recv(65_536):
                self.seen += data
                center.sendall(data)
            with suppress(OSError):
                center.shutdown(socket.SHUT_RDWR)
            back.join()

    def _pump(self, source: socket.socket, sink: ssl.SSLSocket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(40)
