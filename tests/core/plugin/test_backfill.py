"""What a gap has swallowed is fetched beside the live events, once, and it is said how it went."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from plugin_host import WALL, Host, loaded, plugin_object
from trio.testing import MockClock, wait_all_tasks_blocked

from trunkline import Event, Gap, PluginContext, hookimpl
from trunkline.plugin.backfill import AT_ONCE, WAITING, Backfill

Fetch = Callable[[Gap], Awaitable[object]]
MOMENT = Event("x", "y", {}).received_at
GAP = Gap("*", "reconnect", MOMENT, MOMENT, 2)


class Filled:
    """A host of one plugin that fetches, and what became of a gap."""

    def __init__(self, fetch: Fetch, *topics: str) -> None:
        plugin = plugin_object(topics=topics or ("things",))

        @hookimpl
        async def trunkline_backfill(ctx: PluginContext[Any], gap: Gap) -> object:
            return await fetch(gap)

        plugin.trunkline_backfill = trunkline_backfill
        self.host = Host(loaded(one=plugin, two=plugin_object(topics=["other"])))
        self.events: list[Event] = []
        self.said: list[dict[str, Any]] = []

    async def run(self, seconds: float = 100.0, gap_count: int = 1) -> None:
        """Run the host with one gap, or more at once, for so many virtual seconds."""
        router = self.host.router
        router.subscribe("things", self.events.append)
        router.subscribe("system", self._hear)
        async with self.host.running(), trio.open_nursery() as nursery:
            backfill = Backfill(self.host.runners, router, lambda: WALL)
            for _ in range(gap_count):
                backfill.start(GAP, nursery)
            await wait_all_tasks_blocked()
            await trio.sleep(seconds)
            nursery.cancel_scope.cancel()

    def _hear(self, event: Event) -> None:
        if event.type.startswith("backfill."):
            self.said.append({"type": event.type, **event.data})


async def test_hook_backfill_messages_are_routed_with_their_origin(
    autojump_clock: MockClock,
) -> None:
    """Once per gap and owned topic; `backfill.done` says how many there were."""
    gaps: list[Gap] = []

    async def fetch(gap: Gap) -> object:
        gaps.append(gap)
        return ({"topic": "things", "type": "missed", "n": n} for n in range(3))

    filled = Filled(fetch)
    await filled.run()

    assert [gap.topic for gap in gaps] == ["things"]
    assert [event.get("n") for event in filled.events] == [0, 1, 2]
    assert {(event.origin, event.epoch) for event in filled.events} == {("backfill", 2)}
    assert filled.said == [
        {"type": "backfill.done", "topic": "things", "plugin": "one", "epoch": 2, "count": 3}
    ]


async def cannot(gap: Gap) -> object:
    return None


async def raises(gap: Gap) -> object:
    raise ValueError("boom")


async def exits(gap: Gap) -> object:
    raise SystemExit(1)


async def hangs(gap: Gap) -> object:
    await trio.sleep_forever()


async def returns_one(gap: Gap) -> object:
    return {"type": "x"}


async def returns_text(gap: Gap) -> object:
    return [{"topic": "things", "type": "x"}, "x"]


async def returns_objects(gap: Gap) -> object:
    return [{"topic": "things", "type": object()}]


@pytest.mark.parametrize(
    ("fetch", "reason"),
    [
        (cannot, "the plugin cannot fetch what is missing"),
        (raises, "ValueError: boom"),
        (exits, "SystemExit: 1"),
        (hangs, "not done within 30 s"),
        (returns_one, "`trunkline_backfill` returns a collection of messages, or None"),
        (returns_text, "`trunkline_backfill` returned something that is no message"),
        (returns_objects, "TypeError: Type is not JSON serializable: object"),
    ],
)
async def test_f22_a_failing_back_fill_is_said_and_harms_nobody(
    autojump_clock: MockClock, fetch: Fetch, reason: str
) -> None:
    """Nothing is routed by halves, and the plugin runs on."""
    filled = Filled(fetch)
    await filled.run()

    assert filled.events == []
    assert [(said["type"], said["reason"]) for said in filled.said] == [("backfill.failed", reason)]


async def test_f22_a_flapping_link_piles_nothing_up(autojump_clock: MockClock) -> None:
    """Beyond a bound a gap is told as not filled, at once; the others have their turn."""
    filled = Filled(hangs)
    await filled.run(seconds=25, gap_count=AT_ONCE + WAITING + 3)
    assert [said["reason"] for said in filled.said] == [f"{WAITING} others wait already"] * 3
    filled = Filled(cannot)
    await filled.run(gap_count=AT_ONCE + WAITING)
    assert len(filled.said) == AT_ONCE + WAITING


async def test_f22_four_at_a_time(autojump_clock: MockClock) -> None:
    """However many topics a plugin owns."""
    under_way: list[int] = []
    most: list[int] = []

    async def fetch(gap: Gap) -> object:
        under_way.append(1)
        most.append(len(under_way))
        await trio.sleep(1)
        under_way.pop()
        return ()

    filled = Filled(fetch, *(f"topic{number}" for number in range(10)))
    await filled.run()

    assert max(most) == AT_ONCE
    assert len(filled.said) == 10
