"""The console shows one safe line an event, and a closed pipe ends nothing."""

import os
import pty
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
import trio

from trunkline import Event
from trunkline.plugin_api import NotReady
from trunkline_plugins.sinks.console import ConsoleSink

AT = datetime(2026, 11, 22, 21, 4, 56, tzinfo=UTC)


def happened(data: dict[str, Any], kind: str = "action") -> Event:
    return Event("activity", kind, data, received=AT.timestamp())


@attrs.frozen
class Ends:
    """The two ends of a pipe or a terminal."""

    reader: int
    writer: int

    def read(self) -> str:
        return os.read(self.reader, 65536).decode()


@pytest.fixture
def pipe() -> Iterator[Ends]:
    reader, writer = os.pipe()
    yield Ends(reader, writer)
    for fd in (reader, writer):
        try:
            os.close(fd)
        except OSError:
            continue  # the test has closed it


async def test_console_writes_one_line_an_event(pipe: Ends) -> None:
    """Time, topic, type and data; nothing else."""
    sink = ConsoleSink(pipe.writer)
    await sink.write([happened({"name": "export"}), happened({"path": "/"}, "page_view")])
    assert pipe.read() == (
        '21:04:56 activity action {"name":"export"}\n21:04:56 activity page_view {"path":"/"}\n'
    )


async def test_console_escapes_foreign_text(pipe: Ends) -> None:
    """Data cannot break the line, colour the terminal or turn its direction."""
    await ConsoleSink(pipe.writer).write([happened({"name": "a\nb\x1b[2J\u202e\x85"}, "x\ny")])
    text = pipe.read()
    assert text.count("\n") == 1
    assert text.rstrip("\n").isprintable()


async def test_console_cuts_large_data(pipe: Ends) -> None:
    """A line stays a line, however much an event holds."""
    await ConsoleSink(pipe.writer).write([happened({"name": "x" * 100_000})])
    assert len(pipe.read()) < 500


async def test_console_survives_data_that_is_no_json(pipe: Ends) -> None:
    """Data nested too deeply is named as such; the other lines are shown."""
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"deeper": deep}
    await ConsoleSink(pipe.writer).write([happened(deep), happened({"name": "next"})])
    first, second = pipe.read().splitlines()
    assert "nested too deeply" in first
    assert "next" in second


async def test_console_colours_only_a_terminal(pipe: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets styles, a pipe none, and `NO_COLOR` is obeyed."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Ends(*pty.openpty())
    await ConsoleSink(terminal.writer).write([happened({})])
    assert "\x1b[" in terminal.read()
    monkeypatch.setenv("NO_COLOR", "1")
    await ConsoleSink(terminal.writer).write([happened({})])
    assert "\x1b" not in terminal.read()
    for fd in (terminal.reader, terminal.writer):
        os.close(fd)


async def test_closed_pipe_disables_the_console_and_ends_nothing(
    pipe: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    """`| head` closes the pipe; that is said once, and events go on to count as delivered."""
    os.close(pipe.reader)
    sink = ConsoleSink(pipe.writer)
    await sink.write([happened({})])
    await sink.write([happened({})])
    assert [record.message for record in caplog.records] == ["console.closed"]


async def test_terminal_that_takes_no_more_is_waited_for(pipe: Ends) -> None:
    """A full pipe that does not block is a reason to try again, not a failure."""
    os.set_blocking(pipe.writer, False)
    sink = ConsoleSink(pipe.writer)
    with pytest.raises(NotReady):
        await sink.write([happened({"name": "x" * 300})] * 1000)  # more than a pipe holds


async def test_stopped_terminal_does_not_hold_up_the_end(pipe: Ends) -> None:
    """A write that blocks is left behind when the host is told to end."""
    sink = ConsoleSink(pipe.writer)
    batch = [happened({"name": "x" * 300})] * 1000  # more than a pipe holds
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sink.write, batch)
            await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    os.close(pipe.reader)  # releases the thread
