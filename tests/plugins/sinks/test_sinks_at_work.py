"""Sinks in a host and under a delivery: any topic, gaps in their place, nothing lost by any answer."""

import json
import logging
import random
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trio
import trio.testing
from hook import Hook, answered, hang_up
from host_bench import running
from postgresql import Cluster

from trunkline.activity.activity import Activity
from trunkline.activity.sinks import SinkRule
from trunkline.activity.tracker import Tracker
from trunkline.simulator import ACCOUNT_A
from trunkline_plugins.sinks.webhook.posting import Poster
from trunkline_plugins.sinks.webhook.sink import WebhookSink


def audit(number: int) -> dict[str, Any]:
    return {"topic": "audit", "type": "audit_event", "payload": {"number": number}}


def told(items: list[Any]) -> list[Any]:
    """Return what can be told apart: an action's name, an event's number, or `gap`."""
    return [data.get("name", data.get("payload", {}).get("number", "gap")) for data in items]


async def test_a25_any_sink_takes_any_topic_and_gaps_in_their_place(
    tmp_path: Path, cluster: Cluster
) -> None:
    """An archive of everything, a history of one topic, what was recorded here: by config alone."""
    with psycopg.connect(cluster.dsn("events"), autocommit=True) as connection:
        connection.execute("TRUNCATE trunkline_events")
    hook = Hook()
    async with hook.listen() as url:
        sinks = [
            {"kind": "jsonl", "path": str(tmp_path / "archive.jsonl"), "topics": ["*"]},
            {"kind": "sqlite", "path": str(tmp_path / "history.db"), "topics": ["audit"]},
            {"kind": "postgresql", "dsn": cluster.dsn("events"), "topics": ["audit", "activity"]},
            {"kind": "webhook", "url": url, "format": "chat", "topics": ["audit"]},
        ]
        plugins = {"activity": {"sinks": sinks, "upstream": False}}
        async with running({"plugin": plugins}) as (host, simulator):
            await host.connection.wait_connected()
            simulator.push(audit(1), ACCOUNT_A)
            host.tracker.track_action("recorded")
            await host.connection.barrier()
            simulator.close_all(None)
            with trio.fail_after(9):
                while host.connection.status.epoch < 2 or host.unready():  # noqa: ASYNC110 - two conditions
                    await trio.sleep(0.01)
            simulator.push(audit(2), ACCOUNT_A)
            await host.connection.barrier()
    lines = [json.loads(line) for line in (tmp_path / "archive.jsonl").read_text().splitlines()]
    assert {"audit", "activity", "system", "*"} <= {line["topic"] for line in lines}
    assert told([line["data"] for line in lines if line["topic"] in {"audit", "*"}]) == [
        1,
        "gap",
        2,
    ]
    history = sqlite3.connect(tmp_path / "history.db")
    rows = history.execute("SELECT data FROM trunkline_events ORDER BY position").fetchall()
    history.close()
    assert told([json.loads(data) for (data,) in rows]) == [1, "gap", 2]
    with psycopg.connect(cluster.dsn("events"), autocommit=True) as connection:
        stored = connection.execute("SELECT data FROM trunkline_events").fetchall()
    assert sorted(map(str, told([data for (data,) in stored]))) == ["1", "2", "gap", "recorded"]
    sentences = [json.loads(each.body)["text"] for each in hook.taken]
    assert [sentence.partition(":")[0] for sentence in sentences] == [
        "audit audit_event",
        "* gap",
        "audit audit_event",
    ]


async def test_acceptance_7_no_answer_of_a_receiver_loses_anything(
    mock_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Busy, gone, patient, and finding fault with one of twenty: nineteen arrive once, in order."""
    mock_clock.rate = 100  # the sockets are real, the waits are not

    def judge(body: bytes) -> bytes:
        return answered(400 if b'"bad"' in body else 200)

    hook = Hook(answered(503), answered(500), answered(429, Retry_After="2"), hang_up)
    hook.judge = judge
    tracker = Tracker(environ={})
    async with hook.listen() as url, trio.open_nursery() as nursery:
        sink = WebhookSink("hook", Poster(url, limit=1000))
        activity = Activity(tracker, [SinkRule("p.hook", "p", sink)], random.Random(1))
        await nursery.start(activity.run)
        for number in range(20):
            tracker.track_action("bad" if number == 7 else str(number))
        report = await tracker.flush(10_000)
        nursery.cancel_scope.cancel()
    assert (report.is_done, report.delivered, report.dead) == (True, 19, 1)
    arrived = [item["data"]["name"] for each in hook.taken for item in each.items()]
    assert arrived == [str(number) for number in range(20) if number != 7]
    alone = [each for each in hook.requests if len(each.items()) == 1 and b'"bad"' in each.body]
    assert len(alone) == 5
    assert len({each.headers["webhook-id"] for each in alone}) == 1
    assert [each.message for each in caplog.records if each.levelno == logging.ERROR] == [
        "outbox.dead_letter"
    ]
