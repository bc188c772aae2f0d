"""The server's HTTP paths (protocol §9 to §11): asked as the product asks, and by hostile peers."""

import random
from typing import Any

import pytest
import trio
from rest_bench import APPROVALS, EXECUTIONS, NOW, URL, bench
from trio.testing import MockClock

import trunkline
from trunkline.simulator import ACCOUNT_A, ACCOUNT_B, Execution, Refusal, Simulator


def run(status: str = "RUNNING", *, account: str = ACCOUNT_A, age: float = 0.0) -> Execution:
    drawn = Execution.draw(random.Random(f"{status} {account} {age}"), account, "demo", status)
    drawn.created_at = NOW - age
    return drawn


@pytest.mark.parametrize(
    ("method", "path", "token", "status", "detail"),
    [
        ("GET", EXECUTIONS, "", 401, "Not authenticated"),
        ("GET", EXECUTIONS, "stolen", 401, "Invalid authentication credentials"),
        ("GET", EXECUTIONS, "viewer-token", 200, None),
        ("GET", EXECUTIONS, "key-demo", 200, None),
        ("GET", f"{EXECUTIONS}/nope", "demo-token", 404, "Flow execution not found"),
        ("POST", f"{EXECUTIONS}/nope/command", "demo-token", 422, ...),
        ("POST", "/api/v1/flows/nope/trigger", "demo-token", 404, "Flow not found"),
        (
            "POST",
            "/api/v1/flows/nope/trigger",
            "viewer-token",
            403,
            "Insufficient permissions. Required: execute_flows",
        ),
        (
            "GET",
            APPROVALS,
            "viewer-token",
            403,
            "Insufficient permissions. Required: view_approvals",
        ),
        ("GET", f"{APPROVALS}/nope", "demo-token", 404, "Approval request not found"),
        ("POST", f"{APPROVALS}/nope/approve", "demo-token", 404, "Approval request not found"),
        (
            "POST",
            f"{APPROVALS}/nope/approve",
            "viewer-token",
            403,
            "Insufficient permissions. Required: decide_approvals",
        ),
        ("DELETE", EXECUTIONS, "demo-token", 405, "Method Not Allowed"),
        ("GET", "/api/v1/nope", "demo-token", 404, "Not Found"),
    ],
)
async def test_who_may_ask_what(
    autojump_clock: MockClock, method: str, path: str, token: str, status: int, detail: Any
) -> None:
    async with bench() as server:
        answer = await server.ask(method, path, token=token)
    assert answer.status == status
    if detail is not ...:
        assert (answer.data == []) if detail is None else (answer.data == {"detail": detail})
    assert (answer.headers.get("www-authenticate") == "Bearer") is (status == 401)


async def test_health_and_login(autojump_clock: MockClock) -> None:
    """Health needs no login; a login gives tokens that are good, a wrong one does not."""
    async with bench() as server:
        assert (await server.ask("GET", "/api/v1/health", token="")).data == {"status": "healthy"}
        login = "/api/v1/auth/token/json"
        who = {"username": "alice", "password": "demo"}
        found = (await server.ask("POST", login, json=who, token="")).data
        assert found["access_token"] == "demo-token"
        renewal = {"refresh_token": found["refresh_token"]}
        assert (await server.ask("POST", "/api/v1/auth/refresh", json=renewal)).data == found
        for path, body, status in (
            (login, {**who, "password": "x"}, 401),
            (login, {"username": "alice"}, 422),
            ("/api/v1/auth/refresh", {"refresh_token": "demo-token"}, 401),
        ):
            assert (await server.ask("POST", path, json=body, token="")).status == status
        me = await server.ask("GET", "/api/v1/auth/users/me")
        assert (me.data["username"], me.data["account_id"]) == ("alice", ACCOUNT_A)


