"""The figures for Prometheus: right, complete, and with labels that a server cannot invent."""

import re

import pytest
import trio
import trio.testing
from host_bench import running
from prometheus_client.parser import text_string_to_metric_families

from trunkline.host import Host

#: What the pages promise: connection OP1, plugins P10 and P16, activity §6.
PROMISED = {
    "connection_state",
    "connects",
    "disconnects",
    "heartbeat_rtt_seconds",
    "last_event_age_seconds",
    "messages",
    "dropped",
    "gaps",
    "mailbox_used",
    "plugin_state",
    "handler_errors",
    "activity_refused",
    "outbox_events",
    "deliveries",
}


def samples(host: Host) -> dict[tuple[str, ...], float]:
    """Return {(name, label values by the order of their names...): figure}."""
    return {
        (
            sample.name.removeprefix("trunkline_"),
            *(sample.labels[key] for key in sorted(sample.labels)),
        ): sample.value
        for family in text_string_to_metric_families(host.metrics().decode())
        for sample in family.samples
    }


async def test_every_promised_figure_is_there(autojump_clock: trio.testing.MockClock) -> None:
    """Each as a family with a help text, whether or not it has a value yet."""
    async with running() as (host, _):
        families = {
            family.name.removeprefix("trunkline_")
            for family in text_string_to_metric_families(host.metrics().decode())
        }
    assert families >= PROMISED


async def test_figures_tell_what_happened(autojump_clock: trio.testing.MockClock) -> None:
    """Connected twice, lost once, one gap, one event, one message without a topic."""
    async with running() as (host, simulator):
        await host.connection.wait_connected()
        simulator.push({"type": "audit_event"})
        simulator.push({"payload": {}})
        await trio.sleep(1)
        simulator.close_all(1012)
        await trio.sleep(30)
        await host.connection.wait_connected()
        found = samples(host)
    assert found["connection_state", "connected"] == 1
    assert found["connection_state", "blocked"] == 0
    assert found["connects_total",] == 2
    assert found["disconnects_total", "closed"] == 1
    assert found["gaps_total", "reconnect", "*"] == 1
    assert found["unclassified_total",] == 1
    assert found["plugin_state", "flow", "running"] == 1


async def test_s11_a_server_cannot_invent_labels(autojump_clock: trio.testing.MockClock) -> None:
    """A hundred made-up topics are counted together."""
    async with running() as (host, simulator):
        await host.connection.wait_connected()
        for number in range(100):
            simulator.push({"type": f"canary_{number}"})
            simulator.push({"type": "x", "topic": f"canary_{number}"})
        await trio.sleep(1)
        page, found = host.metrics().decode(), samples(host)
    assert "canary" not in page
    assert found["events_total", "(other)"] == 200


async def test_why_a_host_is_not_ready_is_said(autojump_clock: trio.testing.MockClock) -> None:
    """Ready is connected, and nothing else."""
    async with running() as (host, simulator):
        await host.connection.wait_connected()
        assert host.unready() is None
        simulator.restart(60)
        await trio.sleep(1)
        assert re.search("reconnecting", host.unready() or "")


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
async def test_t16_a_proxy_in_the_environment_is_said_and_its_password_is_not(
    name: str, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    """It is not used; who set it learns so from `check` and `run`."""
    monkeypatch.setenv(name, "http://user:canary@proxy:3128")
    async with running() as (host, _):
        [warning] = [text for text in host.warnings if "proxy" in text]
    assert warning.startswith(name.upper())
    assert "canary" not in warning
