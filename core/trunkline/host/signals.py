"""What a signal means for a host: the first one stops it in order, a second one at once."""

import logging
import signal

import trio

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def watch_signals(
    stopping: trio.Event,
    hurry: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Set `stopping` at a signal, and `hurry` at one while that is set, until cancelled."""
    with trio.open_signal_receiver(*SIGNALS) as received:
        task_status.started()
        async for number in received:
            logger.info("host.signal", extra={"reason": signal.Signals(number).name})
            if stopping.is_set():
                hurry.set()
            stopping.set()
