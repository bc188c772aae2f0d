"""The built-ins come in by the stranger's door, and their rules place the server's messages."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trunkline import Event, Gap
from trunkline.config import config_from_mapping
from trunkline.connection.protocol import fallback_rules
from trunkline.plugin.loaded import Loaded
from trunkline.plugin.manager import load
from trunkline.routing.classify import Classifier
from trunkline.routing.router import Router
from trunkline_plugins.approval import ApprovalStore
from trunkline_plugins.flow import FLOW_EVENTS, ExecutionStore
from trunkline_plugins.system import SystemOverview

NAMES = {"flow", "approval", "activity", "system"}
OWNED = {"flow_executions", "approvals", "approval_notices", "activity"}


def load_builtins(**activity: object) -> Loaded:
    tables = {"activity": activity} if activity else {}
    config = config_from_mapping({"connection": {"url": "ws://localhost"}, "plugin": tables})
    return load(config, safe=True, fallbacks=fallback_rules())


def test_builtins_pass_every_phase() -> None:
    """All four are found by their entry points, pass the audit and own what is theirs."""
    loaded = load_builtins()
    assert {record.name for record in loaded.records} == NAMES
    assert {record.reason for record in loaded.records} == {"to be started"}
    assert not loaded.problems
    assert {rule.topic for rule in loaded.table.topics} == OWNED
    assert not loaded.warnings


@pytest.mark.parametrize("kind", sorted(FLOW_EVENTS))
def test_every_flow_type_is_placed_by_the_plugin(kind: str) -> None:
    """Also the eight types that the server's own table leaves out (protocol C10)."""
    found = Classifier(load_builtins().table).classify({"type": kind, "execution_id": "e"})
    assert (found.topic, found.how) == ("flow_executions", "classifier")


@pytest.mark.parametrize("kind", ["mcp_call", "model_gateway_call"])
def test_type_shared_with_another_topic_stays_there(kind: str) -> None:
    """A message that names its topic belongs to it, whatever its type."""
    found = Classifier(load_builtins().table).classify({"type": kind, "topic": "gateway_activity"})
    assert found.topic == "gateway_activity"


def test_recorded_frames_are_placed(frames: tuple[dict[str, Any], ...]) -> None:
    """Every recorded frame of these topics is placed by a rule of its plugin."""
    classifier = Classifier(load_builtins().table)
    placed = {frame["type"]: classifier.classify(frame) for frame in frames}
    assert placed["approval_vote_received"].topic == "approvals"
    assert placed["activity_update"].topic == "activity"
    assert placed["agent_status"].topic == "flow_executions"
    assert {found.how for found in placed.values() if found.topic in OWNED} <= {
        "match",
        "prefix",
        "classifier",
    }


def test_upstream_is_on_unless_switched_off() -> None:
    """The server is a sink like any other, in batches that a command can wait for."""
    [upstream] = load_builtins().sinks
    assert (upstream.name, upstream.batch, upstream.topics) == (
        "activity.upstream",
        64,
        ("activity",),
    )
    assert load_builtins(upstream=False).sinks == ()


def test_sinks_of_the_table_are_registered(tmp_path: Path) -> None:
    """Each entry of `sinks` is a sink under its name, for its topics."""
    loaded = load_builtins(
        upstream=False,
        sinks=[
            {"kind": "console"},
            {"kind": "jsonl", "path": str(tmp_path / "a.jsonl"), "topics": ["activity", "audit"]},
            {"kind": "jsonl", "path": str(tmp_path / "b.jsonl"), "name": "second"},
        ],
    )
    assert [(rule.name, rule.topics) for rule in loaded.sinks] == [
        ("activity.console", ("activity",)),
        ("activity.jsonl", ("activity", "audit")),
        ("activity.second", ("activity",)),
    ]


@pytest.mark.parametrize(
    "entry", [{"kind": "jsonl"}, {"kind": "consol"}, {"kind": "console", "path": "x"}, {}]
)
def test_wrong_sink_is_a_problem_of_the_configuration(entry: dict[str, object]) -> None:
    """A sink that cannot be built is named with its place before anything runs."""
    [problem] = load_builtins(sinks=[entry]).problems
    assert "plugin.activity.sinks" in problem.where


def test_plugins_import_neither_rich_nor_each_other() -> None:
    """A plugin that is switched off is never imported, so no other may pull it in (P5)."""
    script = (
        "import sys, importlib\n"
        "importlib.import_module('trunkline_plugins.' + sys.argv[1])\n"
        "print(*(m for m in sys.modules if m.startswith('trunkline_plugins.') or m == 'rich'))\n"
    )
    for name in NAMES:
        done = subprocess.run(
            [sys.executable, "-c", script, name], capture_output=True, text=True, check=True
        )
        imported = {
            module.split(".")[-1] for module in done.stdout.split() if module.count(".") < 2
        }
        assert imported & {*NAMES, "rich"} == {name}


def test_stores_follow_a_router_until_undone() -> None:
    """One call subscribes a table to all it needs, and its undo ends all of it."""
    router = Router()
    flows, approvals, overview = ExecutionStore(), ApprovalStore(), SystemOverview()
    undos = [table.follow(router) for table in (flows, approvals, overview)]
    stop = {"type": "command_ack", "command": "stop", "execution_id": "e", "status": "stopped"}
    started = {"execution_id": "e", "payload": {"status": "PENDING"}}
    router.publish(Event("flow_executions", "execution_started", started))
    created = {"approval_request_id": "a", "status": "pending"}
    router.publish(Event("approvals", "approval_created", created))
    router.announce("auth_error", {"type": "auth_error", "error": "no"})
    now = Event("system", "x", {}).received_at
    router.gap(Gap("*", "reconnect", now, now, epoch=2))
    assert [each.is_uncertain for each in flows.executions()] == [True]
    assert [each.is_uncertain for each in approvals.approvals()] == [True]
    router.announce("command_ack", stop)
    assert flows.summary() == "0 running, 1 ended"
    assert approvals.summary() == "1 pending, 0 settled"
    assert overview.counts() == {"auth_error": 1, "gap": 1}
    for undo in undos:
        undo()
    assert router.subscription_count() == 0
