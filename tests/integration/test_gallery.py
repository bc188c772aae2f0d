"""The plugins of the gallery: against the simulator, and a real receiver on this machine."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from hook import Hook, answered
from mail_server import Mailbox

from trunkline.simulator import Execution
from trunkline.testing import HostFactory, HostUnderTest, assert_plugin_conforms

GALLERY = Path(__file__).parents[2] / "docs" / "examples" / "gallery"
NOTICE, GUARD, DIGEST = (
    GALLERY / f"{name}.py" for name in ("approval_notice", "budget_guard", "failure_digest")
)


def asked(**fields: str) -> dict[str, Any]:
    """Return an approval that was just asked for, as the server pushes it."""
    return {
        "type": "approval_created",
        "approval_request_id": "7c",
        "status": "pending",
        "tool_name": "deploy_service",
        "agent_reasoning": "The fix is *ready*\n<b>now</b>",
        "managed_agent_name": "Releaser",
        **fields,
    }


def texts(room: Hook) -> list[str]:
    """Return what was said in the room."""
    return [json.loads(request.body)["text"] for request in room.taken]


async def test_approval_notice_says_in_the_room_what_is_asked(
    trunkline_host: HostFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One post for what comes together, foreign text without markup, and where to decide."""
    room = Hook()
    async with room.listen() as url:
        monkeypatch.setenv("ROOM", url)
        table = {"url": {"env": "ROOM"}, "link": "https://app.example/approvals/{id}"}
        async with trunkline_host(only=[NOTICE], config={"approval_notice": table}) as host:
            await host.push(asked())
            await host.push({**asked(), "type": "approval_approved", "status": "approved"})
            await host.push({**asked(), "type": "approval_expired", "status": "expired"})
            await host.flush()
    assert texts(room) == [
        "Releaser asks to call *deploy_service*: The fix is ready &lt;b&gt;now&lt;/b&gt;"
        " https://app.example/approvals/7c\n"
        "nobody has answered: *deploy_service* will not be called"
        " https://app.example/approvals/7c"
    ]


