"""One client, once, in a process of its own: `python -m tests.benchmarks.client NAME OPTIONS`."""

import json
import sys
from collections.abc import Callable

from tests.benchmarks import ours, peers, recording, stages

CLIENTS: dict[str, Callable[..., dict[str, float]]] = {
    each.__name__: each
    for each in (
        ours.throughput,
        ours.latency,
        ours.idle_subscriptions,
        ours.buffered_events,
        recording.recorded,
        stages.stages,
        peers.trio_websocket_client,
        peers.trio_websocket_latency,
        peers.websockets_asyncio,
        peers.aiohttp_client,
        peers.by_hand,
    )
}

if __name__ == "__main__":
    print(json.dumps(CLIENTS[sys.argv[1]](**json.loads(sys.argv[2]))))
