"""A mail server on loopback: aiosmtpd in a thread of its own."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult


class Mailbox:
    """Keeps the mails; refuses with `answers` first, in turn."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.mails: list[Any] = []  # email.message.EmailMessage
        self.logins: list[tuple[str, str]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Take a mail, or say what was told."""
        if self.answers:
            return self.answers.pop(0)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def log_in(self, _server: Any, _session: Any, _envelope: Any, _kind: str, data: Any) -> Any:
        """Let everybody in."""
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)

    @contextmanager
    def listen(self, tls: ssl.SSLContext | None = None) -> Iterator[int]:
        """Serve for the scope; yields the port."""
        loop = asyncio.new_event_loop()

        def protocol() -> SMTP:
            return SMTP(
                self,
                loop=loop,
                hostname="localhost",
                tls_context=tls,
                require_starttls=tls is not None,
                authenticator=self.log_in,
            )

        server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0))
        thread = threading.Thread(target=loop.run_forever, name="mail server")
        thread.start()
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            server.close()
            loop.run_until_complete(server.wait_closed())
            loop.close()
