"""The webhook: signed, bounded, and no answer of a receiver loses anything (activity §5, S15, S16)."""

import base64
import hmac
import json
import logging
import time
from email.utils import formatdate
from typing import Any

import pytest
import trio
from hook import Hook, answered, endless_body, endless_head, hang_up, silence, torn_body
from sink_bench import gap, happened, unwritable
from webhook_bench import NOW, SECRET, opened

from trunkline import Event
from trunkline.plugin_api import NotReady, Reject
from trunkline_plugins.sinks.errors import Refused
from trunkline_plugins.sinks.webhook.answers import Verdict, verdict
from trunkline_plugins.sinks.webhook.posting import Poster
from trunkline_plugins.sinks.webhook.signature import key_of
from trunkline_plugins.sinks.webhook.sink import WebhookSink


async def test_a_batch_is_one_signed_array() -> None:
    """Whole events as JSON, and a signature that a receiver can recompute."""
    hook = Hook()
    events = [happened("a"), gap(), happened("b")]
    async with opened(hook, key=key_of(SECRET)) as sink:
        await sink.write(events)
    [request] = hook.requests
    assert request.line == "POST /in HTTP/1.1"
    assert request.items() == [json.loads(each.to_json()) for each in events]
    headers = request.headers
    assert headers["content-type"] == "application/json"
    assert headers["webhook-timestamp"] == str(int(NOW))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    digest = hmac.digest(key_of(SECRET), signed, "sha256")
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


async def test_the_same_batch_has_the_same_id_and_another_has_another() -> None:
    """Also from another process after a crash: the receiver tells a repeat by it."""
    hook = Hook(answered(503))
    one, two = happened("a"), happened("b")
    async with opened(hook) as sink:
        with pytest.raises(NotReady):
            await sink.write([one, two])
        await sink.write([one, two])
        await sink.write([one])
    async with opened(hook) as sink:
        await sink.write([one, two])
    ids = [request.headers["webhook-id"] for request in hook.requests]
    assert ids[0] == ids[1] == ids[3] != ids[2]
    assert [request.headers["idempotency-key"] for request in hook.requests] == ids


async def test_a_connection_is_used_again() -> None:
    """After a short answer; one that is long or says no length is not read."""
    long = b"x" * (64 * 1024 + 1)
    hook = Hook(answered(200, b"<html>fine</html>", Content_Type="text/html"), answered(200, long))
    async with opened(hook) as sink:
        for _ in range(4):
            await sink.write([happened("a")])
    assert len(hook.taken) == 4
    assert hook.connections == 2


async def test_what_is_no_json_is_named_and_the_rest_is_sent() -> None:
    """A batch of nothing else is not sent at all."""
    hook = Hook()
    async with opened(hook) as sink:
        with pytest.raises(Reject) as caught:
            await sink.write([unwritable("a"), happened("b")])
        assert set(caught.value.reasons) == {0}
        with pytest.raises(Reject):
            await sink.write([unwritable("c")])
    assert [item["data"]["name"] for each in hook.requests for item in each.items()] == ["b"]


@pytest.mark.parametrize(
    ("meaning", "statuses"),
    [
        (Verdict.TAKEN, (200, 201, 202, 204, 299)),
        (Verdict.WAIT, (408, 425, 429, 500, 502, 503, 599)),
        (Verdict.HALVE, (400, 413, 422)),
        (Verdict.HOLD, (100, 301, 302, 307, 401, 403, 404, 405, 410, 415, 451, 600)),
    ],
)
def test_every_status_has_a_meaning(meaning: Verdict, statuses: tuple[int, ...]) -> None:
    """The table of the page on sinks."""
    assert {verdict(status) for status in statuses} == {meaning}


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("7", 7.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("99999999", 300.0),
        (formatdate(NOW + 86_400, usegmt=True), 300.0),
        ("soon", None),
        ("\u00b2", None),
        ("", None),
    ],
)
async def test_a_busy_receiver_says_how_long(asked: str, wait: float | None) -> None:
    """`Retry-After` in seconds or as a date; at most 300 s; nonsense is ignored."""
    async with opened(Hook(answered(429, Retry_After=asked))) as sink:
        with pytest.raises(NotReady, match="HTTP 429") as caught:
            await sink.write([happened("a")])
    assert caught.value.retry_after == wait


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_receiver_that_finds_fault_gets_smaller_batches(status: int) -> None:
    """Nothing but `NotReady` and `Reject` makes the delivery halve."""
    async with opened(Hook(answered(status))) as sink:
        with pytest.raises(Refused, match=str(status)):
            await sink.write([happened("a"), happened("b")])


