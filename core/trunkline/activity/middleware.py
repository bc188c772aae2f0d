"""Page views of an ASGI application: Starlette, FastAPI, Django, or anything that speaks ASGI 3.

Knows no framework and no asynchronous library. Of a request it records the path, with the names
of its parameters in the place of their values where the router tells them, the status and the
time; never a query, an address, a user agent or a body.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

from trunkline.activity.tracker import Tracker

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HTML = b"text/html"
LEAST_ERROR = 400
BODY = frozenset({"http.response.body", "http.response.pathsend"})
CONVERTED = frozenset({int, float, UUID})  # what routers make of a part of the path
OPT_OUTS = frozenset({(b"sec-gpc", b"1"), (b"dnt", b"1")})  # what a browser sends for its user


class ActivityMiddleware:
    """Tracks a page view for each GET that is answered with HTML, below status 400."""

    def __init__(
        self,
        app: Application,
        tracker: Tracker,
        *,
        subject: Callable[[Mapping[str, Any]], str | None] | None = None,
        skip: Collection[str] = ("/static/*",),
    ) -> None:
        """Ask `subject` of the ASGI scope whom a view is about; leave out paths that match `skip`.

        `subject` is asked after the application has answered, so it sees what other middleware
        has put into the scope; where it raises, the view is not recorded.
        """
        self._app = app
        self._tracker = tracker
        self._subject = subject
        self._skip = tuple(skip)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and watch what is answered."""
        if not self._is_wanted(scope):
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        started = time.perf_counter()
        status: int | None = None  # of a page, until its end

        async def watched(message: Message) -> None:
            nonlocal status
            await send(message)
            if message["type"] == "http.response.start":
                status = message["status"] if _is_page(message) else None
            elif message["type"] in BODY and not message.get("more_body") and status is not None:
                self._record(scope, path, status, started)
                status = None

        await self._app(scope, receive, watched)

    def _is_wanted(self, scope: Scope) -> bool:
        return (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and not any(fnmatchcase(scope["path"], pattern) for pattern in self._skip)
            and OPT_OUTS.isdisjoint((name.lower(), value) for name, value in scope["headers"])
        )

    def _record(self, scope: Scope, path: str, status: int, started: float) -> None:
        try:
            subject = None if self._subject is None else self._subject(scope)
        except Exception as exc:  # noqa: BLE001 - the application's function; counted and told
            self._tracker.refused["subject"] += 1
            logger.warning(
                "activity.refused", extra={"reason": "subject", "error": repr(type(exc))}
            )
            return
        milliseconds = round((time.perf_counter() - started) * 1000, 3)
        metadata = {"status": status, "duration_ms": milliseconds}
        self._tracker.track_page_view(_template(scope, path), metadata, subject=subject)


def _is_page(message: Message) -> bool:
    kinds = (value for name, value in message.get("headers", ()) if name.lower() == b"content-type")
    is_html = next(kinds, b"").lower().startswith(HTML)
    return bool(is_html and message["status"] < LEAST_ERROR)


def _template(scope: Scope, path: str) -> str:
    """Return `/users/{id}` rather than `/users/42`, where the application's router tells.

    By its parameters, which Starlette and FastAPI leave in the scope: the template that they
    leave there, too, is only the last part behind a mount.
    """
    parameters = scope.get("path_params")
    if not isinstance(parameters, dict):
        return path
    for name, value in reversed(parameters.items()):
        before, found, after = f"{path}/".rpartition(f"/{_spelling(path, value)}/")
        if found and value != "":
            path = f"{before}/{{{name}}}/{after}"[:-1]
    return path


def _spelling(path: str, value: object) -> object:
    """Return how the path writes a parameter that the router has converted: `007` for 7."""
    if value.__class__ in CONVERTED:
        for segment in reversed(path.split("/")):
            with suppress(ValueError):
                if value.__class__(segment) == value:  # type: ignore[call-arg] # each takes a text
                    return segment
    return value
