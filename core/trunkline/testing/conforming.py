"""What every plugin owes its host, checked in one call: it declares well, and it leaves nothing."""

import inspect
import json
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs
import trio

from trunkline.config import config_schema
from trunkline.plugin.audit import audit
from trunkline.plugin.runner import PluginRunner
from trunkline.testing.clock import run_in_virtual_time
from trunkline.testing.finding import found_plugins
from trunkline.testing.hosting import running_host

CHECKPOINTS = 100  # at most so many are tried; more are the same loop again
CLEANUP = 15.0  # s, as the host gives a plugin
GRACE = 0.5  # s for a thread that was told to end
IDLE_THREAD = "Trio thread"  # begins the name of a worker that waits for its next job

Table = Mapping[str, Any] | None


def assert_plugin_conforms(plugin: object, config: Table = None) -> None:
    """Check that a plugin can be loaded, and that no end of it leaves anything behind.

    `plugin` is a name, a path, a module or an instance, `config` its table. The audit must find
    nothing, the table must fit and have a JSON Schema. Then the plugin is started, loses the
    connection and is stopped, and all that again with a stop at each checkpoint in turn; no
    task, thread or subscription may be left. For a plain test, not within a running Trio.

    Raises:
        AssertionError: with everything that is wrong, or at which checkpoint.
    """
    [found] = found_plugins([plugin])
    audited = audit(found.load())
    if audited.problems:
        raise AssertionError("\n".join(audited.problems))
    if audited.info.config is not None:
        json.dumps(config_schema({found.name: audited.info.config}))
    tables = {} if config is None else {found.name: config}
    live = partial(_live, found.name, [plugin, *audited.info.requires], tables)
    checkpoints = run_in_virtual_time(live)
    for number in range(1, min(checkpoints, CHECKPOINTS) + 1):
        try:
            run_in_virtual_time(partial(live, stop_at=number))
        except BaseException as exc:
            exc.add_note(f"plugin {found.name} was stopped at its checkpoint {number}")
            raise


async def _live(
    name: str, only: list[object], tables: Mapping[str, Mapping[str, Any]], stop_at: int = 0
) -> int:
    """Run the plugin once; return at how many checkpoints it waited."""
    tasks = trio.lowlevel.current_statistics().tasks_living
    threads = set(threading.enumerate())
    steps = _Steps(name, stop_at)
    trio.lowlevel.add_instrument(steps)
    try:
        async with running_host(only, tables) as host:
            if not steps.is_stopped:
                await host.drop_connection()
    finally:
        trio.lowlevel.remove_instrument(steps)
    left = host.host.router.subscription_count() - 1  # the watch
    if left:
        raise AssertionError(f"{left} subscriptions are left of plugin {name}")
    left = trio.lowlevel.current_statistics().tasks_living - tasks
    if left:
        raise AssertionError(f"{left} tasks are left of plugin {name}")
    for thread in set(threading.enumerate()) - threads:
        if not thread.name.startswith(IDLE_THREAD):
            thread.join(GRACE)
        if thread.is_alive() and not thread.name.startswith(IDLE_THREAD):
            raise AssertionError(f"thread `{thread.name}` is left of plugin {name}")
    return steps.count


@attrs.define(eq=False)
class _Steps(trio.abc.Instrument):
    """Counts the checkpoints of one plugin, its workers' too, and stops it at one of them."""

    name: str
    stop_at: int
    count: int = 0
    _runner: PluginRunner | None = None
    _root: trio.lowlevel.Task | None = None

    @property
    def is_stopped(self) -> bool:
        """The plugin was stopped at its checkpoint."""
        return 0 < self.stop_at <= self.count

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """Find the task of the plugin."""
        if inspect.iscoroutine(task.coro) and task.coro.cr_code is PluginRunner.run.__code__:
            runner = inspect.getcoroutinelocals(task.coro)["self"]
            if runner.plugin.name == self.name:
                self._runner, self._root = runner, task

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count the step if it is one of the plugin's; the task is at a checkpoint now."""
        if self._runner is None or not self._is_below(task):
            return
        self.count += 1
        if self.count == self.stop_at:
            self._runner.stop(trio.current_time() + CLEANUP)

    def _is_below(self, task: trio.lowlevel.Task | None) -> bool:
        while task is not None and task is not self._root:
            nursery = task.parent_nursery or task.eventual_parent_nursery
            task = None if nursery is None else nursery.parent_task
        return task is not None
