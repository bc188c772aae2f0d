"""One exchange with the server's HTTP interface, over a stream that our own dialler opened.

So DNS, TLS and the CA file are the connection's. There is no client: nothing here follows a
redirect, reads the environment, keeps a cookie or tries again, and each exchange has a connection
of its own, so that none meets one that the server has just closed. httpx's and httpcore's
exceptions end here.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import attrs
import httpcore
import httpx
import orjson
import trio

from trunkline.config import Endpoint
from trunkline.errors import NotSent, OutcomeUnknown, TransportError
from trunkline.plugin_api import Response
from trunkline.transport.dialler import Dial
from trunkline.transport.http import ANSWER_LIMIT, TOO_LARGE, OverStream

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
LONGEST_PATH = 2048  # characters; longer ones are refused on the way by many servers
REQUEST_LIMIT = 1024 * 1024  # bytes of JSON; as much as a message may have

_FOREIGN = (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError)
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}


@attrs.define
class Exchange:
    """A request that has been checked and can be made."""

    request: httpx.Request
    has_left: bool = False
    """Some of it may have reached the server."""

    @classmethod
    def of(
        cls,
        endpoint: Endpoint,
        user_agent: str,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        json: Any,
    ) -> "Exchange":
        """Check and encode a request to the host of `endpoint`.

        Raises:
            ValueError: it cannot be made by anybody; the text says why.
        """
        if method not in METHODS:
            raise ValueError(f"no method {method!r}; there are {', '.join(sorted(METHODS))}")
        check_path(path)
        headers = {"Host": endpoint.host_header, "User-Agent": user_agent, **_HEADERS}
        scheme = "https" if endpoint.secure else "http"
        body = None if json is None else _encoded(json)
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = f"{scheme}://{endpoint.host_header}{path}"
        return cls(httpx.Request(method, url, params=params, headers=headers, content=body))

    @property
    def display(self) -> str:
        """Method and URL for people, without the query."""
        return f"{self.request.method} {self.request.url.copy_with(query=None)}"

    def authorize(self, token: str | None) -> None:
        """Present a token, or (None) stay anonymous: nothing of this attempt has left yet."""
        self.has_left = False
        if token is not None:
            self.request.headers["Authorization"] = f"Bearer {token}"

    async def over(self, dial: Dial, endpoint: Endpoint) -> Response:
        """Dial and make the request; the deadline is the caller's.

        Raises:
            NotSent: there is no way to the server; nothing has left.
            OutcomeUnknown: it was lost on the way, or its answer is none.
        """
        try:
            stream = await dial(endpoint, lambda _phase: None)
        except TransportError as exc:
            raise NotSent(f"{self.display}: {exc}; nothing has left, send it again") from exc
        try:
            return await self.through(OverStream(stream, self.request.url))
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def through(self, transport: httpx.AsyncBaseTransport) -> Response:
        """Make the request through `transport`.

        Raises:
            OutcomeUnknown: it was lost on the way, or its answer is none.
        """
        self.has_left = True
        try:
            answer = await transport.handle_async_request(self.request)
            body = b"".join([chunk async for chunk in _chunks(answer)])
        except TransportError as exc:
            why = exc.detail
        except _FOREIGN as exc:
            why = type(exc).__name__  # no more: httpx's exceptions carry the request, and its token
        else:
            return self._response(answer, body)
        raise self._lost(why)

    def _response(self, answer: httpx.Response, body: bytes) -> Response:
        if len(body) > ANSWER_LIMIT:
            raise self._lost(TOO_LARGE)
        return Response(answer.status_code, dict(answer.headers), self._read(answer, body))

    def _read(self, answer: httpx.Response, body: bytes) -> Any:
        """Return what the body says: JSON decoded, other text as it is, None for nothing."""
        if not body:
            return None
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise self._lost("the answer is compressed, which was not asked for")
        if "json" not in answer.headers.get("Content-Type", ""):
            return body.decode(errors="replace")
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise self._lost(f"the answer calls itself JSON and is not: {exc}") from None

    def late(self, limit: float) -> NotSent | OutcomeUnknown:
        """Return what it means that `limit` seconds have passed."""
        if self.has_left:
            return self._lost(f"none within {limit:g} s")
        return NotSent(f"{self.display}: no way to the server within {limit:g} s; send it again")

    def _lost(self, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self.display}: no usable answer: {why}; look whether it was handled before sending it again"
        )


def check_path(path: str) -> None:
    """Let nothing pass but a path: no other host, no way up, no query, nothing to encode.

    Raises:
        ValueError: it is something else; the text says what.
    """
    if not path.startswith("/") or path.startswith("//") or "\\" in path:
        raise ValueError("a request names a path on the server's own host, such as /api/v1/health")
    if len(path) > LONGEST_PATH:
        raise ValueError(f"a path has at most {LONGEST_PATH} characters")
    if not (path.isascii() and path.isprintable()) or set(path) & set(' "<>^`{|}'):
        raise ValueError("a path is ready for the wire: encode what is foreign by urllib's quote()")
    if "?" in path or "#" in path:
        raise ValueError("a path has no query and no fragment; put the query into `params`")
    if any(part.lower().replace("%2e", ".") in {".", ".."} for part in path.split("/")):
        raise ValueError("a path has no `.` and no `..`")


def _encoded(json: Any) -> bytes:
    try:
        body = orjson.dumps(json)
    except orjson.JSONEncodeError as exc:
        raise ValueError(f"the body is not JSON: {exc}") from None
    if len(body) > REQUEST_LIMIT:
        raise ValueError(f"the body has {len(body)} bytes; at most {REQUEST_LIMIT}")
    return body


def _chunks(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Return the body as it comes; httpx itself would decode it, and keep it twice."""
    return cast("httpx.AsyncByteStream", answer.stream).__aiter__()
