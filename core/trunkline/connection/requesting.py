"""Requests to the server's HTTP interface, with the connection's credentials (plugins P13).

Whoever asks sees neither the token nor where it comes from. Only an answer of 401 leads to a second
try, with a fresh token: the server says by it that it has done nothing.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import trio

from trunkline.config import Endpoint
from trunkline.connection.close_policy import LinkLost
from trunkline.connection.credentials import Credentials
from trunkline.errors import NotSent
from trunkline.plugin_api import Response
from trunkline.transport.dialler import Dial

if TYPE_CHECKING:
    import httpx

    from trunkline.transport.request import Exchange

LIMIT = 10.0  # s for a request: token, way, answer
AT_ONCE = 8  # so that a plugin's many tasks become no load test
UNAUTHORIZED = 401


class Requesting:
    """Makes requests to one host."""

    def __init__(
        self,
        endpoint: Endpoint,
        dial: Dial,
        credentials: Credentials,
        user_agent: str,
        http_transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        """Ask the host of `endpoint`; `http_transport` takes the place of dialling it."""
        self._endpoint = endpoint
        self._dial = dial
        self._credentials = credentials
        self._user_agent = user_agent
        self._http_transport = http_transport
        self._limiter = trio.CapacityLimiter(AT_ONCE)

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None, json: Any
    ) -> Response:
        """Make one request; see `Connection.request`."""
        exchange = _exchange_class().of(
            self._endpoint, self._user_agent, method, path, params, json
        )
        with trio.move_on_after(LIMIT):
            async with self._limiter:
                response = await self._attempt(exchange, fresh=False)
                if response.status == UNAUTHORIZED and self._credentials.can_be_fresh:
                    response = await self._attempt(exchange, fresh=True)
                return response
        raise exchange.late(LIMIT)

    async def _attempt(self, exchange: "Exchange", *, fresh: bool) -> Response:
        try:
            exchange.authorize(await self._credentials.token(fresh=fresh))
        except LinkLost as exc:
            raise NotSent(f"{exchange.display}: {exc.loss.detail}; nothing has left") from None
        if self._http_transport is not None:
            return await exchange.through(self._http_transport)
        return await exchange.over(self._dial, self._endpoint)


def _exchange_class() -> "type[Exchange]":
    """Import what makes requests: 130 ms that only those pay who ask.

    Raises:
        NotSent: its files cannot be opened just now.
    """
    try:
        from trunkline.transport.request import Exchange
    except OSError as exc:
        raise NotSent(f"no request can be made: {exc.strerror}; nothing has left") from exc
    return Exchange
