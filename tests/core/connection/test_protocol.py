"""The wire vocabulary: protocol §4 and §5, both directions."""

from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.connection.protocol import (
    CLIENT_MESSAGES,
    MAX_MESSAGE_BYTES,
    REPLIES,
    SERVER_TOPICS,
    Activity,
    Authenticate,
    Command,
    Ping,
    Pong,
    ReplyQueue,
    Subscribe,
    Unsubscribe,
    decode,
    encode,
    encode_activity,
    expected_reply,
    parse_reply,
    refusal,
    unstructure,
)
from trunkline.errors import InvalidData
from trunkline.events import Event
from trunkline.strict import structure

# the direct replies of protocol §5, byte for byte
DIRECT_REPLIES = [
    '{"type":"handshake","session_id":"03a5d1bf-ce47-4239-8129-683223e61871","authenticated":false,"message":"Connected to unified WebSocket"}',
    '{"type":"authenticated","user":{"id":"3e6260d8-e77c-40fb-b329-7e82cc384622","username":"alice","email":"alice@example.com"}}',
    '{"type":"auth_error","error":"Token required for authentication"}',
    '{"type":"subscription_ack","topic":"approvals","action":"subscribed","topics":["approvals","flow_executions"]}',
    '{"type":"subscription_error","topic":"nope","error":"Unsupported topic"}',
    '{"type":"command_ack","execution_id":"1eba553a-2baf-4603-a7a0-f8b7856aefad","command":"send_message","status":"command_sent"}',
    '{"type":"command_ack","execution_id":"f09f58fd-7a60-4425-8d95-017d22da118b","command":"stop","status":"not_running","execution_status":"SUCCEEDED"}',
    '{"type":"command_error","execution_id":"not-a-uuid","error":"unauthorized"}',
    '{"type":"pong"}',
    '{"type":"ping"}',
]
# the client messages of protocol §4, as shown there
CLIENT_TEXTS = [
    (Authenticate(token="eyJ"), '{"type":"authenticate","token":"eyJ"}'),
    (Subscribe(topic="approvals"), '{"type":"subscribe","topic":"approvals"}'),
    (Unsubscribe(topic="approvals"), '{"type":"unsubscribe","topic":"approvals"}'),
    (
        Command(command="stop", execution_id="1eba", payload={"reason": "test"}),
        '{"type":"command","command":"stop","execution_id":"1eba","payload":{"reason":"test"}}',
    ),
    (
        Command(command="send_message", execution_id="1eba", message="hello agent"),
        '{"type":"command","command":"send_message","execution_id":"1eba","message":"hello agent"}',
    ),
    (
        Activity(event="page_view", path="/console/flows", timestamp=1795380645479),
        '{"type":"activity","event":"page_view","timestamp":1795380645479,"metadata":{},"path":"/console/flows"}',
    ),
    (Ping(), '{"type":"ping"}'),
    (Pong(), '{"type":"pong"}'),
]


@pytest.mark.parametrize("text", DIRECT_REPLIES)
def test_a_direct_reply_survives_the_way_in_and_out(text: str) -> None:
    """Each reply becomes its class and, written again, the same bytes."""
    message = decode(text.encode())
    assert message is not None
    reply = parse_reply(message)
    assert type(reply) is REPLIES[message["type"]]
    again = unstructure(reply)
    assert {**again, "topics": list(again.get("topics", ()))} == {"topics": [], **message}


@pytest.mark.parametrize(("message", "text"), CLIENT_TEXTS)
def test_a_client_message_is_written_as_the_protocol_shows_it(message: Any, text: str) -> None:
    """Class to text, and back to the same class."""
    assert orjson.loads(encode(unstructure(message))) == orjson.loads(text)
    assert structure(orjson.loads(text), CLIENT_MESSAGES[message.type]) == message


def test_every_client_message_of_the_protocol_has_a_class() -> None:
    """Protocol §4 lists seven types and no other."""
    assert set(CLIENT_MESSAGES) == {
        "authenticate", "subscribe", "unsubscribe", "activity", "command", "ping", "pong",
    }  # fmt: skip


def test_unknown_fields_are_no_obstacle() -> None:
    """A newer server may say more: what is known is read, the rest stays in the message."""
    message = {"type": "auth_error", "error": "no", "retry": {"in": 5}}
    reply = parse_reply(message)
    assert attrs.asdict(reply) == {"error": "no"}
    assert message["retry"] == {"in": 5}


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ({"type": "handshake", "session_id": "x"}, "authenticated"),
        ({"type": "handshake", "session_id": "x", "authenticated": "false"}, r"\$\.authenticated"),
        ({"type": "handshake", "session_id": 5, "authenticated": False}, r"\$\.session_id"),
        ({"type": "authenticated", "user": {"id": 7, "username": "canary"}}, r"\$\.user\.id"),
        ({"type": "subscription_ack", "action": "a", "topics": "canary"}, r"\$\.topics"),
    ],
)
def test_c45_a_reply_with_a_wrong_field_is_refused_with_its_path(
    message: dict[str, Any], path: str
) -> None:
    """Strict structuring: nothing is coerced, the path is named, the value is not."""
    with pytest.raises(InvalidData, match=path) as caught:
        parse_reply(message)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"[]", b'"s"', b"5", b"{} {}", b"\xef\xbb\xbf{}", b"{\x00}", b'{"a":NaN}',
     b'{"a":1e400}', b'{"a":"\\ud800"}', b"[" * 100_000, b'{"a":' * 1100 + b"1" + b"}" * 1100],
)  # fmt: skip
def test_c35_what_is_not_one_json_object_is_nothing(payload: bytes) -> None:
    """Refused by the decoder without an exception of any kind."""
    assert decode(payload) is None


