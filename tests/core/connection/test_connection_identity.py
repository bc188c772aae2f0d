"""Credentials: refused, renewed, blocked, never exchanged (connection.md §7)."""

import attrs
import pytest
import trio
from connection_bench import CONNECTED, open_bench

from trunkline.connection.states import ConnectionState
from trunkline.errors import ConfigError, NotConnected
from trunkline.simulator import Simulator
from trunkline.simulator.session import Session
from trunkline.simulator.users import ALICE, BOB

BLOCKED = ConnectionState.BLOCKED


async def test_cr3_a_token_refused_twice_blocks_and_attempts_go_on_slowly(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """One try after a second, then blocked, at most five attempts in ten minutes, then healed."""
    simulator = Simulator(seed=1)
    simulator.refuse_tokens = True
    async with open_bench(simulator) as bench:
        await bench.until(BLOCKED)
        assert len(bench.attempts) == 2
        assert bench.attempts[1] - bench.attempts[0] >= 1.0
        await trio.sleep(600)
        assert len(bench.attempts) <= 2 + 5
        assert bench.connection.state is BLOCKED
        simulator.refuse_tokens = False
        await bench.until(CONNECTED, within=361)
        assert bench.states == ["connecting", "reconnecting", "blocked", "connected"]
        tried = len(bench.attempts)
        simulator.refuse_tokens = True  # all is forgotten: again one try at once, then blocked
        await bench.lose()
        await bench.until(BLOCKED, within=20)
        assert len(bench.attempts) == tried + 2


async def test_op3_what_a_refusal_says_is_escaped_and_cut(
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In status, log, error and event: of a token, of a topic."""
    reply = Session._reply  # noqa: SLF001 - the simulator is honest

    async def rude(self: Session, **fields: object) -> None:
        await reply(self, **{**fields, "error": "\x1b[2J" + "x" * 9999})

    simulator = Simulator(seed=1)
    async with open_bench(simulator, topics=["nope"]) as bench:
        with monkeypatch.context() as patched:
            patched.setattr(Session, "_reply", rude)
            await bench.until(CONNECTED)
            [refused] = [e for e in bench.events("system") if e.type == "topic.refused"]
            simulator.refuse_tokens = True
            await bench.lose()
            await bench.until(BLOCKED)
        with pytest.raises(NotConnected) as caught:
            await bench.connection.wait_connected(timeout=1)
        said = [refused.data["reason"], bench.connection.status.cause, str(caught.value)]
        said += [record.reason for record in caplog.records if hasattr(record, "reason")]
    assert len(said) >= 6
    for text in said:
        assert "\x1b" not in text
        assert len(text) < 300


async def test_cr3_retry_now_leaves_blocked_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The operator has mended the token and does not want to wait."""
    simulator = Simulator(seed=1)
    simulator.refuse_tokens = True
    async with open_bench(simulator) as bench:
        await bench.until(BLOCKED)
        simulator.refuse_tokens = False
        bench.connection.retry_now()
        await bench.until(CONNECTED, within=2)


async def test_cr2_a_provider_is_asked_for_a_fresh_token_after_a_refusal(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """`fresh` is set from the refusal until the token is taken."""
    asked: list[bool] = []

    async def provider(*, fresh: bool) -> str:
        asked.append(fresh)
        await trio.sleep(0.1)
        return "demo-token" if fresh else "stale-token"

    async with open_bench(token=provider) as bench:
        await bench.connection.wait_connected()
        assert asked == [False, True]
        await bench.lose()
        await bench.until(CONNECTED)
        assert asked[:3] == [False, True, False]


async def test_cr1_a_provider_that_fails_is_an_ordinary_retry_and_never_asked_twice_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Raising, hanging or returning nothing: reconnecting, never blocked, then connected."""
    calls = running = most = 0

    async def provider(*, fresh: bool) -> str:
        nonlocal calls, running, most
        calls += 1
        running += 1
        most = max(most, running)
        try:
            if calls <= 5:
                raise RuntimeError("canary-secret")
            if calls == 6:
                await trio.sleep_forever()
            return "" if calls == 7 else "bad\ntoken" if calls == 8 else "demo-token"
        finally:
            running -= 1

    async with open_bench(token=provider) as bench:
        await bench.until(CONNECTED)
        assert calls == 9
        assert most == 1
        assert bench.states == ["connecting", "reconnecting", "connected"]
        assert "canary" not in str(bench.connection.status)


async def test_cr4_another_user_than_before_is_a_refusal(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing queued for one user is ever sent as another; a fresh token is asked for."""
    users = {"demo-token": ALICE}
    simulator = Simulator(seed=1, users=users)
    asked: list[bool] = []

    async def provider(*, fresh: bool) -> str:
        asked.append(fresh)
        await trio.lowlevel.checkpoint()
        return "demo-token"

    async with open_bench(simulator, token=provider) as bench:
        await bench.connection.wait_connected()
        users["demo-token"] = BOB
        await bench.lose()
        await bench.until(BLOCKED)
        assert asked == [False, False, True]
        told = [record.getMessage() for record in caplog.records]
        assert told.count("auth.refused") == told.count("auth.blocked") == 1
        await trio.sleep(100)
        assert bench.connection.state is BLOCKED
        users["demo-token"] = attrs.evolve(ALICE)
        bench.connection.retry_now()
        await bench.until(CONNECTED)


@pytest.mark.parametrize("url", ["ws://events.example/ws", "ws://10.1.2.3/ws"])
def test_cr6_a_token_never_travels_in_the_clear_to_another_machine(url: str) -> None:
    """Refused before any DNS; allowed only in so many words."""
    from trunkline.config import connection_settings

    with pytest.raises(ConfigError, match="use wss://"):
        connection_settings(url, "canary")
    assert connection_settings(url, "x", allow_insecure_token=True).url.host
