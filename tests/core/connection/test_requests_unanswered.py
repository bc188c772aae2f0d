"""Requests without a usable answer: what never left says so, and of the rest nothing is known (P13, B6)."""

import pytest
import trio
from scripted_http import OK, URL, Script, answer, asking, fall_silent
from trio.testing import MockClock, memory_stream_pair

import trunkline
from trunkline.errors import NotSent, OutcomeUnknown, TransportError

ANSWER_LIMIT = 4 * 1024 * 1024  # bytes
LOST: dict[str, tuple[Script, str]] = {
    "silent": (fall_silent, "none within 10 s"),
    "end of file": (answer(b""), "RemoteProtocolError"),
    "half an answer": (
        answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1"),
        "RemoteProtocolError",
    ),
    "no HTTP": (answer(b"SSH-2.0-OpenSSH\r\n\r\n"), "RemoteProtocolError"),
    "no JSON": (answer(OK + b"{"), "calls itself JSON"),
    "compressed": (
        answer(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nxx"),
        "compressed",
    ),
    "endless": (answer(OK + b"1" * (ANSWER_LIMIT + 512 * 1024)), "more than 4 MiB"),
    "one byte more": (answer(OK + b"1" * (ANSWER_LIMIT + 1)), "more than 4 MiB"),
}


@pytest.mark.parametrize("case", LOST)
async def test_p13_without_a_usable_answer_the_outcome_is_unknown(
    autojump_clock: MockClock, case: str
) -> None:
    """Named with what was asked, never with the token; no second try, nothing left open."""
    script, words = LOST[case]
    async with asking(script, token="canary") as (connection, server):
        with pytest.raises(OutcomeUnknown, match=words) as caught:
            await connection.request("POST", "/x", {"secret": "1"}, {"n": 1})
        assert str(caught.value).startswith("POST http://127.0.0.1:8765/x: ")
        assert "canary" not in str(caught.value)
        assert not hasattr(caught.value.__context__, "request")  # httpx's errors carry the token
        await trio.testing.wait_all_tasks_blocked()
        assert (len(server.heads), server.open_count) == (1, 0)


async def test_s13_an_answer_of_4_mib_passes(autojump_clock: MockClock) -> None:
    """The limit is on the body; one byte more is refused above."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    async with asking(answer(head + b"x" * ANSWER_LIMIT)) as (connection, _):
        assert len((await connection.request("GET", "/x")).data) == ANSWER_LIMIT


async def test_b6_what_never_left_says_so(autojump_clock: MockClock) -> None:
    """No way to the server, no token, or no end to dialling: safe to send again."""

    async def refuse(*_: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise TransportError("refused", "nobody listens")

    async def hang(*_: object) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    async def provider(*, fresh: bool) -> str:
        raise LookupError("canary")

    for arguments, words in (
        ({"dial": refuse}, "refused: nobody listens; nothing has left"),
        ({"dial": hang}, "no way to the server within 10 s"),
        ({"dial": hang, "token": provider}, "the provider raised LookupError; nothing has left"),
    ):
        async with trunkline.open_connection(URL, **arguments) as connection:
            with pytest.raises(NotSent, match=words) as caught:
                await connection.request("GET", "/x")
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("broken", [["receive_some"], ["receive_some", "send_all"]])
async def test_p13_a_reset_half_way_leaves_the_outcome_unknown(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, broken: list[str]
) -> None:
    """While the request leaves, or while the answer is waited for."""

    async def reset(*_: object) -> bytes:
        await trio.lowlevel.checkpoint()
        raise trio.BrokenResourceError

    async def dial(*_: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        client, far = memory_stream_pair()
        opened.append(far)
        for way in broken:
            monkeypatch.setattr(client, way, reset)
        return client

    opened: list[object] = []
    async with trunkline.open_connection(URL, dial=dial) as connection:
        with pytest.raises(OutcomeUnknown, match="ReadError"):
            await connection.request("POST", "/x", json={"n": 1})


async def test_p13_a_cancelled_request_leaves_nothing_open(autojump_clock: MockClock) -> None:
    async with asking(fall_silent) as (connection, server):
        with trio.move_on_after(1):
            await connection.request("GET", "/x")
        await trio.testing.wait_all_tasks_blocked()
        assert (len(server.heads), server.open_count) == (1, 0)
