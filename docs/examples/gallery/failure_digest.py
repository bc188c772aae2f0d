"""Mails a digest of the executions that have failed, once in a while and only if there are any.

A handler turns failures into events of a topic of its own; a sink with patience makes mails of
them. So a mail server that is away is waited for, and at the end of the host what is left is sent.
"""

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Literal

import attrs
import trio

from trunkline import Event, PluginContext, PluginInfo, hookimpl
from trunkline.plugin_api import NotReady, Seconds, Secret, Sinks, Subscriptions, Topics

TOPIC = "failed_executions"
LIMIT = 10.0  # s for each answer of the mail server
LARGEST = 200  # failures in one mail


def _check_security(config: "DigestConfig", _: object, security: str) -> None:
    if security == "none" and config.host not in {"127.0.0.1", "::1", "localhost"}:
        raise ValueError("without TLS mail, and a password, goes to this machine only")


@attrs.frozen(kw_only=True)
class DigestConfig:
    """The table `[plugin.failure_digest]`."""

    host: str
    """The mail server."""
    port: int = 587
    security: Literal["starttls", "tls", "none"] = attrs.field(
        default="starttls", validator=_check_security
    )
    """`none` is for a mail server on this machine."""
    user: str | None = None
    password: Secret | None = None
    sender: str
    recipients: tuple[str, ...]
    every: Seconds = 900.0
    """So long after the first failure a mail is written, with all that came since."""


trunkline_plugin = PluginInfo(config=DigestConfig)


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own the failures."""
    topics.add(TOPIC)


@hookimpl
def trunkline_register_subscriptions(subscriptions: Subscriptions) -> None:
    """Make an event of each failure."""
    where = {"type": "status_update", "payload.status": "FAILED"}
    subscriptions.add("flow_executions", note_failure, where=where)


def note_failure(event: Event, ctx: PluginContext[DigestConfig]) -> None:
    """Publish what a digest says of it."""
    ctx.publish(
        TOPIC,
        "execution.failed",
        {
            "at": event.received_at.isoformat(timespec="seconds"),
            "execution_id": event.get("execution_id"),
            "flow": event.get("payload.fleet_context.flow_name"),
            "error": event.get("payload.error_message"),
        },
    )


@hookimpl
def trunkline_register_sinks(sinks: Sinks, config: DigestConfig) -> None:
    """One batch, one mail; `smtplib` blocks, so a thread does it."""

    async def write(events: Sequence[Event]) -> None:
        try:
            await trio.to_thread.run_sync(send, config, digest(events, config))
        except OSError as exc:  # those of smtplib are, too
            raise NotReady(f"no mail: {type(exc).__name__}: {exc}") from exc

    sinks.add("mail", write, topics=(TOPIC,), batch=LARGEST, linger=config.every)


def digest(events: Sequence[Event], config: DigestConfig) -> EmailMessage:
    """Write the mail."""
    mail = EmailMessage()
    count = len(events)
    mail["Subject"] = f"{count} execution{'s' if count > 1 else ''} failed"
    mail["From"], mail["To"] = config.sender, ", ".join(config.recipients)
    mail.set_content("\n".join(line(event) for event in events) + "\n")
    return mail


def line(event: Event) -> str:
    """Return one failure as one line of text."""
    fields = (event.get("at"), event.get("flow"), event.get("execution_id"), event.get("error"))
    return "  ".join(" ".join(str(field).split())[:200] for field in fields)


def send(config: DigestConfig, mail: EmailMessage) -> None:
    """Hand the mail to the server.

    Raises:
        OSError: it was not taken.
    """
    context = ssl.create_default_context()
    with connected(config, context) as server:
        if config.security == "starttls":
            server.starttls(context=context)
        if config.user is not None and config.password is not None:
            server.login(config.user, config.password.reveal())
        server.send_message(mail)


def connected(config: DigestConfig, context: ssl.SSLContext) -> smtplib.SMTP:
    """Return a connection to the server, which has said its greeting."""
    if config.security == "tls":
        return smtplib.SMTP_SSL(config.host, config.port, timeout=LIMIT, context=context)
    return smtplib.SMTP(config.host, config.port, timeout=LIMIT)
