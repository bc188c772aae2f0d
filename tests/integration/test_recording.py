"""`record`, then `replay`: a real server, a real file, real signals."""

import os
import re
import signal
from pathlib import Path

import orjson
import pytest
import trio
from processes import finish, process, read_until

from trunkline.recording import RecordedFrame, RecordedGap, read
from trunkline.simulator import Simulator

LIMIT = 45  # s for any of these, on a busy computer
ENVIRONMENT = {**os.environ, "TOKEN": "demo-token"}


def recording(path: Path, url: str, *arguments: str) -> tuple[str, ...]:
    config = path.with_suffix(".toml")
    config.write_text(
        f'[connection]\nurl = "{url}"\ntoken = {{ env = "TOKEN" }}\nbackoff_max = 0.2\n'
    )
    return ("record", str(path), "--config", str(config), *arguments)


async def test_what_arrives_is_recorded_and_what_is_sent_is_not(tmp_path: Path) -> None:
    """Frames of two epochs with the gap between them; SIGINT ends it with exit 0; no token."""
    path = tmp_path / "a.jsonl.gz"
    simulator = Simulator(seed=3)
    with trio.fail_after(LIMIT):
        async with (
            simulator.listen() as url,
            process(*recording(path, url), env=ENVIRONMENT) as run,
        ):
            for number in range(2):
                while not simulator.socket_count:  # noqa: ASYNC110 - a process comes when it comes
                    await trio.sleep(0.02)
                await trio.sleep(0.2)
                simulator.push({"type": "audit_event", "n": number})
                await trio.sleep(0.1)
                simulator.close_all(None)
                await trio.sleep(0.1)
            run.send_signal(signal.SIGINT)
            code, _, err = await finish(run)
    records = list(read(path))
    messages = [orjson.loads(each.text) for each in records if isinstance(each, RecordedFrame)]
    assert code == 0, err
    assert [each["type"] for each in messages][:2] == ["handshake", "authenticated"]
    assert [each["n"] for each in messages if "n" in each] == [0, 1]
    assert [each.gap.cause for each in records if isinstance(each, RecordedGap)] == ["reconnect"]
    assert {each.epoch for each in records if isinstance(each, RecordedFrame)} >= {1}
    assert not any("demo-token" in str(each) for each in records)
    assert f"{len(messages)} frames" in err


async def test_a_count_or_a_time_ends_a_recording(tmp_path: Path) -> None:
    """Exactly so many frames, and no more than so many seconds."""
    with trio.fail_after(LIMIT):
        async with Simulator(seed=3, scenario="demo", speed=50).listen() as url:
            path = tmp_path / "a.jsonl"
            async with process(*recording(path, url, "--count", "7"), env=ENVIRONMENT) as run:
                code, _, _ = await finish(run)
            assert (code, len(list(read(path)))) == (0, 7)
            other = tmp_path / "b.jsonl"
            async with process(*recording(other, url, "--seconds", "0.5"), env=ENVIRONMENT) as run:
                code, _, _ = await finish(run)
            assert (code, len(list(read(other))) > 2) == (0, True)


@pytest.mark.parametrize(("arguments", "code"), [((), 1), (("--force",), 0)])
async def test_a_recording_is_replaced_only_by_force(
    tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    """The way out stands in the error."""
    path = tmp_path / "a.jsonl"
    path.write_text("precious")
    with trio.fail_after(LIMIT):
        async with (
            Simulator(seed=3).listen() as url,
            process(*recording(path, url, "--count", "1", *arguments), env=ENVIRONMENT) as run,
        ):
            found, _, err = await finish(run)
    assert found == code
    assert code == 0 or (path.read_text() == "precious" and "--force" in err)


async def test_a_host_can_be_asked_on_a_port_and_told_to_retry(tmp_path: Path) -> None:
    """`/ready`, `/metrics` by HTTP; `status --retry` ends a wait of minutes, and tells of plugins."""
    away = (
        "from trunkline import hookimpl\nfrom trunkline.plugin_api import NotReady\n@hookimpl\n"
        "async def trunkline_run(ctx):\n    ctx.note('all is well')\n"
        "    raise NotReady('the disk is away', retry_after=3000)\n"
    )
    (tmp_path / "away.py").write_text(away)
    file = tmp_path / "trunkline.toml"
    environment = {**ENVIRONMENT, "XDG_RUNTIME_DIR": str(tmp_path)}
    simulator = Simulator(seed=3)
    simulator.refuse_tokens = True
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url:
            file.write_text(
                f'[connection]\nurl = "{url}"\ntoken = {{ env = "TOKEN" }}\n'
                '[host]\nhttp = "127.0.0.1:0"\n[plugins]\npaths = ["away.py"]\n'
            )
            async with process("run", str(file), "--log-text", env=environment) as run:
                err = await read_until(run.stderr, "auth.blocked")
                port = int(err.partition("host.http  port=")[2].split()[0])
                assert await http_status(port, "/ready") == 503
                simulator.refuse_tokens = False
                async with process("status", str(file), "--retry", env=environment) as asked:
                    code, told, _ = await finish(asked)
                assert code == 0
                assert re.search(
                    r"away +waiting +0 +the disk is away; again in (3000|2\d\d\d) s", told
                )
                await read_until(run.stderr, "new=connected")
                assert await http_status(port, "/ready") == 200
                assert await http_status(port, "/metrics") == 200
                run.terminate()
                assert (await finish(run))[0] == 0


async def http_status(port: int, path: str) -> int:
    """Return the status of an answer on a loopback port."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(
            f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = bytes(await stream.receive_some())
    return int(answer.split()[1])
