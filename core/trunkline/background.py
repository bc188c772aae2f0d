"""Scopes with a task beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def background_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery whose tasks end with the body; the body's exception comes out as itself.

    A plain nursery would wrap it into a group, and callers of ours could not catch what they
    raised themselves. What a background task raises still comes out as a group: that is a bug.
    """
    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield nursery
        except (Exception, SystemExit, KeyboardInterrupt) as exc:  # noqa: BLE001 - raised again below
            failure = exc
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


@asynccontextmanager
async def until(event: trio.Event) -> AsyncIterator[None]:
    """Cancel the body when `event` is set; the body may not raise."""

    async def watch() -> None:
        await event.wait()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        yield
        nursery.cancel_scope.cancel()
