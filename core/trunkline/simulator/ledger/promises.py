"""What is promised at each boundary, as data: the documentation prints it, the judge holds to it.

So neither can promise more than the other. An acknowledgement is worth as much as the fault that
it survives, so each row names both.
"""

import attrs


@attrs.frozen
class Promise:
    """One row of the table."""

    name: str
    """`B1`, ..."""
    boundary: str
    guarantee: str
    must_be_zero: str
    """What the judge looks for."""
    is_judged: bool = True
    """Whether a ledger can tell; else the tests named in the documentation do."""


PROMISES = (
    Promise(
        "B1",
        "server to host",
        "At most once, and in order within a socket's life. The server replays nothing, so every "
        "break leaves a gap in the stream. What a back-fill fetches is marked so, and comes in no "
        "promised order.",
        "events lost outside a gap; live events twice; live events out of order",
    ),
    Promise(
        "B2",
        "router to subscription",
        "At most once, in memory. A full mailbox drops the oldest and leaves one gap with the "
        "exact count, or ends with `SlowConsumer`, as the subscription chose. What a handler "
        "raises is counted; the event is not handed out again.",
        "drops that no gap counts; events of another topic, of an ended subscription or of an "
        "older socket",
    ),
    Promise(
        "B3",
        "tracker to outbox",
        "In memory it is lost with the process, and said so. With a path it is on disk when "
        '`flush(until="stored")` returns: it survives exceptions and `kill -9`, and a power cut '
        "as far as the disk obeys.",
        "stored records that are missing after a restart",
    ),
    Promise(
        "B4",
        "outbox to sink",
        "At least once, to every sink, with the same id on each try and in order. After a crash "
        "or a lost link at most one batch (64) is repeated.",
        "stored records that a sink never got; more repeats than one batch for each crash",
    ),
    Promise(
        "B5",
        "sink to its medium",
        "JSONL: whole lines. SQLite and PostgreSQL: once per id. Webhook: at least once; the "
        "receiver tells repeats by their id.",
        "one id twice where it is promised once",
    ),
    Promise(
        "B6",
        "command to server",
        "At most once. `NotSent`: nothing has left. `OutcomeUnknown`: the link was lost in "
        "flight. The host never sends a command twice by itself.",
        "a command executed twice; one executed that was reported as not sent",
    ),
    Promise(
        "B7",
        "approval decision",
        "One decision for each request, recorded before it is sent; whatever is unclear is a "
        "denial.",
        "two decisions for one request",
    ),
    Promise(
        "B8",
        "plugin to host",
        "What a plugin raises, a hang in an await and tasks it leaks are contained, and it is "
        "started again for as long as the host runs. A blocked event loop is reported with its "
        "stack, not cured.",
        "a host ended by a plugin; a neighbour's events lost",
        is_judged=False,
    ),
)

#: {name: row}
BY_NAME = {promise.name: promise for promise in PROMISES}
BATCH = 64  # records that a crash or a lost link may repeat, at each sink


class BrokenPromise(AssertionError):
    """A history breaks a promise; `row` names it, the text holds the shortest history that does."""

    def __init__(self, row: str, cause: str, history: tuple[str, ...]) -> None:
        self.row = row
        lines = "\n".join(f"  {line}" for line in history)
        super().__init__(f"{row}, {BY_NAME[row].boundary}: {cause}\n{lines}")
