"""What the sessions of a connection have in common; it outlasts each of them."""

import random
from collections.abc import Callable, Sequence

import attrs

from trunkline.connection.credentials import Credentials
from trunkline.connection.drops import Drops
from trunkline.connection.listeners import Listeners
from trunkline.connection.sending import SendQueue
from trunkline.connection.statistics import Tally
from trunkline.routing.router import Router

#: Is shown frames as they arrive: (payloads, epoch, wall time).
OnFrames = Callable[[Sequence[bytes], int, float], None]


@attrs.frozen
class Shared:
    """What a session borrows from its connection."""

    router: Router
    queue: SendQueue
    credentials: Credentials
    tally: Tally
    drops: Drops
    rng: random.Random
    walltime: Callable[[], float]
    heartbeat_interval: float
    on_phase: Callable[[str], None]
    listeners: Listeners[OnFrames] = attrs.Factory(Listeners)
    """Who wants to see what arrives before it is read."""
