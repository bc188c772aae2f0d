"""The webhook over TLS: only a certificate that is trusted is sent to."""

import ssl
from pathlib import Path

import pytest
import trustme
from hook import Hook
from sink_bench import happened
from webhook_bench import opened

from trunkline.plugin_api import NotReady


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def server_context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_receiver_with_a_trusted_certificate_is_sent_to(
    authority: trustme.CA, trusted: Path
) -> None:
    """`ca_file` stands in for the system's certificates."""
    hook = Hook()
    async with opened(hook, tls=server_context(authority, "localhost"), ca_file=trusted) as sink:
        await sink.write([happened("a")])
    assert len(hook.taken) == 1


@pytest.mark.parametrize(("name", "is_trusted"), [("localhost", False), ("other.example", True)])
async def test_a_wrong_certificate_holds_everything(
    authority: trustme.CA,
    trusted: Path,
    name: str,
    is_trusted: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Unknown authority or another's name: no byte is sent, and a person is told once."""
    hook = Hook()
    ca_file = trusted if is_trusted else None
    async with opened(hook, tls=server_context(authority, name), ca_file=ca_file) as sink:
        for _ in range(2):
            with pytest.raises(NotReady, match="TLS") as caught:
                await sink.write([happened("a")])
            assert caught.value.retry_after == 300
    assert hook.requests == []
    assert [each.message for each in caplog.records if each.name.startswith("trunkline")] == [
        "webhook.held"
    ]
