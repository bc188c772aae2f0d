"""The tracker: from any thread, never waiting, never raising."""

import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from trunkline.activity.inbox import INBOX_RECORDS
from trunkline.activity.tracker import Tracker
from trunkline.activity.visitor import keep_visitor_id, visitor_id


def tracker(**options: object) -> Tracker:
    return Tracker(environ={}, **options)  # type: ignore[arg-type] # options of Tracker


def test_the_three_calls_make_their_records() -> None:
    """Ids come back and are those of the events."""
    track = tracker()
    ids = [
        track.track_page_view("/a", {"title": "A"}, referrer="/b"),
        track.track_action("button.click"),
        track.track_conversion("sale", 12.5),
    ]
    events = track.take()
    assert [event.id for event in events] == ids
    assert [event.type for event in events] == ["page_view", "action", "conversion"]
    assert events[0].get("referrer") == "/b"
    assert events[2].get("value") == 12.5
    assert {event.origin for event in events} == {"local"}


class Odd(dict[str, object]):
    def items(self) -> object:  # type: ignore[override] # a mapping that is none
        raise RuntimeError("canary")


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.track_action("a", Odd()), lambda t: t.track_action("a", 5), lambda t: t.track_action("a", subject=7),
        lambda t: t.track_page_view("/", referrer=b"x"), lambda t: t.track_conversion(None),
    ],
)  # fmt: skip
def test_a2_each_place_that_calls_wrongly_is_told_once(
    call: Callable[[Tracker], object], caplog: pytest.LogCaptureFixture
) -> None:
    """With file and line of the caller, and never what it gave."""
    track = tracker()
    for _ in range(3):
        assert call(track) is None
    assert track.track_action("other place", {"a": {1: 2}}) is not None
    assert track.track_action("") is None
    assert track.refused == {"invalid": 4}
    sources = [vars(record)["source"] for record in caplog.records]
    assert len(set(sources)) == len(sources) == 2
    assert all(__file__ in source for source in sources)
    assert "canary" not in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize("call", [lambda t: t.track_action(""), lambda t: t.track_page_view(5), lambda t: t.track_action("a", [1])])  # fmt: skip