def test_c42_of_a_repeated_key_the_last_wins() -> None:
    """As the server's own reader does it."""
    assert decode(b'{"a":1,"a":2}') == {"a": 2}


@pytest.mark.parametrize(
    "message",
    [[], "x", 5, {}, {"type": ""}, {"type": 5}, {"type": "x", "a": {1, 2}}, {"type": "x", 5: 1},
     {"type": "x", "a": "\ud800"}, {"type": "x", "a": "b" * MAX_MESSAGE_BYTES}],
)  # fmt: skip
def test_sv1_what_breaks_the_servers_rules_is_refused_at_the_call(message: Any) -> None:
    """One JSON object with a type, at most 1 MiB: else the server would end the session."""
    with pytest.raises(ValueError, match="message"):
        encode(message)


def test_a_reply_goes_to_the_message_it_answers() -> None:
    """Replies are matched by order and content; those passed over will never be answered."""
    queue: ReplyQueue[str] = ReplyQueue()
    messages = [
        ("ping 1", {"type": "ping"}),
        ("stop a", {"type": "command", "command": "stop", "execution_id": "a"}),
        ("stop b", {"type": "command", "command": "stop", "execution_id": "b"}),
        ("ping 2", {"type": "ping"}),
    ]
    for name, message in messages:
        expected = expected_reply(message)
        assert expected is not None
        queue.expect(expected, name)
    assert queue.head == "ping 1"
    assert queue.take({"type": "pong"}) == ([], "ping 1")
    assert queue.take({"type": "command_ack", "execution_id": "c"}) == ([], None)
    assert queue.take({"type": "command_error", "execution_id": "b"}) == (["stop a"], "stop b")
    assert len(queue) == 1
    assert queue.clear() == ["ping 2"]
    assert queue.head is None


@pytest.mark.parametrize("kind", ["activity", "pong", "anything"])
def test_the_server_answers_nothing_else(kind: str) -> None:
    """Activity is never answered, and unknown types are ignored."""
    assert expected_reply({"type": kind}) is None


def test_a_refusal_names_its_reason() -> None:
    """The three error replies are refusals, the acknowledgements are not."""
    assert refusal({"type": "command_error", "error": "unauthorized"}) == "unauthorized"
    assert refusal({"type": "command_ack", "status": "stopped"}) is None
    shown = refusal({"type": "command_error", "error": "\x1b[2J\n" + "x" * 9999})
    assert (shown or "").startswith("\\x1b[2J\\n")
    assert len(shown or "") == 123
    authentication = expected_reply({"type": "authenticate"})
    assert authentication is not None
    assert authentication.fits({"type": "auth_error"})
    assert not authentication.fits({"type": "pong"})
    unsubscribed = expected_reply({"type": "unsubscribe", "topic": "a"})
    assert unsubscribed == expected_reply({"type": "subscribe", "topic": "a"})


def test_the_thirteen_topics_of_the_server_are_known() -> None:
    """Protocol §7 names thirteen that a client may subscribe to."""
    assert len(SERVER_TOPICS) == 13


def activity(kind: str, **data: Any) -> Event:
    return Event("activity", kind, {"at": 1795380645480, **data}, origin="local", received=1.0)


def test_a12_an_action_has_the_form_the_server_reads() -> None:
    """Plain integer milliseconds, metadata an object, our one reserved key inside it."""
    event = activity("action", name="report.export", metadata={"format": "csv"}, session="s")
    assert encode_activity(event, anonymous=False) == {
        "type": "activity",
        "event": "action",
        "timestamp": 1795380645480,
        "metadata": {"format": "csv", "_trunkline": {"id": event.id, "session": "s"}},
        "action": "report.export",
    }


def test_a12_page_views_conversions_and_hellos_have_their_own_fields() -> None:
    """Each kind as protocol §8 lists it."""
    view = encode_activity(activity("page_view", path="/a", referrer="/b"), anonymous=False)
    assert (view["path"], view["referrer"]) == ("/a", "/b")
    sale = encode_activity(activity("conversion", name="sale", value=12.5), anonymous=False)
    assert (sale["conversion_event"], sale["value"]) == ("sale", 12.5)
    hello = encode_activity(
        activity("session_hello", visitor_id="v", device={"os": "Linux"}), anonymous=False
    )
    assert (hello["visitor_id"], hello["device"]) == ("v", {"os": "Linux"})
    assert "id" in hello["_trunkline"]


def test_a12_while_anonymous_nothing_but_the_bare_fact_leaves() -> None:
    """The server shows anonymous activity to every account, so it gets no metadata and no device."""
    event = activity("action", name="x", metadata={"secret": "canary"}, session="canary")
    assert "canary" not in encode(encode_activity(event, anonymous=True))
    hello = activity("session_hello", visitor_id="v", device={"os": "canary"})
    assert "canary" not in encode(encode_activity(hello, anonymous=True))


def test_only_activity_can_be_sent_as_activity() -> None:
    """An event of another kind is the caller's mistake."""
    with pytest.raises(ValueError, match="status_update is no activity"):
        encode_activity(activity("status_update"), anonymous=False)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_any_json_object_is_decoded_to_itself(message: dict[str, Any]) -> None:
    """What arrives is what is routed: unknown types and fields survive."""
    assert decode(orjson.dumps(message)) == message
