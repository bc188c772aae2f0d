"""One HTTP request and its answer over a stream; h11 parses, nothing here knows what is asked."""

import json
from collections.abc import Callable

import h11
import trio

from trunkline.simulator.rest.answers import Answer, Asked
from trunkline.simulator.upgrade import PATH

PREFIX = "/api/v1/"
SOCKETS = "/api/v1/ws"
HEAD_LIMIT = 32 * 1024  # bytes
BODY_LIMIT = 1024 * 1024
READ_SIZE = 65_536


def is_rest(first_line: bytes) -> bool:
    """Tell by the first line whether a request is for us and not for the WebSocket library."""
    target = first_line.decode("latin-1").split(" ")[1:2]
    path = target[0].partition("?")[0] if target else PATH
    return path.startswith(PREFIX) and not path.startswith(SOCKETS)


async def serve(stream: trio.abc.Stream, answer: Callable[[Asked], Answer]) -> None:
    """Read one request and write what `answer` says to it; the connection is then over."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    try:
        asked = await _read(connection, stream)
    except h11.RemoteProtocolError as exc:
        said = Answer(exc.error_status_hint or 400, {"detail": "Invalid HTTP request received."})
    else:
        if asked is None:
            return
        said = answer(asked)
    body = b"" if said.body is None else json.dumps(said.body, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **said.headers,
    }
    for event in (
        h11.Response(status_code=said.status, headers=[*headers.items()]),
        h11.Data(data=body),
        h11.EndOfMessage(),
    ):
        await stream.send_all(connection.send(event) or b"")


async def _read(connection: h11.Connection, stream: trio.abc.Stream) -> Asked | None:
    """Return the request; None where the client went before it was whole."""
    head: h11.Request | None = None
    body = b""
    while True:
        match connection.next_event():
            case h11.Request() as head:
                if connection.they_are_waiting_for_100_continue:
                    going_on = h11.InformationalResponse(status_code=100, headers=[])
                    await stream.send_all(connection.send(going_on) or b"")
            case h11.Data(data=data):
                body += data
                if len(body) > BODY_LIMIT:
                    raise h11.RemoteProtocolError("too large", error_status_hint=413)
            case h11.EndOfMessage() if head is not None:
                fields = {
                    name.decode().lower(): value.decode("latin-1") for name, value in head.headers
                }
                return Asked.of(head.method.decode(), head.target.decode("latin-1"), fields, body)
            case h11.ConnectionClosed():
                return None
            case h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some(READ_SIZE)))
