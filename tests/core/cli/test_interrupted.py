"""Ctrl-C and SIGTERM end a command alike; whoever waits for an outcome is not told that it came."""

import importlib
import io
import signal

import pytest

from trunkline.cli import main
from trunkline.cli.leaving import exit_code, flushed
from trunkline.cli.signals import ending_alike
from trunkline.errors import UserError
from trunkline.plugin_api import promised


@pytest.mark.parametrize(
    "interruption",
    [
        KeyboardInterrupt(),
        BaseExceptionGroup("", [ValueError(), BaseExceptionGroup("", [KeyboardInterrupt()])]),
    ],
)
def test_an_interrupted_promise_fails_with_what_is_known(interruption: BaseException) -> None:
    """In one task or in several; without a promise Ctrl-C is a clean end."""
    with (
        pytest.raises(UserError, match="interrupted: nothing was sent") as caught,
        promised(lambda: "nothing was sent"),
    ):
        raise interruption
    assert exit_code(caught.value) == 1
    assert exit_code(KeyboardInterrupt()) == 0


def test_a_plugin_that_has_closed_stdout_makes_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing left to be written."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    assert flushed(0) == 0


@pytest.mark.parametrize("error", [ValueError("x"), ExceptionGroup("", [ValueError("x")])])
def test_what_is_no_interruption_passes_a_promise(error: Exception) -> None:
    """As it is."""
    with pytest.raises(type(error)) as caught, promised(lambda: "nothing"):
        raise error
    assert caught.value is error


def test_sigterm_is_ctrl_c_in_a_command_and_nowhere_else() -> None:
    """Unless Ctrl-C is ignored, as in the background of a script: then it ends the process."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt), ending_alike():
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is before[1]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with ending_alike():
            assert signal.getsignal(signal.SIGTERM) is before[1]
    finally:
        signal.signal(signal.SIGINT, before[0])


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["send", "{}"], 1, "trunkline: interrupted: nothing has begun\n"),
        (["run"], 0, "\n"),  # a stop is how it ends, also one that comes early
    ],
)
def test_what_is_interrupted_before_it_has_begun_fails(
    command: list[str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Unless it is known to promise nothing."""

    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib, "import_module", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert (ended.value.code, capsys.readouterr().err) == (code, said)


def test_s11_what_a_peer_says_reaches_no_terminal_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An error may quote a server; our own lines stay lines."""
    assert exit_code(UserError("first\nsecond \x1b]0;pwned\x07")) == 1
    assert capsys.readouterr().err == "trunkline: first\nsecond \\x1b]0;pwned\\x07\n"
