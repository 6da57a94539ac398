"""HTTP beside the real work, on METRICS_PORT: `/metrics` for Prometheus, `/live` and `/ready` for whoever runs programs.

`/live` and `/ready` answer 200, or 503 with what is wrong, as `{"ok": …, "problems": […]}`. They wait for nothing: what
they say was found out by the loops of the program. 503 from `/live` means: kill it and start it again.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import make_wsgi_app

from analytics.errors import CannotListen

Check = Callable[[], Sequence[str]]
"""Returns what is wrong, in words for an operator; nothing: all is well. For any thread, and at once."""

_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 -- Prometheus and probes come from other machines, or from the host of a container

_log = structlog.get_logger(__name__)


def serve_endpoints(port: int | None, *, live: Check, ready: Check) -> int | None:
    """Serve in threads that end with the process; return the port. None: not at all, 0: any free port.

    Raises CannotListen.
    """
    if port is None:
        return None
    app = _app({"/live": _probe(live), "/ready": _probe(ready), "/metrics": make_wsgi_app()})
    try:
        server = make_server(_EVERYWHERE, port, app, _Server, _SilentHandler)
    except OSError as error:
        raise CannotListen(f"cannot listen on METRICS_PORT {port}: {error}") from None
    threading.Thread(target=server.serve_forever, name="endpoints", daemon=True).start()
    _log.info("metrics_served", port=server.server_port)
    return server.server_port


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    timeout = 30  # of a client that does not go on

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name it has in the base class
        """Requests of probes are no news."""


App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def _app(apps: Mapping[str, App]) -> App:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = apps.get(environ["PATH_INFO"])
        if found is not None:
            return found(environ, start_response)
        return _answer(start_response, "404 Not Found", f"here are {', '.join(sorted(apps))}\n", "text/plain")

    return app


def _probe(check: Check) -> App:
    def app(_: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        problems = list(check())
        status = "503 Service Unavailable" if problems else "200 OK"
        body = json.dumps({"ok": not problems, "problems": problems})
        return _answer(start_response, status, body + "\n", "application/json")

    return app


def _answer(start_response: Callable[..., Any], status: str, text: str, kind: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", f"{kind}; charset=utf-8"), ("Cache-Control", "no-store")])
    return [text.encode()]
