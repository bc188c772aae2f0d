"""The table of requests on a terminal, once or live."""

import json
from datetime import datetime
from typing import NoReturn

import attrs
import click
import trio

from trunkline import Event, Gap, PluginContext, TrunklineError
from trunkline_plugins.approval.config import ApprovalConfig
from trunkline_plugins.approval.reconcile import differences
from trunkline_plugins.approval.request import PENDING, TOPIC, Message
from trunkline_plugins.approval.server import Server
from trunkline_plugins.approval.store import ApprovalStore
from trunkline_plugins.approval.table import COLUMNS, rows
from trunkline_plugins.seams import CONNECTED
from trunkline_plugins.text import aligned

REFRESH = 1.0  # s; ages and deadlines are shown to the second
COMPARE = 60.0  # s between two comparisons with the server, which may have fallen silent
NOTHING = "nothing waits for an answer"


async def listed(ctx: PluginContext[ApprovalConfig], *, want_all: bool, as_json: bool) -> None:
    """Print the requests as the server has them now."""
    store = ApprovalStore()
    async for message in Server(ctx).requests(None if want_all else PENDING):
        _take(store, message)
    click.echo(_text(store, want_all=want_all, as_json=as_json))


class Watch:
    """The table, printed when something happens and every second."""

    def __init__(
        self, ctx: PluginContext[ApprovalConfig], *, want_all: bool, as_json: bool
    ) -> None:
        self._ctx = ctx
        self._want_all = want_all
        self._as_json = as_json
        self._store = ApprovalStore()
        self._changed = trio.Event()
        self._missing = trio.Event()
        self._is_known = False  # compared once; before that an empty table says nothing
        self._trouble = ""

    async def run(self) -> None:
        """Print until cancelled."""
        self._ctx.subscribe(TOPIC, self._on_event, on_gap=self._on_gap)
        self._ctx.subscribe("system", lambda _: self._missing.set(), CONNECTED)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._compare)
            await self._print()

    def _on_event(self, event: Event) -> None:
        self._store.apply(event)
        self._changed.set()

    def _on_gap(self, gap: Gap) -> None:
        self._store.note_gap(gap)
        self._missing.set()

    async def _compare(self) -> NoReturn:
        """Read what no event tells: at the start, once connected, after a gap, now and then."""
        server = Server(self._ctx)
        while True:
            self._missing = trio.Event()
            try:
                for message in await differences(server, self._store):
                    _take(self._store, message)
                self._is_known = True
                self._trouble = ""
            except TrunklineError as exc:
                self._trouble = str(exc)
                if self._as_json:
                    click.echo(f"trunkline: {self._trouble}", err=True)
            self._changed.set()
            with trio.move_on_after(COMPARE):
                await self._missing.wait()

    async def _print(self) -> NoReturn:
        last = ""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            text = self._text() if self._is_known else ""
            if not self._as_json:
                click.clear()
                click.echo(f"{text}\n{click.style(self._trouble, fg='yellow')}")
            elif text != last:
                click.echo(text)
            last = text
            with trio.move_on_after(REFRESH):
                await self._changed.wait()
            self._changed.set()

    def _text(self) -> str:
        return _text(self._store, want_all=self._want_all, as_json=self._as_json)


def _take(store: ApprovalStore, message: Message) -> None:
    store.apply(Event(TOPIC, message["type"], message))


def _text(store: ApprovalStore, *, want_all: bool, as_json: bool) -> str:
    approvals = store.approvals() if want_all else store.pending()
    if as_json:
        return json.dumps([attrs.asdict(each, value_serializer=_plain) for each in approvals])
    if not approvals:
        return NOTHING
    return aligned(COLUMNS, rows(approvals, store.now()))


def _plain(_: type, __: object, value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
