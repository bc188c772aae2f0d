"""The built-ins run as any plugin does: they start, and say a line for `status`."""

import trio

from trunkline.plugin.states import PluginState
from trunkline.testing import HostFactory, HostUnderTest

NAMES = ("flow", "approval", "activity", "system")
STARTED = {"type": "execution_started", "execution_id": "e", "payload": {"status": "PENDING"}}
CREATED = {"type": "approval_created", "approval_request_id": "a", "status": "pending"}
LONG = 10.0  # s of virtual time; every status line is newer than that


async def notes(host: HostUnderTest) -> dict[str, str]:
    """Wait until every line is fresh, and read them."""
    await trio.sleep(LONG)
    return {name: host.note(name) for name in NAMES}


async def test_builtins_start(trunkline_host: HostFactory) -> None:
    """All are up at once."""
    async with trunkline_host(only=NAMES) as host:
        assert {host.plugin(name).state for name in NAMES} == {PluginState.RUNNING}


async def test_builtins_say_what_they_have_seen(trunkline_host: HostFactory) -> None:
    """Each shows one line that follows the events of its topic."""
    async with trunkline_host(only=NAMES) as host:
        assert await notes(host) == {
            "flow": "0 running, 0 ended",
            "approval": "0 pending, 0 settled",
            "activity": "session_hello: 1",
            "system": "connected as alice",
        }
        await host.push(STARTED)
        await host.push(CREATED)
        for kind in ("action", "action", "made_up", ["not", "a", "word"]):
            await host.push({"type": "activity_update", "activity": {"event_type": kind}})
        host.host.router.announce("auth_error", {"error": "Invalid or expired token"})
        assert await notes(host) == {
            "flow": "1 running, 0 ended",
            "approval": "1 pending, 0 settled",
            "activity": "session_hello: 1, action: 2, other: 2",
            "system": "connected as alice; auth errors: 1 (Invalid or expired token)",
        }


async def test_two_hosts_share_nothing(trunkline_host: HostFactory) -> None:
    """What one host has seen is not in the other's line, though both run the same modules."""
    async with trunkline_host(only=NAMES) as seeing, trunkline_host(only=NAMES) as blind:
        await seeing.push(STARTED)
        assert (await notes(seeing))["flow"] == "1 running, 0 ended"
        assert (await notes(blind))["flow"] == "0 running, 0 ended"