async def test_executions_are_listed_in_pages_and_filtered(autojump_clock: MockClock) -> None:
    """Newest first, `limit` clamped, a negative `skip` a 500 (S13); only the account's own."""
    async with bench() as server:
        world = server.simulator.world
        for age in range(150):
            world.add_execution(run("SUCCEEDED" if age % 3 else "RUNNING", age=age))
        world.add_execution(run(account=ACCOUNT_B))

        first = await server.ask("GET", EXECUTIONS, {"limit": 1000})
        assert (len(first.data), first.headers["x-total-count"]) == (100, "150")
        rest = await server.ask("GET", EXECUTIONS, {"limit": 100, "skip": 100})
        starts = [row["created_at"] for row in first.data + rest.data]
        assert starts == sorted(starts, reverse=True)
        assert len(starts) == 150
        assert starts[0] == "2026-11-22T20:50:45.250000"  # without offset (S14)
        assert len((await server.ask("GET", EXECUTIONS)).data) == 25
        for params, count in (
            ({"status": "running"}, "50"),
            ({"status": ["RUNNING", "failed,succeeded"]}, "150"),
            ({"started_after": "2026-11-22T20:50:36.250000+00:00"}, "10"),
            ({"search": "nothing"}, "0"),
        ):
            found = await server.ask("GET", EXECUTIONS, params)
            assert found.headers["x-total-count"] == count
        assert (await server.ask("GET", EXECUTIONS, {"skip": -1})).status == 500
        assert (await server.ask("GET", EXECUTIONS, {"limit": "x"})).status == 422


async def test_a_run_is_told_with_its_figures_and_its_log(autojump_clock: MockClock) -> None:
    """What was pushed is stored; a line comes back as a message, the rest with a null one."""
    async with bench() as server:
        world = server.simulator.world
        execution = world.add_execution(run("PENDING"))
        for kind, payload in (
            ("status_update", {"status": "RUNNING", "resolved_input_prompt": "Do it."}),
            ("agent_log_line", {"line": "one", "timestamp": "t"}),
            ("model_gateway_call", {"total_tokens": 5}),
            ("token_usage_update", {"total_tokens": 70}),
            ("tool_calls_update", {"tool_calls": 2}),
            ("status_update", {"status": "SUCCEEDED", "estimated_cost": 0.5}),
        ):
            world.update_execution(execution, kind, payload)
        found = (await server.ask("GET", f"{EXECUTIONS}/{execution.id.upper()}")).data
        assert (found["status"], found["total_tokens"], found["tool_calls_count"]) == (
            "SUCCEEDED",
            70,
            2,
        )
        assert (found["estimated_cost"], found["resolved_input_prompt"]) == (0.5, "Do it.")
        assert found["end_time"] is not None

        path = f"{EXECUTIONS}/{execution.id}/logs"
        log = (await server.ask("GET", path)).data
        assert [row["type"] for row in log["logs"]][:2] == ["status_update", "agent_log_line"]
        assert log["logs"][1]["payload"] == {"timestamp": "t", "message": "one"}
        assert log["logs"][0]["payload"]["message"] is None
        for params, count, more in (
            ({"tail": 2}, 2, True),
            ({"tail": 9}, 6, False),
            ({"skip": 2, "limit": 3}, 3, True),
            ({"exclude_model_calls": "true"}, 5, False),
        ):
            log = (await server.ask("GET", path, params)).data
            assert (len(log["logs"]), log["has_more"]) == (count, more)
        figures = (await server.ask("GET", f"{EXECUTIONS}/{execution.id}/metrics")).data
        assert (figures["tool_calls"], figures["api_requests"]) == (2, 1)


async def test_s5_without_its_bus_the_server_pushes_and_logs_nothing_more(
    autojump_clock: MockClock,
) -> None:
    """But the rows change, and REST tells it."""
    async with bench() as server:
        world = server.simulator.world
        execution = world.add_execution(run())
        world.bus_is_up = False
        world.update_execution(execution, "status_update", {"status": "FAILED"})
        found = (await server.ask("GET", f"{EXECUTIONS}/{execution.id}")).data
        assert found["status"] == "FAILED"
        assert not execution.log


