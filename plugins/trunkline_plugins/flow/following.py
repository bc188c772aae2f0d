"""One execution as it goes on: what is stored of it, then what comes, each line once, to its end."""

from collections.abc import Callable, Mapping
from typing import Any

import trio

from trunkline import Event, Gap, PluginContext
from trunkline_plugins.asking import FAILURES
from trunkline_plugins.flow.execution import Execution
from trunkline_plugins.flow.fetching import fetch_log, fetch_row, messages_of
from trunkline_plugins.flow.log import LogEntry, Seen, lines, ordered
from trunkline_plugins.flow.store import TOPIC, ExecutionStore
from trunkline_plugins.link import is_connected, is_state

LOOK = 15.0  # s between two looks at the server, which may have fallen silent
LAST_WORDS = 0.5  # s after the end for what is still on its way
BUFFER = 10_000  # events that may wait for the terminal


class Following:
    """Shows the lines of one execution until it has ended."""

    def __init__(
        self,
        ctx: PluginContext[Any],
        row: Mapping[str, Any],
        show: Callable[[LogEntry], None],
        tell: Callable[[str], object],
    ) -> None:
        """Follow the execution of `row`.

        `show` is called once for each line, in order; `tell` with what a person should know of
        how it is followed.
        """
        self._ctx = ctx
        self._row = row
        self._id = str(row["id"])
        self._show = show
        self._tell = tell
        self._is_linked = False
        self._is_told = False  # that it is not
        self._seen = Seen()
        self._store = ExecutionStore()
        self._fresh: list[LogEntry] = []
        self._changed = trio.Event()
        self._is_whole = False  # nothing is missing as far as we know

    async def run(self) -> Execution:
        """Follow it to its end, and return what is known of it then."""
        self._store.absorb(messages_of(self._row), "start", are_rows=True)
        undo = self._ctx.subscribe(
            TOPIC, self._take, {"execution_id": self._id}, self._note_gap, buffer=BUFFER
        )
        undo_link = self._ctx.subscribe("system", self._note_link, is_state)
        try:
            await self._look()
            if not self._execution.is_final:
                await self._follow()
        finally:
            undo()
            undo_link()
        return self._execution

    async def _follow(self) -> None:
        """Show what comes until the end, and what comes right after it."""
        while not self._execution.is_final:
            await self._wait()
            if not self._is_whole:
                await self._look()
            self._print()
        await trio.sleep(LAST_WORDS)
        await self._look()

    @property
    def _execution(self) -> Execution:
        found = self._store.get(self._id)
        assert found is not None  # noqa: S101 - it was absorbed first
        return found

    async def _wait(self) -> None:
        """Wait for news; look at the server where none comes."""
        with trio.move_on_after(LOOK) as scope:
            await self._changed.wait()
        self._changed = trio.Event()
        if scope.cancelled_caught:
            self._is_whole = False
            self._tell_of_the_link()

    def _tell_of_the_link(self) -> None:
        """Say once that there is none."""
        if not self._is_linked and not self._is_told:
            self._tell(f"no live link: the server is asked every {LOOK:g} s")
            self._is_told = True

    async def _look(self) -> None:
        """Fetch how it stands and what is stored of it; where that fails, the next look mends it."""
        try:
            row = await fetch_row(self._ctx, self._id)
            log = await fetch_log(self._ctx, self._id)
        except FAILURES as exc:
            self._ctx.log.warning("follow.failed", extra={"reason": str(exc)})
            return
        self._store.absorb(messages_of(row) if row else (), "backfill", are_rows=True)
        self._store.absorb(log, "backfill")
        self._fresh += lines(Event(TOPIC, each["type"], each, origin="backfill") for each in log)
        self._is_whole = True
        self._print()

    def _take(self, event: Event) -> None:
        self._store.apply(event)
        if event.origin != "local":
            self._fresh += lines([event])
        self._changed.set()

    def _note_link(self, event: Event) -> None:
        """Look at once where the link has come: what was pushed before it was missed."""
        self._is_linked = is_connected(event)
        if self._is_linked:
            self._is_told = False
            self._is_whole = False
            self._changed.set()

    def _note_gap(self, _: Gap) -> None:
        self._is_whole = False
        self._changed.set()

    def _print(self) -> None:
        fresh, self._fresh = ordered(self._fresh), []
        for entry in fresh:
            if self._seen.is_new(entry):
                self._show(entry)
