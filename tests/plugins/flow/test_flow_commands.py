"""`trunkline flows` against a simulator on loopback: what is printed, and how it ends."""

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
import trio
from click.testing import CliRunner
from served import Served, serving

from trunkline.cli import main, trunkline
from trunkline.connection.connection import Connection
from trunkline.plugin_api import Response
from trunkline.simulator import ACCOUNT_A, Execution, Simulator

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(seed=1) as found:
        yield found


@pytest.fixture
def run(served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `trunkline flows ...` as it is run; return exit code, stdout and stderr."""

    def call(*arguments: str, token: str = "demo-token") -> tuple[int, str, str]:
        monkeypatch.setenv("TOKEN", token)
        with pytest.raises(SystemExit) as left:
            main(["flows", *arguments, "--url", served.url, "--token-env", "TOKEN"])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return int(str(left.value.code)), told.out, told.err

    return call


def begin(served: Served, *, id_: str | None = None, status: str = "RUNNING") -> Execution:
    """Let a run begin, as the only one there is of its kind."""

    def add(simulator: Simulator) -> Execution:
        rng = random.Random(f"{id_} {status} {time.monotonic()}")
        drawn = Execution.draw(rng, ACCOUNT_A, "nightly", status)
        drawn.id = id_ or drawn.id
        execution = simulator.world.add_execution(drawn)
        for text in ("Reading the orders", "Halfway \x1b[31mthrough"):
            simulator.world.update_execution(execution, "agent_log_line", {"line": text})
        return execution

    return served.do(add)


@pytest.fixture(autouse=True)
def empty(served: Served) -> None:
    served.do(lambda simulator: simulator.world.executions.clear())


def update(served: Served, execution: Execution, kind: str, **payload: object) -> None:
    served.do(lambda simulator: simulator.world.update_execution(execution, kind, payload))


def test_flows_lists_what_is_at_work_first(served: Served, run: Run) -> None:
    """As a table, narrowed by status, as JSON, and what to say of nothing."""
    assert run()[1] == "no executions\n"
    ended, running = begin(served, status="SUCCEEDED"), begin(served)
    code, out, _ = run()
    heading, first, second = out.splitlines()
    assert (code, heading.split()[:3]) == (0, ["EXECUTION", "FLOW", "STATUS"])
    assert first.startswith(running.id[:8])
    assert second.startswith(ended.id[:8])
    assert running.id[:8] not in run("--status", "succeeded")[1]
    [row] = json.loads(run("--json", "--status", "RUNNING")[1])
    assert (row["id"], row["flow_name"], row["status"]) == (running.id, "nightly", "RUNNING")
    assert "1 of 2; more by --count" in run("--count", "1")[2]


def test_show_tells_everything_and_nothing_that_a_terminal_obeys(served: Served, run: Run) -> None:
    """By the beginning of an id."""
    execution = begin(served)
    update(served, execution, "status_update", status="FAILED", error_message="No disk")
    _, out, _ = run("show", execution.id[:6])
    assert "status      FAILED" in out
    assert "error       No disk" in out
    assert "Reading the orders" in out
    assert r"Halfway \x1b[31mthrough" in out
    found = json.loads(run("show", execution.id, "--json")[1])
    assert (found["status"], len(found["log"])) == ("FAILED", 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("aaaa", "2 executions begin with `aaaa`; write more of it:"),
        ("bbbb", "no execution begins with `bbbb` among all"),
        ("x'; --", "is no id"),
        ("00000000-0000-4000-8000-000000000000", "the server knows no execution 00000000"),
    ],
)
def test_an_id_that_names_none_or_two_is_told(
    served: Served, run: Run, text: str, words: str
) -> None:
    for number in (1, 2):
        begin(served, id_=f"aaaa{number:04}-0000-4000-8000-000000000000")
    code, out, err = run("show", text)
    assert (code, out) == (1, "")
    assert words in err
    assert err.count("aaaa000") == (2 if text == "aaaa" else 0)


def test_stop_waits_for_the_acknowledgement_and_says_what_it_was(served: Served, run: Run) -> None:
    execution, ended = begin(served), begin(served, status="SUCCEEDED")
    because = ("--reason", "wrong branch")
    assert run("stop", execution.id[:8], *because)[:2] == (0, f"{execution.id} is stopped\n")
    assert (execution.status, execution.stop_reason) == ("STOPPED", "wrong branch")
    assert "had ended before: SUCCEEDED" in run("stop", ended.id)[1]
    told = json.loads(run("stop", ended.id, "--json")[1])
    assert told == {
        "execution_id": ended.id,
        "status": "not_running",
        "execution_status": "SUCCEEDED",
    }


def test_a_command_that_is_refused_exits_1(served: Served, run: Run) -> None:
    execution = begin(served)
    code, out, err = run("stop", execution.id, token="viewer-token")
    assert (code, out) == (1, "")
    assert "the server refused: unauthorized" in err
    assert execution.status == "RUNNING"


def test_say_is_passed_on_and_says_if_nobody_will_read_it(served: Served, run: Run) -> None:
    execution, ended = begin(served), begin(served)
    assert run("say", execution.id[:8], "please hurry")[1] == f"passed on to {execution.id}\n"
    assert execution.commands == [
        {"command": "send_message", "payload": {}, "message": "please hurry"}
    ]
    update(served, ended, "status_update", status="SUCCEEDED")
    assert "nobody will read it" in run("say", ended.id, "hello")[2]
    served.do(lambda simulator: setattr(simulator.world, "bus_is_up", False))
    try:
        code, _, err = run("say", execution.id, "hello")
    finally:
        served.do(lambda simulator: setattr(simulator.world, "bus_is_up", True))
    assert (code, "send it again later" in err) == (1, True)


def test_without_an_answer_the_limit_ends_it(run: Run, served: Served) -> None:
    """The server takes no token: the link never comes up."""
    execution = begin(served)
    served.do(lambda simulator: setattr(simulator, "answers_pings", True))
    code, _, err = run("stop", execution.id, "--limit", "0.5", token="refresh-demo")
    assert code == 1
    assert "no answer within 0.5 s" in err


@pytest.mark.parametrize(("status", "code"), [("SUCCEEDED", 0), ("FAILED", 1)])
def test_follow_ends_with_the_execution(served: Served, run: Run, status: str, code: int) -> None:
    """What was written before, what comes, each line once, and an exit code that says how."""
    execution = begin(served)

    def goes_on(simulator: Simulator) -> None:
        async def play() -> None:
            while not simulator.socket_count:  # noqa: ASYNC110 - until somebody follows
                await trio.sleep(0.01)
            await trio.sleep(0.3)
            for number in range(3):
                await trio.sleep(0.05)
                simulator.world.update_execution(
                    execution, "agent_log_line", {"line": f"line {number}"}
                )
            simulator.close_all(None)
            simulator.world.update_execution(execution, "execution_warning", {"message": "unheard"})
            simulator.world.update_execution(execution, "status_update", {"status": status})

        trio.lowlevel.spawn_system_task(play)

    served.do(goes_on)
    found, out, _ = run("follow", execution.id[:8])
    lines = [line[9:] for line in out.splitlines()]
    assert found == code
    assert lines[:-1] == [
        "Reading the orders",
        r"Halfway \x1b[31mthrough",
        "line 0",
        "line 1",
        "line 2",
        "warning: unheard",
        status,
    ]
    assert out.splitlines()[-1].startswith(f"{status}, after ")


def test_follow_of_an_ended_one_prints_it_and_ends(served: Served, run: Run) -> None:
    execution = begin(served)
    update(served, execution, "status_update", status="STOPPED")
    code, out, _ = run("follow", execution.id, "--json")
    *entries, _ = out.split("\n{\n")[0].splitlines(), out
    assert code == 1
    assert [json.loads(line)["level"] for line in entries[0]] == ["info", "info", "status"]


def test_every_command_explains_itself() -> None:
    for words in ([], ["show"], ["follow"], ["stop"], ["say"]):
        told = CliRunner().invoke(trunkline, ["flows", *words, "-h"])
        assert told.exit_code == 0
        assert "--token-env" in told.output


ODD = {
    "a page": "<html>console</html>",
    "an object": {"detail": "hello"},
    "rows of something else": [{"status": "RUNNING"}, "x"],
}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("words", [[], ["show", "0" * 8], ["show", str(uuid.UUID(int=1))]])
def test_an_answer_of_something_else_is_said_to_be_none(
    run: Run, monkeypatch: pytest.MonkeyPatch, case: str, words: list[str]
) -> None:
    """A proxy's page with HTTP 200 is neither an empty list nor a traceback."""

    async def request(*_: object) -> Response:
        await trio.lowlevel.checkpoint()
        return Response(200, {}, ODD[case])

    monkeypatch.setattr(Connection, "request", request)
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert "though HTTP 200; is `url` the server's own?" in err
