"""What the built-ins share: the audit log, asking in pages, comparing with the server."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import click
import pytest
import trio
from click.testing import CliRunner
from trio.testing import MockClock

from trunkline import Rejected
from trunkline.cli import trunkline
from trunkline.config import config_from_mapping
from trunkline.host.command import open_command
from trunkline.plugin_api import Response, UserError
from trunkline.simulator import Simulator
from trunkline_plugins.asking import ask, moment, rows
from trunkline_plugins.audit import AuditLog, last_lines
from trunkline_plugins.link import wait_connected, within_one_link


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_audit_appends_a_line_for_each_action(tmp_path: Path) -> None:
    """With who acted and when; for its owner alone, in a folder that is made."""
    path = tmp_path / "deep" / "audit.jsonl"
    log = AuditLog(path)
    await log.record("stop", execution_id="1", rule="runaway")
    await log.record("warn", execution_id="2")
    first, second = lines(path)
    assert (first["action"], first["execution_id"], first["rule"]) == ("stop", "1", "runaway")
    assert (second["action"], second["pid"]) == ("warn", os.getpid())
    assert first["user"]
    assert first["time"] <= second["time"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_audit_ends_a_torn_line_and_shortens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"action": "st')
    await AuditLog(path).record("stop")
    torn, whole = path.read_text().splitlines()
    assert torn == '{"action": "st'
    assert json.loads(whole)["action"] == "stop"


async def test_audit_of_many_at_once_loses_and_mixes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    async with trio.open_nursery() as nursery:
        for number in range(40):
            nursery.start_soon(AuditLog(path).record, f"a{number}")
    assert {line["action"] for line in lines(path)} == {f"a{number}" for number in range(40)}


@pytest.mark.parametrize("place", ["a folder", "a link"])
async def test_audit_that_cannot_be_written_says_so(tmp_path: Path, place: str) -> None:
    """And is not written somewhere else."""
    path = tmp_path / "audit.jsonl"
    if place == "a folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"audit log .*audit\.jsonl: .*; make room, or change"):
        await AuditLog(path).record("stop")
    assert not (tmp_path / "elsewhere").exists()


@attrs.define
class Server:
    """Answers with a list that grows at its head while it is read, or with a refusal."""

    ids: list[int]
    grows_by: int = 0
    refusal: Response | None = None
    tells_total: bool = True
    asked: list[Mapping[str, Any]] = attrs.Factory(list)

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Response:
        await trio.lowlevel.checkpoint()
        if self.refusal is not None:
            return self.refusal
        params = params or {}
        self.asked.append(params)
        part = self.ids[params["skip"] : params["skip"] + params["limit"]]
        total = {"x-total-count": str(len(self.ids))} if self.tells_total else {}
        self.ids = [-n - len(self.asked) * 100 for n in range(self.grows_by)] + self.ids
        return Response(200, total, [{"id": str(each)} for each in part])


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
async def test_rows_come_in_pages_each_once(count: int) -> None:
    server = Server([*range(count)])
    found = await rows(server, "/x", {"status": "a"})
    assert [int(row["id"]) for row in found.rows] == [*range(count)]
    assert found.total == count
    assert len(server.asked) == max(1, -(-count // 100))
    assert all(params["status"] == "a" for params in server.asked)


async def test_rows_of_a_list_that_grows_are_not_missed_nor_doubled() -> None:
    server = Server([*range(250)], grows_by=3)
    ids = [int(row["id"]) for row in (await rows(server, "/x")).rows]
    assert set(range(250)) <= set(ids)
    assert len(ids) == len(set(ids))


async def test_rows_stop_at_the_bound_and_tell_the_total() -> None:
    found = await rows(Server([*range(500)]), "/x", most=150)
    assert (len(found.rows), found.total, found.are_all) == (150, 500, False)


@pytest.mark.parametrize(
    ("count", "most", "total"), [(25, 25, None), (25, 26, 25), (250, 10_000, 250), (0, 10, 0)]
)
async def test_rows_of_a_server_that_tells_no_total(
    count: int, most: int, total: int | None
) -> None:
    """A short page is the last one; where the bound is reached there may be more."""
    server = Server([*range(count)], tells_total=False)
    found = await rows(server, "/x", most=most)
    assert (len(found.rows), found.total, found.are_all) == (count, total, total is not None)


async def test_rows_without_an_id_are_left_out() -> None:
    server = Server([], refusal=Response(200, {}, [{"status": "RUNNING"}, {"id": 3}, {"id": "a"}]))
    assert [row["id"] for row in (await rows(server, "/x")).rows] == ["a"]


async def test_the_end_of_the_audit_file_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is torn or is no object is left out, and no more is read than its tail."""
    path = tmp_path / "audit.jsonl"
    assert last_lines(path) == []
    path.write_text('{"action": "st\n[1]\n')
    for number in range(30):
        await AuditLog(path).record(f"a{number}")
    assert [line["action"] for line in last_lines(path)] == [f"a{n}" for n in range(30)]
    monkeypatch.setattr("trunkline_plugins.audit.TAIL", 1000)
    tail = [line["action"] for line in last_lines(path)]
    assert 0 < len(tail) < 30
    assert tail[-1] == "a29"


async def test_a_limit_of_one_link_does_not_count_the_time_without(
    autojump_clock: MockClock,
) -> None:
    """It begins anew with each link."""
    simulator = Simulator(seed=1)
    config = config_from_mapping({"connection": {"url": "ws://127.0.0.1:1/api/v1/ws/unified"}})
    async with (
        simulator.in_memory() as dial,
        open_command(config, "flows", "flow", dial=dial) as ctx,
    ):
        await wait_connected(ctx)
        for outage in (0.0, 2000.0):
            began = trio.current_time()
            if outage:
                simulator.restart(outage)
            with pytest.raises(trio.TooSlowError), within_one_link(ctx, 300):
                await trio.sleep_forever()
            assert outage + 299 < trio.current_time() - began < outage + 700


@pytest.mark.parametrize(
    ("status", "data", "words"),
    [
        (404, {"detail": "Not here"}, "GET /x: HTTP 404: Not here"),
        (
            422,
            {"detail": [{"loc": ["query", "limit"], "msg": "too much"}]},
            "query.limit: too much",
        ),
        (502, "<html>Bad gateway</html>", "HTTP 502: <html>Bad gateway</html>"),
        (500, None, "no reason given"),
        (302, None, "HTTP 302"),
    ],
)
async def test_a_refusal_is_told_in_the_servers_words(status: int, data: Any, words: str) -> None:
    with pytest.raises(Rejected, match=words) as caught:
        await ask(Server([], refusal=Response(status, {}, data)), "GET", "/x")
    assert caught.value.reply["status"] == status


def test_moments_without_an_offset_are_utc() -> None:
    assert moment("2026-11-22T20:50:45.25") == moment("2026-11-22T20:50:45.250000+00:00")
    assert moment("2026-11-22T21:50:45+01:00") == moment("2026-11-22T20:50:45")
    assert moment("soon") is None
    assert moment(None) is None


@pytest.mark.parametrize(
    "words",
    [
        ("approvals", "approve", "4738", "--comment"),
        ("flows", "stop", "1eba", "--reason"),
        ("flows", "say", "1eba"),
        ("flows", "--status"),
    ],
)
def test_text_that_is_not_utf_8_is_wrong_usage(words: tuple[str, ...]) -> None:
    """Said before anything is done; the text itself would not even print."""
    done = CliRunner().invoke(trunkline, [*words, "caf\udce9"], standalone_mode=False)
    assert isinstance(done.exception, click.BadParameter)
    assert done.exception.message == "it is not UTF-8"