@pytest.mark.parametrize(
    "answer",
    [
        answered(401),
        answered(404, b"<html>no</html>"),
        answered(302, Location="http://127.0.0.1:1/evil"),
        answered(307, Location="http://169.254.169.254/latest/meta-data"),
    ],
    ids=["401", "404", "302", "307"],
)
async def test_a_wrong_address_holds_everything_and_is_one_error(
    answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is followed and nothing is lost; the error comes again only after a success."""
    hook = Hook(answer, answer, answered(200), answer)
    async with opened(hook) as sink:
        for _ in range(2):
            with pytest.raises(NotReady) as caught:
                await sink.write([happened("a")])
            assert caught.value.retry_after == 300
        await sink.write([happened("a")])
        with pytest.raises(NotReady):
            await sink.write([happened("b")])
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.message for record in said] == ["webhook.held"] * 2
    assert len(hook.requests) == 4


@pytest.mark.parametrize("fault", [silence, hang_up, endless_head])
async def test_no_answer_is_waited_for(fault: Any) -> None:
    """Silence, a connection that ends early, headers without end: the batch comes again."""
    hook = Hook(fault)
    async with opened(hook, limit=0.3) as sink:
        with trio.fail_after(5), pytest.raises(NotReady, match="no answer"):
            await sink.write([happened("a")])
        await sink.write([happened("a")])
    assert len(hook.taken) == 1


@pytest.mark.parametrize("fault", [endless_body, torn_body])
async def test_a_status_of_2xx_counts_whatever_its_body_does(fault: Any) -> None:
    """A body without end is not read; a torn one loses nothing (corpus 85, 86)."""
    hook = Hook(fault)
    async with opened(hook) as sink:
        with trio.fail_after(5):
            await sink.write([happened("a")])
            await sink.write([happened("b")])
    assert len(hook.requests) == 2


async def test_nobody_there_is_waited_for() -> None:
    """A refused connection is no event's fault."""
    async with WebhookSink("hook", Poster("http://127.0.0.1:1/in")) as sink:
        with pytest.raises(NotReady, match="no answer"):
            await sink.write([happened("a")])


async def test_a_host_that_no_name_service_knows_holds_everything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What only the HTTP library finds wrong is no event's fault either."""
    async with WebhookSink("hook", Poster("https://\u00fc..example/canary")) as sink:
        with pytest.raises(NotReady, match="none for HTTP") as caught:
            await sink.write([happened("a")])
    assert caught.value.retry_after == 300
    assert "canary" not in caplog.text


async def test_a_sink_that_is_not_open_is_not_ready() -> None:
    """Neither before nor after its scope."""
    sink = WebhookSink("hook", Poster("http://127.0.0.1:1/in"))
    with pytest.raises(NotReady, match="not opened"):
        await sink.write([happened("a")])


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events go where the file says, and nowhere else."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    hook = Hook()
    async with opened(hook) as sink:
        await sink.write([happened("a")])
    assert len(hook.taken) == 1


async def test_the_address_of_a_room_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in ours nor in those of the library, whatever happens."""
    caplog.set_level(logging.DEBUG)
    hook = Hook(answered(200), answered(404), hang_up)
    async with hook.listen() as url, WebhookSink("hook", Poster(f"{url}?t=canary")) as sink:
        await sink.write([happened("a")])
        for _ in range(2):
            with pytest.raises(NotReady) as caught:
                await sink.write([happened("a")])
            assert "canary" not in str(caught.value)
    assert "?t=canary" in hook.requests[0].line
    assert len(caplog.records) > 10
    assert "canary" not in caplog.text


async def test_chat_says_one_sentence_an_event() -> None:
    """What the event says of itself, or its plain fields; unsigned without a secret."""
    hook = Hook()
    told = Event("approvals", "notice", {"text": "Approve *deploy*?\nIt expires in 5 min.\x1b[2J"})
    plain = Event("audit", "login", {"type": "login", "user": "ann", "n": 3, "nested": {"x": 1}})
    async with opened(hook, is_chat=True) as sink:
        await sink.write([told, plain, gap()])
    assert [json.loads(each.body) for each in hook.requests] == [
        {"text": "Approve *deploy*?\nIt expires in 5 min.\\x1b[2J"},
        {"text": "audit login: user ann, n 3"},
        {
            "text": "approvals gap: cause reconnect, since 2026-11-22T21:04:56+00:00,"
            " until 2026-11-22T21:04:56+00:00, dropped 7"
        },
    ]
    assert "webhook-signature" not in hook.requests[0].headers
    assert len({each.headers["webhook-id"] for each in hook.requests}) == 3


async def test_chat_is_never_longer_than_a_notice() -> None:
    """Whatever an event holds, also what JSON cannot."""
    hook = Hook()
    async with opened(hook, is_chat=True) as sink:
        await sink.write([Event("a", "b", {"text": "x" * 9000}), unwritable("y")])
    assert all(len(json.loads(each.body)["text"]) <= 2000 for each in hook.requests)


async def test_time_is_the_real_one_unless_told() -> None:
    """Receivers refuse what is older than five minutes."""
    hook = Hook()
    async with hook.listen() as url, WebhookSink("hook", Poster(url)) as sink:
        await sink.write([happened("a")])
    assert abs(int(hook.requests[0].headers["webhook-timestamp"]) - time.time()) < 60
