"""Text of one frame to one JSON object and back, with the limits both sides need (SV1)."""

from collections.abc import Mapping
from typing import Any

import orjson

#: What leaves is one JSON object in one text frame of at most this many bytes.
MAX_MESSAGE_BYTES = 1024 * 1024


#: Reads the text of a frame. orjson refuses what no peer of ours sends: NaN, 1e400, lone
#: surrogates, a byte order mark, nesting beyond 1,024.
read_json = orjson.loads
NotJson = orjson.JSONDecodeError


def decode(payload: bytes) -> dict[str, Any] | None:
    """Return the JSON object in `payload`, or None where there is none."""
    try:
        message = read_json(payload)
    except NotJson:
        return None
    return message if type(message) is dict else None


def encode(message: Mapping[str, Any]) -> str:
    """Return the text of the frame that carries `message`.

    Raises:
        ValueError: not a JSON object with a string `type`, or over `MAX_MESSAGE_BYTES`.
    """
    if not isinstance(message, Mapping):
        raise ValueError(f"a message is a JSON object, not {type(message).__name__}")  # noqa: TRY004 - one error for every way a message can be wrong
    if type(message.get("type")) is not str or not message["type"]:
        raise ValueError("a message needs a `type`: a string that is not empty")
    try:
        text = orjson.dumps(dict(message))
    except orjson.JSONEncodeError as exc:
        raise ValueError(f"a message must be JSON: {exc}") from None
    if len(text) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {len(text)} bytes is over the limit of {MAX_MESSAGE_BYTES}")
    return text.decode()
