"""The webhook's table, and what it signs: what cannot be used is refused where it is read (S15, S16)."""

import pytest
from webhook_bench import SECRET

from trunkline.plugin_api import Secret
from trunkline_plugins.sinks.webhook import WebhookSettings
from trunkline_plugins.sinks.webhook.signature import key_of, signature


def test_s16_the_signature_is_that_of_the_specification() -> None:
    """The vector that its own libraries are tested with."""
    body = b'{"test": 2432232314}'
    got = signature(key_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert got == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_!" * 9, "whsec_" + "A" * 400, SECRET[6:]])  # fmt: skip
def test_s16_what_is_no_key_is_refused_without_being_repeated(secret: str) -> None:
    """Too short, too long, no base64, no prefix."""
    with pytest.raises(ValueError, match="24 to 64 random bytes") as caught:
        key_of(secret)
    assert not secret or secret not in str(caught.value).replace("whsec_", "")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/in",
        "ftp://localhost/in",
        "https://user:pw@example.org/",
        "https:///in",
        "https://example.org:99999/",
        "https://exa mple.org/",
        "https://example.org/\n",
        "https://example.org/#fragment",
        "//example.org/in",
        "http://localhost.evil.example/in",
        "",
    ],
)
@pytest.mark.parametrize("is_secret", [False, True])
def test_s15_an_unsafe_address_is_refused(url: str, is_secret: bool) -> None:
    """Events in the clear, passwords, no host; the text repeats none of it."""
    with pytest.raises(ValueError, match=r"expected|no user or password") as caught:
        WebhookSettings(url=Secret(url) if is_secret else url, secret=Secret(SECRET))
    assert "evil" not in str(caught.value)
    assert "pw" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize("url", ["https://hooks.example/in?a=b", "http://127.0.0.1:8000/", "http://[::1]:80/in", "http://localhost/in"])  # fmt: skip
def test_a_safe_address_is_taken(url: str) -> None:
    """HTTPS, or this machine."""
    assert WebhookSettings(url=url, secret=Secret(SECRET)).url == url


def test_only_chat_does_without_a_secret() -> None:
    """Whole events are signed, always."""
    with pytest.raises(ValueError, match="`secret` is missing"):
        WebhookSettings(url="https://hooks.example/in")
    with pytest.raises(ValueError, match="24 to 64"):
        WebhookSettings(url="https://hooks.example/in", secret=Secret("hunter2"))
    WebhookSettings(url="https://hooks.example/in", format="chat")
