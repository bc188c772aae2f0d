"""Requests to the server's HTTP interface (P13): what leaves, what comes back, what is refused."""

import json
import ssl
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio
import trustme
from scripted_http import OK, URL, Server, answer, asking
from trio.testing import MockClock

import trunkline
from trunkline.errors import NotSent
from trunkline.simulator import Simulator


async def test_p13_a_request_carries_credentials_query_and_body(autojump_clock: MockClock) -> None:
    """And its answer comes back decoded, with its status and headers."""
    reply = b"HTTP/1.1 422 No\r\nX-Total-Count: 3\r\nContent-Type: application/json\r\n\r\n"
    async with asking(answer(reply + b'{"detail":["x"]}'), token="canary") as (connection, server):
        response = await connection.request(
            "POST", "/api/v1/things", {"limit": 5, "status": ["a", "b c"]}, {"n": 1}
        )
    assert (response.status, response.data) == (422, {"detail": ["x"]})
    assert response.headers["x-total-count"] == "3"
    head, _, body = server.heads[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /api/v1/things?limit=5&status=a&status=b+c HTTP/1.1"
    fields = dict(line.split(": ", 1) for line in lines)
    assert fields["Host"] == "127.0.0.1:8765"
    assert fields["Authorization"] == "Bearer canary"
    assert fields["User-Agent"].startswith("trunkline/")
    assert json.loads(body) == {"n": 1}


async def test_p13_an_anonymous_request_presents_nothing(autojump_clock: MockClock) -> None:
    """Nor does one without a body claim one."""
    async with asking(answer(b"HTTP/1.1 204 No Content\r\n\r\n")) as (connection, server):
        response = await connection.request("DELETE", "/x")
    assert response.data is None
    assert b"uthorization" not in server.heads[0]
    assert b"Content-Type" not in server.heads[0]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "api/v1",
        "//evil/x",
        "https://evil/x",
        "/a/../b",
        "/a/%2E%2e/b",
        "/a?b=1",
        "/a#b",
        "/a b",
        "/a\r\nX: 1",
        "/ü",
        "/\\evil",
        "/" + "x" * 2048,
    ],
)
async def test_p13_anything_but_a_path_on_the_host_is_refused(path: str) -> None:
    """At the call, before anything is dialled."""
    async with asking(answer(OK)) as (connection, server):
        with pytest.raises(ValueError, match=r"path"):
            await connection.request("GET", path)
    assert not server.heads


@pytest.mark.parametrize(
    ("method", "body", "words"),
    [
        ("TRACE", None, "no method 'TRACE'"),
        ("POST", object(), "not JSON"),
        ("POST", "x" * 1024 * 1024, "at most 1048576"),
    ],
)
async def test_p13_what_nobody_can_ask_is_refused(method: str, body: object, words: str) -> None:
    async with asking(answer(OK)) as (connection, server):
        with pytest.raises(ValueError, match=words):
            await connection.request(method, "/x", json=body)
    assert not server.heads


async def test_p13_a_redirect_is_an_answer_and_not_followed(autojump_clock: MockClock) -> None:
    script = answer(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n")
    async with asking(script, token="canary") as (connection, server):
        response = await connection.request("GET", "/x")
    assert (response.status, response.headers["location"]) == (302, "http://127.0.0.1:1/")
    assert len(server.heads) == 1


async def test_p13_a_401_asks_the_provider_for_a_fresh_token_once(
    autojump_clock: MockClock,
) -> None:
    """The second answer counts, whatever it is."""
    asked: list[bool] = []

    async def provider(*, fresh: bool) -> str:
        asked.append(fresh)
        await trio.sleep(1)
        return "new" if fresh else "old"

    no = answer(b"HTTP/1.1 401 Unauthorized\r\n\r\n")
    async with asking(no, answer(OK + b"1"), token=provider) as (connection, server):
        asked.clear()
        assert (await connection.request("GET", "/x")).data == 1
    assert [b"Bearer new" in head for head in server.heads] == [False, True]
    assert asked.count(True) == 1

    async with asking(no, token=provider) as (connection, server):
        assert (await connection.request("GET", "/x")).status == 401
    assert len(server.heads) == 2


async def test_p13_a_fixed_token_is_not_presented_again(autojump_clock: MockClock) -> None:
    async with asking(answer(b"HTTP/1.1 401 No\r\n\r\n"), token="canary") as (connection, server):
        assert (await connection.request("GET", "/x")).status == 401
    assert len(server.heads) == 1


async def test_cr1_requests_and_attempts_ask_the_provider_one_at_a_time(
    autojump_clock: MockClock,
) -> None:
    """Single flight, whoever asks."""
    inside = most = 0

    async def provider(*, fresh: bool) -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await trio.sleep(0.5)
        inside -= 1
        return "token"

    async with (
        asking(answer(OK + b"1"), token=provider) as (connection, server),
        trio.open_nursery() as nursery,
    ):
        for _ in range(4):
            nursery.start_soon(connection.request, "GET", "/x")
    assert (len(server.heads), most) == (4, 1)


async def test_p13_many_at_once_wait_for_their_turn(autojump_clock: MockClock) -> None:
    """Eight at a time."""
    most = 0

    async def slow(stream: trio.abc.Stream, _head: bytes) -> None:
        nonlocal most
        most = max(most, server.open_count)
        await trio.sleep(1)
        await stream.send_all(OK + b"1")

    async with asking(slow) as (connection, server), trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(connection.request, "GET", "/x")
    assert (len(server.heads), most) == (20, 8)


async def test_ts1_a_transport_can_take_the_place_of_the_network(
    autojump_clock: MockClock,
) -> None:
    """For tests of those who use it: any transport of httpx."""

    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"path": request.url.path})

    async with (
        Simulator(seed=1).in_memory() as dial,
        trunkline.open_connection(
            URL, dial=dial, http_transport=httpx.MockTransport(reply)
        ) as connection,
    ):
        assert (await connection.request("GET", "/a/b")).data == {"path": "/a/b"}


async def test_p13_tls_is_the_connections_ca_file_and_all(tmp_path: Path) -> None:
    """Over a real socket: trusted with the file, refused without."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    server = Server([answer(OK + b"7")])

    async def serve(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        try:
            await server.serve(secured)
        except trio.BrokenResourceError:
            await trio.aclose_forcefully(stream)

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            [listener] = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
            url = f"wss://localhost:{listener.socket.getsockname()[1]}/ws"
            ca_file = str(tmp_path / "ca.pem")
            async with trunkline.open_connection(url, "t", ca_file=ca_file) as connection:
                assert (await connection.request("GET", "/x")).data == 7
            async with trunkline.open_connection(url, "t") as connection:
                with pytest.raises(NotSent, match="tls"):
                    await connection.request("GET", "/x")
            nursery.cancel_scope.cancel()
