"""Commands as people run them: processes with pipes, read to a word or to the end."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio


@asynccontextmanager
async def process(*arguments: str, **options: Any) -> AsyncIterator[trio.Process]:
    """Run `trunkline` with pipes; killed at the end if it is still there."""
    opened = await trio.lowlevel.open_process(
        [sys.executable, "-m", "trunkline", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    try:
        yield opened
    finally:
        with trio.CancelScope(shield=True):
            if opened.returncode is None:
                opened.kill()
            await opened.wait()
            for stream in (opened.stdout, opened.stderr):
                if stream is not None:
                    await stream.aclose()


async def read_until(stream: trio.abc.ReceiveStream | None, words: str) -> str:
    """Read until `words` have come; return everything so far."""
    assert stream is not None
    text = ""
    while words not in text:
        chunk = await stream.receive_some()
        assert chunk, f"ended before {words!r}: {text}"
        text += chunk.decode()
    return text


async def finish(opened: trio.Process) -> tuple[int, str, str]:
    """Wait for the end; return exit code, stdout, stderr."""
    texts: dict[str, str] = {}

    async def drain(name: str, stream: trio.abc.ReceiveStream | None) -> None:
        assert stream is not None
        texts[name] = b"".join([bytes(chunk) async for chunk in stream]).decode()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drain, "out", opened.stdout)
        nursery.start_soon(drain, "err", opened.stderr)
    return await opened.wait(), texts["out"], texts["err"]