def test_a2_wrong_arguments_are_counted_and_never_raise(
    call: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Unless `strict`, for tests."""
    track = tracker()
    assert callable(call)
    assert call(track) is None
    assert call(track) is None
    assert track.refused == {"invalid": 2}
    assert [record.message for record in caplog.records] == ["activity.refused"]
    with pytest.raises(ValueError, match="metadata a mapping"):
        call(tracker(strict=True))


@pytest.mark.parametrize("call", [lambda t: t.identify("u", [1]), lambda t: t.identify(42), lambda t: t.forget(42), lambda t: t.forget(None)])  # fmt: skip
def test_a2_whose_activity_it_is_is_checked_as_what_it_is(call: Callable[[Tracker], None]) -> None:
    """A wrong argument is counted, changes nothing and comes to no host; `strict` raises."""
    track = tracker()
    track.identify("before")
    queued = track.inbox.count
    call(track)
    assert (track.refused, track.inbox.count) == ({"invalid": 1}, queued)
    track.track_action("a")
    assert [event.get("subject") for event in track.take()] == ["before"]
    with pytest.raises(ValueError, match="subject is text"):
        call(tracker(strict=True))


def test_a5_a_program_that_identifies_again_and_again_without_a_host_is_bounded() -> None:
    """The last one counts, and waits alone."""
    track = tracker()
    for number in range(100):
        track.identify(f"u-{number}", {"n": "x" * 1000})
    assert (track.inbox.count, track.inbox.used_bytes) == (1, 0)
    assert track.identity[0] == "u-99"
    track.take()
    track.identify("again")
    assert track.inbox.count == 1


def test_a1_a_signal_handler_may_record_in_the_middle_of_a_call() -> None:
    """In the same thread, while the inbox is at work: both are there, and nothing stands still."""
    track = tracker()

    class Interrupted(deque[Any]):
        def append(self, item: Any) -> None:
            super().append(item)
            if len(self) == 1:
                track.track_action("shutdown.asked")

    track.inbox._items = Interrupted()  # noqa: SLF001 - the moment that a signal has to hit
    thread = threading.Thread(target=track.track_action, args=("a.b",), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert track.inbox.count == track.inbox.put_count == 2
    assert [event.get("name") for event in track.take()] == ["a.b", "shutdown.asked"]
    assert (track.inbox.count, track.inbox.used_bytes) == (0, 0)


def test_disabled_means_nothing_is_kept() -> None:
    """And enabled again it goes on."""
    track = tracker()
    track.disable()
    assert track.track_action("a") is None
    assert track.session_hello() is None
    assert not track.is_enabled()
    assert track.enable()
    assert track.track_action("a") is not None


@pytest.mark.parametrize(("value", "is_on"), [("1", False), ("yes", False), ("", True), ("0", True), ("off", True), ("False", True)])  # fmt: skip
def test_a20_the_environment_is_stronger_than_enable(value: str, is_on: bool) -> None:
    """`TRUNKLINE_DISABLE_TELEMETRY` with anything but empty, 0, false, no, off."""
    track = Tracker(environ={"TRUNKLINE_DISABLE_TELEMETRY": value})
    assert track.is_enabled() is is_on
    assert track.enable() is is_on


def test_a5_a_full_inbox_refuses_the_newest_and_counts() -> None:
    """A tracker without a host fills up and starts no thread."""
    track = tracker()
    for _ in range(INBOX_RECORDS):
        track.track_action("a")
    assert track.track_action("one too many") is None
    assert track.refused == {"full": 1}
    assert len(track.take()) == INBOX_RECORDS
    assert track.track_action("room again") is not None


def test_a5_a_full_inbox_is_bounded_in_bytes_too() -> None:
    """Large records fill it long before ten thousand."""
    track = tracker()
    large = {f"k{n}": "x" * 1000 for n in range(30)}
    while track.track_action("a", large):
        pass
    assert track.refused == {"full": 1}
    assert 16 * 1024 * 1024 / 32_000 < len(track.take()) < 1000
    assert track.track_action("room again", large) is not None


def test_a1_eight_threads_lose_nothing() -> None:
    """Every call that returned an id is in the inbox, once."""
    track = tracker()
    ids: list[str | None] = []

    def work() -> None:
        for _ in range(500):
            ids.append(track.track_action("a"))  # noqa: PERF401 - one at a time is the point

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [event.id for event in track.take()]
    assert sorted(taken) == sorted(filter(None, ids))
    assert len(set(taken)) == 4000


async def test_a_scope_is_this_tasks_alone() -> None:
    """Subject and session by contextvars; `identify` is the program's default."""
    track = tracker()
    track.identify("default")

    async def visit(subject: str) -> None:
        with track.scope(subject=subject, session=f"s-{subject}"):
            await trio.lowlevel.checkpoint()
            track.track_action(subject)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(visit, "a")
        nursery.start_soon(visit, "b")
    track.track_action("c")
    by_name = {event.get("name"): event.get("subject") for event in track.take()}
    assert by_name == {"a": "a", "b": "b", "c": "default"}


def test_a8_a_forked_child_refuses_and_says_so() -> None:
    """It never touches what its parent has."""
    track = tracker()
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(writer, str(track.track_action("a")).encode() + str(dict(track.refused)).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"None{'forked': 1}"
    assert track.take() == []


def test_the_visitor_id_is_kept_in_the_data_directory(tmp_path: Path) -> None:
    """Nothing is written to find it; kept, it is 0600 in 0700; a broken file is replaced."""
    directory = tmp_path / "var"
    first = visitor_id(directory)
    assert not directory.exists()
    keep_visitor_id(directory, first)
    assert visitor_id(directory) == first
    assert (directory / "visitor-id").stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    (directory / "visitor-id").write_text("garbage")
    second = visitor_id(directory)
    assert second != first
    keep_visitor_id(directory, second)
    assert visitor_id(directory) == second
    assert visitor_id(None) != visitor_id(None)


def test_a_visitor_id_never_follows_a_link(tmp_path: Path) -> None:
    """A directory that cannot be written still gives an id."""
    (tmp_path / "target").write_text("mine")
    (tmp_path / "visitor-id").symlink_to(tmp_path / "target")
    keep_visitor_id(tmp_path, visitor_id(tmp_path))
    assert len(visitor_id(tmp_path)) == 36
    assert (tmp_path / "target").read_text() == "mine"


def refuses_and_warns_once(track: Tracker) -> bool:
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.msg)  # type: ignore[method-assign] # as a handler is written
    logging.getLogger("trunkline.activity.refusals").addHandler(handler)
    ids = [track.track_action("a"), track.track_action("b")]
    return ids == [None, None] and track.refused["forked"] == 2 and told == ["activity.refused"]


def test_a8_fifty_forks_while_eight_threads_track() -> None:
    """No deadlock on a lock that another thread held; each child refuses both calls, and warns once."""
    track = tracker()
    is_over = threading.Event()

    def work() -> None:
        sys.settrace(None)  # coverage has a lock of its own, which a fork may find held
        while not is_over.is_set():
            track.track_action("a", {"k": "v"})
            is_over.wait(0.0002)
            if track.inbox.fill > 0.5:
                track.take()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            pid = os.fork()
            if not pid:
                os._exit(0 if refuses_and_warns_once(track) else 1)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
