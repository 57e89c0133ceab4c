"""A network cable that can be pulled: a TCP relay between a hall and the center.

The demo puts one between each hall and the center, and serves one page with a button for each. The
halls know nothing of it: for them the line is really gone.
"""

from __future__ import annotations

import contextlib
import html
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Cable:
    """Relays one local port to another until it is pulled.

    Args:
        label: what stands beside the button.
        port: where the hall connects; 0 lets the system choose.
        target: port of the center on this machine.
    """

    def __init__(self, label: str, port: int, target: int) -> None:
        self.label, self._target = label, target
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.plugged = True
        self._thread = threading.Thread(target=self._accept, name=f"cable-{port}", daemon=True)
        self._thread.start()

    def pull(self) -> None:
        """Cut every connection now and answer no new one."""
        with self._lock:
            self.plugged = False
            for end in self._ends:
                _hang_up(end)

    def plug(self) -> None:
        """Relay again."""
        self.plugged = True

    def passes(self, source: socket.socket, data: bytes) -> None:
        """Called for whatever goes through; a cable that is listened to overrides it."""

    def close(self) -> None:
        """Cut everything and stop listening."""
        self.pull()
        # Closing alone would leave the thread waiting in accept.
        _hang_up(self._listener)
        self._thread.join(5)

    def _accept(self) -> None:
        with self._listener:
            while True:
                try:
                    hall, _ = self._listener.accept()
                except OSError:
                    return
                threading.Thread(target=self._relay, args=(hall,), daemon=True).start()

    def _relay(self, hall: socket.socket) -> None:
        with hall:
            try:
                center = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                return
            with center:
                self._join(hall, center)

    def _join(self, hall: socket.socket, center: socket.socket) -> None:
        center.settimeout(None)
        with self._lock:
            if not self.plugged:
                return
            self._ends |= {hall, center}
        back = threading.Thread(target=self._pump, args=(center, hall), daemon=True)
        back.start()
        self._pump(hall, center)
        back.join()
        with self._lock:
            self._ends -= {hall, center}

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self.passes(source, data)
                sink.sendall(data)
        _hang_up(source)
        _hang_up(sink)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


_PAGE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>网线</title>
<style>body{{font:16px/1.6 "Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:46rem;
margin:3rem auto;padding:0 1rem;color:#1c2733}}h1{{font-size:1.5rem}}li{{display:flex;gap:1rem;
align-items:center;border:1px solid #c8d1da;border-radius:6px;padding:.8rem 1rem;margin:.6rem 0;
list-style:none}}ul{{padding:0}}b{{flex:1}}a{{color:#0b4f8a}}
button{{font:inherit;padding:.4rem 1.2rem;cursor:pointer}}</style>
<h1>网线</h1><p>拔掉一个分厅到中心的网线:窗口照常收件、审批、签到;插上以后自动补报。
在分厅的“上报”页面和中心的“分厅”页面可以看到差多少、什么时候追上。</p>
<ul>{rows}</ul><p>{links}</p></html>"""


class CablePage:
    """One small page with a button for each cable.

    Args:
        links: label -> address of the applications, shown below the buttons.
    """

    def __init__(self, port: int, cables: list[Cable], links: dict[str, str]) -> None:
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page.show(self)

            def do_POST(self) -> None:
                page.press(self)

            def log_message(self, format: str, *args: object) -> None:
                """The demo's terminal shows addresses, not requests."""

        self._cables, self._links = cables, links
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, name="cables", daemon=True).start()

    def show(self, request: BaseHTTPRequestHandler) -> None:
        """The page."""
        rows = "".join(
            f"<li><b>{html.escape(c.label)}</b>"
            f"<span>{'● 已连通' if c.plugged else '✕ 已拔掉'}</span>"
            f'<form method="post"><button name="cable" value="{i}">'
            f"{'拔掉网线' if c.plugged else '插上网线'}</button></form></li>"
            for i, c in enumerate(self._cables)
        )
        links = " · ".join(
            f'<a href="{html.escape(url)}" target="_blank">{html.escape(label)}</a>'
            for label, url in self._links.items()
        )
        body = _PAGE.format(rows=rows, links=links).encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/html; charset=utf-8")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def press(self, request: BaseHTTPRequestHandler) -> None:
        """A button was pressed on this very page."""
        origin = request.headers.get("Origin", "")
        if urlsplit(origin).netloc != request.headers.get("Host"):
            request.send_error(403)
            return
        length = min(int(request.headers.get("Content-Length", "0")), 1_000)
        form = parse_qs(request.rfile.read(length).decode("ascii", "replace"))
        number = form.get("cable", [""])[0]
        if number.isdigit() and int(number) < len(self._cables):
            cable = self._cables[int(number)]
            (cable.pull if cable.plugged else cable.plug)()
        request.send_response(303)
        request.send_header("Location", "/")
        request.send_header("Content-Length", "0")
        request.end_headers()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
