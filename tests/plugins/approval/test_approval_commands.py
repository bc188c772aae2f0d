"""`trunkline approvals` against a server on loopback: what people type, and what they are told."""

import errno
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import trio
from approval_bench import decision, log_of
from click.testing import CliRunner, Result
from processes import finish, process, read_until
from served import Served, serving
from trio.testing import MockClock

from trunkline import NotSent
from trunkline.cli import trunkline
from trunkline.cli.leaving import exit_code
from trunkline.cli.signals import ending_alike
from trunkline.simulator import ACCOUNT_A, Approval, Simulator
from trunkline_plugins.approval.listing import Watch
from trunkline_plugins.approval.log import DecisionLog

RNG = random.Random(1)

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(seed=1) as found:
        yield found


@pytest.fixture
def config(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOKEN", "demo-token")
    file = tmp_path / "trunkline.toml"
    file.write_text(f'[connection]\nurl = "{served.url}"\ntoken = {{ env = "TOKEN" }}\n')
    return file


@pytest.fixture
def run(config: Path) -> Run:
    """Run `trunkline approvals ...`; errors of ours come out as they are."""

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(
            trunkline, ["approvals", *words, "--config", str(config)], standalone_mode=False
        )

    return invoke


def log_at(config: Path) -> Path:
    return config.parent / "var" / "decisions.jsonl"


def ask(served: Served, **details: Any) -> Approval:
    """Let an agent ask; it may for five minutes."""

    def request(simulator: Simulator) -> Approval:
        now = simulator.world.walltime()
        return simulator.world.request_approval(Approval.draw(RNG, ACCOUNT_A, now, **details))

    return served.do(request)


def test_the_table_shows_what_waits_and_all_on_demand(served: Served, run: Run) -> None:
    """For people and for programs; nothing foreign reaches the terminal raw."""
    open_one = ask(served, tool_name="deploy_service", agent_reasoning="\x1b[31mred")
    done = ask(served, tool_name="run_migration")
    served.do(lambda simulator: simulator.world.resolve_approval(done.id, "declined"))
    table = run().output
    assert table.splitlines()[0].split() == [
        *("REQUEST", "TOOL", "AGENT", "STATUS", "AGE", "EXPIRES", "SUMMARY")
    ]
    assert open_one.id[:8] in table
    assert "\x1b" not in table
    assert done.id[:8] not in table
    assert done.id[:8] in run("--all").output
    rows = {row["id"]: row for row in json.loads(run("--all", "--json").output)}
    assert rows[open_one.id]["status"] == "pending"
    assert rows[done.id]["status"] == "declined"


def test_show_has_everything_and_the_history(served: Served, run: Run) -> None:
    """By the beginning of the id, in either case."""
    approval = ask(served, tool_args={"env": "production"}, managed_agent_name="release-agent")
    run("decline", approval.id, "--comment", "not on a Friday")
    told = run("show", approval.id[:8].upper()).output
    for words in ("release-agent", '"env": "production"', "declined", "alice@example.com"):
        assert words in told
    assert "not on a Friday" in told
    shown = json.loads(run("show", approval.id, "--json").output)
    assert shown["status"] == "declined"
    assert [entry["event_type"] for entry in shown["history"]] == ["created", "declined"]


@pytest.mark.parametrize(("word", "status"), [("approve", "approved"), ("decline", "declined")])
def test_a_person_decides_and_it_is_written_down(
    served: Served, run: Run, config: Path, word: str, status: str
) -> None:
    """Exit 0 because what was asked for is what stands; a second time it does not."""
    approval = ask(served)
    result = run(word, approval.id[:8], "--comment", "as agreed")
    assert result.return_value == 0
    assert result.output == f"{status}: deploy_service ({approval.id[:8]})\n"
    assert (approval.status, approval.comment) == (status, "as agreed")
    assert log_of(log_at(config)) == [f"decision {word}", f"answer {status}"]
    again = run(word, approval.id, "--json")
    told = json.loads(again.output)
    assert (again.return_value, told["result"], told["is_done"]) == (1, "already decided", False)
    assert told["error"] == f"the request is {status} already"


def test_a_vote_says_how_many_there_are(served: Served, run: Run) -> None:
    """It is no decision yet, so the exit code is not 0."""
    approval = ask(served, approvals_required=3)
    result = run("approve", approval.id)
    assert result.return_value == 1
    assert result.output == f"pending: deploy_service ({approval.id[:8]}): 1 of 3 votes\n"


def test_too_late_says_expired(served: Served, run: Run) -> None:
    """Nothing is sent."""
    approval = ask(served, expires_at=served.do(lambda simulator: simulator.world.walltime()) - 1)
    result = run("approve", approval.id)
    assert result.return_value == 1
    assert result.output.startswith(f"expired: deploy_service ({approval.id[:8]}): too late")


def test_what_names_no_single_request_is_refused_with_what_would(served: Served, run: Run) -> None:
    """None, several, or no id at all: exit 1, in words, and nothing is decided."""
    twins = [ask(served) for _ in range(2)]

    def rename(simulator: Simulator) -> None:
        for one in twins:
            del simulator.world.approvals[one.id]
            one.id = f"fade{one.id[4:]}"
            simulator.world.approvals[one.id] = one

    served.do(rename)
    errors = {words: str(run("approve", words).exception) for words in ("fade", "0000", "../x")}
    assert "fade is the beginning of 2 requests" in errors["fade"]
    assert twins[0].id in errors["fade"]
    assert "no request 0000" in errors["0000"]
    assert "is no id of a request" in errors["../x"]
    assert {each.status for each in twins} == {"pending"}


def test_nobody_decides_against_what_is_on_its_way(served: Served, run: Run, config: Path) -> None:
    """A stored decision whose answer is not known holds back the other outcome only."""
    approval = ask(served)
    stored = decision("approve", request=approval.id, by="rule[0]")
    DecisionLog(log_at(config)).store(stored)
    refused = str(run("decline", approval.id).exception)
    assert "rule[0] on here has decided to approve it, and its answer is not known yet" in refused
    assert approval.status == "pending"
    assert run("approve", approval.id).return_value == 0


def test_without_the_right_the_server_says_so(
    served: Served, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its own words."""
    approval = ask(served)
    monkeypatch.setenv("TOKEN", "viewer-token")
    refused = run("approve", approval.id)
    assert "Insufficient permissions. Required: view_approvals" in str(refused.exception)
    assert approval.status == "pending"


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


class Dead:
    """A `ctx` whose server is not there."""

    def subscribe(self, *_: Any, **__: Any) -> None:
        """Nothing comes."""

    async def request(self, *_: Any) -> NoReturn:
        raise NotSent("no way to the server")


async def test_watch_prints_no_table_before_it_knows_one(
    autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty list would be read as: nothing waits."""
    ctx: Any = Dead()
    with trio.move_on_after(30):
        await Watch(ctx, want_all=False, as_json=True).run()
    assert capsys.readouterr() == ("", "trunkline: no way to the server\n")


async def test_watch_shows_what_happens_until_it_is_ended(served: Served, config: Path) -> None:
    """A new request, then its answer; exit 0, as after Ctrl-C."""

    def settle(simulator: Simulator) -> None:
        simulator.world.resolve_approval(approval.id, "approved")

    words = ["approvals", "--watch", "--json", "--config", str(config)]
    async with process(*words) as watching:
        await read_until(watching.stdout, "[")
        approval = await trio.to_thread.run_sync(lambda: ask(served))
        await read_until(watching.stdout, approval.id)
        await trio.to_thread.run_sync(served.do, settle)
        await read_until(watching.stdout, "\n")
        watching.send_signal(signal.SIGTERM)
        code, _, errors = await finish(watching)
    assert (code, errors) == (0, "")
