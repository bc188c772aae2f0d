"""What never leaves: values under telling keys, the private parts of URLs, at any depth."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.activity.redaction import REDACTED, SECRET_KEYS, Redactor, path_cleaned, url_cleaned
from trunkline.activity.staged import Staged
from trunkline.activity.stages import Stages
from trunkline.activity.tracker import Tracker

SECRET = "canary-7c2e"


@pytest.mark.parametrize(
    "key",
    [
        "password", "Password", "old_password", "passwd", "client_secret", "X-Auth-Token", "api_key", "apiKey",
        "Authorization", "Set-Cookie", "session_id", "sessionId", "private-key", "aws_credentials", "DSN", "otp",
        "PIN", "ssn", "customer_iban", "card_number", "cardNumber", "cvv",
    ],
)  # fmt: skip
def test_a17_a_listed_key_hides_its_value_whatever_it_is(key: str) -> None:
    """In any case, and with everything below it."""
    redactor = Redactor()
    assert redactor.mapping({key: SECRET}) == {key: REDACTED}
    assert redactor.mapping({"a": [{"b": {key: {"deep": [SECRET]}}}]}) == {"a": [{"b": {key: REDACTED}}]}  # fmt: skip


@pytest.mark.parametrize(
    "key", ["pinned", "options", "description", "authorizations", "keys", "format"]
)
def test_a17_other_keys_are_let_be(key: str) -> None:
    """A list that hides too much is switched off."""
    assert Redactor().mapping({key: "value"}) == {key: "value"}


def test_a17_lists_of_ones_own_add_and_exempt() -> None:
    """`redact` and `allow`, globs in any case."""
    redactor = Redactor(redact=["*Phone*"], allow=["TOKEN_count"])
    clean = redactor.mapping({"home_phone": 1, "token_count": 5, "token": 2})
    assert clean == {"home_phone": REDACTED, "token_count": 5, "token": REDACTED}


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("https://u:p@h.example/a?t=1#f", "https://h.example/a"), ("https://h", "https://h"), ("a?b#c", "a?b#c"),
        ("see https://u@h/?x and ftp://p:q@i/;y", "see https://h/ and ftp://i/;y"), ("/next?token=1", "/next"),
        ("https://h/a,https://u:p@i/b", "https://h/a,https://i/b"), ("50 / 50?", "50 / 50?"), (" /a?b /c#d", " /a /c"),
        ("/a user@b", "/a user@b"), ("http://a:9200,http://elastic:pw@b:9200/x", "http://a:9200,http://b:9200/x"),
        ("http://a|http://u:p@b", "http://a|http://b"), ("amqp://a;amqp://u:p@b", "amqp://a;amqp://b"),
        ("//user:pw@host/p", "//host/p"), ('("//u:p@h/?q', '("//h/'), ("\n/path?token=abc", "\n/path"), ("\t/p?t", "\t/p"),
        ("postgres://app:Se/cret@db/x", "postgres://db/x"), ("postgres://app:Se#cret@db/x", "postgres://db/x"),
        ("postgres://app:Se?cret@db/x?a=b@c", "postgres://db/x"), ("https://h/?mail=a@b&token=c", "https://h/"),
        ("https://h:80/?mail=a@b&token=c", "https://h:80/"), ("https://h:{port}/?mail=a@b&token=c", "https://b"),
        ("https://[fe80::1]:80/?mail=a@b", "https://[fe80::1]:80/"), ("https://h/react@18/@x", "https://h/react@18/@x"),
        ("https://h/?next=https://i/&token=c", "https://h/"), ("GET /a?token=b HTTP/1.1", "GET /a HTTP/1.1"),
        ("/a?next=https://u:p@h/", "/a"), ("/proxy/https://u:p@h/", "/proxy/https://h/"),
    ],
)  # fmt: skip
def test_a17_a_url_loses_user_info_query_and_fragment(value: str, clean: str) -> None:
    """As a whole or as a word of a text; other text stays."""
    assert url_cleaned(value) == clean
    assert Redactor().mapping({"a": value, "b": [value]}) == {"a": clean, "b": [clean]}


@pytest.mark.parametrize(
    ("value", "clean"), [("a/b?c=d", "a/b"), ("/a#b", "/a"), ("https://u:p@h/?q", "https://h/")]
)
def test_a17_a_path_is_a_url_whatever_it_looks_like(value: str, clean: str) -> None:
    """So is a referrer."""
    assert path_cleaned(value) == clean


def test_more_keys_than_are_remembered_are_judged_all_the_same() -> None:
    """An application that invents keys costs time, not memory."""
    redactor = Redactor()
    for number in range(10_000):
        assert redactor.mapping({f"k{number}": 1, f"token{number}": 2}) == {
            f"k{number}": 1,
            f"token{number}": REDACTED,
        }


texts = st.text(st.characters(codec="ascii", exclude_characters="/"), max_size=8)
secret_key = st.tuples(st.sampled_from(SECRET_KEYS), texts).map(
    lambda pair: pair[0].replace("*", pair[1]).replace("?", "_")
)
secret_url = st.sampled_from(
    [f"https://{SECRET}@h/", f"https://u:{SECRET}@h/", f"wss://h/?t={SECRET}", f"https://h/#{SECRET}", f"/a?{SECRET}"]
)  # fmt: skip
planted = st.recursive(
    st.integers() | texts | secret_url | st.dictionaries(secret_key, st.just(SECRET), max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts | secret_key, inner, max_size=3)
    ),
)


@given(st.dictionaries(texts | secret_key, planted, max_size=4), secret_url, st.booleans())
def test_a17_no_planted_secret_passes_the_stages(
    metadata: dict[str, Any], url: str, has_hook: bool
) -> None:
    """Under every listed key, at any depth, and in paths, referrers, values, traits."""
    cleaned = {key: value for key, value in metadata.items() if SECRET not in key}
    stages = Stages(before_send=(lambda event: event) if has_hook else None)
    tracker = Tracker(environ={})
    tracker.track_page_view(url, cleaned, referrer=url)
    [call] = tracker.inbox.take(1)
    passed = stages.apply(call)  # type: ignore[arg-type] # it is a call
    assert isinstance(passed, Staged)
    assert SECRET.encode() not in passed.data
    assert SECRET.encode() not in orjson.dumps(stages.traits(cleaned))
