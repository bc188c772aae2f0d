"""What a program hands to `open_connection` is checked like a file."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from trunkline.config import ConnectionSettings, Secret, connection_settings
from trunkline.errors import ConfigError


async def provider(*, fresh: bool) -> str:
    return f"token {fresh}"


def problems(url: str = "wss://h", **arguments: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        connection_settings(url, **arguments)
    return [str(problem) for problem in caught.value.problems]


def test_arguments_become_settings() -> None:
    """With the defaults of a file."""
    settings = connection_settings(
        "ws://localhost", " canary\n", ["a"], connect_timeout=3, ca_file=None
    )

    assert settings == ConnectionSettings(
        url=settings.url, token=Secret("canary"), topics=("a",), connect_timeout=3.0
    )


@pytest.mark.parametrize("token", [None, provider])
def test_a_token_may_be_absent_or_fetched(token: Any) -> None:
    """It stays what it is."""
    assert connection_settings("wss://h", token).token is token


def test_a_token_may_be_a_secret_already() -> None:
    """Checked like any other."""
    assert connection_settings("wss://h", Secret("canary\n")).token == Secret("canary")


@pytest.mark.parametrize("topics", [("a", "b"), ["a", "b"], {"a": 1, "b": 2}, None, ()])
def test_topics_may_be_any_collection(topics: Collection[str] | None) -> None:
    """None is everything, and so is an empty one."""
    assert connection_settings("wss://h", topics=topics).topics in {("a", "b"), ()}


def test_a_string_of_topics_does_not_fall_apart() -> None:
    """It would be topics of one letter each."""
    assert problems(topics="approvals") == ["topics: expected a list, got a string"]


@pytest.mark.parametrize("token", ["", " \n", "canary\ncanary", "canary\0"])
def test_cr5_a_token_is_one_line_without_control_characters(token: str) -> None:
    """And is not repeated."""
    [problem] = problems(token=token)

    assert problem.startswith("token: the secret ")
    assert "canary" not in problem


def test_every_wrong_argument_is_named_at_once() -> None:
    """By its own name, with the near match of a misspelt one."""
    said = problems("http://h", token="", conect_timeout=1, backoff_max=-1, topics=["a b"])

    assert [line.partition(":")[0] for line in said] == [
        "url",
        "token",
        "topics[0]",
        "backoff_max",
        "conect_timeout",
    ]
    assert said[-1].endswith("did you mean `connect_timeout`?)")


@pytest.mark.parametrize("token", ["canary", provider])
def test_cr6_a_token_does_not_travel_in_the_open(token: Any) -> None:
    """To another machine, that is; nor does one that would be fetched."""
    assert "wss://" in problems("ws://h", token=token)[0]
    assert not connection_settings("ws://127.0.0.1", token).exposes_token
    assert not connection_settings("ws://h").exposes_token


def test_cr6_allowing_it_must_be_meant() -> None:
    """Only true is true; and it remains visible that the token is exposed."""
    [problem] = problems("ws://h", token="canary", allow_insecure_token="no")
    assert problem == 'allow_insecure_token: expected true or false, got "no"'

    assert connection_settings("ws://h", "canary", allow_insecure_token=True).exposes_token


def test_paths_may_be_paths() -> None:
    """Code has them as such."""
    assert connection_settings("wss://h", ca_file=Path("/ca.pem")).ca_file == Path("/ca.pem")
