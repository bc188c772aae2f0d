"""The messages of every benchmark, as both sides know them: the sender makes, a client expects."""

import json
import struct

PATH = "/api/v1/ws/unified"
SIZE = 304  # bytes of JSON: an `agent_log_line` and its siblings as the server sends them
TYPES = ("agent_log_line", "agent_log_line", "agent_log_line", "tool_calls_update", "status_update")
EXECUTIONS = 1000  # different ids, in turn
MATCHING = 11  # of them are subscribed to at most; further subscriptions match nothing
LEAST_SIZE = 240  # bytes; a shorter message has short ids and fewer fields
HELLO = b'{"type":"handshake","session_id":"s","authenticated":false,"message":"hi"}'


def execution(number: int, size: int = SIZE) -> str:
    """Return an execution's id."""
    short = f"{number:08d}"
    return short if size < LEAST_SIZE else f"{short}-678f-4ba6-bcd1-5189b2ad2ac7"


def wanted(subscriptions: int, size: int = SIZE) -> list[str]:
    """Return the ids that are subscribed to beside the one subscription to everything."""
    return [
        execution(number if number < MATCHING else EXECUTIONS + number, size)
        for number in range(subscriptions - 1)
    ]


def matches(count: int, subscriptions: int) -> int:
    """Return how many of `count` messages one of the wanted ids fits."""
    ids = min(subscriptions - 1, MATCHING)
    return count // EXECUTIONS * ids + min(count % EXECUTIONS, ids)


def message(number: int, size: int = SIZE) -> bytes:
    """Return a message of exactly `size` bytes of JSON."""
    data: dict[str, object] = {
        "execution_id": execution(number % EXECUTIONS, size),
        "type": TYPES[number % len(TYPES)],
        "n": number,
    }
    if size >= LEAST_SIZE:
        data |= {
            "flow_id": "db95356b-1adc-4d34-876c-39082f894900",
            "account_id": "fd574fbd-6838-441a-babb-7fba886addb9",
            "timestamp": "2026-11-22T20:57:43.363807+00:00",
        }
    data["payload"] = {"line": ""}
    short = len(json.dumps(data))
    data["payload"] = {"line": "x" * (size - short)}
    return json.dumps(data).encode()


def frame(payload: bytes) -> bytes:
    """Return a whole unmasked text frame."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, length) + payload
    return struct.pack("!BBQ", 0x81, 127, length) + payload
