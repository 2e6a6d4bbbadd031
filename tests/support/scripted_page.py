"""The status page with a script instead of a gateway behind it: for what no gateway would say.

It serves the page with its own policy, as the gateway does, and one list of events to whoever asks
for them; then it is silent, with the connection open.
"""

import http.server
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

from gateway.page.asset import load_page
from gateway.page.events import as_json, event

NOW_US: Final = 1_790_000_000_000_000
STATUS: Final[dict[str, Any]] = {
    "health": {"level": "healthy", "ready": True, "issues": [], "error_message": None},
    "gateway": {
        "id": "scripted",
        "version": "1.2.3",
        "pipeline": {"name": "python", "reason": "scripted"},
        "epoch": NOW_US // 1000,
        "started_us": NOW_US,
        "uptime_s": 1.0,
        "now_us": NOW_US,
    },
    "links": [],
    "rates": {
        "messages_per_sec": 1.0,
        "lines_per_sec": 1.0,
        "p50_us": 1,
        "p99_us": 1,
        "p999_us": 1,
        "processing_errors_pct": 0.0,
        "messages": 1,
    },
    "totals": {"login": "connected", "consumers": 0, "symbols": {}},
    "process": {},
    "alerts": {"active": [], "recent": []},
    "errors": [],
    "pages": 1,
}
"""A status in which nothing happens."""


class ScriptedPage:
    """Serves the page and a script, on a port of its own.

    Args:
        events: Names and values of the events, in their order.
        busy: Words to refuse the stream with; None to serve it.
        is_once: Whether a stream after the first one waits for `let_in`.
    """

    def __init__(
        self,
        events: Sequence[tuple[str, object]],
        *,
        busy: str | None = None,
        is_once: bool = False,
    ) -> None:
        page = load_page()
        stream = b"".join(event(name, as_json(value)) for name, value in events)
        ended = self._ended = threading.Event()
        let_in = self._let_in = threading.Event()
        self.stream_count = 0
        """How often the events were asked for."""
        count = self._count

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/":
                    self._answer(200, "text/html; charset=utf-8", page.body)
                elif busy is not None:
                    self._answer(503, "text/plain; charset=utf-8", busy.encode())
                else:
                    if count() > 1 and is_once:
                        let_in.wait()
                    self._answer(200, "text/event-stream", stream)
                    ended.wait()

            def _answer(self, code: int, kind: str, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Security-Policy", page.policy)
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        """Where the page is."""

    def let_in(self) -> None:
        """Serve those that were let wait."""
        self._let_in.set()

    def _count(self) -> int:
        self.stream_count += 1
        return self.stream_count

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._let_in.set()
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
