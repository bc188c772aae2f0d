"""The address of the server: what is taken, and how it goes on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.config import Endpoint, parse_url


@pytest.mark.parametrize(
    ("url", "host", "port", "header"),
    [
        ("ws://h/", "h", 80, "h"),
        ("ws://h:80/", "h", 80, "h"),
        ("ws://h:443/", "h", 443, "h:443"),
        ("wss://h/", "h", 443, "h"),
        ("wss://h:443/", "h", 443, "h"),
        ("wss://h:80/", "h", 80, "h:80"),
        ("ws://[::1]:45205/", "::1", 45205, "[::1]:45205"),
        ("wss://[2001:DB8::1]/", "2001:db8::1", 443, "[2001:db8::1]"),
        ("ws://[::1]:/", "::1", 80, "[::1]"),
        ("WSS://Events.Example:08443/", "events.example", 8443, "events.example:8443"),
    ],
)
def test_t18_the_host_header(url: str, host: str, port: int, header: str) -> None:
    """Brackets for IPv6; only the scheme's own port is left out."""
    endpoint = parse_url(url)

    assert (endpoint.host, endpoint.port, endpoint.host_header) == (host, port, header)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("wss://h", "/"),
        ("wss://h?a=1", "/?a=1"),
        ("wss://h/a/b/", "/a/b/"),
        ("wss://h/a%2Fb", "/a%2Fb"),
        ("wss://h/\u00fcber?q=\u00e4&r=a/b?c", "/%C3%BCber?q=%C3%A4&r=a/b?c"),
        ("wss://h/@a;b='c'", "/@a;b='c'"),
        ('wss://h/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
    ],
)
def test_t19_the_target_is_encoded_and_otherwise_exact(url: str, target: str) -> None:
    """SV2: the server is particular about a trailing slash."""
    assert parse_url(url).target == target


def test_t19_an_international_host_is_encoded() -> None:
    """Upper case and all."""
    assert parse_url("wss://B\u00dcCHER.example").host == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "host",
    [
        "a..b",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "a,b",
        "fa\u00df.example",
        "a\u2024b",
        "[1.2.3.4]",
    ],
)
def test_t19_what_is_no_host_is_refused(host: str) -> None:
    """Nor is one that would be another on the way."""
    with pytest.raises(ValueError, match="host"):
        parse_url(f"wss://{host}/")


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    [
        ("ws://localhost", True),
        ("ws://LOCALHOST:8080", True),
        ("ws://127.0.0.1", True),
        ("ws://127.8.9.1", True),
        ("ws://[::1]", True),
        ("ws://localhost.example", False),
        ("ws://evil.localhost", False),
        ("ws://10.0.0.1", False),
        ("ws://127.0.0.1.example", False),
        ("ws://0177.0.0.1", False),
        ("ws://[::ffff:7f00:1]", True),
        ("ws://[::]", False),
    ],
)
def test_cr6_what_counts_as_this_machine(url: str, is_loopback: bool) -> None:
    """In doubt it does not: a token would travel unencrypted."""
    assert parse_url(url).is_loopback is is_loopback


def test_display_leaves_out_the_query() -> None:
    """Whatever people put there."""
    endpoint = parse_url("wss://h:8443/a?key=canary")

    assert endpoint.display == "wss://h:8443/a"


def test_query_parameters_join_what_is_there() -> None:
    """Encoded."""
    assert parse_url("wss://h/a").with_query(v="x y", f="1").target == "/a?v=x+y&f=1"
    assert parse_url("wss://h/a?b=1").with_query(v="2").target == "/a?b=1&v=2"


def verdict(url: str) -> Endpoint | str:
    """Return what the URL is taken for, or what is said against it."""
    try:
        return parse_url(url)
    except ValueError as exc:
        return str(exc)


@given(
    st.text(max_size=80)
    | st.builds("wss://{}".format, st.text(max_size=40))
    | st.builds("ws://h{}".format, st.text(":/?#[]@%a1\u00fc", max_size=20))
)
def test_any_text_is_taken_whole_or_refused(text: str) -> None:
    """What comes out is ASCII, ready for a request line."""
    endpoint = verdict(text)
    if isinstance(endpoint, Endpoint):
        on_the_wire = f"{endpoint.host_header}{endpoint.target}"
        assert on_the_wire.isascii()
        assert on_the_wire.isprintable()
        assert " " not in on_the_wire
        assert 1 <= endpoint.port <= 65535


@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from("@/?#%[]:\u2100\n"))
def test_no_refusal_repeats_what_the_url_holds(before: str, after: str, odd: str) -> None:
    """People put passwords and tokens into URLs."""
    said = verdict(f"ws://{before}canary{odd}{after}@")

    assert isinstance(said, Endpoint) or "canary" not in said


def test_a_url_without_bound_is_refused() -> None:
    """S13: the limit is named."""
    with pytest.raises(ValueError, match="2048"):
        parse_url("wss://h/" + "a" * 2041)
    assert parse_url("wss://h/" + "a" * 2040).target == "/" + "a" * 2040
