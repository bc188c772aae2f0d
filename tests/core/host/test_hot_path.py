"""What a message costs besides its work: no hook call, no log call, no structuring of its own."""

import sys
from collections import Counter
from types import FrameType
from typing import Any

import attrs
import pytest
from cattrs.gen import make_dict_structure_fn

from trunkline import Event, hookimpl
from trunkline.plugin_api import Subscriptions
from trunkline.testing import HostFactory

BUILT_IN = ["flow", "approval", "activity", "system"]
OURS = ("trunkline.transport", "trunkline.connection", "trunkline.routing", "trunkline.plugin")
MESSAGES = 40


class Listener:
    """A plugin that wants everything of one topic."""

    def __init__(self) -> None:
        self.lines: list[object] = []

    @hookimpl
    def trunkline_register_subscriptions(self, subscriptions: Subscriptions) -> None:
        """Subscribe to log lines."""
        subscriptions.add("flow_executions", self.look)

    def look(self, event: Event) -> None:
        """Keep what was said."""
        if event.type == "agent_log_line":
            self.lines.append(event.get("payload.line"))


def line(number: int) -> dict[str, Any]:
    """A message as they come by the thousand."""
    return {
        "type": "agent_log_line",
        "execution_id": "11111111-1111-4111-8111-111111111111",
        "payload": {"line": f"line {number}"},
    }


async def test_a_message_costs_no_hook_call_and_no_log_call(trunkline_host: HostFactory) -> None:
    """Counted by the interpreter itself, in a host with the four built-in plugins and one more."""
    listener, calls = Listener(), Counter[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        module = frame.f_globals.get("__name__", "")
        back = frame.f_back
        caller = back.f_globals.get("__name__", "") if back is not None else ""
        if event != "call":
            return
        if module.startswith("pluggy"):
            calls["pluggy"] += 1
        elif module == "logging" and caller.startswith(OURS):
            calls[f"a log call of {caller}"] += 1
        elif module == "trunkline.routing.express":
            calls["batches"] += 1

    async with trunkline_host(only=[*BUILT_IN, listener]) as host:
        await host.push(line(0))  # of a type seen for the first time something may be said
        sys.setprofile(note)
        try:
            for number in range(1, MESSAGES):
                await host.push(line(number))
        finally:
            sys.setprofile(None)
        assert listener.lines == [f"line {number}" for number in range(MESSAGES)]
    assert calls.pop("batches") >= 1  # it did look
    assert not calls


@attrs.frozen
class Line:
    """What a plugin might ask for."""

    type: str
    payload: dict[str, Any]


def test_a_class_is_compiled_once_and_an_event_structured_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever asks for the view of an event gets the same; a thousand events need one hook."""
    compiled: list[type] = []

    def counting(cls: type, *arguments: Any, **options: Any) -> Any:
        compiled.append(cls)
        return make_dict_structure_fn(cls, *arguments, **options)

    monkeypatch.setattr("trunkline.strict.make_dict_structure_fn", counting)
    events = [Event("flow_executions", "agent_log_line", line(number)) for number in range(1000)]
    views = [event.as_(Line) for event in events]
    assert [event.as_(Line) for event in events] == views
    assert all(event.as_(Line) is view for event, view in zip(events, views, strict=True))
    assert compiled == [Line]
