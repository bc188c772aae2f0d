"""Restarts a host while its configuration or its plugins are being written (`--watch`).

The host is a process of its own: new code needs a new one, and one that hangs in a plugin's loop
can still be ended. What does not check is not started; the old process goes on.
"""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
import trio

from trunkline.cli import FAILED, OK
from trunkline.cli.changes import Snapshot, carried_over, changed, snapshot, sources
from trunkline.cli.judging import APART, Judge, Plan, checked
from trunkline.cli.logs import wants_colour
from trunkline.cli.signals import STOPPING
from trunkline.text import escaped

POLL = 0.3  # s between two looks at the files
RESTART_LIMIT = 5.0  # s that the old process has to stop in order, and as long for its last try
END_LIMIT = 20.0  # s at the end of all; more than the default of `stop_timeout`
SHOWN_FILES = 3
LINE_LENGTH = 500  # characters


def watch_host(plan: Plan) -> int:
    """Run the plan, again after each change, until a signal; return the exit code."""
    return trio.run(Watch(plan).run)


class Watch:
    """One watched process, and the next one."""

    def __init__(
        self,
        plan: Plan,
        *,
        judge: Judge | None = None,
        restart_limit: float = RESTART_LIMIT,
        poll: float = POLL,
    ) -> None:
        self._plan = plan
        self._judge = judge or checked
        self._poll = poll
        self._restart_limit = restart_limit
        self._process: trio.Process | None = None
        self._is_wanted = False  # the process: nobody has begun to end it
        self._failed: Mapping[str, str] = {}  # the plugins that were broken when it began
        self._paths = frozenset({plan.file})
        self._seen: Snapshot = {}
        self._was_hurried = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> int:
        """Run until a signal; the process ends with us."""
        async with trio.open_nursery() as nursery:
            following = trio.CancelScope()
            await nursery.start(self._watch_signals, following)
            task_status.started()
            try:
                with following:
                    async with trio.open_nursery() as tellers:
                        await self._follow(tellers)
            finally:
                with trio.CancelScope(shield=True):
                    await self._end(END_LIMIT)
            nursery.cancel_scope.cancel()
        return FAILED if self._was_hurried else OK

    async def _watch_signals(
        self,
        following: trio.CancelScope,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with trio.open_signal_receiver(*STOPPING) as received:
            task_status.started()
            async for _ in received:
                if following.cancel_called and self._process is not None:
                    self._was_hurried = True
                    self._process.terminate()  # its second signal: it ends at once
                following.cancel()

    async def _follow(self, tellers: trio.Nursery) -> None:
        """Start, then look for changes, for ever."""
        self._look()
        while True:
            await self._start_or_keep(tellers)
            self._look()
            say(f"changed: {_names(await self._changes())}")

    def _look(self) -> None:
        """Choose anew what to look at; while the file cannot be read it is what it was."""
        plan, before = self._plan, self._paths
        self._paths = sources(plan.file, safe=plan.safe, disable=plan.disable) or before
        now = snapshot(self._paths)
        self._seen = carried_over(self._seen, now) if self._seen else now
        if self._paths != before:
            say(f"looking at {_names(self._paths)}")

    async def _changes(self) -> list[Path]:
        """Wait until files have changed, and for a moment in which none does any more."""
        before = latest = self._seen
        while True:
            await trio.sleep(self._poll)
            now = snapshot(self._paths)
            if now == latest and (different := changed(before, now)):
                self._seen = now
                return different
            latest = now

    async def _start_or_keep(self, tellers: trio.Nursery) -> None:
        """Put a new process in the place of the old one, if what lies on disk is fit to run."""
        verdict = await self._judge(self._plan)
        is_running = self._process is not None
        newly = [why for name, why in verdict.failed.items() if name not in self._failed]
        if not verdict.is_ok or (is_running and newly):
            for line in (*verdict.problems, *newly):
                say(line)
            say(f"not started; {'the old process goes on' if is_running else 'nothing runs'}")
            return
        await self._end(self._restart_limit)
        self._failed = verdict.failed
        command = [sys.executable, "-m", "trunkline.cli.watched", *self._plan.command]
        apart = {**APART, "stdin": subprocess.PIPE}  # its end tells the process that we are gone
        self._process, self._is_wanted = await trio.lowlevel.open_process(command, **apart), True
        tellers.start_soon(self._tell_end, self._process)

    async def _tell_end(self, process: trio.Process) -> None:
        """Say so where the process ends by itself."""
        code = await process.wait()
        if self._is_wanted and process is self._process:
            self._process = None
            say(f"ended by itself, exit {code}; a change starts it again")

    async def _end(self, limit: float) -> None:
        """End the process: in order within `limit`, then at once, then by force."""
        process = self._process
        if process is None:
            return
        self._is_wanted = False
        for patience in (limit, self._restart_limit):
            process.terminate()
            with trio.move_on_after(patience):
                await process.wait()
                break
        else:
            say(f"process {process.pid} does not stop; it is killed")
            process.kill()
            await process.wait()
        self._process = None


def say(text: str) -> None:
    """Tell the developer, apart from what the host logs."""
    line = f"watch: {escaped(text, LINE_LENGTH)}"
    in_colour = wants_colour(is_terminal=sys.stderr.isatty())
    click.echo(click.style(line, fg="cyan") if in_colour else line, err=True)


def _names(paths: Iterable[Path]) -> str:
    names = sorted({path.name for path in paths})
    shown = ", ".join(names[:SHOWN_FILES])
    return f"{shown} and {len(names) - SHOWN_FILES} more" if len(names) > SHOWN_FILES else shown