async def test_approval_notice_waits_for_a_room_that_is_away(
    trunkline_host: HostFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it asks for, and five minutes where it does not want us: then it is all said."""
    room = Hook(answered(429, Retry_After="30"), answered(503), answered(404))
    async with room.listen() as url:
        monkeypatch.setenv("ROOM", url)
        table = {"url": {"env": "ROOM"}}
        async with trunkline_host(only=[NOTICE], config={"approval_notice": table}) as host:
            began = trio.current_time()
            await host.push(asked())
            while not room.taken:  # noqa: ASYNC110 - the room tells nobody
                await trio.sleep(1)
            assert trio.current_time() - began > 30 + 300
    assert [request.status for request in room.requests] == [429, 503, 404, 204]
    assert texts(room) == [
        "Releaser asks to call *deploy_service*: The fix is ready &lt;b&gt;now&lt;/b&gt;"
    ]


async def run_of(host: HostUnderTest, scenario: str = "run_success") -> Execution:
    """Let a run play to its end."""
    await host.simulator.run_scenario(scenario)
    await host.push({"type": "news"})  # everything before it has been handled
    [execution] = host.simulator.world.executions.values()
    return execution


async def test_budget_guard_stops_a_run_that_costs_too_much(trunkline_host: HostFactory) -> None:
    """Once, in time to make a difference, and says so."""
    table = {"budget": {"cost": 0.005}}
    async with trunkline_host(only=["flow", GUARD], config={"budget_guard": table}) as host:
        execution = await run_of(host)
        [told] = host.published("budget_guard")
        assert host.note("budget_guard") == "0 watched, 1 stopped"
    assert execution.status == "STOPPED"
    assert execution.stop_reason == "over its budget"
    assert (told.get("execution_id"), told.get("what")) == (execution.id, "cost")
    assert told.get("used") > told.get("limit") == 0.005
    assert told.get("outcome") == "stopped"
    assert len(host.sent("command")) == 1


@pytest.mark.parametrize(
    "budget", [{"tokens": 3_000}, {"tool_calls": 1}, {"duration": 5}], ids=lambda b: next(iter(b))
)
async def test_budget_guard_looks_at_each_figure(
    trunkline_host: HostFactory, budget: dict[str, float]
) -> None:
    """Whichever is given."""
    table = {"budget": budget, "only_warn": True}
    async with trunkline_host(only=["flow", GUARD], config={"budget_guard": table}) as host:
        execution = await run_of(host)
        [told] = host.published("budget_guard")
    assert execution.status == "SUCCEEDED"
    assert (told.get("what"), told.get("outcome")) == (*budget, "warned")
    assert not host.sent("command")


async def test_budget_guard_knows_flows_by_name(trunkline_host: HostFactory) -> None:
    """A flow with a budget of its own is held to that alone."""
    async with trunkline_host(only=["flow"]) as host:
        name = (await run_of(host)).flow_name
    table = {"budget": {"cost": 0.005}, "flows": {name: {"cost": 100.0}}}
    async with trunkline_host(only=["flow", GUARD], config={"budget_guard": table}) as host:
        assert (await run_of(host)).status == "SUCCEEDED"
        assert host.published("budget_guard") == []


async def test_budget_guard_that_may_not_stop_says_so_once(trunkline_host: HostFactory) -> None:
    """The server refuses; a lost link is tried again with the next event."""
    event = {"type": "tool_calls_update", "execution_id": "nobody's", "payload": {"tool_calls": 9}}
    table = {"budget": {"tool_calls": 1}}
    async with trunkline_host(only=["flow", GUARD], config={"budget_guard": table}) as host:
        await host.push(event)
        await host.push(event)
        await host.drop_connection()
        await host.push(event)
        outcomes = [told.get("outcome") for told in host.published("budget_guard")]
        assert host.note("budget_guard").endswith("counts may be low after a gap")
    assert outcomes == ["refused"]


def failed(execution: Execution) -> dict[str, Any]:
    """Return the end of a run, as the server pushes it."""
    context = {"flow_name": execution.flow_name}
    payload = {"status": "FAILED", "error_message": "502\nthree times", "fleet_context": context}
    return {"type": "status_update", "execution_id": execution.id, "payload": payload}


def digest_table(port: int, **more: object) -> dict[str, dict[str, object]]:
    """Return the configuration for a mail server on this machine."""
    addresses = {"sender": "trunkline@localhost", "recipients": ["ops@localhost", "dev@localhost"]}
    server = {"host": "127.0.0.1", "port": port, "security": "none"}
    return {"failure_digest": {**server, **addresses, **more}}


async def test_failure_digest_is_one_mail_of_all_failures(trunkline_host: HostFactory) -> None:
    """A quarter of an hour after the first; what comes later is sent at the end."""
    mailbox = Mailbox()
    with mailbox.listen() as port:
        async with trunkline_host(only=["flow", DIGEST], config=digest_table(port)) as host:
            runs = [host.simulator.world.add_execution() for _ in range(3)]
            await host.push(failed(runs[0]))
            await host.push({**failed(runs[0]), "payload": {"status": "SUCCEEDED"}})
            await host.push(failed(runs[1]))
            await trio.sleep(899)
            assert mailbox.mails == []
            await trio.sleep(2)
            await host.flush()
            await host.push(failed(runs[2]))
    first, last = mailbox.mails
    assert first["Subject"] == "2 executions failed"
    assert first["To"] == "ops@localhost, dev@localhost"
    lines = first.get_content().splitlines()
    assert lines[0] == (
        f"2026-01-01T00:00:00+00:00  {runs[0].flow_name}  {runs[0].id}  502 three times"
    )
    assert runs[1].id in lines[1]
    assert last["Subject"] == "1 execution failed"


async def test_failure_digest_waits_for_the_mail_server(trunkline_host: HostFactory) -> None:
    """Refused or away: nothing is lost."""
    mailbox = Mailbox("451 try again", "550 not today")
    with mailbox.listen() as port:
        config = digest_table(port, every=60)
        async with trunkline_host(only=["flow", DIGEST], config=config) as host:
            await host.push(failed(host.simulator.world.add_execution()))
            await trio.sleep(300)
    assert [mail["Subject"] for mail in mailbox.mails] == ["1 execution failed"]
    assert mailbox.answers == []


async def test_failure_digest_logs_in_over_tls_only(
    trunkline_host: HostFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that nobody vouches for gets neither mail nor password."""
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("MAIL_PASSWORD", "canary")
    mailbox = Mailbox()
    with mailbox.listen(tls) as port:
        login = {"user": "me", "password": {"env": "MAIL_PASSWORD"}}
        config = digest_table(port, security="starttls", host="localhost", every=1, **login)
        async with trunkline_host(only=["flow", DIGEST], config=config) as host:
            await host.push(failed(host.simulator.world.add_execution()))
            await trio.sleep(30)
            assert (mailbox.mails, mailbox.logins) == ([], [])
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            await trio.sleep(120)
    assert mailbox.logins == [("me", "canary")]
    assert len(mailbox.mails) == 1


async def test_failure_digest_without_tls_leaves_this_machine_never(
    trunkline_host: HostFactory,
) -> None:
    """The table is refused, with the reason."""
    config = digest_table(25, host="mail.example")
    with pytest.raises(AssertionError, match="goes to this machine only"):
        await trunkline_host(only=[DIGEST], config=config).__aenter__()


def test_the_gallery_conforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever end they meet."""
    monkeypatch.setenv("ROOM", "http://127.0.0.1:1/")
    assert_plugin_conforms(NOTICE, {"url": {"env": "ROOM"}})
    assert_plugin_conforms(GUARD, {"budget": {"cost": 1.0}})
    assert_plugin_conforms(DIGEST, digest_table(1)["failure_digest"])
