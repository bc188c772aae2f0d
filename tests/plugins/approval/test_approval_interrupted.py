"""`trunkline approvals approve`, broken off or cut short by the disk: what was done is what is said."""

import errno
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from approval_bench import log_of
from approval_served import Run, ask, log_at
from served import Served

from trunkline.cli.leaving import exit_code
from trunkline.cli.signals import ending_alike


def interrupt(number: signal.Signals) -> None:
    """Send a signal while the command waits for the server, which takes its time."""
    time.sleep(0.1)
    os.kill(os.getpid(), number)
    time.sleep(0.1)


@contextmanager
def heeding() -> Iterator[None]:
    """Take signals as a process of ours takes them, whatever the suite does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with ending_alike():
            yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # wherever it hits the HTTP library
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_no_approval(
    served: Served, run: Run, config: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Ctrl-C while the server decides: exit 1, and what is known; nothing after `&&` is done."""
    world = served.simulator.world
    resolve = world.resolve_approval

    def interrupted(*arguments: Any) -> None:
        interrupt(number)
        resolve(*arguments)

    monkeypatch.setattr(world, "resolve_approval", interrupted)
    approval = ask(served)
    with heeding():
        result = run("approve", approval.id)
    assert result.exception is not None
    assert exit_code(result.exception) == 1
    assert str(result.exception) == (
        f"interrupted: sent, the answer is not known; look: trunkline approvals show {approval.id}"
    )
    assert log_of(log_at(config)) == ["decision approve"]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # wherever it hits the HTTP library
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interruption_before_anything_is_sent_says_so(
    served: Served, run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the request is looked for."""
    world = served.simulator.world
    walltime = world.walltime

    def interrupted() -> float:
        monkeypatch.undo()
        interrupt(signal.SIGINT)
        return walltime()

    approval = ask(served)
    monkeypatch.setattr(world, "walltime", interrupted)
    with heeding():
        result = run("approve", approval.id[:8])
    assert str(result.exception) == "interrupted: nothing was sent"
    assert not log_at(config).exists()


def test_an_answer_that_cannot_be_written_is_said_beside_what_was_done(
    served: Served, run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is approved, and nobody is told that it was not sent."""
    write = os.write

    def write_some(fd: int, data: Any) -> int:
        if b'"answer"' in bytes(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", write_some)
    approval = ask(served)
    result = run("approve", approval.id)
    assert result.return_value == 0
    assert result.output.startswith(
        f"approved: deploy_service ({approval.id[:8]}); the answer could"
    )
    assert "No space left" in result.output
