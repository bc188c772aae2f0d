"""Bad input: whatever the server says, the link stays up and every other event arrives."""

import json
from typing import Any

import pytest
import trio
from connection_bench import open_bench
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

TEXTS = {
    "c34 empty": ("", "not_an_object"),
    "c35 null": ("null", "not_an_object"),
    "c35 list": ("[]", "not_an_object"),
    "c35 string": ('"s"', "not_an_object"),
    "c36 two objects": ("{} {}", "not_an_object"),
    "c36 byte order mark": ("\ufeff{}", "not_an_object"),
    "c37 brackets": ("[" * 100_000, "not_an_object"),
    "c40 NaN": ('{"type":"t","n":NaN}', "not_an_object"),
    "c40 1e400": ('{"type":"t","n":1e400}', "not_an_object"),
    "c41 surrogate": ('{"type":"t","n":"\\ud800"}', "not_an_object"),
    "c45 missing field": ('{"type":"authenticated"}', "invalid_reply"),
    "c46 wrong kind": ('{"type":"handshake","session_id":5,"authenticated":true}', "invalid_reply"),
    "c47 text for bool": ('{"type":"handshake","session_id":"x","authenticated":"false"}', "invalid_reply"),
    "c52 unasked reply": ('{"type":"pong"}', "unasked_reply"),
    "c52 unasked ack": ('{"type":"command_ack","command":"stop","status":"stopped"}', "unasked_reply"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), TEXTS.values(), ids=list(TEXTS))
async def test_what_cannot_be_used_is_dropped_and_counted(
    text: str, reason: str, autojump_clock: trio.testing.MockClock
) -> None:
    """One count for its reason, the event after it arrives, the epoch goes on."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.push_text(text)
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        assert len(bench.events("after")) == 1
        assert bench.connection.statistics().dropped == {reason: 1}
        assert bench.connection.status.epoch == 1


async def test_c39_deep_but_allowed_nesting_arrives(autojump_clock: trio.testing.MockClock) -> None:
    """Deeper than can be written again here is data all the same."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.push_text('{"type":"deep","a":' + "[" * 800 + "]" * 800 + "}")
        await trio.sleep(1)
        assert len(bench.events("deep")) == 1


async def test_c18_a_message_over_the_limit_costs_the_epoch_and_not_the_host(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """We close 1009, come back soon, and the gap says what was lost."""
    async with open_bench(max_message_bytes=2048) as bench:
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "big", "x": "x" * 4096})
        with trio.fail_after(5):
            await bench.next_change()
        await bench.connection.wait_connected()
        assert [gap.cause for gap in bench.gaps] == ["too_large"]
        assert bench.connection.statistics().disconnects == {"limit": 1}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
kinds = st.sampled_from(
    ["handshake", "authenticated", "auth_error", "subscription_ack", "subscription_error",
     "command_ack", "command_error", "ping", "pong", "status_update", "approval_created"]
)  # fmt: skip
any_message = st.dictionaries(st.sampled_from(["topic", "user", "topics"]) | st.text(max_size=9), json_values, max_size=4)  # fmt: skip


@pytest.mark.unmeasured
@settings(max_examples=examples(25))
@given(st.lists(st.tuples(any_message, st.none() | kinds | st.text(max_size=9)), max_size=8))
def test_no_message_kills_the_connection(sent: list[tuple[dict[str, Any], str | None]]) -> None:
    """Any JSON objects, replies nobody asked for among them: same epoch, the last one arrives."""

    async def main() -> None:
        async with open_bench() as bench:
            await bench.connection.wait_connected()
            for message, kind in sent:
                typed = message if kind is None else {**message, "type": kind}
                bench.simulator.push_text(json.dumps(typed, ensure_ascii=False))
            bench.simulator.push({"type": "the_last_one"})
            await trio.sleep(1)
            assert bench.connection.status.epoch == 1
            assert len(bench.events("the_last_one")) == 1

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.unmeasured
async def test_1000_subscriptions_leave_nothing_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Callbacks sync and async, streams; undone, ended by their scope, or cleared."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        before = bench.connection.subscription_count()
        tasks = trio.lowlevel.current_statistics().tasks_living

        async def handler(_: object) -> None:
            await trio.lowlevel.checkpoint()

        undos = []
        for number in range(1000):
            where = {"execution_id": str(number)} if number % 2 else None
            callback = handler if number % 3 else print
            undos.append(bench.connection.subscribe(f"t{number % 7}", callback, where))
        assert bench.connection.subscription_count() == before + 1000
        for undo in undos[:900]:
            undo()
            undo()
        bench.connection.clear("t1")
        for topic in bench.connection.topics():
            if topic != "*":
                bench.connection.clear(topic)
        await trio.sleep(1)
        assert bench.connection.subscription_count() == before
        assert bench.connection.topics() == ("*",)
        assert trio.lowlevel.current_statistics().tasks_living == tasks
