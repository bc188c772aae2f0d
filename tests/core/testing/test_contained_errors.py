"""What a host contains does not escape a test: it is taken, or the test fails."""

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from small_plugins import ENTRY, delivering, handling, running

from trunkline import Event, PluginContext, hookimpl
from trunkline.plugin.states import PluginState
from trunkline.plugin_api import Filters, PluginFatal
from trunkline.testing import HostFactory


async def test_p25_an_error_nobody_takes_fails_the_test(trunkline_host: HostFactory) -> None:
    """Even one that is contained, and not worth a line in the log any more."""

    def fail(event: Event) -> None:
        raise ValueError(event.get("payload.n"))

    with pytest.raises(AssertionError, match=r"handler\.failed: audit: ValueError: 1") as caught:
        async with trunkline_host(only={"audit": handling(fail)}) as host:
            await host.push(ENTRY)
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(AssertionError, match=r"handler\.failed: audit: ValueError"):  # noqa: PT012 - the scope raises
        async with trunkline_host(only={"audit": handling(fail)}) as host:
            await host.push(ENTRY)
            [error] = host.errors()
            assert isinstance(error.exception, ValueError)
            await host.push(ENTRY)


async def test_p25_each_kind_of_failure_can_be_taken(trunkline_host: HostFactory) -> None:
    """Of a task, a filter, a sink; what a plugin gives up for good too."""

    async def run(ctx: PluginContext[Any]) -> None:
        raise PluginFatal("no licence")

    async def write(events: Sequence[Event]) -> None:
        raise OSError(5, "disk")

    async def exits(events: Sequence[Event]) -> None:
        raise SystemExit(3)

    @hookimpl
    def trunkline_register_filters(filters: Filters) -> None:
        filters.add("mask", lambda event: 1 / 0, topics=("approvals",))  # type: ignore[arg-type, return-value] # it fails

    plugins = {
        "task": running(run),
        "sink": delivering(write),
        "exits": delivering(exits),
        "rule": SimpleNamespace(trunkline_register_filters=trunkline_register_filters),
    }
    async with trunkline_host(only=plugins) as host:
        await host.push({"topic": "approvals", "type": "approval_created"})
        await host.push(ENTRY)
        await trio.sleep(2)  # longer than an event waits for company
        found = {(error.event, error.plugin): error.reason for error in host.errors()}
        assert host.plugin("task").state is PluginState.FAILED
        host.simulator.close_all(None)
        await trio.sleep(60)
        host.errors()
    assert found == {
        ("task.fatal", "task"): "no licence",
        ("rule.failed", "rule.mask"): "ZeroDivisionError: division by zero",
        ("sink.failed", "sink"): "OSError: [Errno 5] disk",
        ("sink.failed", "exits"): "SystemExit: 3",
    }


async def test_p25_a_failing_test_is_told_what_was_contained(trunkline_host: HostFactory) -> None:
    """An event that a broken handler has not published is looked for in vain otherwise."""

    def fail(event: Event) -> None:
        raise ValueError("too odd")

    with pytest.raises(LookupError) as caught:  # noqa: PT012 - the scope adds the notes
        async with trunkline_host(only={"audit": handling(fail)}) as host:
            await host.push(ENTRY)
            raise LookupError
    assert caught.value.__notes__ == ["contained: handler.failed: audit: ValueError: too odd"]


async def test_p25_a_plugin_that_does_not_load_fails_the_test(trunkline_host: HostFactory) -> None:
    """With the line that a host would log."""
    with pytest.raises(AssertionError, match=r"plugin empty .* implements no hook"):
        await trunkline_host(only={"empty": SimpleNamespace()}).__aenter__()


async def test_p25_a_table_for_nobody_fails_the_test(trunkline_host: HostFactory) -> None:
    """It would be misspelt, and the plugin be tried with its defaults."""
    words = "a table for `auditt`, which `only` does not; did you mean `audit`?"
    with pytest.raises(AssertionError, match=re.escape(words)):
        await trunkline_host(only={"audit": handling(print)}, config={"auditt": {}}).__aenter__()
