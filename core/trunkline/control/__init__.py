"""The control door of a running host, and its client."""

from trunkline.control.client import ask, fetch
from trunkline.control.door import serve_port, serve_socket
from trunkline.control.pages import Pages
from trunkline.control.place import runtime_directory, socket_path

__all__ = [
    "Pages",
    "ask",
    "fetch",
    "runtime_directory",
    "serve_port",
    "serve_socket",
    "socket_path",
]
