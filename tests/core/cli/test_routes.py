"""`routes`: the table in the order in which it is asked, and one message's way through it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from trunkline.cli import trunkline

CONFIG = """
[connection]
url = "ws://localhost/"
[plugins]
paths = ["audit.py"]
order = ["audit.second", "audit.first"]
[[filter]]
topic = "audit"
where = { "payload.action" = { prefix = "debug_" } }
action = "drop"
[[filter]]
topic = "audit"
action = "redact"
keys = ["payload.user.mail", "payload.not_there"]
[[filter]]
topic = "audit"
action = "sample"
keep = 0.001
[[filter]]
topic = "adit"
action = "drop"
"""
PLUGIN = """
import attrs
from trunkline import hookimpl

@hookimpl
def trunkline_register_topics(topics):
    topics.add("audit", match={"type": "audit_event"})

@hookimpl
def trunkline_register_filters(filters):
    filters.add("first", lambda event: event.gone, topics=["approvals"])
    filters.add("second", lambda event: attrs.evolve(event, type="seen"), where=is_audit)

def is_audit(event):
    return event.topic == "audit"

@hookimpl
def trunkline_register_subscriptions(subscriptions):
    subscriptions.add("audit", print, where={"payload.n": 1})
    subscriptions.add("audit", print, where={"payload.n": 2})
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit.py").write_text(PLUGIN)
    (tmp_path / "trunkline.toml").write_text(CONFIG)
    return tmp_path


def routes(*arguments: str, message: object = None) -> Result:
    if message is not None:
        arguments = (*arguments, "--message", "-")
    return CliRunner().invoke(trunkline, ["routes", *arguments], input=json.dumps(message))


def test_p24_the_table_is_printed_in_the_order_in_which_it_is_asked(folder: Path) -> None:
    """The file's filters first, then the plugins' as `order` says, each with its number."""
    result = routes("--json")
    rows = [row for row in json.loads(result.stdout) if row["kind"] == "filter"]

    assert [(row["order"], row["owner"], row["topic"], row["rule"]) for row in rows] == [
        (1, "filter.1", "audit", "drop where payload.action starts with debug_"),
        (2, "filter.2", "audit", "redact payload.user.mail, payload.not_there"),
        (3, "filter.3", "audit", "keep 0.1 % of the events"),
        (4, "filter.4", "adit", "drop"),
        (5, "audit.second", "*", "where is_audit() holds"),
        (6, "audit.first", "approvals", "every event"),
    ]
    assert "filter        2      audit" in routes().stdout


def test_p24_routes_warns_of_topics_that_nobody_owns(folder: Path) -> None:
    """As `check` does; the table itself stays clean for whoever reads it."""
    assert routes().stderr.splitlines() == [
        "warning: filter `filter.4` is for topic `adit`, which nobody owns; did you mean `audit`?"
    ]


def test_routes_of_a_message_says_what_each_filter_did(folder: Path) -> None:
    """What was changed by its path, and only the subscription whose condition holds."""
    payload = {"action": "x", "user": {"mail": "a", "n": 1}, "n": 2}
    message = {"type": "audit_event", "payload": payload}

    assert routes(message=message).stdout.splitlines() == [
        "topic: audit (match of audit)",
        "filter filter.1: does not concern it  [drop]",
        "filter filter.2: changed (payload.user.mail)"
        "  [redact payload.user.mail, payload.not_there]",
        "filter filter.3: kept  [keep 0.1 % of the events]",
        "filter audit.second: changed (type)",
        "to plugin audit",
    ]
    payload["action"] = "debug_x"
    assert routes(message=message).stdout.splitlines()[1:] == [
        "filter filter.1: dropped  [drop]",
        "to nobody",
    ]


def test_routes_of_a_message_contains_a_filter_that_raises(folder: Path) -> None:
    """Here as in the router: the event goes no further."""
    way = json.loads(routes("--json", message={"topic": "approvals", "type": "x"}).stdout)

    assert [each["verdict"] for each in way["filters"]] == [
        "does not concern it",
        "raised AttributeError: dropped",
    ]
    assert way["data"] is None


def test_routes_follows_the_switches(folder: Path) -> None:
    """What `--safe` leaves out is not in the table, and said."""
    result = routes("--safe")

    assert "audit.second" not in result.stdout
    assert "leaves out the filters and classifiers audit.second, audit.first" in result.stderr


def test_routes_of_no_message_is_misuse(folder: Path) -> None:
    """JSON, and one object."""
    assert "not JSON" in CliRunner().invoke(trunkline, ["routes", "--message", "-"], "{").output
    assert routes(message=[1]).exit_code == 2
    assert "No such file" in routes("--message", "nowhere.json").output
