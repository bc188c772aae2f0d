"""One HTTP request and what came back: every wait has an end, nothing is followed or believed.

httpx's transport is used without its client, which would follow, read the environment, and log
the address of each request; that of a chat room is a secret.
"""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs
import trio

from trunkline.plugin_api import NotReady

if TYPE_CHECKING:
    import httpx

LIMIT = 25.0  # s for one request; the delivery allows 30
CONNECT_LIMIT = 10.0  # s
HEADERS = {"User-Agent": "trunkline", "Accept-Encoding": "identity"}
READ_LIMIT = 2.0  # s for the body of an answer, which nobody needs
ANSWER_BYTES = 64 * 1024  # a longer answer is not read, and its connection not used again


class Unusable(Exception):
    """No request can be made with these settings: a person has to act."""


@attrs.frozen
class Answer:
    """What a receiver said."""

    status: int
    retry_after: str
    """The header of that name, whatever it says; empty: none."""


class Poster:
    """Connections to one address, open while its scope is."""

    def __init__(
        self,
        url: str,
        ca_file: Path | None = None,
        *,
        limit: float = LIMIT,
    ) -> None:
        self._url = url
        self._ca_file = ca_file
        self._limit = limit
        self._transport: httpx.AsyncHTTPTransport | None = None

    async def __aenter__(self) -> Self:
        import httpx  # only those pay for it who use it

        context = ssl.create_default_context(cafile=self._ca_file)
        self._transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send JSON; return what was answered, whatever it was.

        Raises:
            NotReady: nothing was answered in time, or it is not open.
            Unusable: the certificate or the address cannot be used.
        """
        import httpx

        if self._transport is None:
            raise NotReady("not opened")
        limits = httpx.Timeout(self._limit, connect=CONNECT_LIMIT).as_dict()
        try:
            request = httpx.Request(
                "POST",
                self._url,
                headers={**HEADERS, **headers},
                content=body,
                extensions={"timeout": limits},
            )
            with trio.fail_after(self._limit):
                response = await self._transport.handle_async_request(request)
        except trio.TooSlowError:
            raise NotReady(f"no answer within {self._limit:g} s") from None
        except httpx.InvalidURL:
            raise Unusable("the URL is none for HTTP") from None
        except httpx.HTTPError as exc:
            if _is_about_tls(exc):
                raise Unusable(f"TLS: {exc}") from exc
            raise NotReady(f"no answer: {str(exc) or type(exc).__name__}") from exc
        try:
            await _finish(response)
        finally:
            with trio.CancelScope(shield=True):
                await response.aclose()
        return Answer(response.status_code, response.headers.get("retry-after", ""))


async def _finish(response: "httpx.Response") -> None:
    """Read a short answer, so that its connection can be used again; what it says is not asked."""
    import httpx

    size = response.headers.get("content-length", "")
    if size.isascii() and size.isdigit() and len(size) < 9 and int(size) <= ANSWER_BYTES:
        with suppress(httpx.HTTPError), trio.move_on_after(READ_LIMIT):
            async for _ in response.aiter_raw():
                pass


def _is_about_tls(exc: BaseException | None) -> bool:
    """Tell whether a failure began with a certificate or a handshake that is wrong."""
    while exc is not None:
        if isinstance(exc, ssl.SSLError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
