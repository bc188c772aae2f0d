"""Proves a link alive: a ping at even intervals, whatever flows (connection.md §6).

A busy inbound stream must not let the server's timer on *our* silence run out, and silence of our
own making does not count against the peer.
"""

import random
from collections.abc import Callable

import trio

from trunkline.connection.close_policy import LinkLost, Loss
from trunkline.connection.protocol import Ping, encode, expected_reply, unstructure
from trunkline.connection.sending import Outgoing
from trunkline.transport.transport import Transport

SPREAD = (0.9, 1.1)  # so that a herd does not beat as one
PONG_LIMIT = 10.0  # s without any byte after a ping: the link is dead
PONG_WEDGED = 60.0  # s without a pong although bytes flow: the peer no longer works
LEAST_LOOK = 1.0  # s between two looks at a link that we are not reading

PING = encode(unstructure(Ping()))


class Heartbeat:
    """The beat of one epoch."""

    def __init__(
        self,
        transport: Transport,
        epoch: int,
        interval: float,
        rng: random.Random,
        send_first: Callable[[Outgoing], None],
    ) -> None:
        """Ping every `interval` seconds, more or less, by `send_first`."""
        self._transport = transport
        self._epoch = epoch
        self._interval = interval
        self._rng = rng
        self._send_first = send_first
        self.rtt: float | None = None
        """Seconds from the last ping to its answer; None before the first."""

    async def run(self) -> None:
        """Beat until cancelled.

        Raises:
            LinkLost: the link is dead, or the peer works no more.
        """
        while True:
            await trio.sleep(self._interval * self._rng.uniform(*SPREAD))
            ping = Outgoing(PING, expected_reply({"type": "ping"}), epoch=self._epoch)
            self._send_first(ping)
            sent_at = trio.current_time()
            with trio.move_on_after(PONG_WEDGED):
                await self._wait_pong(ping)
            if not ping.is_done:
                raise LinkLost(Loss("heartbeat", f"no pong within {PONG_WEDGED:g} s"))
            self.rtt = trio.current_time() - sent_at

    async def _wait_pong(self, ping: Outgoing) -> None:
        """Wait for the answer; a command before it is answered first, and may take its time."""
        while not ping.is_done:
            silent_since = max(ping.heads_since or trio.current_time(), self._transport.last_rx)
            deadline = silent_since + PONG_LIMIT
            if trio.current_time() >= deadline and not self._transport.is_paused:
                raise LinkLost(Loss("heartbeat", f"no byte for {PONG_LIMIT:g} s after a ping"))
            with trio.move_on_at(max(deadline, trio.current_time() + LEAST_LOOK)):
                await ping.wait_done()
            await trio.lowlevel.checkpoint()  # a loop that was held up reads first what has come
