"""`trunkline approvals` against a server on loopback: what people type, and what they are told."""

import json
import signal
from pathlib import Path
from typing import Any, NoReturn

import pytest
import trio
from approval_bench import decision, log_of
from approval_served import Run, ask, log_at
from processes import finish, process, read_until
from served import Served
from trio.testing import MockClock

from trunkline import NotSent
from trunkline.simulator import Simulator
from trunkline_plugins.approval.listing import Watch
from trunkline_plugins.approval.log import DecisionLog


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
