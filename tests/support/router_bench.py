"""What tests of the router share: a message on its way, and a callback that raises."""

from typing import Any

from trunkline.routing.router import Router


def route(router: Router, message: dict[str, Any]) -> None:
    """Let a message come in."""
    router.route(message, 10, epoch=1, received=0.0)


def broken(_: object) -> Any:
    """A plugin's function that fails."""
    raise ValueError
