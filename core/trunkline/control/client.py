"""How a command asks a running host."""

import contextlib
import http.client
import socket
from pathlib import Path
from typing import Any, cast

import orjson

from trunkline.control.place import socket_path
from trunkline.errors import UserError

CLIENT_LIMIT = 5.0  # s for one question to a running host


def fetch(config_file: Path) -> dict[str, Any]:
    """Return the status of the running host of `config_file`; blocks for at most 5 s.

    Raises:
        UserError: no host answers there.
    """
    return cast("dict[str, Any]", orjson.loads(ask(config_file, "/status")))


def ask(config_file: Path, target: str, *, method: str = "GET") -> bytes:
    """Ask the running host of `config_file` for `target`; return the body of its answer.

    Raises:
        UserError: no host answers there, or not with 200.
    """
    path = socket_path(config_file)
    try:
        with contextlib.closing(_UnixConnection(path)) as connection:
            connection.request(method, target)
            response = connection.getresponse()
            body = response.read()
    except (OSError, http.client.HTTPException) as exc:
        if not config_file.exists():
            raise UserError(f"{config_file}: no such file, and no host runs with it") from exc
        raise UserError(
            f"no host is running with {config_file} ({path}: {exc}); start it: trunkline run {config_file}"
        ) from exc
    if response.status != http.HTTPStatus.OK:
        raise UserError(f"the host answered {response.status} to {target}")
    return body


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=CLIENT_LIMIT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
