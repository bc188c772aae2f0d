"""The plugin at work: it keeps the table, lets rules decide, and sees that people hear of the rest.

Three things go on: what is due is done, the table is compared with the server, and the line in
`trunkline status` is kept fresh. All of them act on the table as it stands.
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import trio

from trunkline import Event, Gap, PluginContext
from trunkline_plugins.approval import notices
from trunkline_plugins.approval.attention import Attention, Occasion
from trunkline_plugins.approval.automatic import Automatic
from trunkline_plugins.approval.config import ApprovalConfig
from trunkline_plugins.approval.deciding import At, Deciding, RunSync, in_thread, nowhere
from trunkline_plugins.approval.decision import ASK_A_PERSON, Rules, Verdict
from trunkline_plugins.approval.log import DecisionLog
from trunkline_plugins.approval.reconcile import differences, is_news
from trunkline_plugins.approval.request import TOPIC, Message
from trunkline_plugins.approval.server import Server
from trunkline_plugins.approval.store import Approval, ApprovalStore
from trunkline_plugins.reconciling import LONGEST_REASON, Reconciling
from trunkline_plugins.status_line import keep_noting


class Keeper:
    """One host's approvals."""

    def __init__(
        self,
        ctx: PluginContext[ApprovalConfig],
        *,
        walltime: Callable[[], float] = time.time,
        run_sync: RunSync = in_thread,
        at: At = nowhere,
    ) -> None:
        """Work for `ctx`; `walltime` tells seconds since 1970, `at` hears of crash points."""
        config = ctx.config
        self.store = ApprovalStore(walltime=walltime)
        self._ctx = ctx
        self._rules = Rules(config)
        self._verdicts: dict[str, tuple[str, Verdict]] = {}  # {id: (hash, what the rules say)}
        self._attention = Attention(timedelta(seconds=config.remind))
        self._server = Server(ctx)
        deciding = Deciding(
            self._server,
            DecisionLog(config.audit, now=self.store.now),
            now=self.store.now,
            rules=self._rules,
            run_sync=run_sync,
            at=at,
        )
        self._automatic = Automatic(ctx, self._server, deciding, self.store)
        self._reconciling = Reconciling(ctx, self._fetch, self._repair, interval=config.reconcile)
        self._changed = trio.Event()

    async def run(self) -> None:
        """Work until cancelled."""
        self._ctx.subscribe(TOPIC, self._on_event, on_gap=self._on_gap)
        self._ctx.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._reconciling.run)
            nursery.start_soon(self._automatic.complete)
            nursery.start_soon(self._attend, nursery)
            nursery.start_soon(keep_noting, self._ctx, self.line)

    def line(self) -> str:
        """Return where things stand: `2 pending, 5 settled, 1 by rule`."""
        parts = [self.store.summary()]
        if self._automatic.decided_count:
            parts.append(f"{self._automatic.decided_count} by rule")
        text = ", ".join(parts)
        if trouble := self._automatic.trouble:
            text += f"; {trouble[:LONGEST_REASON]}"
        return text + self._reconciling.line()

    def _on_event(self, event: Event) -> None:
        said = self.store.apply(event)
        if event.origin == "live":
            self._reconciling.heard()
        if said is not None and said.is_pending and self._is_current(said):
            self._verdicts[said.id] = said.hash, self._rules.judge(event.data)
        self._changed.set()

    def _is_current(self, said: Approval) -> bool:
        """Tell whether an event asks what the table holds; it may be an older one, come late."""
        known = self.store.get(said.id)
        return known is not None and known.hash == said.hash

    def _on_gap(self, gap: Gap) -> None:
        self.store.note_gap(gap)
        self._reconciling.missed()

    async def _attend(self, nursery: trio.Nursery) -> None:
        """Do what is due, then wait for an event or for the next moment."""
        while True:
            self._changed = trio.Event()
            now = self.store.now()
            table = self.store.approvals()
            for occasion, approval in self._attention.due(table, now):
                self._act(occasion, approval, nursery)
            present = {approval.id for approval in table if approval.is_pending}
            self._verdicts = {k: each for k, each in self._verdicts.items() if k in present}
            moment = self._attention.next_moment(table, now)
            wait = (moment - now).total_seconds() if moment else float("inf")
            with trio.move_on_after(wait):
                await self._changed.wait()

    def _act(self, occasion: Occasion, approval: Approval, nursery: trio.Nursery) -> None:
        now = self.store.now()
        match occasion:
            case "new":
                hash_, verdict = self._verdicts.get(approval.id, ("", ASK_A_PERSON))
                if verdict.decide == "notify" or hash_ != approval.hash:
                    self._notify(notices.WAITING, notices.waiting(approval, now))
                else:
                    nursery.start_soon(self._automatic.decide, approval, verdict.decide, verdict)
            case "nearly over":
                self._notify(notices.REMINDER, notices.reminder(approval, now))
            case "over":
                self._notify(notices.EXPIRED, notices.expired(approval))

    def _notify(self, kind: str, notice: notices.Notice) -> None:
        self._ctx.publish(notices.NOTICES, kind, notice)

    async def _fetch(self) -> Sequence[Message]:
        return await differences(self._server, self.store)

    def _repair(self, found: Sequence[Message]) -> list[str]:
        """Publish what the table does not know; from there it comes as an event to everybody."""
        missed = [message for message in found if is_news(self.store, message)]
        for message in missed:
            self._ctx.publish(TOPIC, message["type"], message)
        return [message["approval_request_id"] for message in missed]