async def test_commands_over_rest_answer_as_recorded(autojump_clock: MockClock) -> None:
    """Stop twice, stop what has ended, lose a message's text, and who may not."""
    async with bench() as server:
        world = server.simulator.world
        running, ended = world.add_execution(run()), world.add_execution(run("SUCCEEDED"))

        async def command(execution: Execution, token: str = "demo-token", **body: Any) -> Any:
            path = f"{EXECUTIONS}/{execution.id}/command"
            answer = await server.ask("POST", path, json=body, token=token)
            return answer.status, answer.data

        stopped = (200, {"status": "stopped"})
        because = {"reason": "test"}
        say = {"command": "send_message", "message": "hello"}
        assert await command(running, **say) == (200, {"status": "command_sent"})
        assert await command(running, command="stop", payload=because) == stopped
        assert await command(running, command="stop") == stopped
        ended_answer = {"status": "not_running", "execution_status": "SUCCEEDED"}
        assert await command(ended, command="stop") == (200, ended_answer)
        assert (await command(ended, "viewer-token", command="stop"))[0] == 403
        assert (await command(ended, "other-token", command="stop"))[0] == 404
        assert running.commands == [
            {"command": "send_message", "payload": {}},
            {"command": "stop", "payload": because},
        ]
        row = (await server.ask("GET", f"{EXECUTIONS}/{running.id}")).data
        assert (row["status"], row["stop_reason"], row["stop_source"]) == (
            "STOPPED",
            "test",
            "manual",
        )


async def test_a_flow_can_be_triggered(autojump_clock: MockClock) -> None:
    """It starts PENDING, and everybody hears of it."""
    async with bench() as server:
        flow = server.simulator.world.add_execution(run()).flow_id
        async with (
            trunkline.open_connection(URL, "demo-token", dial=server.dial) as client,
            client.events("flow_executions") as events,
        ):
            await client.wait_connected()
            answer = await server.ask("POST", f"/api/v1/flows/{flow}/trigger", json={"a": 1})
            assert answer.data["status"] == "PENDING"
            event = await anext(events)
        assert isinstance(event, trunkline.Event)
        assert event.get("execution_id") == answer.data["id"]


async def test_who_is_not_let_in_is_refused_here_too(autojump_clock: MockClock) -> None:
    async with bench() as server:
        server.simulator.refusal = Refusal(503, retry_after=7)
        answer = await server.ask("GET", EXECUTIONS)
        assert (answer.status, answer.headers["retry-after"]) == (503, "7")
        assert server.simulator.statistics().asked == 1


HOSTILE = {
    "no HTTP version": (b"GET /api/v1/health\r\n\r\n", b"400"),
    "bad header": (b"GET /api/v1/health HTTP/1.1\r\nHost: \x00\r\n\r\n", b"400"),
    "no host": (b"GET /api/v1/health HTTP/1.1\r\n\r\n", b"400"),
    "long line": (b"GET /api/v1/" + b"x" * 40_000, b"431"),
    "body too large": (
        b"POST /api/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1100000\r\n\r\n" + b"x" * 1_100_000,
        b"413",
    ),
    "body no JSON": (
        b"POST /api/v1/auth/token/json HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{",
        b"422",
    ),
    "expects": (
        b"POST /api/v1/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        b"100",
    ),
    "half a head": (b"GET /api/v1/health HTTP/1.1\r\nHo", b""),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_v4_a_hostile_request_ends_alone(autojump_clock: MockClock, case: str) -> None:
    """Answered or dropped, and the server serves on."""
    data, status = HOSTILE[case]
    simulator = Simulator(seed=1)
    async with simulator.in_memory() as dial:
        stream = await dial(None, lambda _phase: None)
        found = b""
        with trio.fail_after(20):
            async with stream, trio.open_nursery() as nursery:
                nursery.start_soon(stream.send_all, data)
                while piece := await stream.receive_some():
                    found += piece
                nursery.cancel_scope.cancel()
        assert found.partition(b"\r\n")[0].split(b" ")[1:2] == ([status] if status else [])
        async with trunkline.open_connection(URL, "demo-token", dial=dial) as connection:
            await connection.wait_connected(5)
