"""Text on the wire, as the server writes and reads it; pure.

Direct replies are compact UTF-8, pushed events have spaces and ASCII escapes: the server makes
them in two places, and a client that compares bytes sees the difference (protocol §1).
"""

import json
import random
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


class Fatal(Exception):
    """This input ends the session with close code 1000, as any fault of the server does (§4)."""


def encode_reply(message: Mapping[str, Any]) -> str:
    """Return a direct reply.

    Raises:
        Fatal: an echoed field holds half a character.
    """
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise Fatal("a lone surrogate cannot be echoed") from exc
    return text


def encode_push(message: Mapping[str, Any]) -> str:
    """Return a pushed event."""
    return json.dumps(message)


def decode(frame: str | bytes) -> dict[str, Any] | None:
    """Return the message in a frame; None where the server ignores it.

    Raises:
        Fatal: binary, JSON that is no object, or nested too deep.
    """
    if isinstance(frame, bytes):
        raise Fatal("a binary frame")
    try:
        message = json.loads(frame)
    except json.JSONDecodeError:
        return None
    except (RecursionError, ValueError) as exc:
        raise Fatal("JSON beyond what the decoder takes") from exc
    if not isinstance(message, dict):
        raise Fatal("JSON that is not an object")
    return message


def new_id(rng: random.Random) -> str:
    """Return a UUID drawn from `rng`, so that a seed repeats every id."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def iso(wall_time: float) -> str:
    """Return seconds since 1970 as the server writes most times: with offset, microseconds."""
    return datetime.fromtimestamp(wall_time, UTC).isoformat(timespec="microseconds")


def naive_iso(wall_time: float) -> str:
    """Return the time as approvals carry it: UTC without saying so (protocol §6.2)."""
    return iso(wall_time).removesuffix("+00:00")
