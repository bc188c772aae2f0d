"""`assert_plugin_conforms`: what it lets through, and each thing it must not."""

import threading
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
import trio

from trunkline import PluginContext, PluginInfo, hookimpl
from trunkline.testing import assert_plugin_conforms

Run = Callable[[PluginContext[Any]], Awaitable[None]]


@attrs.frozen
class Table:
    """A configuration."""

    count: int


def plugin(run: Run, config: type | None = None) -> object:
    """Return a plugin of a task."""

    @hookimpl
    async def trunkline_run(ctx: PluginContext[Any]) -> None:
        await run(ctx)

    return SimpleNamespace(trunkline_plugin=PluginInfo(config=config), trunkline_run=trunkline_run)


async def wait(ctx: PluginContext[Any]) -> None:
    """Start, and wait for the end."""
    ctx.started()
    await trio.sleep_forever()


@pytest.mark.parametrize("name", ["flow", "approval", "activity", "system"])
def test_p25_the_built_ins_conform(name: str) -> None:
    """They come in by the stranger's door, and keep its rules."""
    assert_plugin_conforms(name)


def test_p25_what_the_audit_finds_is_said() -> None:
    """All of it, as the host would."""
    with pytest.raises(AssertionError, match="a class is not a plugin"):
        assert_plugin_conforms(Table)


def test_p25_the_table_must_fit() -> None:
    """One that is missing is the plugin's failure, as it is in a host."""
    assert_plugin_conforms(plugin(wait, Table), {"count": 1})
    with pytest.raises(
        AssertionError, match=r"plugin\.simplenamespace\.count: this key is required"
    ):
        assert_plugin_conforms(plugin(wait, Table))


def test_p25_a_thread_that_is_left_at_one_checkpoint_is_found() -> None:
    """It is started before a checkpoint, and only what comes after is protected."""

    async def run(ctx: PluginContext[Any]) -> None:
        end = threading.Event()
        threading.Thread(target=end.wait, args=(5,), name="left").start()
        await trio.sleep(0.1)
        try:
            ctx.started()
            await trio.sleep_forever()
        finally:
            end.set()

    with pytest.raises(AssertionError, match="thread `left` is left") as caught:
        assert_plugin_conforms(plugin(run))
    [note] = caught.value.__notes__
    assert "at its checkpoint" in note


def test_p25_a_task_that_is_left_is_found() -> None:
    """Trio's system tasks outlive every nursery."""

    async def run(ctx: PluginContext[Any]) -> None:
        trio.lowlevel.spawn_system_task(trio.sleep_forever)
        await wait(ctx)

    with pytest.raises(AssertionError, match="1 tasks are left"):
        assert_plugin_conforms(plugin(run))


def test_p25_a_clean_up_that_fails_is_found() -> None:
    """It works after an orderly start, and not when the start was cut short."""

    async def run(ctx: PluginContext[Any]) -> None:
        opened: list[str] = []
        try:
            await trio.sleep(0.1)
            opened.append("file")
            await wait(ctx)
        finally:
            opened.pop()

    with pytest.raises(AssertionError, match=r"task\.failed: .* IndexError: pop from empty list"):
        assert_plugin_conforms(plugin(run))


def test_p25_a_restart_is_not_conforming() -> None:
    """A plugin that raises when the connection is lost costs the test."""

    async def run(ctx: PluginContext[Any]) -> None:
        lost = trio.Event()
        ctx.subscribe("system", lambda _: None, on_gap=lambda _: lost.set())
        ctx.started()
        await lost.wait()
        raise ConnectionError("gone")

    with pytest.raises(AssertionError, match="ConnectionError: gone"):
        assert_plugin_conforms(plugin(run))
