"""Consent, hooks and forgetting in the whole pipeline: nothing goes out that nobody allowed."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from outbox_bench import Recorder, rule, running
from pipeline_bench import balance, told

from trunkline.activity.inbox import INBOX_RECORDS
from trunkline.activity.stages import Stages
from trunkline.activity.tracker import Tracker
from trunkline.errors import NotReady
from trunkline.events import Event
from trunkline.routing.router import Router


async def test_a16_forget_delivers_at_most_the_batch_in_flight(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """A thousand queued, others kept; records made just before are covered, later ones are not."""
    slow = Recorder(10.0)
    async with running(rule(slow, batch=10), path=tmp_path / "o.db") as (tracker, activity):
        for number in range(1000):
            tracker.track_action(f"canary-{number}", subject="u-canary")
        await tracker.flush(1, until="stored")
        await trio.sleep(1)
        tracker.track_action("canary-last", subject="u-canary")
        tracker.track_action("other", subject="v")
        tracker.forget("u-canary")
        tracker.track_action("after", subject="u-canary")
        assert (await tracker.flush(600)).is_done
        assert slow.names == [*(f"canary-{n}" for n in range(10)), "other", "after"]
        balance(activity, 1003)
    assert b"canary-5" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())  # noqa: ASYNC240 - a small file


async def test_a_batch_that_was_forgotten_meanwhile_is_no_write(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Between the wait for company and the read."""
    sink = Recorder()
    async with running(rule(sink, linger=5.0)) as (tracker, _):
        tracker.track_action("a", subject="u")
        await trio.sleep(1)
        tracker.forget("u")
        await trio.sleep(100)
        assert sink.batches == []


async def test_a15_consent_is_asked_again_before_each_write(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Withdrawn while a record waits: it is deleted, not delivered."""
    willing = {"u", "v"}
    sink = Recorder(NotReady("away", retry_after=60.0))
    stages = Stages(consent=lambda subject: subject in willing)
    async with running(rule(sink), stages=stages) as (tracker, activity):
        for subject in ("u", "v", "w", None):
            tracker.track_action(f"of {subject}", subject=subject)
        await trio.sleep(1)
        willing.remove("u")
        await trio.sleep(200)
        assert sink.names == ["of v", "of None"]
        [figures] = activity.statistics().sinks
        assert figures.forgotten_count == 1
        assert activity.statistics().dropped == {"consent": {"refused": 1}}
        balance(activity, 4)
        willing.clear()
        tracker.track_action("of v again", subject="v")
        await trio.sleep(100)
        assert (await tracker.flush(10)).is_done


async def test_a15_a_batch_without_any_consent_is_no_write(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The sink is not called at all."""
    willing = [True]
    sink = Recorder(NotReady("away", retry_after=60.0))
    async with running(rule(sink), stages=Stages(consent=lambda _: willing[0])) as (tracker, _):
        tracker.track_action("a", subject="u")
        await trio.sleep(1)
        willing[0] = False
        assert (await tracker.flush(200)).is_done
        assert sink.events == []


async def test_a14_hooks_that_raise_deliver_nothing_and_are_told_without_content(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted by where and why; one line in ten seconds; the next record goes on."""

    def hook(event: Event) -> Event:
        if event.get("name") != "good":
            raise ValueError(f"canary {event.data}")
        return event

    sink = Recorder()
    async with running(rule(sink), stages=Stages(before_send=hook)) as (tracker, activity):
        for name in ("canary", "canary", "good"):
            tracker.track_action(name)
        await tracker.flush(5)
        assert sink.names == ["good"]
        assert activity.statistics().dropped == {"before_send": {"raised": 2}}
        balance(activity, 3)
    [line] = told(caplog, "activity.dropped")
    assert (line["source"], line["reason"], line["error"]) == (
        "before_send",
        "raised",
        "ValueError",
    )
    assert "canary" not in str([vars(record) for record in caplog.records])


async def test_a19_a_hook_that_does_not_return_is_named_once_and_hurts_no_caller(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The inbox fills, then refuses; once it returns everything goes on."""
    entered, release = threading.Event(), threading.Event()
    sink = Recorder()

    def hook(event: Event) -> Event:
        entered.set()
        release.wait(20)
        return event

    in_thread: Any = trio.to_thread.run_sync
    async with running(rule(sink), stages=Stages(before_send=hook), run_sync=in_thread) as (tracker, activity):  # fmt: skip
        tracker.track_action("stuck")
        while not entered.is_set():  # noqa: ASYNC110 - a thread is at work
            await trio.sleep(1)
        await trio.sleep(60)  # a thread looks idle to this clock: it jumps
        assert [line["reason"] for line in told(caplog, "activity.hook_stalled")] == ["before_send"]
        for _ in range(INBOX_RECORDS + 5):
            tracker.track_action("a")
        assert activity.statistics().refused == {"full": 6}
        release.set()
        while sink.names[:1] != ["stuck"]:  # noqa: ASYNC110 - a thread is at work
            await trio.sleep(1)


async def test_identify_is_told_in_the_hello_as_far_as_it_may_be(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A new hello at once; traits redacted; without consent neither subject nor traits."""
    greeted: list[Event] = []

    class Link:
        account = "alice"

        def greet(self) -> None:
            hello = tracker.session_hello()
            assert hello is not None
            greeted.append(hello)

        def on_state_change(self, _: Any) -> Any: ...

    tracker = Tracker(environ={})
    stages = Stages(consent=lambda subject: subject == "u")
    async with running(rule(Recorder()), tracker=tracker, link=Link(), stages=stages):
        tracker.identify("u", {"plan": "pro", "password": "canary", "home": "https://x/?t=1"})
        await tracker.flush(1)
        tracker.identify("v", {"plan": "pro"})
        tracker.identify(None)
        await tracker.flush(1)
    first, *others = greeted
    assert first.get("subject") == "u"
    assert first.get("traits") == {"plan": "pro", "password": "[redacted]", "home": "https://x/"}
    assert [(each.get("subject"), each.get("traits")) for each in others] == [(None, None)]


async def test_a20_with_the_switch_there_is_no_file_thread_or_record(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """Inbound events still reach the sinks that want them, over memory."""
    tracker = Tracker(environ={"TRUNKLINE_DISABLE_TELEMETRY": "1"})
    sink = Recorder()
    async with running(rule(sink, topics=("*",)), tracker=tracker, path=tmp_path / "o.db") as (_, activity):  # fmt: skip
        tracker.track_action("a")
        tracker.identify("u", {"a": 1})
        tracker.forget("u")
        router = Router()
        async with trio.open_nursery() as nursery:
            await nursery.start(activity.follow, router)
            router.publish(Event("audit", "seen", {}))
            await trio.sleep(5)
            router.close()
        assert [event.type for event in sink.events] == ["seen"]
        assert tracker.inbox.put_count == 1
        assert tracker.session_hello() is None
    assert os.listdir(tmp_path) == []
