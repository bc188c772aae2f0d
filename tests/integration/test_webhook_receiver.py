"""The sample receiver of the page takes what the sink sends, once, and nothing else (S16)."""

import importlib.util
import sys
import threading
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sink_bench import happened

from trunkline.plugin_api import NotReady
from trunkline_plugins.sinks.webhook.messages import array
from trunkline_plugins.sinks.webhook.posting import Poster
from trunkline_plugins.sinks.webhook.signature import key_of, signature
from trunkline_plugins.sinks.webhook.sink import WebhookSink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "A" * 32
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "webhook_receiver.py"
NOW = 1_795_380_645


@pytest.fixture
def receiver() -> Any:
    """Return the module of the example."""
    spec = importlib.util.spec_from_file_location("webhook_receiver", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def url(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run it in a thread."""
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with HTTPServer(("127.0.0.1", 0), receiver.Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


async def test_s16_the_receiver_takes_what_is_signed_once(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch that comes twice is printed once; one of a stranger is held back by its sender."""
    event = happened("a")
    async with WebhookSink("hook", Poster(url), key=key_of(SECRET)) as sink:
        await sink.write([event])
        await sink.write([event, happened("b")])
    async with WebhookSink("hook", Poster(url), key=key_of(OTHER)) as sink:
        with pytest.raises(NotReady, match="HTTP 401"):
            await sink.write([happened("c")])
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition("'name': ")[2][:3] for line in printed] == ["'a'", "'b'"]


@pytest.mark.parametrize(
    ("change", "is_taken"),
    [
        ({}, True),
        ({"webhook-signature": "v1,x {}"}, True),
        ({"webhook-signature": "v1,x"}, False),
        ({"webhook-signature": ""}, False),
        ({"webhook-id": "msg_other"}, False),
        ({"webhook-timestamp": str(NOW + 1)}, False),
        ({"webhook-timestamp": "soon"}, False),
        ({"body": "changed"}, False),
        ({"now": "299"}, True),
        ({"now": "301"}, False),
        ({"now": "-301"}, False),
    ],
)
def test_s16_a_replay_and_a_change_are_refused(
    receiver: Any, change: dict[str, str], is_taken: bool
) -> None:
    """Five minutes on, or with another id, time or body, a signature is worth nothing."""
    message = array([happened("a")], ["{}"])
    signed = signature(key_of(SECRET), message.id, NOW, message.body)
    headers = {
        "webhook-id": message.id,
        "webhook-timestamp": str(NOW),
        "webhook-signature": signed,
        **{name: value.replace("{}", signed) for name, value in change.items()},
    }
    body = headers.pop("body", message.body.decode()).encode()
    now = NOW + int(headers.pop("now", "0"))
    assert receiver.is_genuine(headers, body, SECRET, now) is is_taken
    assert "webhook_receiver" not in sys.modules
