"""What was recorded for one account is never sent as another's."""

from pathlib import Path

import pytest
import trio
import trio.testing
from outbox_bench import Recorder, rule, running
from pipeline_bench import Link, told

from trunkline.errors import NotReady


async def test_an_account_that_changes_while_nothing_waits_is_not_held(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """What comes then is the new one's, in this run and the next; what waits stays the old one's."""
    link, sink, path = Link(), Recorder(), tmp_path / "o.db"
    link.account = "alice"
    async with running(rule(sink, greets=True), path=path, link=link) as (tracker, _):
        tracker.track_action("of alice")
        assert (await tracker.flush(5)).is_done
        link.account = "bob"
        link.tell(None)
        tracker.track_action("of bob")
        assert (await tracker.flush(5)).is_done
        sink.answers = [NotReady("busy", retry_after=1e6)]
        tracker.track_action("bob's too")
        assert not (await tracker.flush(5)).is_done
        link.account = "alice"
        link.tell(None)
        assert not (await tracker.flush(5)).is_done
    link.account = "bob"
    async with running(rule(sink, greets=True), path=path, link=link) as (tracker, _):
        assert (await tracker.flush(5)).is_done
    assert sink.names == ["of alice", "of bob", "bob's too"]


async def test_a_file_of_another_account_is_held_and_said(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not sent under this one; under its own it goes. Anonymous records go to the first account."""

    link, path = Link(), tmp_path / "o.db"
    sink = Recorder()

    async def run(account: str | None, name: str) -> list[str]:
        link.account = account
        async with running(rule(sink, greets=True), path=path, link=link) as (tracker, activity):
            tracker.track_action(name)
            await tracker.flush(100)
            link.account = account
            link.tell(None)
            await tracker.flush(5)
            return [figures.state for figures in activity.statistics().sinks]

    assert await run(None, "offline") == ["waiting"]
    sink.answers = [NotReady("busy", retry_after=1e6)] * 2
    assert await run("alice", "of alice") == ["waiting"]
    assert await run("", "anonymous") == ["held"]
    assert await run("bob", "of bob") == ["held"]
    assert sink.names == []
    assert len(told(caplog, "sink.held")) == 2
    sink.answers.clear()
    assert await run("alice", "alice again") == ["idle"]
    assert sink.names == ["offline", "of alice", "anonymous", "of bob", "alice again"]
    assert await run("bob", "bob's own") == ["idle"]
