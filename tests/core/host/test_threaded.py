"""A host in a thread: for programs that know nothing of Trio (A7)."""

import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from trunkline import BackgroundHost, Host, TrunklineError
from trunkline.config import config_from_mapping
from trunkline.plugin_api import UserError

NOBODY = "ws://127.0.0.1:1/api/v1/ws/unified"  # refused at once


def host(directory: Path, **tables: Any) -> Host:
    """Return a host that finds no server, and writes what is recorded to a file."""
    sinks = [{"kind": "jsonl", "path": str(directory / "seen.jsonl")}]
    base = {
        "connection": {"url": NOBODY},
        "plugin": {"activity": {"upstream": False, "sinks": sinks}},
    }
    return Host(config_from_mapping({**base, **tables}, base=directory, environ={}))


def names(directory: Path) -> list[str]:
    path = directory / "seen.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["data"]["name"] for line in lines]


def runs(background: BackgroundHost) -> bool:
    return background.is_running


def threads() -> set[str]:
    return {each.name for each in threading.enumerate() if each.name == "trunkline"}


def test_a7_what_threads_record_is_delivered_at_the_stop(tmp_path: Path) -> None:
    """Start returns without a connection; stop delivers, ends the thread, and may be repeated."""
    started = time.monotonic()
    background = host(tmp_path).start_in_thread()
    assert isinstance(background, BackgroundHost)
    assert runs(background)
    workers = [
        threading.Thread(target=lambda: background.tracker.track_action("a")) for _ in range(5)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    background.stop()
    background.stop()
    assert time.monotonic() - started < 10
    assert names(tmp_path) == ["a"] * 5
    assert not runs(background)
    assert threads() == set()
    assert background.tracker.track_action("too late") is None


def test_a7_a_flush_waits_for_the_sinks(tmp_path: Path) -> None:
    """And says at once what is true when nobody takes anything any more."""
    with host(tmp_path).start_in_thread() as background:
        for _ in range(3):
            background.tracker.track_action("a")
        report = background.flush(timeout=10)
        assert (report.waiting, report.dropped) == (0, 0)
        assert names(tmp_path) == ["a"] * 3
    assert background.flush(timeout=10).waiting == 0


def test_a7_what_cannot_start_raises_in_the_caller(tmp_path: Path) -> None:
    """As itself, not in a group; no thread is left."""
    with host(tmp_path, host={"http": "127.0.0.1:0"}).start_in_thread() as first:
        port = first.http_port
        with pytest.raises(UserError, match="already in use"):
            host(tmp_path, host={"http": f"127.0.0.1:{port}"}).start_in_thread()
    assert threads() == set()


def plugin(directory: Path, body: str) -> dict[str, Any]:
    path = directory / "bad.py"
    path.write_text(f"import time, trio\nfrom trunkline import hookimpl, plugin_api\n{body}")
    return {"paths": [str(path)], "require": ["bad"]}


def test_a7_a_host_that_ends_by_itself_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A required plugin that fails later: logged, and `error` holds it."""
    body = """
@hookimpl
async def trunkline_run(ctx):
    ctx.started()
    await trio.sleep(0.05)
    raise plugin_api.PluginFatal("no more")
"""
    background = host(tmp_path, plugins=plugin(tmp_path, body)).start_in_thread()
    deadline = time.monotonic() + 10
    while background.is_running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert isinstance(background.error, TrunklineError)
    assert [each.message for each in caplog.records if each.levelno == logging.CRITICAL] == [
        "host.failed"
    ]
    background.stop()


def test_a7_a_stop_ends_in_time_whatever_a_plugin_does(tmp_path: Path) -> None:
    """A clean-up that never ends gets no more than what was asked for."""
    body = """
@hookimpl
async def trunkline_run(ctx):
    ctx.started()
    try:
        await trio.sleep_forever()
    finally:
        with ctx.cleanup():
            await trio.sleep_forever()
"""
    background = host(tmp_path, plugins=plugin(tmp_path, body)).start_in_thread()
    started = time.monotonic()
    background.stop(timeout=0.5)
    assert time.monotonic() - started < 5
    assert not runs(background)


def test_a8_a_forked_child_has_no_thread_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its parent runs is its parent's."""
    background = host(tmp_path).start_in_thread()
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        assert not runs(background)
        background.stop()
        assert not background.flush(timeout=60).is_done  # at once: nobody would ever answer
    assert runs(background)
    background.stop()
