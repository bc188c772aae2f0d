"""What a host answers at its control door: a small ASGI application over functions of the host.

| page | answers |
| --- | --- |
| `GET /status` | everything an operator asks for, as JSON |
| `GET /metrics` | the same figures for Prometheus |
| `GET /live` | 200 while the event loop runs |
| `GET /ready` | 200 when connected and healthy, else 503 with the reason |
| `POST /retry` | ends the wait for the next attempt to connect; on the Unix socket only |
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import attrs
import orjson

BODY_LIMIT = 4096  # bytes; nothing here reads one
JSON, TEXT = b"application/json", b"text/plain; version=0.0.4; charset=utf-8"

Scope = Mapping[str, Any]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@attrs.frozen
class Pages:
    """What a host has to say of itself."""

    status: Callable[[], Mapping[str, Any]]
    metrics: Callable[[], bytes]
    """Prometheus text."""
    unready: Callable[[], str | None]
    """Why the host is not ready; None if it is."""
    retry: Callable[[], None]


@attrs.frozen
class _Answer:
    code: int
    body: bytes
    kind: bytes = JSON


def application(pages: Pages, hosts: Collection[str] | None = None) -> Application:
    """Return the application; with `hosts` it is for a port: those names alone, and no POST.

    A web page in the operator's browser can reach loopback ports. It cannot choose the `Host` of
    its requests, and without a CORS header it cannot read an answer (reliability S8).
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            return  # refuses a WebSocket
        if await _is_too_large(receive):
            await _send(send, _problem(413, f"at most {BODY_LIMIT} bytes"))
        elif hosts is not None and _host(scope) not in hosts:
            await _send(send, _problem(403, "not the name of this host"))
        else:
            await _send(send, _page(pages, scope["method"], scope["path"], on_port=bool(hosts)))

    return answer


def _page(pages: Pages, method: str, path: str, *, on_port: bool) -> _Answer:
    getters: dict[str, Callable[[], _Answer]] = {
        "/status": lambda: _json(200, pages.status()),
        "/metrics": lambda: _Answer(200, pages.metrics(), TEXT),
        "/live": lambda: _json(200, {"live": True}),
        "/ready": lambda: _readiness(pages.unready()),
    }
    if path == "/retry" and not on_port:
        if method != "POST":
            return _problem(405, "POST to /retry")
        pages.retry()
        return _json(200, {"retrying": True})
    if path not in getters:
        known = [*getters] if on_port else [*getters, "/retry"]
        return _problem(405 if method not in {"GET", "HEAD"} else 404, f"there is {known}")
    if method not in {"GET", "HEAD"}:
        return _problem(405, f"GET {path}")
    return getters[path]()


def _readiness(why_not: str | None) -> _Answer:
    if why_not is None:
        return _json(200, {"ready": True})
    return _json(503, {"ready": False, "reason": why_not})


def _json(code: int, body: Mapping[str, Any]) -> _Answer:
    return _Answer(code, orjson.dumps(body))


def _problem(code: int, text: str) -> _Answer:
    return _json(code, {"error": text})


def _host(scope: Scope) -> str:
    fields = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
    return fields.get(b"host", b"").decode("latin-1").lower()


async def _is_too_large(receive: Receive) -> bool:
    """Read the body, whose content nobody needs, as far as it may go."""
    size = 0
    while True:
        event = await receive()
        size += len(event.get("body", b""))
        if size > BODY_LIMIT:
            return True
        if not event.get("more_body", False):
            return False


async def _live(receive: Receive, send: Send) -> None:
    """Take part in the server's start and stop, as ASGI asks of an application."""
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


async def _send(send: Send, answer: _Answer) -> None:
    headers = [(b"content-type", answer.kind), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": answer.code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
