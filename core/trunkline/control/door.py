"""Where a host can be asked: a Unix socket of its own, and a loopback port if it is told to.

The socket lies in a runtime directory that only its owner may enter, so that nobody else can ask
(reliability S8). HTTP itself is hypercorn's: it runs on Trio, and is kept by others.
"""

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from trunkline.control.exhaustion import quiet_exhaustion
from trunkline.control.pages import Application, Pages, application
from trunkline.errors import UserError

CREDENTIALS = struct.Struct("3i")  # of the other side of a socket: pid, uid, gid
BACKLOG = 16
REQUEST_LIMIT = 5  # s in which a request has to come; half a one ends its connection
STOP_LIMIT = 0.5  # s for answers under way when the host stops


async def serve_socket(
    path: Path,
    pages: Pages,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer on the Unix socket `path` until cancelled.

    Raises:
        UserError: another host already listens there.
    """
    with _listening(path) as listener:
        task_status.started()
        await _serve(listener, application(pages), REQUEST_LIMIT)


async def serve_port(
    address: str,
    pages: Pages,
    *,
    request_limit: int = REQUEST_LIMIT,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer GETs on a loopback `address` (`127.0.0.1:9469`) until cancelled; started: the port.

    A request has `request_limit` seconds to come.

    Raises:
        UserError: the port cannot be used.
    """
    name, _, port = address.rpartition(":")
    host = name.strip("[]")
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
            listener.listen(BACKLOG)
        except OSError as exc:
            raise UserError(f"host.http: {address}: {exc.strerror}; choose another port") from exc
        number = listener.getsockname()[1]
        task_status.started(number)
        hosts = {f"{name}:{number}", f"localhost:{number}"}
        await _serve(listener, application(pages, hosts), request_limit)


async def _serve(listener: socket.socket, app: Application, request_limit: int) -> None:
    config = Config()
    config.accesslog = config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = config.read_timeout = request_limit
    config.graceful_timeout = config.shutdown_timeout = STOP_LIMIT
    config.bind = [f"fd://{listener.detach()}"]  # the server closes what it is given
    plain: Any = app  # typed by its own shape, not by the server's classes
    with quiet_exhaustion():
        await serve(plain, config, mode="asgi", shutdown_trigger=trio.sleep_forever)


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    _own_directory(path.parent)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        if (pid := _answering(path)) is not None:
            raise UserError(
                f"a host already runs with this config file (pid {pid}, listening on {path})"
            )
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(BACKLOG)
        ours = path.stat().st_ino
        try:
            yield listener
        finally:
            with contextlib.suppress(FileNotFoundError):
                # a cleaner may have removed it, and another host come
                if path.stat().st_ino == ours:
                    path.unlink()


def _own_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UserError(f"{directory} is not a directory of this user; remove it")
    directory.chmod(0o700)


def _answering(path: Path) -> int | str | None:
    """Return the pid of a living host; None for a socket that a killed one left behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(str(path)):
            return None
        if not hasattr(socket, "SO_PEERCRED"):  # Linux has it
            return "unknown"
        packed = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        pid: int = CREDENTIALS.unpack(packed)[0]
        return pid
