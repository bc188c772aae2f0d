"""The control door: who may ask, what is answered."""

import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import httpx
import pytest
import trio

from trunkline.control import (
    Pages,
    ask,
    fetch,
    runtime_directory,
    serve_port,
    serve_socket,
    socket_path,
)
from trunkline.errors import UserError


@attrs.define
class FakeHost:
    """What a host says of itself, and what it was told."""

    why_not: str | None = None
    retries: int = 0

    def retry(self) -> None:
        self.retries += 1

    def pages(self) -> Pages:
        return Pages(
            lambda: {"state": "connected"},
            lambda: b"trunkline_connects_total 1.0\n",
            lambda: self.why_not,
            self.retry,
        )


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "trunkline.toml"


@asynccontextmanager
async def door(config_file: Path, host: FakeHost | None = None) -> AsyncIterator[FakeHost]:
    host = host or FakeHost()
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_socket, socket_path(config_file), host.pages())
        yield host
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def port(request_limit: int = 5) -> AsyncIterator[int]:
    async with trio.open_nursery() as nursery:
        serve = partial(serve_port, request_limit=request_limit)
        yield await nursery.start(serve, "127.0.0.1:0", FakeHost().pages())
        nursery.cancel_scope.cancel()


async def status_of(config_file: Path) -> dict[str, object]:
    return await trio.to_thread.run_sync(fetch, config_file)


async def asked(config_file: Path, target: str, method: str = "GET") -> bytes:
    return await trio.to_thread.run_sync(lambda: ask(config_file, target, method=method))


async def test_a_running_host_tells_its_status(config_file: Path) -> None:
    """The answer is the status, as JSON, as often as it is asked for."""
    async with door(config_file):
        assert await status_of(config_file) == {"state": "connected"}
        assert await status_of(config_file) == {"state": "connected"}


async def test_metrics_are_text_for_prometheus(config_file: Path) -> None:
    """The page comes as it was rendered."""
    async with door(config_file):
        assert await asked(config_file, "/metrics") == b"trunkline_connects_total 1.0\n"


async def test_a_host_is_live_but_not_ready_while_it_has_no_link(config_file: Path) -> None:
    """503 says why, so that a balancer looks elsewhere and nobody restarts the process."""
    async with door(config_file, FakeHost("the connection is reconnecting")) as host:
        assert await asked(config_file, "/live") == b'{"live":true}'
        with pytest.raises(UserError, match="answered 503 to /ready"):
            await asked(config_file, "/ready")
        host.why_not = None
        assert await asked(config_file, "/ready") == b'{"ready":true}'


async def test_retry_is_a_post_on_the_socket(config_file: Path) -> None:
    """A GET changes nothing; a POST ends the wait."""
    async with door(config_file) as host:
        with pytest.raises(UserError, match="answered 405 to /retry"):
            await asked(config_file, "/retry")
        assert host.retries == 0
        await asked(config_file, "/retry", "POST")
        assert host.retries == 1


async def test_s8_only_the_owner_may_enter(config_file: Path) -> None:
    """The socket is 0600 in a directory that is 0700."""
    async with door(config_file):
        path = socket_path(config_file)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_another_path_is_refused_by_its_status(config_file: Path) -> None:
    """What is not there is told so."""
    async with door(config_file):
        with pytest.raises(UserError, match="answered 404 to /canary"):
            await asked(config_file, "/canary")


async def test_two_hosts_never_share_a_config_file(config_file: Path) -> None:
    """The second one says where the first one listens."""
    async with door(config_file):
        with pytest.raises(
            UserError, match=rf"already runs with this config file \(pid {os.getpid()}"
        ):
            await serve_socket(socket_path(config_file), FakeHost().pages())


async def test_a_socket_left_behind_by_a_killed_host_is_taken_over(config_file: Path) -> None:
    """Nobody answers there, so it is in nobody's use."""
    path = socket_path(config_file)
    path.parent.mkdir(mode=0o700)
    path.touch()
    async with door(config_file):
        assert await status_of(config_file) == {"state": "connected"}
    assert not path.exists()


