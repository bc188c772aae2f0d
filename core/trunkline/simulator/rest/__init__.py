"""The server's HTTP paths, as far as the built-in plugins need them (protocol §9 to §11)."""

from trunkline.simulator.rest.answers import Answer, Asked
from trunkline.simulator.rest.http import is_rest, serve
from trunkline.simulator.rest.routes import Rest

__all__ = ["Answer", "Asked", "Rest", "is_rest", "serve"]
