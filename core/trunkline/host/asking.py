"""Where operators ask a host: a socket that belongs to the config file, and a port if one is named."""

import logging
from typing import TYPE_CHECKING

import trio

from trunkline.control import Pages, serve_port, serve_socket, socket_path

if TYPE_CHECKING:
    from trunkline.host.host import Host

logger = logging.getLogger(__name__)


async def open_door(host: "Host", nursery: trio.Nursery) -> int | None:
    """Answer until `nursery` ends; return the port where `[host] http` is served, if it is."""
    pages = Pages(host.status, host.metrics, host.unready, host.connection.retry_now)
    if host.config.path is not None:
        await nursery.start(serve_socket, socket_path(host.config.path), pages)
    if host.config.host.http is None:
        return None
    port: int = await nursery.start(serve_port, host.config.host.http, pages)
    logger.info("host.http", extra={"port": port})
    return port