async def test_a_host_takes_away_no_socket_but_its_own(config_file: Path) -> None:
    """Somebody cleaned the directory and another host came: it can still be asked."""
    path = socket_path(config_file)
    async with trio.open_nursery() as nursery:
        async with door(config_file):
            path.unlink()
            await nursery.start(serve_socket, path, FakeHost().pages())
        assert (await trio.to_thread.run_sync(fetch, config_file))["state"] == "connected"
        path.unlink()
        nursery.cancel_scope.cancel()


def test_where_no_host_runs_the_way_out_is_named(config_file: Path) -> None:
    """The error says which file was meant and how to start a host."""
    with pytest.raises(UserError, match=r"trunkline\.toml: no such file"):
        fetch(config_file)
    config_file.touch()
    with pytest.raises(UserError, match=r"start it: trunkline run .*trunkline\.toml"):
        fetch(config_file)


def test_without_a_runtime_directory_the_temporary_one_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One directory for each user."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert runtime_directory().name.startswith("trunkline-")


# the loopback port


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST:{port}", 200),
        ("127.0.0.1", 403),
        ("localhost", 403),
        ("127.0.0.1:1", 403),
        ("evil.example", 403),
        ("evil.example:{port}", 403),
        ("127.0.0.1.evil.example:{port}", 403),
        ("127.0.0.2:{port}", 403),
        ("[::1]:{port}", 403),
        ("0.0.0.0:{port}", 403),
        ("user@127.0.0.1:{port}", 403),
    ],
)
async def test_s8_a_port_answers_to_its_own_names_alone(name: str, code: int) -> None:
    """A page that rebinds its name to loopback sends the wrong `Host`."""
    async with port() as number, httpx.AsyncClient() as client:
        answer = await client.get(
            f"http://127.0.0.1:{number}/status", headers={"Host": name.format(port=number)}
        )
    assert answer.status_code == code
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("POST", "/status", 405), ("POST", "/retry", 405), ("GET", "/retry", 404), ("PUT", "/x", 405)],
)
async def test_c87_a_port_serves_gets_alone(method: str, path: str, code: int) -> None:
    """Nothing can be changed over TCP."""
    async with port() as number, httpx.AsyncClient() as client:
        answer = await client.request(method, f"http://127.0.0.1:{number}{path}")
    assert answer.status_code == code


async def test_c87_a_large_body_is_refused_unread() -> None:
    """An announced MiB is answered with 413 before it has come."""
    async with port() as number:
        stream = await trio.open_tcp_stream("127.0.0.1", number)
        head = (
            f"POST /status HTTP/1.1\r\nHost: 127.0.0.1:{number}\r\nContent-Length: {2**20}\r\n\r\n"
        )
        await stream.send_all(head.encode() + b"x" * 8192)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 413")
        await stream.aclose()


async def test_c88_idle_and_half_requests_are_closed_and_the_door_stays_open() -> None:
    """A hundred connections that say nothing cost a socket each, for a time."""
    async with port(request_limit=1) as number:
        streams = [await trio.open_tcp_stream("127.0.0.1", number) for _ in range(100)]
        await streams[0].send_all(b"GET /status HT")
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{number}/live")).status_code == 200
        with trio.fail_after(8):
            for stream in streams:
                while await stream.receive_some():
                    pass
                await stream.aclose()


async def test_c89_a_host_that_is_no_text_ends_its_own_connection_alone() -> None:
    """400 or closed, and the next one is answered."""
    async with port() as number:
        stream = await trio.open_tcp_stream("127.0.0.1", number)
        await stream.send_all(b"GET /status HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n")
        answer = bytes(await stream.receive_some())
        assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))
        await stream.aclose()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{number}/live")).status_code == 200


async def test_a_port_in_use_is_said_with_the_way_out() -> None:
    """The setting is named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=r"host\.http: .*choose another port"):
            await serve_port(address, FakeHost().pages())
