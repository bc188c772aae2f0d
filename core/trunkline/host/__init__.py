"""Composition: the host, and the small host that `open_connection` is."""

from trunkline.host.host import Host
from trunkline.host.small import open_connection

__all__ = ["Host", "open_connection"]
