"""C34 to C52: text that is no message, or an odd one, and what becomes of it (reliability §10).

Each is sent to a live connection, between two events that arrive. `CANARY` stands wherever a
value could get into a log.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import orjson

CANARY = "canary-7f3a"

Text = Callable[[], str]


@attrs.frozen
class Dropped:
    """It is counted for its reason and goes no further."""

    reason: str
    path: str | None = None
    """What the log names; None: nothing but the reason has a name."""


@attrs.frozen
class Arrives:
    """It is an event of this topic."""

    topic: str
    data: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """The whole of it; None: only its depth is looked at."""
    is_writable: bool = True
    """It can be written as JSON again; else that is refused by name."""


@attrs.frozen
class Unclassified:
    """Nobody knew its topic: it is counted by its type, and announced on `system`."""

    shown: str | None
    """Its type, as it is announced."""
    counted: str
    topic: str | None = None
    """Where it arrives all the same: the topic named like its type."""


Outcome = Dropped | Arrives | Unclassified


@attrs.frozen
class Case:
    """One odd text."""

    number: int
    letter: str
    what: str
    text: Text = attrs.field(repr=False)
    outcome: Outcome

    @property
    def id(self) -> str:
        """The number as the design writes it, with the letter."""
        return f"C{self.number:02}{self.letter}"


def text(value: str) -> Text:
    """Return `value`, when asked."""
    return lambda: value


def js(**fields: Any) -> Text:
    """Return a message as JSON text."""
    return lambda: orjson.dumps(fields).decode()


def deep(levels: int) -> Text:
    """Return a message of so many levels, itself one of them."""
    return lambda: f'{{"type":"deep","a":{"[" * (levels - 1)}{"]" * (levels - 1)}}}'


def arrives(**fields: Any) -> tuple[Text, Arrives]:
    """Return a message, and that it arrives as it is under the topic of its type."""
    return js(**fields), Arrives(fields["type"], fields)


NO_OBJECT = Dropped("not_an_object")


def invalid(path: str) -> Dropped:
    """Return that a reply is dropped for the field at `path`."""
    return Dropped("invalid_reply", path)


UNASKED = Dropped("unasked_reply")
NUMBER = '{"type":"odd","canary-7f3a":true,"n":%s}'
STATUS = {"type": "status_update", "execution_id": "e-1"}
LONG = "x" * 1025
SHORTENED = "x" * 128 + "..."

_CASES: tuple[tuple[int, str, str, Text, Outcome], ...] = (
    (34, "b", "empty message", text(""), NO_OBJECT),
    (34, "c", "blanks", text(" \t\r\n"), NO_OBJECT),
    (35, "a", "null", text("null"), NO_OBJECT),
    (35, "b", "empty list", text("[]"), NO_OBJECT),
    (35, "c", "list of an object", text('[{"type":"canary-7f3a"}]'), NO_OBJECT),
    (35, "d", "string", text('"canary-7f3a"'), NO_OBJECT),
    (35, "e", "number", text("5"), NO_OBJECT),
    (35, "f", "true", text("true"), NO_OBJECT),
    (36, "a", "two objects", text('{"type":"canary-7f3a"} {}'), NO_OBJECT),
    (36, "b", "byte order mark", text('\ufeff{"type":"canary-7f3a"}'), NO_OBJECT),
    (36, "c", "UTF-16", text("\0".join('{"type":"canary-7f3a"}') + "\0"), NO_OBJECT),
    (36, "d", "cut off", text('{"type":"canary-7f3a'), NO_OBJECT),
    (36, "e", "single quotes", text("{'type':'canary-7f3a'}"), NO_OBJECT),
    (36, "f", "NUL", text("\0"), NO_OBJECT),
    (37, "a", "1,025 levels", deep(1025), NO_OBJECT),
    (37, "b", "100,000 brackets", lambda: "[" * 100_000, NO_OBJECT),
    (37, "c", "100,000 objects", lambda: '{"a":' * 100_000, NO_OBJECT),
    (38, "a", "253 levels", deep(253), Arrives("deep")),
    (38, "b", "255 levels", deep(255), Arrives("deep", is_writable=False)),
    (38, "c", "600 levels", deep(600), Arrives("deep", is_writable=False)),
    (38, "d", "1,024 levels", deep(1024), Arrives("deep", is_writable=False)),
    (40, "a", "integer of 5,000 digits", lambda: NUMBER % ("9" * 5000), NO_OBJECT),
    (40, "b", "1e400", text(NUMBER % "1e400"), NO_OBJECT),
    (40, "c", "NaN", text(NUMBER % "NaN"), NO_OBJECT),
    (40, "d", "Infinity", text(NUMBER % "Infinity"), NO_OBJECT),
    (40, "e", "-Infinity", text(NUMBER % "-Infinity"), NO_OBJECT),
    (41, "a", "lone surrogate in a value", text(NUMBER % '"\\ud800"'), NO_OBJECT),
    (41, "b", "lone surrogate in a key", text('{"type":"odd","\\udc00":1}'), NO_OBJECT),
    (
        42, "a", "repeated key", text('{"type":"first","n":1,"n":2,"type":"odd"}'),
        Arrives("odd", {"type": "odd", "n": 2}),
    ),
    (
        42, "b", "repeated key of a reply", text('{"type":"pong","type":"odd"}'),
        Arrives("odd", {"type": "odd"}),
    ),
    (43, "a", "unknown type", js(type="made_up"), Unclassified("made_up", "made_up", "made_up")),
    (43, "b", "no type", js(payload=CANARY), Unclassified(None, "(none)")),
    (43, "c", "a number for a type", js(type=7), Unclassified(None, "(none)")),
    (43, "d", "a list for a type", js(type=["pong"]), Unclassified(None, "(none)")),
    (43, "e", "empty object", text("{}"), Unclassified(None, "(none)")),
    (
        44, "", "unknown extra field", js(**STATUS, extra=[CANARY]),
        Arrives("flow_executions", {**STATUS, "extra": [CANARY]}),
    ),
    # the fields `n` and `ok` of the design are those that our messages have
    (45, "a", "no session_id", js(type="handshake", authenticated=True), invalid("$.session_id: required key 'session_id' is missing")),
    (45, "b", "no user", js(type="authenticated"), invalid("$.user: required key 'user' is missing")),
    (45, "c", "no id of a user", js(type="authenticated", user={"username": CANARY}), invalid("$.user.id: required key 'id' is missing")),
    (45, "d", "no error", js(type="auth_error"), invalid("$.error: required key 'error' is missing")),
    (45, "e", "no topics", js(type="subscription_ack", action=CANARY), invalid("$.topics: required key 'topics' is missing")),
    (45, "f", "no fields of an ack", js(type="command_ack"), invalid("$.command: required key 'command' is missing")),
    (45, "g", "no error of a command", js(type="command_error", execution_id=CANARY), invalid("$.error: required key 'error' is missing")),
    (45, "h", "no error of a subscription", js(type="subscription_error"), invalid("$.error: required key 'error' is missing")),
    (46, "a", "number for text", js(type="handshake", session_id=5, authenticated=True), invalid("$.session_id: expected a string")),
    (46, "b", "text for an object", js(type="authenticated", user=CANARY), invalid("$.user: ")),
    (46, "c", "text for a list", js(type="subscription_ack", action="x", topics=CANARY), invalid("$.topics: expected a list")),
    (46, "d", "number in a list", js(type="subscription_ack", action="x", topics=["a", 5]), invalid("$.topics[1]: expected a string")),
    (46, "e", "object for text", js(type="auth_error", error={CANARY: CANARY}), invalid("$.error: expected a string")),
    (46, "f", "null for text", js(type="command_ack", command=None, status="x"), invalid("$.command: expected a string")),
    (46, "g", "list for an object", js(type="authenticated", user=[CANARY]), invalid("$.user: ")),
    (47, "a", "text for a truth", js(type="handshake", session_id=CANARY, authenticated="false"), invalid("$.authenticated: expected true or false")),
    (47, "b", "number for a truth", js(type="handshake", session_id=CANARY, authenticated=0), invalid("$.authenticated: expected true or false")),
    (47, "c", "null for a truth", js(type="handshake", session_id=CANARY, authenticated=None), invalid("$.authenticated: expected true or false")),
    (48, "a", "empty topic", js(type="odd", topic=""), Unclassified("odd", "odd", "odd")),
    (48, "b", "empty type", js(type=""), Unclassified("", "(none)")),
    (49, "a", "topic of 1,025 characters", js(type="odd", topic=LONG), Unclassified("odd", "odd", "odd")),
    (49, "b", "type of 1,025 characters", js(type=LONG), Unclassified(SHORTENED, SHORTENED)),
    (50, "a", "topic with NUL", js(type="odd", topic="a\0b"), Unclassified("odd", "odd", "odd")),
    (50, "b", "topic with a newline", js(type="odd", topic="a\nb"), Unclassified("odd", "odd", "odd")),
    (50, "c", "topic ..", js(type="odd", topic=".."), Unclassified("odd", "odd", "odd")),
    (50, "d", "topic with a path", js(type="odd", topic="../../etc/passwd"), Unclassified("odd", "odd", "odd")),
    (50, "e", "topic *", js(type="odd", topic="*"), Unclassified("odd", "odd", "odd")),
    (50, "f", "type with NUL", js(type="a\0b"), Unclassified("a\\x00b", "a\\x00b")),
    (50, "g", "type with a newline", js(type="a\nb"), Unclassified("a\\nb", "a\\nb")),
    (50, "h", "type ..", js(type=".."), Unclassified("..", "..")),
    (50, "i", "type with a path", js(type="a/../b"), Unclassified("a/../b", "a/../b")),
    (50, "j", "type *", js(type="*"), Unclassified("*", "*")),
    (50, "k", "type that colours a terminal", js(type="\x1b[31mx"), Unclassified("\\x1b[31mx", "\\x1b[31mx")),
    (50, "l", "topic with an escape sequence", js(type="odd", topic="\x1b[31mx"), Unclassified("odd", "odd", "odd")),
    *(
        (51, letter, f"timestamp {stamp!r}", js(**STATUS, timestamp=stamp), Arrives("flow_executions", {**STATUS, "timestamp": stamp}))
        for letter, stamp in zip(
            "abcdef",
            ("0001-01-01T00:00:00Z", "99999-01-01T00:00:00Z", -1, "yesterday", 1e300, None),
            strict=True,
        )
    ),
    (52, "a", "pong without a ping", js(type="pong", payload=CANARY), UNASKED),
    (52, "b", "ack without a command", js(type="command_ack", command="stop", status=CANARY), UNASKED),
    (52, "c", "error without a command", js(type="command_error", error=CANARY), UNASKED),
    (52, "d", "ack without a subscription", js(type="subscription_ack", action="subscribed", topics=[CANARY]), UNASKED),
    (52, "e", "refusal of no token", js(type="auth_error", error=CANARY), UNASKED),
    (52, "f", "second greeting", js(type="handshake", session_id=CANARY, authenticated=False), UNASKED),
    (52, "g", "another identity, unasked", js(type="authenticated", user={"id": CANARY, "username": "mallory"}), UNASKED),
)  # fmt: skip

CASES = tuple(Case(*fields) for fields in _CASES)


def large() -> str:
    """C39: return a message of almost 4 MiB of the smallest objects."""
    return '{"type":"large","a":[' + "{}," * 1_390_000 + "{}]}"
