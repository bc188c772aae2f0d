"""The control door: who may ask, what is answered."""

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from trunkline.control import fetch, runtime_directory, serve_control, socket_path
from trunkline.errors import UserError


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "trunkline.toml"


@asynccontextmanager
async def door(config_file: Path) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, socket_path(config_file), lambda: {"state": "connected"})
        yield
        nursery.cancel_scope.cancel()


async def ask(config_file: Path, target: str = "/status") -> dict[str, object]:
    return await trio.to_thread.run_sync(fetch, config_file, target)


async def test_a_running_host_tells_its_status(config_file: Path) -> None:
    """The answer is the status, as JSON, as often as it is asked for."""
    async with door(config_file):
        assert await ask(config_file) == {"state": "connected"}
        assert await ask(config_file) == {"state": "connected"}


async def test_s8_only_the_owner_may_enter(config_file: Path) -> None:
    """The socket is 0600 in a directory that is 0700."""
    async with door(config_file):
        path = socket_path(config_file)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_another_path_is_refused_by_its_status(config_file: Path) -> None:
    """There is one thing to ask for."""
    async with door(config_file):
        with pytest.raises(UserError, match="answered 404 to /canary"):
            await ask(config_file, "/canary")


async def test_two_hosts_never_share_a_config_file(config_file: Path) -> None:
    """The second one says where the first one listens."""
    async with door(config_file):
        with pytest.raises(UserError, match="a host already runs with this config file"):
            await serve_control(socket_path(config_file), dict)


async def test_a_socket_left_behind_by_a_killed_host_is_taken_over(config_file: Path) -> None:
    """Nobody answers there, so it is in nobody's use."""
    path = socket_path(config_file)
    path.parent.mkdir(mode=0o700)
    path.touch()
    async with door(config_file):
        assert await ask(config_file) == {"state": "connected"}
    assert not path.exists()


def test_where_no_host_runs_the_way_out_is_named(config_file: Path) -> None:
    """The error says which file was meant and how to start a host."""
    with pytest.raises(UserError, match=r"start it: trunkline run .*trunkline\.toml"):
        fetch(config_file)


def test_without_a_runtime_directory_the_temporary_one_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One directory for each user."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert runtime_directory().name.startswith("trunkline-")
