"""The control door of a running host: a small ASGI app on a Unix socket, and its client.

The socket lies in a runtime directory that only its owner may enter, one for each config file,
so that two hosts never share one and nobody else can ask (reliability S8).
"""

import contextlib
import hashlib
import http.client
import os
import socket
import stat
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import orjson
import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from trunkline.errors import UserError

BACKLOG = 16
CLIENT_LIMIT = 5.0  # s for one question to a running host
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]


def runtime_directory() -> Path:
    """Return the directory of the control sockets; it need not exist yet."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base:
        return Path(base) / "trunkline"
    return Path(tempfile.gettempdir()) / f"trunkline-{os.getuid()}"


def socket_path(config_file: Path) -> Path:
    """Return where the host that was started with `config_file` listens."""
    name = hashlib.sha256(str(config_file.resolve()).encode()).hexdigest()[:16]
    return runtime_directory() / f"{name}.sock"


def fetch(config_file: Path, target: str = "/status") -> dict[str, Any]:
    """Ask the running host of `config_file` and return its answer; blocks for at most 5 s.

    Raises:
        UserError: no host answers there.
    """
    path = socket_path(config_file)
    try:
        with contextlib.closing(_UnixConnection(path)) as connection:
            connection.request("GET", target)
            response = connection.getresponse()
            body = response.read()
    except (OSError, http.client.HTTPException) as exc:
        raise UserError(
            f"no host is running with {config_file} ({path}: {exc}); start it: trunkline run {config_file}"
        ) from exc
    if response.status != http.HTTPStatus.OK:
        raise UserError(f"the host answered {response.status} to {target}")
    return cast("dict[str, Any]", orjson.loads(body))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=CLIENT_LIMIT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


async def serve_control(
    path: Path,
    status: Callable[[], Mapping[str, Any]],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer `GET /status` on the Unix socket `path` until cancelled.

    Raises:
        UserError: another host already listens there.
    """
    config = Config()
    config.accesslog = config.errorlog = None
    config.include_server_header = False
    with _listening(path) as listener:
        config.bind = [f"fd://{listener.detach()}"]  # the server closes what it is given
        task_status.started()
        app: Any = _application(status)  # typed by its own shape, not by the server's classes
        await serve(app, config, mode="asgi", shutdown_trigger=trio.sleep_forever)


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    _own_directory(path.parent)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        if _is_answered(path):
            raise UserError(f"a host already runs with this config file (it listens on {path})")
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(BACKLOG)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _own_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UserError(f"{directory} is not a directory of this user; remove it")
    directory.chmod(0o700)


def _is_answered(path: Path) -> bool:
    """Tell a living host from a socket that a killed one left behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def _application(
    status: Callable[[], Mapping[str, Any]],
) -> Callable[[Mapping[str, Any], Receive, Send], Awaitable[None]]:
    async def application(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["path"] != "/status":
            await _answer(send, 404, {"error": "not found", "paths": ["/status"]})
        elif scope["method"] != "GET":
            await _answer(send, 405, {"error": "only GET"})
        else:
            await _answer(send, 200, status())

    return application


async def _live(receive: Receive, send: Send) -> None:
    """Take part in the server's start and stop, as ASGI asks of an application."""
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


async def _answer(send: Send, code: int, body: Mapping[str, Any]) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(body)})
